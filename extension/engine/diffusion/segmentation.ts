/**
 * Masks from attention (Patashnik et al., "Localizing Object-level Shape Variations with Text-to-Image Diffusion
 * Models", arXiv 2303.11306, as the program of cross-image attention uses them): self-attention rows are clustered, and
 * each cluster is given to the noun whose cross-attention stands out in it, or to the background.
 */

/** A noun of the prompt with its positions among the tokens (the start token is position 0). */
export interface NounTokens {
  noun: string;
  positions: readonly number[];
}

export interface SegmentRequest {
  /** q and k of the last self-attention at the highest resolution, heads merged: [N, heads·d], N = height · width. */
  selfQuery: Float32Array;
  selfKey: Float32Array;
  selfHeads: number;
  /** q [N/4, heads·d] and k [tokens, heads·d] of the last cross-attention at half that resolution. */
  crossQuery: Float32Array;
  crossKey: Float32Array;
  crossHeads: number;
  height: number;
  width: number;
  nounTokens: readonly NounTokens[];
  /** The mask is the union of this noun's clusters. */
  objectNoun: string;
  /** Number of K-means clusters, 5 in the authors' program. */
  clusters?: number;
  /** K-means starts, 10 in the authors' program. */
  initialisations?: number;
  seed?: number;
}

export interface MaskRequest {
  /** [N] cluster of each pixel. */
  labels: ArrayLike<number>;
  /** Head-mean cross-attention [N/4, tokens]. */
  crossMaps: Float32Array;
  height: number;
  width: number;
  nounTokens: readonly NounTokens[];
  objectNoun: string;
  clusters: number;
}

export interface MaskResult {
  /** [N] 1 on the object, 0 elsewhere. */
  mask: Float32Array;
  /** One normalised map [N] for each noun, in the order given; 0 … 1. */
  nounMaps: Float32Array[];
  /** The noun each cluster belongs to; undefined: the background. */
  clusterNouns: (string | undefined)[];
  /** Mean of each noun's map over each cluster: scores[cluster][noun]. */
  scores: number[][];
  /** Share of the pixels inside the mask. */
  area: number;
  /** A sentence for the user when there is no mask to use. */
  problem?: string;
}

export interface Segmentation extends MaskResult {
  labels: Uint8Array;
  /** Sum of squared distances of the attention rows to their clusters' means. */
  inertia: number;
}

/** The authors' program seeds its K-means once; so does this one, whatever the noise's seed. */
export const KMEANS_SEED = 42;

/** How far a cluster's best score must exceed the mean of the others to leave the background. */
const STAND_OUT = 1.4;

/** K-means over the rows of the head-mean self-attention map [N, N] of queries and keys [N, heads·d]. */
export type Cluster = (
  source: { query: Float32Array; key: Float32Array; heads: number; count: number },
  options: { clusters: number; initialisations?: number; seed?: number },
) => Promise<{ labels: Uint8Array; inertia: number }>;

/** Segments one picture. Throws a RangeError when sizes disagree; a missing noun or an empty mask is a `problem`. */
export async function segment(request: SegmentRequest, cluster: Cluster): Promise<Segmentation> {
  const { height, width, clusters = 5 } = request;
  const pixels = height * width;
  const { labels, inertia } = await cluster(
    { query: request.selfQuery, key: request.selfKey, heads: request.selfHeads, count: pixels },
    { clusters, initialisations: request.initialisations, seed: request.seed },
  );
  const crossMaps = headMeanAttention(request.crossQuery, request.crossKey, request.crossHeads, pixels / 4);
  return { labels, inertia, ...maskFromLabels({ ...request, labels, crossMaps, clusters }) };
}

