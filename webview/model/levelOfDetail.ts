/**
 * How a node is drawn. `far`: a coloured box with its name; `mid`: everything, in larger type, as a whole graph in view must be
 * read at half size; `near`: everything. Between two thresholds the present level is kept, so that a zoom gesture that hovers at
 * the edge does not rebuild every node.
 */
export type LevelOfDetail = 'near' | 'mid' | 'far';

/** Graphs up to this size are drawn in full wherever anything of them can be made out. */
export const FEW_NODES = 60;

/** Zooms below which a graph is far, and above which it is far no longer. */
export function thresholds(nodeCount: number): { farBelow: number; farUpTo: number } {
  return nodeCount <= FEW_NODES ? { farBelow: 0.16, farUpTo: 0.2 } : { farBelow: 0.34, farUpTo: 0.4 };
}

/** Below, the type of a face would be too small to read; above, it is as large as the inspector's. */
const MID_BELOW = 0.68;
const NEAR_ABOVE = 0.74;

export function levelOfDetail(zoom: number, present: LevelOfDetail, nodeCount: number): LevelOfDetail {
  const { farBelow, farUpTo } = thresholds(nodeCount);
  if (zoom < farBelow || (present === 'far' && zoom <= farUpTo)) return 'far';
  if (zoom < MID_BELOW) return 'mid';
  return zoom > NEAR_ABOVE || present === 'near' ? 'near' : 'mid';
}

/** Drawing only what is in view pays when most nodes are outside it; with all in view the test itself costs each frame. */
export function drawOnlyVisible(level: LevelOfDetail, nodeCount: number): boolean {
  return level !== 'far' && nodeCount > FEW_NODES;
}
