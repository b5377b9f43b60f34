/**
 * How much of a node is drawn. `far`: a coloured box with its name; `near`: everything. Between the two thresholds the present
 * level is kept, so that a zoom gesture that hovers at the edge does not rebuild every node.
 */
export type LevelOfDetail = 'near' | 'far';

/** Graphs up to this size are drawn in full wherever anything of them can be made out. */
export const FEW_NODES = 60;

/** Zooms below which a graph is far, and above which it is near. */
export function thresholds(nodeCount: number): { farBelow: number; nearAbove: number } {
  return nodeCount <= FEW_NODES ? { farBelow: 0.16, nearAbove: 0.2 } : { farBelow: 0.34, nearAbove: 0.4 };
}

export function levelOfDetail(zoom: number, present: LevelOfDetail, nodeCount: number): LevelOfDetail {
  const { farBelow, nearAbove } = thresholds(nodeCount);
  if (zoom < farBelow) return 'far';
  if (zoom > nearAbove) return 'near';
  return present;
}

/** Drawing only what is in view pays when most nodes are outside it; with all in view the test itself costs each frame. */
export function drawOnlyVisible(level: LevelOfDetail, nodeCount: number): boolean {
  return level === 'near' && nodeCount > FEW_NODES;
}