/** The second half of {@link segment}: from clusters and cross-attention maps to the mask. */
export function maskFromLabels(request: MaskRequest): MaskResult {
  const { labels, crossMaps, height, width, objectNoun, clusters } = request;
  const pixels = height * width;
  const halfWidth = width / 2;
  const halfPixels = pixels / 4;
  const tokens = crossMaps.length / halfPixels;
  if (height % 2 || width % 2 || labels.length !== pixels || !Number.isInteger(tokens)) {
    throw new RangeError(`${labels.length} labels and ${crossMaps.length} cross-attentions for ${height} × ${width}`);
  }
  const nouns = request.nounTokens.filter(({ positions }) => positions.length > 0);
  if (!nouns.some(({ noun }) => noun === objectNoun)) {
    return {
      mask: new Float32Array(pixels),
      nounMaps: [],
      clusterNouns: Array.from({ length: clusters }, () => undefined),
      scores: Array.from({ length: clusters }, () => []),
      area: 0,
      problem: `The noun "${objectNoun}" is not in the prompt, so its mask can't be found. Use a word of the prompt as the noun.`,
    };
  }
  const nounMaps = nouns.map(({ positions }) => {
    const column = new Float32Array(halfPixels);
    for (const position of positions) {
      if (position < 0 || position >= tokens) throw new RangeError(`token ${position} of ${tokens}`);
      for (let p = 0; p < halfPixels; p++) column[p]! += crossMaps[p * tokens + position]! / positions.length;
    }
    const lowest = Math.abs(column.reduce((a, b) => Math.min(a, b), Infinity));
    const highest = column.reduce((a, b) => Math.max(a, b), -Infinity);
    const map = new Float32Array(pixels);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        map[y * width + x] = (column[(y >> 1) * halfWidth + (x >> 1)]! - lowest) / highest;
      }
    }
    return map;
  });

  const counts = new Float64Array(clusters);
  const scores = Array.from({ length: clusters }, () => nouns.map(() => 0));
  for (let p = 0; p < pixels; p++) {
    const cluster = labels[p]!;
    counts[cluster]! += 1;
    nounMaps.forEach((map, n) => (scores[cluster]![n]! += map[p]!));
  }
  scores.forEach((row, cluster) => row.forEach((sum, n) => (row[n] = sum / Math.max(counts[cluster]!, 1))));
  const present = scores.filter((_, cluster) => counts[cluster]! > 0);
  const best = present.map((row) => Math.max(...row)).sort((a, b) => b - a);
  const others = best.slice(1);
  const threshold = (STAND_OUT * others.reduce((sum, score) => sum + score, 0)) / others.length; // NaN when alone
  const clusterNouns = scores.map((row, cluster) => {
    const top = Math.max(...row);
    return counts[cluster]! > 0 && top > threshold ? nouns[row.indexOf(top)]!.noun : undefined;
  });

  const mask = new Float32Array(pixels);
  let inside = 0;
  for (let p = 0; p < pixels; p++) {
    if (clusterNouns[labels[p]!] !== objectNoun) continue;
    mask[p] = 1;
    inside += 1;
  }
  return {
    mask,
    nounMaps,
    clusterNouns,
    scores,
    area: inside / pixels,
    problem:
      inside === 0
        ? `No part of the picture stands out as "${objectNoun}", so the mask is empty. Try another noun, another number of clusters, or a mask picture.`
        : undefined,
  };
}

/**
 * Softmax attention averaged over heads, mean_h softmax(q_h k_hᵀ / √d) (Vaswani et al. 2017, eq. 1): [queries, keys] from
 * q [queries, heads·d] and k [keys, heads·d]. `from` and `to` restrict it to some query rows. Throws a RangeError when
 * the sizes disagree.
 */
export function headMeanAttention(
  query: Float32Array,
  key: Float32Array,
  heads: number,
  queries: number,
  from = 0,
  to = queries,
): Float32Array {
  const channels = query.length / queries;
  const size = channels / heads;
  const keys = key.length / channels;
  if (!Number.isInteger(size) || !Number.isInteger(keys)) {
    throw new RangeError(
      `q of ${query.length} and k of ${key.length} values for ${queries} queries and ${heads} heads`,
    );
  }
  const scale = 1 / Math.sqrt(size);
  const out = new Float32Array((to - from) * keys);
  const scores = new Float64Array(keys);
  // One query and one head's keys as doubles, side by side.
  const q = new Float64Array(size);
  const k = new Float64Array(keys * size);
  for (let head = 0; head < heads; head++) {
    for (let j = 0; j < keys; j++) {
      const at = j * channels + head * size;
      k.set(key.subarray(at, at + size), j * size);
    }
    for (let i = from; i < to; i++) {
      for (let c = 0; c < size; c++) q[c] = query[i * channels + head * size + c]! * scale;
      let highest = -Infinity;
      for (let j = 0; j < keys; j++) {
        let score = 0;
        for (let c = 0; c < size; c++) score += q[c]! * k[j * size + c]!;
        scores[j] = score;
        if (score > highest) highest = score;
      }
      let sum = 0;
      for (let j = 0; j < keys; j++) sum += scores[j] = expNegative(scores[j]! - highest);
      const share = 1 / (sum * heads);
      for (let j = 0; j < keys; j++) out[(i - from) * keys + j]! += scores[j]! * share;
    }
  }
  return out;
}

const EXP_PARTS = 64;
const EXP_LOWEST = -700;
const EXP_FRACTIONS = Float64Array.from({ length: EXP_PARTS }, (_, i) => 2 ** (i / EXP_PARTS));
const EXP_WHOLES = Float64Array.from({ length: 1100 }, (_, i) => 2 ** -i);

/** eˣ for x ≤ 0 within 1e-10 of itself, several times faster than Math.exp: 2^(n/64) from tables, the rest a cubic. */
function expNegative(x: number): number {
  if (x < EXP_LOWEST) return 0;
  const parts = x * (EXP_PARTS / Math.LN2);
  const n = (parts - 0.5) | 0;
  const r = (parts - n) * (Math.LN2 / EXP_PARTS);
  return (
    EXP_WHOLES[(EXP_PARTS - 1 - n) >> 6]! * EXP_FRACTIONS[n & (EXP_PARTS - 1)]! * (1 + r * (1 + r * (0.5 + r / 6)))
  );
}
