/** Text encoders that end before their last layer ("clip skip"; diffusers: `clip_skip`). */
import { type Graph } from './graph';
import { type NodeProto } from './proto/onnx_pb';

/** The normalisation at a layer's beginning, or the final one, by the name of its node or of its weights. */
const PLACE = /(?:layers\.(\d+)[./]layer_norm1|final_layer_norm)\b/;

/**
 * What each layer of a text encoder reads, then what the final normalisation reads: hidden states 0 … n of an encoder of n layers.
 * Exporters name nodes or weights after PyTorch's modules; a graph that lost those names is not looked into.
 * @returns undefined where the layers can't be told apart
 */
export function hiddenStates(graph: Graph): string[] | undefined {
  /** By number of the layer, '' for the final one. */
  const found = new Map<string, string>();
  for (const node of graph.nodes) {
    const scale = scaleOf(graph, node);
    // Weights that are equal may be stored once: the node's own name goes first.
    const place = scale === undefined ? null : (PLACE.exec(node.name) ?? PLACE.exec(scale));
    if (!place) continue;
    const read = normalised(graph, node);
    const layer = place[1] ?? '';
    if (read === undefined || found.has(layer)) return undefined;
    found.set(layer, read);
  }
  const states = Array.from({ length: found.size - 1 }, (_, i) => found.get(String(i)));
  const all = [...states, found.get('')];
  return found.size > 1 && all.every((state) => state !== undefined) ? all : undefined;
}

/** How many layers a text encoder can do without: all but one; 0 where its layers can't be told apart. */
export const mostClipSkip = (graph: Graph): number => Math.max(0, (hiddenStates(graph)?.length ?? 0) - 2);

/**
 * Leaves out the last layers: the final normalisation reads what came before them.
 * @param layers at most {@link mostClipSkip}
 */
export function leaveOutLayers(graph: Graph, layers: number): void {
  const states = hiddenStates(graph)!;
  graph.replaceReads(states.at(-1)!, states.at(-1 - layers)!);
  graph.tidy();
}

/** The weight that a normalisation multiplies by, by name: itself, cast from half precision, or an equal one that stands for it. */
function scaleOf(graph: Graph, node: NodeProto): string | undefined {
  if (node.opType !== 'LayerNormalization' && node.opType !== 'Mul') return undefined;
  for (const name of node.input) {
    const producer = graph.producer(name);
    const stored = producer?.opType === 'Cast' || producer?.opType === 'Identity' ? producer.input[0]! : name;
    if (/layer_norm/.test(stored) && graph.initializer(stored) !== undefined)
      return producer?.opType === 'Identity' ? name : stored;
  }
  return undefined;
}

/** What a normalisation normalises: as one operator, or as (x − mean) / deviation · scale in exports for older sets of operators. */
function normalised(graph: Graph, node: NodeProto): string | undefined {
  if (node.opType === 'LayerNormalization') return node.input[0];
  const before = (nodes: (NodeProto | undefined)[], opType: string): NodeProto | undefined =>
    nodes.find((one) => one?.opType === opType);
  const quotient = before(
    node.input.map((name) => graph.producer(name)),
    'Div',
  );
  const difference = before([graph.producer(quotient?.input[0] ?? '')], 'Sub');
  return difference?.input[0];
}
