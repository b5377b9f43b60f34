/**
 * Rows and columns of attention maps from queries and keys: M = softmax(scale · q · kᵀ) per head (Vaswani et al. 2017, eq. 1), through
 * the contrast clip(β·M + (1 − β)/N, 0, 1) of cross-image attention (Alaluf et al., arXiv 2311.03335, eq. 5). A whole N×N map never
 * exists. Where keys have weights w (source regions and pins), M = softmax(scale · q · kᵀ + ln w), and w/Σw takes the place of 1/N.
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
  /** Where the keys' picture gives its look, and from where; absent: everywhere, from everywhere. Pins follow the first. */
  shares?: readonly AttentionShare[];
}

/** How much of each query's output comes from the keys, and how much each of these counts; all alike where absent. [N] each. */
export interface AttentionShare {
  queryWeights: Float32Array;
  keyWeights?: Float32Array;
}

/** What one pass over all rows of some layers finds. */
export interface AttentionSummary {
  /** For each layer log Σⱼ exp(scoreᵢⱼ), [N, heads]. */
  logSums: Float32Array[];
  /** For each query the key it looks at most, in the mean over layers and (without a head) over heads. */
  best: Uint16Array;
  /** Its attention there. */
  weight: Float32Array;
  /** For each query how much it takes from each group of keys, as its shares have it: [N, groups]. */
  mass: Float32Array;
}

export interface SummaryChoice {
  /** One head; absent: the mean of all of them. */
  head?: number | undefined;
  /** How much each key belongs to each group, [N] each; absent: none. */
  groups?: readonly Float32Array[] | undefined;
  threads?: number | undefined;
}

const contrasted = (weight: number, { contrast }: AttentionLayer, mean: number): number =>
  contrast === 1 ? weight : Math.min(1, Math.max(0, contrast * weight + (1 - contrast) * mean));

/** w/Σw of each key. */
function meansOf({ tokens }: AttentionLayer, keyWeights: Float32Array | undefined): Float64Array {
  if (!keyWeights) return new Float64Array(tokens).fill(1 / tokens);
  const sum = keyWeights.reduce((all, weight) => all + weight, 0);
  return Float64Array.from(keyWeights, (weight) => weight / sum);
}

const headsOf = ({ heads }: AttentionLayer, head: number | undefined): number[] =>
  head === undefined ? Array.from({ length: heads }, (_, index) => index) : [head];

/** scoreⱼ = scale · q[i] · k[j] of one head, for all j, or for those that count. */
function scoresOf(
  layer: AttentionLayer,
  of: Float32Array,
  at: number,
  over: Float32Array,
  head: number,
  counts?: Float32Array,
): Float64Array {
  const { tokens, heads, scale } = layer;
  const width = of.length / tokens;
  const size = width / heads;
  const scores = new Float64Array(tokens);
  const vector = Float64Array.from(of.subarray(at * width + head * size, at * width + (head + 1) * size));
  for (let j = 0; j < tokens; j++) {
    if (counts && counts[j] === 0) continue;
    const from = j * width + head * size;
    let sum = 0;
    for (let c = 0; c < size; c++) sum += vector[c]! * over[from + c]!;
    scores[j] = sum * scale;
  }
  return scores;
}

/** The shares of a query's output, as parts of what all of them give it. */
function partsOf({ shares }: AttentionLayer, query: number): { part: number; keyWeights?: Float32Array }[] {
  if (!shares) return [{ part: 1 }];
  const given = shares.reduce((sum, { queryWeights }) => sum + queryWeights[query]!, 0);
  // Where the picture gives nothing, it shows what it would give.
  if (given === 0) return [{ part: 1, keyWeights: shares[0]?.keyWeights }];
  return shares
    .map(({ queryWeights, keyWeights }) => ({ part: queryWeights[query]! / given, keyWeights }))
    .filter(({ part }) => part > 0);
}

/** Adds a share's row of one head to `row`. */
function addRow(
  row: Float32Array,
  layer: AttentionLayer,
  query: number,
  head: number,
  keyWeights: Float32Array | undefined,
  share: number,
): void {
  const scores = scoresOf(layer, layer.query, query, layer.key, head, keyWeights);
  if (keyWeights) for (let j = 0; j < scores.length; j++) scores[j]! += Math.log(keyWeights[j]!);
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const means = meansOf(layer, keyWeights);
  let sum = 0;
  for (let j = 0; j < scores.length; j++) sum += scores[j] = Math.exp(scores[j]! - highest);
  for (let j = 0; j < scores.length; j++) row[j]! += share * contrasted(scores[j]! / sum, layer, means[j]!);
}

/** Row `query` of the maps: where this place of the output looks, [N]; the mean over the layers and over the heads, or of one head. */
export function attentionRow(layers: readonly AttentionLayer[], query: number, head?: number): Float32Array {
  const row = new Float32Array(layers[0]!.tokens);
  for (const layer of layers) {
    const chosen = headsOf(layer, head);
    for (const { part, keyWeights } of partsOf(layer, query))
      for (const one of chosen) addRow(row, layer, query, one, keyWeights, part / (chosen.length * layers.length));
  }
  return row;
}

