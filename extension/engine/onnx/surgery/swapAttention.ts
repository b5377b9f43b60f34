/** The passes over a UNet's attention: swapped where the plan says so, and one fused operator everywhere else. */
import { type Graph } from '../graph';
import { TensorProto_DataType } from '../proto/onnx_pb';
import { type SwapLevel, unetNames } from '../types';
import { type Attention, type Projection } from './attention';
import { type AttentionShape } from './attentionShape';
import { typeOf, type UnetPlan } from './plan';
import { addLevelInputs, plainAttention, swappedAttention } from './swap';

const FLOAT = TensorProto_DataType.FLOAT;

/** Lets the plan's layers attend to what the inputs name, and publishes their projections. */
export function swapLayers(graph: Graph, plan: UnetPlan): void {
  const inputs = { high: addLevelInputs(graph, 'high'), low: addLevelInputs(graph, 'low') } satisfies Record<
    SwapLevel,
    unknown
  >;
  for (const [index, { attention, level }] of plan.layers.entries()) {
    const shape = shapeOf(plan, attention);
    const [q, k, v] = [attention.query, attention.key, attention.value].map((one) => asRows(graph, one)) as [
      string,
      string,
      string,
    ];
    replace(graph, attention, swappedAttention(graph, q, k, v, shape, { index, level, inputs: inputs[level] }));
    publish(graph, unetNames.query(index), q, shape);
    publish(graph, unetNames.key(index), k, shape);
    publish(graph, unetNames.value(index), v, shape);
    if (attention !== plan.selfProbe) continue;
    publish(graph, unetNames.selfQuery, q, shape);
    publish(graph, unetNames.selfKey, k, shape);
  }
}

/** Publishes the queries and keys by which the prompt's words are found in the picture. */
export function publishCrossProbe(graph: Graph, plan: UnetPlan): void {
  if (plan.crossProbe === undefined) return;
  const shape = shapeOf(plan, plan.crossProbe);
  publish(graph, unetNames.crossQuery, asRows(graph, plan.crossProbe.query), shape);
  publish(graph, unetNames.crossKey, asRows(graph, plan.crossProbe.key), shape);
}

/** The attentions that are not swapped compute what they always did, as one operator. */
export function fuseOthers(graph: Graph, plan: UnetPlan): void {
  const swapped = new Set(plan.layers.map(({ attention }) => attention));
  for (const attention of plan.attentions) {
    const { query, key, value, obstacle } = attention;
    if (swapped.has(attention) || obstacle !== undefined || [query, key, value].some(({ rank }) => rank !== 3))
      continue;
    const made = plainAttention(
      graph,
      query.tensor,
      key.tensor,
      value.tensor,
      shapeOf(plan, attention),
      'weft_attention',
    );
    replace(graph, attention, made);
  }
}

const shapeOf = (plan: UnetPlan, attention: Attention): AttentionShape => ({
  heads: attention.heads,
  width: attention.query.width,
  scale: attention.scale,
  type: typeOf(plan, attention),
});

/** A projection as [Bd, N, W], also after a Gemm, which gives [B·N, W]. */
function asRows(graph: Graph, { rank, tensor, width }: Projection): string {
  if (rank === 3) return tensor;
  const shape = graph.memo(`rows of ${width}`, () =>
    graph.add(
      'Concat',
      [graph.add('Shape', [unetNames.rows], 'weft_row_count'), graph.int64([-1, width])],
      'weft_row_shape',
      { axis: 0 },
    ),
  );
  return graph.add('Reshape', [tensor, shape], `${tensor}_rows`);
}

function replace(graph: Graph, { output, outputRank, query }: Attention, by: string): void {
  const flat = (): string => graph.add('Reshape', [by, graph.int64([-1, query.width])], `${by}_flat`);
  graph.replaceReads(output, outputRank === 3 ? by : flat());
}

function publish(graph: Graph, name: string, tensor: string, { type, width }: AttentionShape): void {
  const border = type === FLOAT ? tensor : graph.add('Cast', [tensor], `${name}_cast`, { to: FLOAT });
  graph.addOutput(name, border, FLOAT, ['rows', undefined, width]);
}
