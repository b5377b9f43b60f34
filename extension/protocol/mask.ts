import { type Size } from './size';

/** What a correction says of one cell of a mask. */
export const maskCell = { kept: 0, inside: 1, outside: 2 } as const;

/** Shares of the picture below and above which a mask is suspicious: the object is hardly there, or everything is the object. */
export const SUSPICIOUS_SHARE = { least: 0.01, most: 0.9 } as const;

/** What a segment node found, and how it was corrected: for whoever looks at the mask or corrects it. Grids are read row by row. */
export interface SegmentationNews {
  runId: string;
  node: string;
  noun: string;
  /** Cells of the mask: the latents' width and height. */
  grid: Size;
  /** Cluster of each cell. */
  labels: Uint8Array;
  /** For each cluster 1 when it belongs to the noun. */
  inside: Uint8Array;
  /** How strongly each cell is the noun, 0 … 255; empty when the noun is not in the prompt. */
  nounMap: Uint8Array;
  /** The mask as found, of 0 and 1. */
  found: Uint8Array;
  /** {@link maskCell} of each cell. */
  correction: Uint8Array;
  /** The picture as the model sees it. */
  png: Uint8Array;
}
