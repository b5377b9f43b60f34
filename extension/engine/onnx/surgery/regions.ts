/** Where the UNet's halves meet, and at which resolution each tensor lives: read from the structure alone. */
import { checkpointError } from '../../../protocol/errors';
import { type Graph, intOf, intsOf, readsOf } from '../graph';
import { type Inference } from '../shapeInference';
import { type NodeProto } from '../proto/onnx_pb';

export interface Regions {
  order: NodeProto[];
  /** The Concat nodes that join the backbone with a skip, in decoder order; `backbone` is the input that comes from below. */
  joins: { node: NodeProto; backbone: string; skip: string }[];
  /** Output of the middle block. */
  middle: string;
  decoder: Set<NodeProto>;
  /** How many times smaller than the latents' a tensor's sides are; undefined for what does not descend from the latents. */
  downsampleFactor(tensor: string): number | undefined;
}

const UPSAMPLING = new Set(['Resize', 'Upsample', 'ConvTranspose', 'DepthToSpace']);

export function findRegions(graph: Graph, known: Inference, sample: string): Regions {
  const order = graph.sorted();
  const ancestors = new Map<NodeProto, Set<number>>();
  const factors = new Map<string, number>([[sample, 1]]);
  const candidates: NodeProto[] = [];
  for (const node of order) {
    const own = readsOf(node)
      .filter((name) => known.origin(name) === 'data')
      .map((name) => factors.get(name))
      .filter((factor) => factor !== undefined);
    if (own.length === 0 || node.output.every((output) => known.origin(output) !== 'data')) continue;
    // After an upsampling that is written in a way not known here, the skip still tells the resolution.
    let now = Math.min(...own);
    if (node.opType === 'Conv' || node.opType === 'AveragePool' || node.opType === 'MaxPool') {
      const strides = intsOf(node, 'strides');
      if (strides !== undefined && strides.length === 2 && strides.every((stride) => stride === 2)) now *= 2;
    } else if (node.opType === 'SpaceToDepth') now *= 2;
    else if (UPSAMPLING.has(node.opType)) now /= 2;
    for (const output of node.output) factors.set(output, now);
    if (isJoin(node, known, factors)) candidates.push(node);
  }
  // Which joins lie above which: the first has none above it.
  for (const [i, join] of candidates.entries()) {
    const above = new Set<number>();
    ancestors.set(join, above);
    const seen = reach(graph, join.input);
    for (const [j, other] of candidates.entries()) if (i !== j && seen.has(other)) above.add(j);
  }
  const firsts = candidates.filter((join) => ancestors.get(join)!.size === 0);
  const first = firsts[0];
  if (first === undefined)
    throw checkpointError(
      'No decoder was found in the UNet: no Concat joins the middle block with a skip connection. Weft needs the UNet of a ' +
        'Stable Diffusion 1.x checkpoint, exported whole (sample, timestep, encoder_hidden_states → noise prediction).',
    );
  if (firsts.length > 1)
    throw checkpointError(
      `The UNet joins its halves in ${firsts.length} places at once, which no Stable Diffusion 1.x UNet does. ` +
        'Export the plain UNet, without ControlNet or adapters.',
    );
  const [a, b] = [first.input[0]!, first.input[1]!];
  // The skip is one of the things the middle block was computed from.
  const middle = reach(graph, [a]).has(graph.producer(b)!) ? a : b;
  const aboveMiddle = reach(graph, [middle]);
  const decoder = new Set<NodeProto>();
  for (const node of order)
    if (node === first || readsOf(node).some((name) => decoder.has(graph.producer(name)!))) decoder.add(node);
  for (const node of [...order].reverse()) {
    if (decoder.has(node) || aboveMiddle.has(node)) continue;
    const consumers = node.output.flatMap((output) => graph.consumers(output));
    if (consumers.length > 0 && consumers.every((consumer) => decoder.has(consumer))) decoder.add(node);
  }
  const joins = candidates
    .filter((join) => decoder.has(join))
    .map((node) => {
      const backbone =
        node === first ? middle : (node.input.find((name) => decoder.has(graph.producer(name)!)) ?? node.input[0]!);
      return { node, backbone, skip: node.input.find((name) => name !== backbone) ?? node.input[1]! };
    });
  return { order, joins, middle, decoder, downsampleFactor: (tensor) => factors.get(tensor) };
}

/** A two-input Concat over channels of maps that descend from the latents. */
function isJoin(node: NodeProto, known: Inference, factors: Map<string, number>): boolean {
  if (node.opType !== 'Concat' || node.input.length !== 2) return false;
  if (node.input.some((name) => known.origin(name) !== 'data' || !factors.has(name))) return false;
  const axis = intOf(node, 'axis');
  const rank = node.input.map((name) => known.shape(name)?.length).find((r) => r !== undefined);
  if (rank === undefined) return axis === 1;
  return rank === 4 && (axis === 1 || axis === -3);
}

/** All nodes that the tensors are computed from. */
export function reach(graph: Graph, tensors: string[]): Set<NodeProto> {
  const seen = new Set<NodeProto>();
  const stack = tensors.map((name) => graph.producer(name)).filter((node) => node !== undefined);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const name of readsOf(node)) {
      const producer = graph.producer(name);
      if (producer !== undefined && !seen.has(producer)) stack.push(producer);
    }
  }
  return seen;
}
