/**
 * How a node is drawn. `far`: a coloured box with its name; `compact`: its name, as large on the screen as at full size, and its image;
 * `mid`: everything, in larger type; `near`: everything. Between two thresholds the present level is kept, so that a zoom gesture that
 * hovers at the edge does not rebuild every node.
 */
export type LevelOfDetail = 'near' | 'mid' | 'compact' | 'far';

/** Graphs up to this size are drawn in full wherever anything of them can be made out. */
export const FEW_NODES = 60;

/** Zooms below which a graph is far, and above which it is far no longer. */
export function thresholds(nodeCount: number): { farBelow: number; farUpTo: number } {
  return nodeCount <= FEW_NODES ? { farBelow: 0.16, farUpTo: 0.2 } : { farBelow: 0.34, farUpTo: 0.4 };
}

/** Below, the type of a face would be too small to read; above, it is as large as the inspector's. */
const MID_BELOW = 0.68;
const NEAR_ABOVE = 0.74;
/** Below, even larger type could not be read. */
const COMPACT_BELOW = 0.57;
const COMPACT_UP_TO = 0.6;

export function levelOfDetail(zoom: number, present: LevelOfDetail, nodeCount: number): LevelOfDetail {
  const { farBelow, farUpTo } = thresholds(nodeCount);
  if (zoom < farBelow || (present === 'far' && zoom <= farUpTo)) return 'far';
  if (zoom < COMPACT_BELOW || ((present === 'compact' || present === 'far') && zoom <= COMPACT_UP_TO)) return 'compact';
  if (zoom < MID_BELOW) return 'mid';
  return zoom > NEAR_ABOVE || present === 'near' ? 'near' : 'mid';
}

/** The zoom that compact nodes size their names for: seldom another one, as each makes the browser lay them all out anew. */
export const textZoom = (zoom: number): number => Math.max(1, Math.floor(zoom * 50)) / 50;

/** Drawing only what is in view pays when most nodes are outside it; with all in view the test itself costs each frame. */
export function drawOnlyVisible(level: LevelOfDetail, nodeCount: number): boolean {
  return level !== 'far' && nodeCount > FEW_NODES;
}
