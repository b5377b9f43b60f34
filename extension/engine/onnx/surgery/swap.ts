/** The self-attention that replaces a swapped one: own or foreign keys and values, contrast on the rows named. */
import { type Graph, makeNode, makeSubgraph, makeValueInfo } from '../graph';
import { TensorProto_DataType } from '../proto/onnx_pb';
import { type SwapLevel, unetNames } from '../types';
import { type AttentionShape } from './attentionShape';
import { addMaskedAttention, addMaskedInputs, type MaskedInputs } from './maskedAttention';

const INT64 = TensorProto_DataType.INT64;
const FLOAT = TensorProto_DataType.FLOAT;

export interface SwapInputs {
  plainRows: string;
  plainKv: string;
  contrastRows: string;
  contrastKv: string;
  mixRows: string;
  mixWeights: string;
  restore: string;
  contrast: string;
  slices: string;
  masked: MaskedInputs;
}

/** Declares the index lists of a level. */
export function addLevelInputs(graph: Graph, level: SwapLevel): SwapInputs {
  return {
    plainRows: graph.addInput(unetNames.plainRows(level), INT64, [`plain_${level}`]),
    plainKv: graph.addInput(unetNames.plainKv(level), INT64, [`plain_${level}`]),
    contrastRows: graph.addInput(unetNames.contrastRows(level), INT64, [`contrast_${level}`]),
    contrastKv: graph.addInput(unetNames.contrastKv(level), INT64, [`contrast_${level}`]),
    mixRows: graph.addInput(unetNames.mixRows(level), INT64, [`mixed_${level}`, `mixing_${level}`]),
    mixWeights: graph.addInput(unetNames.mixWeights(level), FLOAT, [
      `mixed_${level}`,
      `mixing_${level}`,
      `tokens_${level}`,
      1,
    ]),
    restore: graph.addInput(unetNames.restore(level), INT64, ['rows']),
    contrast: graph.addInput(unetNames.contrast(level), FLOAT, [`contrast_${level}`]),
    slices: graph.addInput(unetNames.querySlices(level), INT64, [1]),
    masked: addMaskedInputs(graph, level),
  };
}

/** softmax(scale·q·kᵀ)·v for q, k, v [B, N, W] as one fused operator: faster than its parts on every provider, no N×N map kept. */
export function plainAttention(
  graph: Graph,
  q: string,
  k: string,
  v: string,
  shape: AttentionShape,
  hint: string,
): string {
  graph.useDomain('com.microsoft', 1);
  return graph.add(
    'MultiHeadAttention',
    [q, k, v],
    hint,
    { num_heads: shape.heads, scale: { float: shape.scale } },
    'com.microsoft',
  );
}

/**
 * Contrast attention clip(β·M + (1 − β)/N, 0, 1)·v with M = softmax(scale·q·kᵀ) for q, k, v [R, N, W] and β [R], in `slices`
 * portions of the queries one after another, so that no map larger than R·heads·N²/slices exists. Slices that fit a cache
 * are also the fastest: the map is read and written three times.
 */
