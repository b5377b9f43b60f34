/**
 * Rows and columns of attention maps from queries and keys: M = softmax(scale · q · kᵀ) per head (Vaswani et al. 2017, eq. 1), through
 * the contrast clip(β·M + (1 − β)/N, 0, 1) of cross-image attention (Alaluf et al., arXiv 2311.03335, eq. 5). A whole N×N map never
 * exists.
 */
import { attentionSummaryModel, summaryNames } from '../onnx/attentionSummaryGraph';
import { type SessionHost, type TensorData } from '../onnx/types';

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
  logSums: Float32Array[];
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

/** Attention maps of one portion of queries of one layer, all heads. */
const MAP_BYTES = 1 << 21;
const models = new Map<string, Uint8Array>();

/**
 * One pass over all rows inside onnxruntime: their sums, and where each looks most, in the mean over the layers and over the heads, or of
 * one head. The layers share their number of tokens and their contrast.
 */
export async function summarise(
  sessions: SessionHost,
  layers: readonly AttentionLayer[],
  head?: number,
  threads?: number,
): Promise<AttentionSummary> {
  const { tokens, contrast } = layers[0]!;
  const heads = layers.map((layer) => layer.heads);
  const session = `attention-summary/${heads.join(',')}`;
  const model = models.get(session) ?? attentionSummaryModel(heads);
  models.set(session, model);
  await sessions.load(session, model, { provider: 'cpu', threads });
  const float32 = (dims: number[], data: Float32Array): TensorData => ({ type: 'float32', dims, data });
  const slices = portions(tokens, Math.max(...heads));
  const feeds: Record<string, TensorData> = {
    [summaryNames.slices]: { type: 'int64', dims: [1], data: BigInt64Array.of(BigInt(slices)) },
    [summaryNames.contrast]: float32([1], Float32Array.of(contrast)),
    [summaryNames.offset]: float32([1], Float32Array.of((1 - contrast) / tokens)),
  };
  for (const [index, layer] of layers.entries()) {
    const width = layer.query.length / tokens;
    const chosen = headsOf(layer, head);
    const share = 1 / (chosen.length * layers.length);
    feeds[summaryNames.query(index)] = float32([tokens, width], layer.query);
    feeds[summaryNames.key(index)] = float32([tokens, width], layer.key);
    feeds[summaryNames.scale(index)] = float32([1], Float32Array.of(layer.scale));
    feeds[summaryNames.share(index)] = float32(
      [layer.heads, 1, 1],
      Float32Array.from({ length: layer.heads }, (_, one) => (chosen.includes(one) ? share : 0)),
    );
  }
  const names = layers.map((_, index) => summaryNames.logSums(index));
  const answer = await sessions.run(session, feeds, [...names, summaryNames.best, summaryNames.weight]);
  return {
    logSums: names.map((name, index) => byToken(answer[name]!.data as Float32Array, slices, heads[index]!)),
    best: Uint16Array.from(answer[summaryNames.best]!.data as BigInt64Array, Number),
    weight: answer[summaryNames.weight]!.data as Float32Array,
  };
}

/** A divisor of the number of queries that keeps a portion's maps within {@link MAP_BYTES}. */
function portions(tokens: number, heads: number): number {
  let slices = 1;
  while (slices < tokens && (tokens % slices !== 0 || (4 * heads * tokens * tokens) / slices > MAP_BYTES)) slices++;
  return slices;
}

/** [slices, heads, portion] as [N, heads]. */
function byToken(sums: Float32Array, slices: number, heads: number): Float32Array {
  const portion = sums.length / slices / heads;
  const out = new Float32Array(sums.length);
  for (let slice = 0; slice < slices; slice++) {
    for (let head = 0; head < heads; head++) {
      const from = (slice * heads + head) * portion;
      for (let i = 0; i < portion; i++) out[(slice * portion + i) * heads + head] = sums[from + i]!;
    }
  }
  return out;
}

/** Place of the largest value. */
export function strongest(values: ArrayLike<number>): number {
  let at = 0;
  for (let j = 1; j < values.length; j++) if (values[j]! > values[at]!) at = j;
  return at;
}
