/**
 * Graph surgery: an ordinary UNet export becomes one whose self-attention can be swapped, contrasted, probed and fanned out, with
 * every switch an input. Attention and decoder are found by structure; see UnetInterface for the result's contract.
 */
import * as path from 'node:path';
import { WeftError } from '../../../protocol/errors';
import { floatBorders, redeclare, tensorType } from '../borders';
import { declaredOf, Graph, readsOf, renameReads } from '../graph';
import { Inference } from '../shapeInference';
import { type OnnxModel, readModel, writeModel, type WriteOptions, type WrittenModel } from '../modelFile';
import { type NodeProto, TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb';
import {
  type GraphTensor,
  type ProbeLayer,
  type SwapLayer,
  type SwapLevel,
  type UnetInterface,
  unetNames,
} from '../types';
import { accurateWaves } from './accurateWaves';
import { alteredExport, type Attention, findAttentions, fusedAttention, type Projection } from './attention';
import { fanOut } from './fanOut';
import { dropOutputCopies, foldShapes } from './foldShapes';
import { applyFreeu } from './freeu';
import { findRegions, reach, type Regions } from './regions';
import { addLevelInputs, plainAttention, type SwapInputs, swappedAttention } from './swap';

/** To be raised when rewritten graphs change in how they are called: prepared checkpoints are made anew. */
export const SURGERY_VERSION = 5;
/** To be raised, with the other, when they change in what they compute: what they computed before is computed anew. */
export const NUMBERS_VERSION = 4;

const INT64 = TensorProto_DataType.INT64;
const FLOAT = TensorProto_DataType.FLOAT;
const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

const WHICH_EXPORT =
  "Export the UNet with torch.onnx.export (diffusers' convert_stable_diffusion_checkpoint_to_onnx.py, or optimum without " +
  'optimisation): inputs sample, timestep, encoder_hidden_states, dynamic batch, no fused operators.';

interface Roles {
  sample: ValueInfoProto;
  timestep: ValueInfoProto;
  context: ValueInfoProto;
  output: ValueInfoProto;
}

/** Tells the three inputs apart: by name, or else by rank. */
function findRoles(graph: Graph): Roles {
  const inputs = graph.inputs;
  const listed = inputs.map((input) => input.name).join(', ');
  if (inputs.length !== 3) {
    const names = inputs.map((input) => input.name);
    const xl = names.some((name) => name === 'text_embeds' || name === 'time_ids');
    const why = xl
      ? 'This is a Stable Diffusion XL UNet; Weft runs Stable Diffusion 1.x.'
      : names.some((name) => name.includes('class_labels'))
        ? 'This UNet wants class labels (an upscaler?); Weft runs Stable Diffusion 1.x.'
        : names.some((name) => /down_block|mid_block|residual/.test(name))
          ? 'This UNet was exported for ControlNet; export the plain one.'
          : names.includes('timestep_cond')
            ? 'This is the UNet of a latent consistency model (LCM); Weft runs plain Stable Diffusion 1.x.'
            : 'Weft needs exactly sample, timestep and encoder_hidden_states.';
    throw refuse(`The UNet has the inputs ${listed}. ${why}`);
  }
  const rank = (input: ValueInfoProto): number | undefined => declaredOf(input).dims?.length;
  const named = (pattern: RegExp): ValueInfoProto | undefined => inputs.find((input) => pattern.test(input.name));
  const context =
    named(/encoder_hidden_states|^context$|text_emb|prompt_emb/i) ?? inputs.find((input) => rank(input) === 3);
  const timestep =
    named(/^t$|timestep|time_step/i) ?? inputs.find((input) => input !== context && (rank(input) ?? 9) <= 1);
  const sample = inputs.find((input) => input !== context && input !== timestep);
  const output = graph.proto.output[0];
  if (sample === undefined || context === undefined || timestep === undefined || output === undefined)
    throw refuse(`The UNet has the inputs ${listed}, which Weft can't tell apart. ${WHICH_EXPORT}`);
  return { sample, timestep, context, output };
}

function refuseOthers(graph: Graph, { sample, output }: Roles): void {
  const fused = fusedAttention(graph);
  if (fused.length > 0)
    throw refuse(
      `The UNet's attention is fused into ${fused.join(' and ')}, which Weft can't rewrite for the swap. ` +
        `Use an export without operator fusion. ${WHICH_EXPORT}`,
    );
  const altered = alteredExport(graph);
  if (altered !== undefined)
    throw refuse(
      altered.what === 'quantised'
        ? `The UNet is quantised (${altered.operators.join(', ')}), which Weft does not run. Use an export in float32 or float16. ${WHICH_EXPORT}`
        : `The UNet was optimised for the kernels of one provider (${altered.operators.join(', ')}). Use the export from before the ` +
            `optimisation. ${WHICH_EXPORT}`,
    );
  if (graph.opset < 13)
    throw refuse(`The UNet is written for ONNX operator set ${graph.opset}; Weft needs 13 or later. ${WHICH_EXPORT}`);
  if (graph.model.functions.length > 0)
    throw refuse(`The UNet is written with ONNX functions; export it with its functions inlined. ${WHICH_EXPORT}`);
  const { dims } = declaredOf(sample);
  if (dims !== undefined && dims.length !== 4)
    throw refuse(
      `The UNet's ${sample.name} has ${dims.length} axes instead of 4, so it is not a Stable Diffusion UNet.`,
    );
  if (typeof dims?.[0] === 'number')
    throw refuse(
      `The UNet was exported for a fixed batch of ${dims[0]}; Weft runs batches of different sizes. Export it with a dynamic ` +
        'batch axis (dynamic_axes in torch.onnx.export; optimum does so by default).',
    );
  const [inChannels, outChannels] = [dims?.[1], declaredOf(output).dims?.[1]];
  if (inChannels === 9)
    throw refuse(
      'The UNet has 9 input channels: an inpainting checkpoint, which Weft does not run. Use the plain checkpoint.',
    );
  if (typeof inChannels === 'number' && typeof outChannels === 'number' && inChannels !== outChannels)
    throw refuse(
      `The UNet reads ${inChannels} channels and predicts ${outChannels}: not a plain Stable Diffusion 1.x UNet ` +
        '(an image-editing or variance-predicting one?), which Weft does not run.',
    );
}

/** Makes the timestep a vector [B] that all rows may differ in. */
function vectorTimestep(graph: Graph, known: Inference, timestep: ValueInfoProto): void {
  const declared = declaredOf(timestep).dims;
  const walk = (tensor: string, rank: number): void => {
    for (const node of [...graph.consumers(tensor)]) {
      const out = node.output[0]!;
      const after = known.shape(out)?.length;
      if (node.opType === 'Cast' || node.opType === 'Identity') walk(out, rank);
      else if (rank === 0 && ['Unsqueeze', 'Reshape', 'Expand'].includes(node.opType) && after === 1) {
        // A number made a vector of one, or repeated for the batch: the vector is there already.
        if (node.opType !== 'Expand' || known.origin(node.input[1]!) === 'const') {
          graph.replaceReads(out, tensor);
          walk(tensor, 1);
        }
      } else if (rank === 1 && node.opType === 'Reshape' && known.origin(node.input[1]!) === 'const') {
        const target = known.value(node.input[1]!)?.data;
        // [1, 1] or [1] written for a batch of one.
        if (target?.[0] === 1 && target.every((d) => d === 1))
          node.input[1] = graph.int64(target.map((_, i) => (i === 0 ? -1 : 1)));
      } else if (rank === 1 && node.opType === 'Expand' && known.origin(node.input[1]!) === 'const') {
        if (known.value(node.input[1]!)?.data.every((d) => d === 1)) graph.replaceReads(out, tensor);
      } else if (rank === 1 && node.opType === 'Tile' && after === 1) graph.replaceReads(out, tensor);
    }
  };
  walk(timestep.name, declared?.length ?? 1);
  redeclare(graph.proto.input, timestep.name, ['batch']);
}

/** The swapped layers: decoder self-attentions at the two highest resolutions that have any. */
function chooseLayers(
  attentions: Attention[],
  regions: Regions,
): {
  layers: { attention: Attention; level: SwapLevel; halvings: number }[];
  low: number | undefined;
  inDecoder: Attention[];
} {
  const inDecoder = attentions.filter((attention) => regions.decoder.has(attention.core));
  const at = (attention: Attention): number => regions.halvings(attention.core.output[0]!) ?? 0;
  const self = inDecoder.filter((attention) => attention.self);
  const levels = [...new Set(self.map(at))].sort((a, b) => a - b);
  const [high, low] = levels;
  if (high === undefined)
    throw refuse(
      "No self-attention was found in the UNet's decoder (softmax between three projections of one tensor). " +
        WHICH_EXPORT,
    );
  const layers = self
    .filter((attention) => at(attention) === high || at(attention) === low)
    .map((attention) => ({
      attention,
      level: (at(attention) === high ? 'high' : 'low') as SwapLevel,
      halvings: at(attention),
    }));
  for (const { attention } of layers)
    if (attention.obstacle !== undefined)
      throw refuse(
        `A self-attention of the UNet's decoder ${attention.obstacle}, which Weft can't rewrite. ${WHICH_EXPORT}`,
      );
  return { layers, low, inDecoder };
}

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

/**
 * The part of the decoder in which rows of one encoder row can differ: from the first swapped attention's projections on. What lies before is
 * the same for a prediction with and without swap, and is computed once.
 */
function fromFirstSwap(graph: Graph, regions: Regions, first: Attention): Set<NodeProto> {
  const before = reach(graph, [first.query.source]);
  const projections = [first.query, first.key, first.value].map(({ tensor }) => reach(graph, [tensor]));
  const after = new Set<NodeProto>();
  for (const node of regions.order) {
    const projects = projections.some((nodes) => nodes.has(node)) && !before.has(node) && regions.decoder.has(node);
    if (projects || readsOf(node).some((name) => after.has(graph.producer(name)!))) after.add(node);
  }
  // And what feeds nothing else: the projections of the prompt, of the time.
  for (const node of [...regions.order].reverse()) {
    if (after.has(node) || before.has(node) || !regions.decoder.has(node)) continue;
    const readers = node.output.flatMap((output) => graph.consumers(output));
    if (readers.length > 0 && readers.every((reader) => after.has(reader))) after.add(node);
  }
  return after;
}

/** Rewrites the graph of a UNet in place. */
export function rewriteUnetGraph(model: OnnxModel): UnetInterface {
  const graph = new Graph(model.proto);
  const roles = findRoles(graph);
  refuseOthers(graph, roles);
  floatBorders(graph);
  const { sample, timestep, context, output } = findRoles(graph);
  const known = new Inference(graph);
  vectorTimestep(graph, known, timestep);
  const regions = findRegions(graph, known, sample.name);
  const attentions = findAttentions(graph, known, regions.order);
  refuseOverlooked(regions, attentions, known);
  const { layers, low, inDecoder } = chooseLayers(attentions, regions);
  const at = (attention: Attention): number => regions.halvings(attention.core.output[0]!) ?? 0;
  const lastSelf = layers.filter((layer) => layer.level === 'high').at(-1)!;
  const lastCross = inDecoder.filter((attention) => !attention.self && at(attention) === low).at(-1);
  const middleChannels = channelsOf(known, regions.middle);
  if (middleChannels === undefined) throw refuse(`The width of the UNet's middle block can't be read. ${WHICH_EXPORT}`);

  const rows = graph.addInput(unetNames.rows, INT64, ['rows']);
  const gains = graph.addInput(unetNames.freeu, FLOAT, [4]);
  fanOut(graph, known, fromFirstSwap(graph, regions, layers[0]!.attention), rows, sample.name);

  const upBlockChannels = insertFreeu(graph, known, regions, middleChannels, gains);

  const levels = new Map<SwapLevel, SwapInputs>();
  for (const level of ['high', 'low'] as const) levels.set(level, addLevelInputs(graph, level));
  const asRows = (projection: Projection): string =>
    projection.rank === 3
      ? projection.tensor
      : // [B·N, W] after a Gemm
        graph.add('Reshape', [projection.tensor, rowShape(graph, rows, projection.width)], `${projection.tensor}_rows`);
  const replace = (attention: Attention, by: string): void => {
    const made =
      attention.outputRank === 3
        ? by
        : graph.add('Reshape', [by, graph.int64([-1, attention.query.width])], `${by}_flat`);
    graph.replaceReads(attention.output, made);
  };
  const publish = (name: string, tensor: string, width: number): void => {
    const type = known.type(tensor);
    const border = type === FLOAT || type === 0 ? tensor : graph.add('Cast', [tensor], `${name}_cast`, { to: FLOAT });
    graph.addOutput(name, border, FLOAT, ['rows', undefined, width]);
  };
  const typeOf = (attention: Attention): number => known.type(attention.query.tensor) || FLOAT;

  const swapped = new Set<Attention>();
  for (const [index, { attention, level }] of layers.entries()) {
    const [q, k, v] = [attention.query, attention.key, attention.value].map(asRows) as [string, string, string];
    const { heads, scale } = attention;
    const width = attention.query.width;
    const type = typeOf(attention);
    replace(
      attention,
      swappedAttention(graph, q, k, v, { heads, width, scale, type }, { index, level, inputs: levels.get(level)! }),
    );
    for (const [name, tensor] of [
      [unetNames.query(index), q],
      [unetNames.key(index), k],
      [unetNames.value(index), v],
    ] as const)
      publish(name, tensor, width);
    if (attention === lastSelf.attention) {
      publish(unetNames.selfQuery, q, width);
      publish(unetNames.selfKey, k, width);
    }
    swapped.add(attention);
  }
  if (lastCross !== undefined) {
    publish(unetNames.crossQuery, asRows(lastCross.query), lastCross.query.width);
    publish(unetNames.crossKey, asRows(lastCross.key), lastCross.key.width);
  }
  // The other attentions compute what they always did, as one operator.
  for (const attention of attentions) {
    if (swapped.has(attention) || attention.obstacle !== undefined) continue;
    const { query, key, value } = attention;
    if ([query, key, value].some((projection) => projection.rank !== 3)) continue;
    const shape = { heads: attention.heads, width: query.width, scale: attention.scale, type: typeOf(attention) };
    replace(attention, plainAttention(graph, query.tensor, key.tensor, value.tensor, shape, 'weft_attention'));
  }
  const declaredSample = declaredOf(sample).dims ?? [undefined, undefined, undefined, undefined];
  const latentChannels = numberOf(declaredSample[1]) ?? firstConvChannels(graph, known, sample.name);
  const declaredContext = declaredOf(context).dims ?? [undefined, undefined, undefined];
  const contextWidth = numberOf(declaredContext[2]) ?? contextWidthOf(graph, known, context.name);
  if (latentChannels === undefined || contextWidth === undefined)
    throw refuse(`The channels of the UNet's inputs can't be read from the graph. ${WHICH_EXPORT}`);
  const [height, width] = [numberOf(declaredSample[2]), numberOf(declaredSample[3])];
  const contextLength = numberOf(declaredContext[1]);
  redeclare(graph.proto.input, sample.name, ['batch', latentChannels, height ?? 'height', width ?? 'width']);
  redeclare(graph.proto.input, context.name, ['batch', contextLength ?? 'context', contextWidth]);
  redeclare(graph.proto.output, output.name, ['rows', latentChannels, height ?? 'height', width ?? 'width']);
  graph.proto.output = graph.proto.output.filter((value, i) => i === 0 || value.name.startsWith('weft_'));
  accurateWaves(graph, known);
  graph.tidy();
  foldShapes(graph);
  dropOutputCopies(graph);
  graph.tidy();

  const probe = (attention: Attention): ProbeLayer => ({
    heads: attention.heads,
    width: attention.query.width,
    scale: attention.scale,
    halvings: at(attention),
  });
  const declared = (value: ValueInfoProto): GraphTensor => {
    const { type } = declaredOf(value);
    const known = tensorType(type);
    if (known === undefined)
      throw refuse(`The UNet's ${value.name} has an element type that Weft can't feed. ${WHICH_EXPORT}`);
    return { name: value.name, type: known };
  };
  return {
    sample: declared(sample),
    timestep: declared(timestep),
    encoderHiddenStates: declared(context),
    output: declared(output),
    latentChannels,
    contextWidth,
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(height === undefined || width === undefined ? {} : { latentSize: [height, width] as [number, number] }),
    middleChannels,
    upBlockChannels,
    swapLayers: layers.map(({ attention, level }, index): SwapLayer => ({ index, level, ...probe(attention) })),
    selfProbe: probe(lastSelf.attention),
    ...(lastCross === undefined ? {} : { crossProbe: probe(lastCross) }),
  };
}

const numberOf = (dim: number | string | undefined): number | undefined => (typeof dim === 'number' ? dim : undefined);

/** [Bd, −1, W] as a shape tensor. */
function rowShape(graph: Graph, rows: string, width: number): string {
  return graph.memo(`rows of ${width}`, () =>
    graph.add('Concat', [graph.add('Shape', [rows], 'weft_row_count'), graph.int64([-1, width])], 'weft_row_shape', {
      axis: 0,
    }),
  );
}

function channelsOf(known: Inference, tensor: string): number | undefined {
  return known.shape(tensor)?.[1];
}

/** FreeU at the entry of each up block, that is at the first join of each resolution. Returns the entries' channels. */
function insertFreeu(graph: Graph, known: Inference, regions: Regions, middle: number, gains: string): number[] {
  const channels: number[] = [];
  let resolution: number | undefined;
  for (const { node, backbone } of regions.joins) {
    const now = regions.halvings(node.output[0]!);
    if (now === resolution) continue;
    resolution = now;
    const width = channelsOf(known, backbone);
    channels.push(width ?? 0);
    if (width !== middle && width !== middle / 2) continue;
    // After the fan-out the join reads the gathered backbone under another name, at the place where the backbone was.
    const reads = node.input.find((name) => name === backbone || name.startsWith(`${backbone}_decoder`));
    const own = reads ?? node.input[0]!;
    const type = known.type(backbone) || FLOAT;
    const out = applyFreeu(graph, own, width, type, gains, width === middle ? 0 : 2);
    // The resnet also reads the joined tensor only, so nothing else may see the change.
    renameReads(node, (name) => (name === own ? out : name));
    graph.changed();
  }
  return channels;
}

/** What reads a graph input, also behind a Cast. */
function readersOf(graph: Graph, tensor: string): NodeProto[] {
  return graph
    .consumers(tensor)
    .flatMap((node) =>
      node.opType === 'Cast' || node.opType === 'Gather' ? readersOf(graph, node.output[0]!) : [node],
    );
}

function firstConvChannels(graph: Graph, known: Inference, sample: string): number | undefined {
  const conv = readersOf(graph, sample).find((node) => node.opType === 'Conv');
  return conv === undefined ? undefined : known.shape(conv.input[1]!)?.[1];
}

function contextWidthOf(graph: Graph, known: Inference, context: string): number | undefined {
  const product = readersOf(graph, context).find((node) => node.opType === 'MatMul');
  return product === undefined ? undefined : known.shape(product.input[1]!)?.[0];
}

export interface RewrittenUnet extends WrittenModel {
  interface: UnetInterface;
}

/**
 * Rewrites the UNet export at `source` into `targetFolder`/model.onnx; weights move into external files there.
 * @param root folder that the export's external data must lie in (default: its own folder).
 * @throws WeftError `checkpoint` naming what was found and which export would work.
 */
export async function rewriteUnet(
  source: string,
  targetFolder: string,
  options: WriteOptions & { root?: string } = {},
): Promise<RewrittenUnet> {
  const model = readModel(source, options.root);
  const unet = rewriteUnetGraph(model);
  const written = await writeModel(model, path.join(targetFolder, 'model.onnx'), options);
  return { ...written, interface: unet };
}