function contrastAttention(
  graph: Graph,
  q: string,
  k: string,
  v: string,
  beta: string,
  slices: string,
  shape: AttentionShape,
  level: SwapLevel,
): string {
  const { heads, width, scale, type } = shape;
  const d = width / heads;
  const hint = 'weft_contrast';
  const split = graph.int64([0, 0, heads, d]);
  const perHead = (x: string, perm: number[]): string =>
    graph.add('Transpose', [graph.add('Reshape', [x, split], `${hint}_heads`)], `${hint}_perm`, { perm });
  const keys = perHead(k, [0, 2, 3, 1]);
  const values = perHead(v, [0, 2, 1, 3]);
  // The portions have equal length: the last is filled up with copies of the last query, which are cut off again.
  const size = graph.add('Shape', [q], `${hint}_shape`);
  const rowCount = graph.add('Slice', [size, graph.int64([0]), graph.int64([1])], `${hint}_rows`);
  const queries = graph.add('Slice', [size, graph.int64([1]), graph.int64([2])], `${hint}_queries`);
  const one = graph.int64([1]);
  const portion = graph.add(
    'Div',
    [graph.add('Sub', [graph.add('Add', [queries, slices], `${hint}_up`), one], `${hint}_up1`), slices],
    `${hint}_portion`,
  );
  const filled = graph.add('Mul', [portion, slices], `${hint}_filled`);
  const scalar = graph.int64([]);
  const range = graph.add(
    'Range',
    [graph.int64(0), graph.add('Reshape', [filled, scalar], `${hint}_end`), graph.int64(1)],
    `${hint}_range`,
  );
  const last = graph.add('Sub', [queries, one], `${hint}_last`);
  const index = graph.add('Min', [range, last], `${hint}_index`);
  const scaledQuery = graph.add('Mul', [q, graph.float([scale], [1], type)], `${hint}_scaled`);
  const all = graph.add('Gather', [scaledQuery, index], `${hint}_all`, { axis: 1 });
  const parts = graph.add(
    'Reshape',
    [all, graph.add('Concat', [rowCount, slices, portion, graph.int64([heads, d])], `${hint}_split`, { axis: 0 })],
    `${hint}_parts`,
  );
  const ordered = graph.add('Transpose', [parts], `${hint}_ordered`, { perm: [1, 0, 3, 2, 4] });
  // β and (1 − β)/N, one a row
  const keyCount = graph.add('Slice', [graph.add('Shape', [k], `${hint}_kshape`), one, graph.int64([2])], `${hint}_n`);
  const n = graph.add('Cast', [keyCount], `${hint}_nf`, { to: FLOAT });
  const offset = graph.add('Div', [graph.add('Sub', [graph.float([1], [1]), beta], `${hint}_1b`), n], `${hint}_off`);
  const shaped = (x: string): string => {
    const tall = graph.add(
      'Reshape',
      [x, graph.add('Concat', [rowCount, graph.int64([1, 1, 1])], `${hint}_col`, { axis: 0 })],
      `${hint}_r`,
    );
    return type === FLOAT ? tall : graph.add('Cast', [tall], `${hint}_cast`, { to: type });
  };
  const [gain, shift] = [shaped(beta), shaped(offset)];
  const low = graph.float([0], [], type);
  const high = graph.float([1], [], type);

  const own = (name: string): string => graph.fresh(`${hint}_${name}`);
  const [step, more, still, slice, scores, map, gained, shifted, clipped, mixed, merged] = [
    'step',
    'more',
    'still',
    'slice',
    'scores',
    'map',
    'gained',
    'shifted',
    'clipped',
    'mixed',
    'merged',
  ].map(own) as [string, string, string, string, string, string, string, string, string, string, string];
  const body = makeSubgraph(
    `${hint}_${level}`,
    [
      makeNode('Identity', [more], [still]),
      makeNode('Gather', [ordered, step], [slice], { axis: 0 }),
      makeNode('MatMul', [slice, keys], [scores]),
      makeNode('Softmax', [scores], [map], { axis: -1 }),
      makeNode('Mul', [map, gain], [gained]),
      makeNode('Add', [gained, shift], [shifted]),
      makeNode('Clip', [shifted, low, high], [clipped]),
      makeNode('MatMul', [clipped, values], [mixed]),
      makeNode('Transpose', [mixed], [merged], { perm: [0, 2, 1, 3] }),
    ],
    [makeValueInfo(step, INT64, []), makeValueInfo(more, TensorProto_DataType.BOOL, [])],
    [makeValueInfo(still, TensorProto_DataType.BOOL, []), makeValueInfo(merged, type)],
  );
  const count = graph.add('Reshape', [slices, scalar], `${hint}_count`);
  const stacked = graph.fresh(`${hint}_stacked`);
  graph.push(makeNode('Loop', [count, graph.bool(true)], [stacked], { body }));
  const byRow = graph.add('Transpose', [stacked], `${hint}_byrow`, { perm: [1, 0, 2, 3, 4] });
  const whole = graph.add(
    'Reshape',
    [byRow, graph.add('Concat', [rowCount, filled, graph.int64([width])], `${hint}_whole`, { axis: 0 })],
    `${hint}_flat`,
  );
  return graph.add('Slice', [whole, graph.int64([0]), queries, one], `${hint}_out`);
}

