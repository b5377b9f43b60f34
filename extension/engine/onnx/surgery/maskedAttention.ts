/** Attention of chosen queries to chosen keys, each of its own weight: what source regions and pins ask for. */
import { type Graph, makeNode, makeSubgraph, makeValueInfo } from '../graph';
import { type NodeProto, TensorProto_DataType } from '../proto/onnx_pb';
import { type SwapLevel, unetNames } from '../types';
import { type AttentionShape } from './attentionShape';

const { INT64, FLOAT, BOOL } = TensorProto_DataType;

export interface MaskedInputs {
  blocks: string;
  queries: string;
  keys: string;
  bias: string;
  offset: string;
  contrast: string;
  mix: string;
  mixWeights: string;
}

/** Declares the index lists of a level. */
export function addMaskedInputs(graph: Graph, level: SwapLevel): MaskedInputs {
  const names = unetNames.masked;
  const mixed = [`masked_${level}`, `masked_shares_${level}`, `tokens_${level}`];
  return {
    blocks: graph.addInput(names.blocks(level), INT64, [`masked_blocks_${level}`, 3]),
    queries: graph.addInput(names.queries(level), INT64, [`masked_queries_${level}`]),
    keys: graph.addInput(names.keys(level), INT64, [`masked_keys_${level}`]),
    bias: graph.addInput(names.bias(level), FLOAT, [`masked_keys_${level}`]),
    offset: graph.addInput(names.offset(level), FLOAT, [`masked_keys_${level}`]),
    contrast: graph.addInput(names.contrast(level), FLOAT, [`masked_rows_${level}`]),
    mix: graph.addInput(names.mix(level), INT64, mixed),
    mixWeights: graph.addInput(names.mixWeights(level), FLOAT, [...mixed, 1]),
  };
}

/**
 * `out` [Bd, N, W] with the outputs of the masked attentions added, token by token: clip(β·M + offset, 0, 1)·v with
 * M = softmax(scale·q·kᵀ + bias), for the queries and keys that the lists name. Without any, nothing of it runs.
 */
export function addMaskedAttention(
  graph: Graph,
  out: string,
  [q, keys, values]: [q: string, keys: string, values: string],
  shape: AttentionShape,
  { level, inputs, hint }: { level: SwapLevel; inputs: MaskedInputs; hint: string },
): string {
  const any = graph.memo(`any of ${inputs.queries}`, () =>
    graph.add(
      'Greater',
      [graph.add('Size', [inputs.queries], `${inputs.queries}_count`), graph.int64(0)],
      'weft_masked',
    ),
  );
  const typed = (x: string): string =>
    shape.type === FLOAT
      ? x
      : graph.memo(`${x} as ${shape.type}`, () => graph.add('Cast', [x], `${x}_cast`, { to: shape.type }));
  const result = graph.fresh(`${hint}_with_masked`);
  const then_branch = graph.branch(`${result}_rows`, shape.type, () => {
    const flat = (x: string): string => graph.add('Reshape', [x, graph.int64([-1, shape.width])], `${hint}_tokens`);
    const given = maskedTokens(graph, [flat(q), flat(keys), flat(values)], typed, shape, { level, inputs, hint });
    const mixed = graph.add('Gather', [given, inputs.mix], `${hint}_masked_mix`, { axis: 0 });
    const weighted = graph.add('Mul', [mixed, typed(inputs.mixWeights)], `${hint}_masked_weighted`);
    const summed = graph.add('ReduceSum', [weighted, graph.int64([1])], `${hint}_masked_sum`, { keepdims: 0 });
    return graph.add('Add', [out, summed], `${hint}_masked_out`);
  });
  const else_branch = graph.branch(`${result}_none`, shape.type, () =>
    graph.add('Identity', [out], `${hint}_unmasked`),
  );
  graph.push(makeNode('If', [any], [result], { then_branch, else_branch }));
  return result;
}

/**
 * Outputs of the masked attentions [1 + P, W], block after block, behind a row that counts for nothing. A block's attentions are filled up
 * to one size, so that they are computed as a batch; one block after another, so that few maps exist at a time.
 */
