/**
 * How much of a node is drawn. `far`: a coloured box with its name; `near`: everything. Between the two thresholds the present
 * level is kept, so that a zoom gesture that hovers at the edge does not rebuild every node.
 */
export type LevelOfDetail = 'near' | 'far';

export const FAR_BELOW = 0.34;
export const NEAR_ABOVE = 0.4;

export function levelOfDetail(zoom: number, present: LevelOfDetail): LevelOfDetail {
  if (zoom < FAR_BELOW) return 'far';
  if (zoom > NEAR_ABOVE) return 'near';
  return present;
}

/** Drawing only what is in view pays when most nodes are outside it; with all in view the test itself costs each frame. */
export function drawOnlyVisible(level: LevelOfDetail, nodeCount: number): boolean {
  return level === 'near' && nodeCount > 40;
}