export interface SwapOptions {
  index: number;
  level: SwapLevel;
  inputs: SwapInputs;
}

/**
 * Subgraph from the projections q, k, v [Bd, N, W] to the merged heads [Bd, N, W]. Declares the layer's external keys and values;
 * each attention row meets the row of Concat(own, external) that the index lists name.
 */
export function swappedAttention(
  graph: Graph,
  q: string,
  k: string,
  v: string,
  shape: AttentionShape,
  { index, level, inputs }: SwapOptions,
): string {
  const external = (name: string): string => {
    const input = graph.addInput(name, FLOAT, ['external_' + level, 'tokens_' + level, shape.width]);
    return shape.type === FLOAT ? input : graph.add('Cast', [input], `${input}_cast`, { to: shape.type });
  };
  const hint = `weft_layer_${index}`;
  const keys = graph.add('Concat', [k, external(unetNames.externalKey(index))], `${hint}_keys`, { axis: 0 });
  const values = graph.add('Concat', [v, external(unetNames.externalValue(index))], `${hint}_values`, { axis: 0 });
  const pick = (x: string, rows: string, name: string): string =>
    graph.add('Gather', [x, rows], `${hint}_${name}`, { axis: 0 });
  // Without a row nothing of an attention runs: cards refuse to compute nothing, and the processor would set it all up.
  const whereAny = (rows: string, kv: string, name: string, make: () => string): string => {
    const any = graph.memo(`any of ${rows}`, () =>
      graph.add('Greater', [graph.add('Size', [rows], `${rows}_count`), graph.int64(0)], `${rows}_any`),
    );
    const out = graph.fresh(`${hint}_${name}`);
    const then_branch = graph.branch(`${out}_rows`, shape.type, make);
    const else_branch = graph.branch(`${out}_none`, shape.type, () => pick(values, kv, `${name}_none`));
    graph.push(makeNode('If', [any], [out], { then_branch, else_branch }));
    return out;
  };
  const plain = whereAny(inputs.plainRows, inputs.plainKv, 'plain', () =>
    plainAttention(
      graph,
      pick(q, inputs.plainRows, 'plain_q'),
      pick(keys, inputs.plainKv, 'plain_k'),
      pick(values, inputs.plainKv, 'plain_v'),
      shape,
      `${hint}_attention`,
    ),
  );
  const contrasted = whereAny(inputs.contrastRows, inputs.contrastKv, 'contrasted', () =>
    contrastAttention(
      graph,
      pick(q, inputs.contrastRows, 'contrast_q'),
      pick(keys, inputs.contrastKv, 'contrast_k'),
      pick(values, inputs.contrastKv, 'contrast_v'),
      inputs.contrast,
      inputs.slices,
      shape,
      level,
    ),
  );
  const computed = graph.add('Concat', [plain, contrasted], `${hint}_both`, { axis: 0 });
  // Rows of several appearances become one, token by token.
  const weights =
    shape.type === FLOAT
      ? inputs.mixWeights
      : graph.memo(`${inputs.mixWeights} as ${shape.type}`, () =>
          graph.add('Cast', [inputs.mixWeights], `${inputs.mixWeights}_cast`, { to: shape.type }),
        );
  const weighted = graph.add('Mul', [pick(computed, inputs.mixRows, 'mixing'), weights], `${hint}_weighted`);
  const mixed = graph.add('ReduceSum', [weighted, graph.int64([1])], `${hint}_mixed`, { keepdims: 0 });
  const out = pick(graph.add('Concat', [computed, mixed], `${hint}_all`, { axis: 0 }), inputs.restore, 'out');
  return addMaskedAttention(graph, out, [q, keys, values], shape, { level, inputs: inputs.masked, hint });
}
