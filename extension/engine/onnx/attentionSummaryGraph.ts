/**
 * One pass over all rows of attention maps as an ONNX graph: their sums, where each looks most, and how much at groups of keys. At 64 × 64 tokens that is billions of
 * products, which onnxruntime does in a second and JavaScript in half a minute. Maps exist for a portion of the queries at a time.
 */
import { Graph, makeNode, makeSubgraph, makeValueInfo } from './graph';
import { headPortions } from './headPortions';
import { type NodeProto, TensorProto_DataType } from './proto/onnx_pb';

const { FLOAT, INT64, BOOL } = TensorProto_DataType;

/** Names of the graph's inputs and outputs. */
export const summaryNames = {
  /** float [N, heads · d] each, by layer. */
  query: (layer: number): string => `query_${layer}`,
  key: (layer: number): string => `key_${layer}`,
  /** float [1]: factor on q · kᵀ before the softmax. */
  scale: (layer: number): string => `scale_${layer}`,
  /** float [heads, 1, 1]: how much each head counts in the mean. */
  share: (layer: number): string => `share_${layer}`,
  /** float [N]: ln w of each key's weight, added to its scores. */
  bias: 'bias',
  /** float [1] and [N]: β and (1 − β)·w/Σw of the contrast clip(β·M + (1 − β)·w/Σw, 0, 1). */
  contrast: 'contrast',
  offset: 'offset',
  /** float [N, G]: how much each key belongs to each group. */
  groups: 'groups',
  /** int64 [1], a divisor of N: in how many portions of the queries the maps are made. */
  slices: 'slices',
  /** float [slices, heads, N / slices]: log Σⱼ exp(scoreᵢⱼ), by layer. */
  logSums: (layer: number): string => `log_sums_${layer}`,
  /** int64 [slices, N / slices]: the key each query looks at most, in the mean. */
  best: 'best',
  /** float [slices, N / slices]: its attention there. */
  weight: 'weight',
  /** float [slices, N / slices, G]: the attention of each query on each group, in the mean. */
  mass: 'mass',
} as const;

/** The model as bytes, to be opened as a session, for layers of these numbers of heads. */
export function attentionSummaryModel(heads: readonly number[]): Uint8Array {
  const graph = Graph.empty('attention_summary');
  const slices = graph.addInput(summaryNames.slices, INT64, [1]);
  const contrast = graph.addInput(summaryNames.contrast, FLOAT, [1]);
  const offset = graph.addInput(summaryNames.offset, FLOAT, ['n']);
  const bias = graph.addInput(summaryNames.bias, FLOAT, ['n']);
  const groups = graph.addInput(summaryNames.groups, FLOAT, ['n', 'g']);
  const [step, more, still] = ['step', 'more', 'still'].map((name) => graph.fresh(name)) as [string, string, string];
  const body: NodeProto[] = [makeNode('Identity', [more], [still])];
  const inside = (type: string, inputs: string[], hint: string, attributes = {}): string => {
    const out = graph.fresh(hint);
    body.push(makeNode(type, inputs, [out], attributes));
    return out;
  };

  let mean: string | undefined;
  const logSums = heads.map((headCount, layer) => {
    const query = graph.addInput(summaryNames.query(layer), FLOAT, ['n', `w${layer}`]);
    const key = graph.addInput(summaryNames.key(layer), FLOAT, ['n', `w${layer}`]);
    const scale = graph.addInput(summaryNames.scale(layer), FLOAT, [1]);
    const share = graph.addInput(summaryNames.share(layer), FLOAT, [headCount, 1, 1]);
    const { queries, keys } = headPortions(graph, { query, key, heads: headCount, slices }, () =>
      graph.add('Mul', [query, scale], 'scaled'),
    );
    const products = inside('MatMul', [inside('Gather', [queries, step], 'slice', { axis: 0 }), keys], 'products');
    const scores = inside('Add', [products, bias], 'scores');
    const sums = inside('ReduceLogSumExp', [scores], 'log_sums', { axes: [-1], keepdims: 1 });
    const map = inside('Exp', [inside('Sub', [scores, sums], 'below')], 'map');
    const sharpened = inside('Add', [inside('Mul', [map, contrast], 'stretched'), offset], 'sharpened');
    const applied = inside('Clip', [sharpened, graph.float([0], []), graph.float([1], [])], 'applied');
    const counted = inside('Mul', [applied, share], 'counted');
    const own = inside('ReduceSum', [counted, graph.int64([0])], 'own', { keepdims: 0 });
    mean = mean === undefined ? own : inside('Add', [mean, own], 'mean');
    return inside('Squeeze', [sums, graph.int64([2])], 'log_sums_flat');
  });
  const best = inside('ArgMax', [mean!], 'best_key', { axis: -1, keepdims: 0 });
  const weight = inside('ReduceMax', [mean!], 'best_weight', { axes: [-1], keepdims: 0 });
  const mass = inside('MatMul', [mean!, groups], 'group_mass');
  const subgraph = makeSubgraph(
    'portions',
    body,
    [makeValueInfo(step, INT64, []), makeValueInfo(more, BOOL, [])],
    [
      makeValueInfo(still, BOOL, []),
      ...logSums.map((name, layer) => makeValueInfo(name, FLOAT, [heads[layer]!, 'portion'])),
      makeValueInfo(best, INT64, ['portion']),
      makeValueInfo(weight, FLOAT, ['portion']),
      makeValueInfo(mass, FLOAT, ['portion', 'g']),
    ],
  );
  const trips = graph.add('Reshape', [slices, graph.int64([])], 'trips');
  const results = [...logSums, best, weight, mass].map((name) => graph.fresh(`all_${name}`));
  graph.push(makeNode('Loop', [trips, graph.bool(true)], results, { body: subgraph }));
  heads.forEach((headCount, layer) =>
    graph.addOutput(summaryNames.logSums(layer), results[layer]!, FLOAT, ['slices', headCount, 'portion']),
  );
  graph.addOutput(summaryNames.best, results[heads.length]!, INT64, ['slices', 'portion']);
  graph.addOutput(summaryNames.weight, results[heads.length + 1]!, FLOAT, ['slices', 'portion']);
  graph.addOutput(summaryNames.mass, results[heads.length + 2]!, FLOAT, ['slices', 'portion', 'g']);
  return graph.bytes();
}
