/**
 * Rows and columns of attention maps from queries and keys: M = softmax(scale · q · kᵀ) per head (Vaswani et al. 2017, eq. 1), through
 * the contrast clip(β·M + (1 − β)/N, 0, 1) of cross-image attention (Alaluf et al., arXiv 2311.03335, eq. 5). A whole N×N map never
 * exists.
 */
import { expNegative, multiplyPair } from '../diffusion/segmentation';

/** One layer of one step. Queries and keys [N, W], W = heads · d, before the head split. */
export interface AttentionLayer {
  query: Float32Array;
  key: Float32Array;
  heads: number;
  /** Factor on q · kᵀ before the softmax. */
  scale: number;
  /** β of the contrast; 1 is none. Maps through it are what mixed the values; their rows need not sum to 1. */
  contrast: number;
  tokens: number;
}

/** What one pass over all rows of some layers finds. */
export interface AttentionSummary {
  /** For each layer log Σⱼ exp(scoreᵢⱼ), [N, heads]. */
  logSums: Float64Array[];
  /** For each query the key it looks at most, in the mean over layers and (without a head) over heads. */
  best: Uint16Array;
  /** Its attention there. */
  weight: Float32Array;
}

const contrasted = (weight: number, { contrast, tokens }: AttentionLayer): number =>
  contrast === 1 ? weight : Math.min(1, Math.max(0, contrast * weight + (1 - contrast) / tokens));

const headsOf = ({ heads }: AttentionLayer, head: number | undefined): number[] =>
  head === undefined ? Array.from({ length: heads }, (_, index) => index) : [head];

/** scoreⱼ = scale · q[i] · k[j] of one head, for all j. */
function scoresOf(layer: AttentionLayer, of: Float32Array, at: number, over: Float32Array, head: number): Float64Array {
  const { tokens, heads, scale } = layer;
  const width = of.length / tokens;
  const size = width / heads;
  const scores = new Float64Array(tokens);
  const vector = Float64Array.from(of.subarray(at * width + head * size, at * width + (head + 1) * size));
  for (let j = 0; j < tokens; j++) {
    const from = j * width + head * size;
    let sum = 0;
    for (let c = 0; c < size; c++) sum += vector[c]! * over[from + c]!;
    scores[j] = sum * scale;
  }
  return scores;
}

/** Row `query` of the maps: where this place of the output looks, [N]; the mean over the layers and over the heads, or of one head. */
export function attentionRow(layers: readonly AttentionLayer[], query: number, head?: number): Float32Array {
  const row = new Float32Array(layers[0]!.tokens);
  for (const layer of layers) {
    const chosen = headsOf(layer, head);
    for (const one of chosen) {
      const scores = scoresOf(layer, layer.query, query, layer.key, one);
      const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
      let sum = 0;
      for (let j = 0; j < scores.length; j++) sum += scores[j] = Math.exp(scores[j]! - highest);
      const share = 1 / (chosen.length * layers.length);
      for (let j = 0; j < scores.length; j++) row[j]! += share * contrasted(scores[j]! / sum, layer);
    }
  }
  return row;
}

/** Column `key` of the maps: how much each place of the output looks at this one, [N]. Needs the sums of all rows. */
export function attentionColumn(
  layers: readonly AttentionLayer[],
  { logSums }: Pick<AttentionSummary, 'logSums'>,
  key: number,
  head?: number,
): Float32Array {
  const column = new Float32Array(layers[0]!.tokens);
  layers.forEach((layer, index) => {
    const chosen = headsOf(layer, head);
    for (const one of chosen) {
      const scores = scoresOf(layer, layer.key, key, layer.query, one);
      const share = 1 / (chosen.length * layers.length);
      for (let i = 0; i < scores.length; i++) {
        const weight = Math.exp(scores[i]! - logSums[index]![i * layer.heads + one]!);
        column[i]! += share * contrasted(weight, layer);
      }
    }
  });
  return column;
}

/** Milliseconds of work between two turns of the event loop: messages and previews wait no longer than this. */
const TURN_MS = 12;

/**
 * One streaming pass over all rows: their sums, and where each looks most. Rows come in pairs against keys laid out head by head as
 * doubles, which reads each number for several products.
 */
export async function summarise(
  layers: readonly AttentionLayer[],
  head?: number,
  signal?: AbortSignal,
): Promise<AttentionSummary> {
  const { tokens } = layers[0]!;
  const parts = layers.map((layer) => ({
    layer,
    size: layer.query.length / tokens / layer.heads,
    keys: byHead(layer),
    sums: new Float64Array(tokens * layer.heads),
  }));
  const best = new Uint16Array(tokens);
  const weight = new Float32Array(tokens);
  const scores = new Float64Array(2 * tokens);
  const rows = new Float64Array(2 * tokens);
  let turn = performance.now();
  for (let i = 0; i < tokens; i += 2) {
    const pair = Math.min(2, tokens - i);
    rows.fill(0);
    for (const { layer, size, keys, sums } of parts) {
      const width = size * layer.heads;
      const vectors = new Float64Array(2 * size);
      const share = 1 / (layers.length * (head === undefined ? layer.heads : 1));
      for (let one = 0; one < layer.heads; one++) {
        for (let r = 0; r < pair; r++) {
          const at = (i + r) * width + one * size;
          for (let c = 0; c < size; c++) vectors[r * size + c] = layer.query[at + c]! * layer.scale;
        }
        multiplyPair(vectors, keys[one]!, size, tokens, scores);
        for (let r = 0; r < pair; r++) {
          const [start, end] = [r * tokens, (r + 1) * tokens];
          let highest = -Infinity;
          for (let j = start; j < end; j++) if (scores[j]! > highest) highest = scores[j]!;
          let sum = 0;
          for (let j = start; j < end; j++) sum += scores[j] = expNegative(scores[j]! - highest);
          sums[(i + r) * layer.heads + one] = highest + Math.log(sum);
          if (head !== undefined && head !== one) continue;
          for (let j = start; j < end; j++) rows[j]! += share * contrasted(scores[j]! / sum, layer);
        }
      }
    }
    for (let r = 0; r < pair; r++) {
      let at = 0;
      for (let j = 1; j < tokens; j++) if (rows[r * tokens + j]! > rows[r * tokens + at]!) at = j;
      best[i + r] = at;
      weight[i + r] = rows[r * tokens + at]!;
    }
    if (performance.now() - turn > TURN_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      turn = performance.now();
    }
  }
  return { logSums: parts.map(({ sums }) => sums), best, weight };
}

/** Keys [N, heads · d] as [N, d] for each head. */
function byHead({ key, heads, tokens }: AttentionLayer): Float64Array[] {
  const width = key.length / tokens;
  const size = width / heads;
  return Array.from({ length: heads }, (_, head) => {
    const keys = new Float64Array(tokens * size);
    for (let j = 0; j < tokens; j++) {
      const at = j * width + head * size;
      keys.set(key.subarray(at, at + size), j * size);
    }
    return keys;
  });
}

/** Place of the largest value. */
export function strongest(values: ArrayLike<number>): number {
  let at = 0;
  for (let j = 1; j < values.length; j++) if (values[j]! > values[at]!) at = j;
  return at;
}