/** A row without the first share: what pins give it. */
function pinnedRow(layers: readonly AttentionLayer[], query: number, head?: number): Float32Array {
  const row = new Float32Array(layers[0]!.tokens);
  for (const layer of layers) {
    const chosen = headsOf(layer, head);
    for (const { queryWeights, keyWeights } of layer.shares?.slice(1) ?? []) {
      const share = queryWeights[query]! / (chosen.length * layers.length);
      if (share > 0) for (const one of chosen) addRow(row, layer, query, one, keyWeights, share);
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
    const first = layer.shares?.[0];
    const bias = Math.log(first?.keyWeights?.[key] ?? 1);
    const mean = meansOf(layer, first?.keyWeights)[key]!;
    for (const one of chosen) {
      const scores = scoresOf(layer, layer.key, key, layer.query, one);
      const share = 1 / (chosen.length * layers.length);
      for (let i = 0; i < scores.length; i++) {
        const weight = Math.exp(scores[i]! + bias - logSums[index]![i * layer.heads + one]!);
        column[i]! += share * firstPart(layer, i) * contrasted(weight, layer, mean);
      }
    }
  });
  const pins = layers[0]!.shares?.slice(1).filter(({ keyWeights }) => keyWeights?.[key]) ?? [];
  if (pins.length === 0) return column;
  for (let i = 0; i < column.length; i++) {
    if (!pins.some(({ queryWeights }) => queryWeights[i]! > 0)) continue;
    const given = layers[0]!.shares!.reduce((sum, { queryWeights }) => sum + queryWeights[i]!, 0);
    column[i]! += pinnedRow(layers, i, head)[key]! / given;
  }
  return column;
}

/** How much of a query's output comes through the first share. */
const firstPart = (layer: AttentionLayer, query: number): number => {
  const [first] = layer.shares ?? [];
  if (!first) return 1;
  const given = layer.shares!.reduce((sum, { queryWeights }) => sum + queryWeights[query]!, 0);
  return given === 0 ? 1 : first.queryWeights[query]! / given;
};

/** ln w of a key that does not count: its weight is exactly 0. */
const LEAST_BIAS = -1e4;
/** Attention maps of one portion of queries of one layer, all heads. */
const MAP_BYTES = 1 << 21;
const models = new Map<string, Uint8Array>();

/**
 * One pass over all rows inside onnxruntime: their sums, where each looks most, and how much at each group of keys, in the mean over the
 * layers and over the heads, or of one head. The layers share their number of tokens, their contrast and their shares; a query that is pinned for the most part looks where
 * its pins let it.
 */
export async function summarise(
  sessions: SessionHost,
  layers: readonly AttentionLayer[],
  { head, groups = [], threads }: SummaryChoice = {},
): Promise<AttentionSummary> {
  const { tokens, contrast, shares: [first, ...pins] = [] } = layers[0]!;
  const grouped = new Float32Array(tokens * Math.max(1, groups.length));
  for (const [group, members] of groups.entries())
    for (const [key, part] of members.entries()) grouped[key * groups.length + group] = part;
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
    [summaryNames.offset]: float32(
      [tokens],
      Float32Array.from(meansOf(layers[0]!, first?.keyWeights), (mean) => (1 - contrast) * mean),
    ),
    [summaryNames.bias]: float32(
      [tokens],
      Float32Array.from({ length: tokens }, (_, key) => Math.max(LEAST_BIAS, Math.log(first?.keyWeights?.[key] ?? 1))),
    ),
    [summaryNames.groups]: float32([tokens, Math.max(1, groups.length)], grouped),
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
  const answer = await sessions.run(session, feeds, [
    ...names,
    summaryNames.best,
    summaryNames.weight,
    summaryNames.mass,
  ]);
  const best = Uint16Array.from(answer[summaryNames.best]!.data as BigInt64Array, Number);
  const weight = answer[summaryNames.weight]!.data as Float32Array;
  const mass = (answer[summaryNames.mass]!.data as Float32Array).slice(0, tokens * groups.length);
  if (first) for (let at = 0; at < mass.length; at++) mass[at]! *= first.queryWeights[Math.floor(at / groups.length)]!;
  for (let query = 0; query < tokens; query++) {
    const pinned = pins.reduce((sum, { queryWeights }) => sum + queryWeights[query]!, 0);
    const most = pinned > 0 && pinned >= first!.queryWeights[query]!;
    if (pinned === 0 || !(most || groups.length > 0)) continue;
    const row = pinnedRow(layers, query, head);
    for (const [group, members] of groups.entries())
      mass[query * groups.length + group]! += row.reduce((sum, value, key) => sum + value * members[key]!, 0);
    if (!most) continue;
    const at = strongest(row);
    best[query] = at;
    weight[query] = row[at]! / pinned;
  }
  return {
    logSums: names.map((name, index) => byToken(answer[name]!.data as Float32Array, slices, heads[index]!)),
    best,
    weight,
    mass,
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
