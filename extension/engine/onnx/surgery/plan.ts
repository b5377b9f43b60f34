/** What surgery knows of a UNet before it changes anything: found once, read by every pass. */
import { tensorType } from '../borders';
import { declaredOf, type Graph } from '../graph';
import { type NodeProto, TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb';
import { type Inference } from '../shapeInference';
import { type GraphTensor, type ProbeLayer, type SwapLevel, type UnetInterface } from '../types';
import { type Attention, findAttentions } from './attention';
import { refuse, WHICH_EXPORT } from './refusals';
import { findRegions, type Regions } from './regions';
import { type Roles } from './roles';

export interface UnetPlan {
  known: Inference;
  roles: Roles;
  regions: Regions;
  /** All of them, in an order in which each follows those it depends on. */
  attentions: Attention[];
  /** The decoder self-attentions that are swapped, in order. */
  layers: { attention: Attention; level: SwapLevel }[];
  selfProbe: Attention;
  crossProbe: Attention | undefined;
  /** Where FreeU acts: the first join of each resolution, with the channels that come from below. */
  upBlocks: { join: Regions['joins'][number]; channels: number | undefined }[];
  /** How the rewritten graph is called. */
  unet: UnetInterface;
}

/** @throws WeftError `checkpoint` for a UNet that can't be rewritten. */
export function planUnet(graph: Graph, known: Inference, roles: Roles): UnetPlan {
  const regions = findRegions(graph, known, roles.sample.name);
  const attentions = findAttentions(graph, known, regions.order);
  refuseOverlooked(regions, attentions, known);
  const factorOf = (attention: Attention): number => regions.downsampleFactor(attention.core.output[0]!) ?? 1;
  const inDecoder = attentions.filter((attention) => regions.decoder.has(attention.core));
  const { layers, low } = chooseLayers(inDecoder, factorOf);
  const selfProbe = layers.filter(({ level }) => level === 'high').at(-1)!.attention;
  const crossProbe = inDecoder.filter((attention) => !attention.self && factorOf(attention) === low).at(-1);
  const middleChannels = known.shape(regions.middle)?.[1];
  if (middleChannels === undefined) throw refuse(`The width of the UNet's middle block can't be read. ${WHICH_EXPORT}`);
  const upBlocks = regions.joins
    .filter(
      ({ node }, i) =>
        regions.downsampleFactor(node.output[0]!) !==
        regions.downsampleFactor(regions.joins[i - 1]?.node.output[0] ?? ''),
    )
    .map((join) => ({ join, channels: known.shape(join.backbone)?.[1] }));

  const probe = (attention: Attention): ProbeLayer => ({
    heads: attention.heads,
    width: attention.query.width,
    scale: attention.scale,
    halvings: Math.log2(factorOf(attention)),
  });
  const unet: UnetInterface = {
    sample: bordering(roles.sample),
    timestep: bordering(roles.timestep),
    encoderHiddenStates: bordering(roles.context),
    output: bordering(roles.output),
    ...sidesOf(graph, known, roles),
    middleChannels,
    upBlockChannels: upBlocks.map(({ channels }) => channels ?? 0),
    swapLayers: layers.map(({ attention, level }, index) => ({ index, level, ...probe(attention) })),
    selfProbe: probe(selfProbe),
    ...(crossProbe === undefined ? {} : { crossProbe: probe(crossProbe) }),
  };
  return { known, roles, regions, attentions, layers, selfProbe, crossProbe, upBlocks, unet };
}

/** The element type of q, k and v. */
export const typeOf = ({ known }: UnetPlan, { query }: Attention): number =>
  known.type(query.tensor) || TensorProto_DataType.FLOAT;

/** Checks that a decoder softmax was not overlooked: half a swap would be a wrong picture instead of an error. */
function refuseOverlooked(regions: Regions, attentions: Attention[], known: Inference): void {
  const matched = new Set(attentions.map((attention) => attention.core));
  const missed = regions.order.filter(
    (node) =>
      (node.opType === 'Softmax' || node.opType === 'Attention') &&
      regions.decoder.has(node) &&
      !matched.has(node) &&
      known.origin(node.output[0]!) === 'data',
  );
  if (missed.length > 0)
    throw refuse(
      `${missed.length} softmax ${missed.length === 1 ? 'operator' : 'operators'} of the UNet's decoder ` +
        `(first: ${missed[0]!.name || missed[0]!.output[0]}) did not look like attention between projections (attention slicing must be off). ${WHICH_EXPORT}`,
    );
}

/** The swapped layers: decoder self-attentions at the two highest resolutions that have any. `low`: the downsample factor of the second. */
function chooseLayers(
  inDecoder: Attention[],
  factorOf: (attention: Attention) => number,
): { layers: UnetPlan['layers']; low: number | undefined } {
  const self = inDecoder.filter((attention) => attention.self);
  const [high, low] = [...new Set(self.map(factorOf))].sort((a, b) => a - b);
  if (high === undefined)
    throw refuse(
      "No self-attention was found in the UNet's decoder (softmax between three projections of one tensor). " +
        WHICH_EXPORT,
    );
  const layers = self
    .filter((attention) => factorOf(attention) === high || factorOf(attention) === low)
    .map((attention) => ({ attention, level: factorOf(attention) === high ? ('high' as const) : ('low' as const) }));
  for (const { attention } of layers)
    if (attention.obstacle !== undefined)
      throw refuse(
        `A self-attention of the UNet's decoder ${attention.obstacle}, which Weft can't rewrite. ${WHICH_EXPORT}`,
      );
  return { layers, low };
}

/** Channels, and what else of the inputs' sides the export fixes. */
function sidesOf(
  graph: Graph,
  known: Inference,
  { sample, context }: Roles,
): Pick<UnetInterface, 'latentChannels' | 'contextWidth' | 'contextLength' | 'latentSize'> {
  const fixed = (value: ValueInfoProto, axis: number): number | undefined => {
    const dim = declaredOf(value).dims?.[axis];
    return typeof dim === 'number' ? dim : undefined;
  };
  const weightOf = (input: ValueInfoProto, opType: string): string | undefined =>
    readersOf(graph, input.name).find((node) => node.opType === opType)?.input[1];
  const latentChannels = fixed(sample, 1) ?? known.shape(weightOf(sample, 'Conv') ?? '')?.[1];
  const contextWidth = fixed(context, 2) ?? known.shape(weightOf(context, 'MatMul') ?? '')?.[0];
  if (latentChannels === undefined || contextWidth === undefined)
    throw refuse(`The channels of the UNet's inputs can't be read from the graph. ${WHICH_EXPORT}`);
  const [contextLength, height, width] = [fixed(context, 1), fixed(sample, 2), fixed(sample, 3)];
  return {
    latentChannels,
    contextWidth,
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(height === undefined || width === undefined ? {} : { latentSize: [height, width] }),
  };
}

/** What reads a graph input, also behind a Cast. */
const readersOf = (graph: Graph, tensor: string): NodeProto[] =>
  graph.consumers(tensor).flatMap((node) => (node.opType === 'Cast' ? readersOf(graph, node.output[0]!) : [node]));

function bordering(value: ValueInfoProto): GraphTensor {
  const type = tensorType(declaredOf(value).type);
  if (type === undefined)
    throw refuse(`The UNet's ${value.name} has an element type that Weft can't feed. ${WHICH_EXPORT}`);
  return { name: value.name, type };
}