function maskedTokens(
  graph: Graph,
  [q, keys, values]: [string, string, string],
  typed: (x: string) => string,
  { heads, width, scale, type }: AttentionShape,
  { level, inputs, hint }: { level: SwapLevel; inputs: MaskedInputs; hint: string },
): string {
  const [bias, offset, contrast] = [inputs.bias, inputs.offset, inputs.contrast].map(typed) as [string, string, string];
  const [zero, one, two, three] = [0, 1, 2, 3].map((value) => graph.int64([value])) as [string, string, string, string];
  const split = graph.int64([0, 0, heads, width / heads]);
  const nodes: NodeProto[] = [];
  const op = (opType: string, inputs: string[], name: string, attributes: Record<string, number | number[]> = {}) => {
    const output = graph.fresh(`${hint}_block_${name}`);
    nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  };
  const [step, more, before] = ['step', 'more', 'before'].map((name) => graph.fresh(`${hint}_block_${name}`)) as [
    string,
    string,
    string,
  ];
  const next = op('Add', [step, graph.int64(1)], 'next');
  const [from, to] = [step, next].map((at) => op('Gather', [inputs.blocks, at], 'bounds')) as [string, string];
  /** The block's part of a list: of its attentions, their queries or their keys. */
  const part = (list: string, [start, end]: [string, string]): string => {
    const [first, last] = [from, to].map((at) => op('Slice', [at, start, end], 'bound')) as [string, string];
    return op('Slice', [list, first, last, zero], 'part');
  };
  const betas = part(contrast, [zero, one]);
  const count = op('Shape', [betas], 'count');
  const shaped = (list: string, tail: number[]): string =>
    op('Reshape', [list, op('Concat', [count, graph.int64(tail)], 'size', { axis: 0 })], 'list');
  const perHead = (tokens: string, list: string, perm: number[]): string =>
    op('Transpose', [op('Reshape', [op('Gather', [tokens, list], 'tokens'), split], 'heads')], 'perm', { perm });
  const queryList = shaped(part(inputs.queries, [one, two]), [-1]);
  const keyList = shaped(part(inputs.keys, [two, three]), [-1]);
  const query = op('Mul', [perHead(q, queryList, [0, 2, 1, 3]), graph.float([scale], [1], type)], 'scaled');
  const scores = op('MatMul', [query, perHead(keys, keyList, [0, 2, 3, 1])], 'scores');
  const perKey = (list: string): string => shaped(part(list, [two, three]), [1, 1, -1]);
  const map = op('Softmax', [op('Add', [scores, perKey(bias)], 'biased')], 'map', { axis: -1 });
  const gained = op('Mul', [map, shaped(betas, [1, 1, 1])], 'gained');
  const shifted = op('Add', [gained, perKey(offset)], 'shifted');
  const clipped = op('Clip', [shifted, graph.float([0], [], type), graph.float([1], [], type)], 'clipped');
  const mixed = op('MatMul', [clipped, perHead(values, keyList, [0, 2, 1, 3])], 'mixed');
  const merged = op('Transpose', [mixed], 'merged', { perm: [0, 2, 1, 3] });
  const found = op('Reshape', [merged, graph.int64([-1, width])], 'found');
  const after = op('Concat', [before, found], 'after', { axis: 0 });
  const still = op('Identity', [more], 'still');
  const body = makeSubgraph(
    `${hint}_${level}_blocks`,
    nodes,
    [makeValueInfo(step, INT64, []), makeValueInfo(more, BOOL, []), makeValueInfo(before, type)],
    [makeValueInfo(still, BOOL, []), makeValueInfo(after, type)],
  );
  const bounds = graph.add('Shape', [inputs.blocks], `${hint}_block_bounds`);
  const blocks = graph.add('Sub', [graph.add('Slice', [bounds, zero, one], `${hint}_bounds`), one], `${hint}_blocks`);
  const times = graph.add('Reshape', [blocks, graph.int64([])], `${hint}_block_count`);
  const nothing = graph.add('Slice', [q, zero, one, zero], `${hint}_first`);
  const all = graph.fresh(`${hint}_masked_tokens`);
  graph.push(makeNode('Loop', [times, graph.bool(true), nothing], [all], { body }));
  return all;
}
