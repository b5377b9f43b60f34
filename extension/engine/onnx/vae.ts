/** The parts of a checkpoint around the UNet: VAE encoder (made deterministic), VAE decoder, text encoder. */
import { create } from '@bufbuild/protobuf';
import { WeftError } from '../../protocol/errors';
import { mostClipSkip } from './clipSkip';
import { floatBorders, redeclare, tensorType } from './borders';
import { declaredOf, Graph, intOf, intsOf, makeNode } from './graph';
import { Inference } from './shapeInference';
import { type OnnxModel } from './modelFile';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType,
  TensorProto_DataType,
  TensorProtoSchema,
} from './proto/onnx_pb';
import { type NodeProto, type ValueInfoProto } from './proto/onnx_pb';
import { type GraphTensor } from './types';
import { reach } from './surgery/regions';

const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

export interface PartInterface {
  input: GraphTensor;
  output: GraphTensor;
  /** Width or height of what it reads was fixed by the export (pictures, latents). */
  fixedSize: boolean;
  /** The graph was edited and has to be written; otherwise the file can be used as it is. */
  changed: boolean;
}

const RANDOM = new Set(['RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike']);

/**
 * Makes a VAE encoder give the posterior's mode [B, C, h, w]: with noise taken as zero, mean + std · noise is the mean; of 2C
 * channels (mean, then log-variance) the first C are taken; C channels without randomness are the mode already.
 * @param latentChannels C, as the UNet reads it.
 */
export function deterministicEncoder(model: OnnxModel, latentChannels: number): PartInterface {
  const graph = new Graph(model.proto);
  const input = onlyInput(graph, 'VAE encoder', 4);
  const output = graph.proto.output.find((value) => /latent/i.test(value.name)) ?? graph.proto.output[0]!;
  const { name } = output;
  let changed = keepOutput(graph, output);
  if (needsFloatBorders(graph)) {
    floatBorders(graph);
    changed = true;
  }
  for (const node of reach(graph, [name]))
    if (RANDOM.has(node.opType)) {
      silence(graph, node);
      changed = true;
    }
  const known = new Inference(graph);
  const channels = known.shape(name)?.[1];
  if (channels !== undefined && channels !== latentChannels && channels !== 2 * latentChannels)
    throw refuse(
      `The VAE encoder gives ${channels} channels where the UNet's ${latentChannels} (or twice as many: mean and variance) are ` +
        'needed. The VAE and the UNet are not of one checkpoint.',
    );
  if (channels !== latentChannels) {
    const { dims } = declaredOf(graph.proto.output[0]!);
    const inner = graph.fresh(`${name}_parameters`);
    graph.rename(name, inner);
    const ends = [graph.int64([0]), graph.int64([latentChannels]), graph.int64([1])];
    graph.push(makeNode('Slice', [inner, ...ends], [name]));
    graph.proto.output[0]!.name = name;
    redeclare(graph.proto.output, name, [dims?.[0], latentChannels, dims?.[2], dims?.[3]]);
    changed = true;
  }
  refuseFixedBatch(graph, 'VAE encoder');
  if (changed) graph.tidy();
  return described(graph, input, changed, 'VAE encoder');
}

/** A random node becomes one that gives zeros of the same shape and type. */
function silence(graph: Graph, node: NodeProto): void {
  const out = node.output[0]!;
  const type = intOf(node, 'dtype') ?? TensorProto_DataType.FLOAT;
  let shape: string;
  if (node.opType.endsWith('Like')) shape = graph.add('Shape', [node.input[0]!], `${out}_shape`);
  else shape = graph.int64(intsOf(node, 'shape') ?? []);
  const zeros = makeNode('ConstantOfShape', [shape], [out]);
  const size = type === TensorProto_DataType.DOUBLE ? 8 : type === TensorProto_DataType.FLOAT ? 4 : 2;
  zeros.attribute.push(
    create(AttributeProtoSchema, {
      name: 'value',
      type: AttributeProto_AttributeType.TENSOR,
      t: create(TensorProtoSchema, { dataType: type, dims: [1n], rawData: new Uint8Array(size) }),
    }),
  );
  graph.nodes.splice(graph.nodes.indexOf(node), 1, zeros);
  graph.changed();
}

/** A VAE decoder: one input [B, C, h, w], one output [B, 3, H, W]. */
export function plainDecoder(model: OnnxModel): PartInterface {
  const graph = new Graph(model.proto);
  const input = onlyInput(graph, 'VAE decoder', 4);
  let changed = keepOutput(graph, graph.proto.output[0]!);
  if (needsFloatBorders(graph)) {
    floatBorders(graph);
    changed = true;
  }
  refuseFixedBatch(graph, 'VAE decoder');
  if (changed) graph.tidy();
  return described(graph, input, changed, 'VAE decoder');
}

/**
 * A text encoder: token ids [B, L] → last hidden state [B, L, D]; other outputs (the pooled one) are dropped. `clipSkip`: how many of its
 * last layers can be left out.
 */
export function textEncoder(
  model: OnnxModel,
): PartInterface & { contextLength?: number; width?: number; clipSkip: number } {
  const graph = new Graph(model.proto);
  const ids = graph.inputs.find((value) => /input_ids|tokens/i.test(value.name)) ?? graph.inputs[0];
  if (ids === undefined || graph.inputs.length !== 1)
    throw refuse(
      `The text encoder has the inputs ${graph.inputs.map((value) => value.name).join(', ')}; Weft feeds input_ids alone. ` +
        'Export the CLIP text encoder of a Stable Diffusion 1.x checkpoint.',
    );
  const rank = (value: ValueInfoProto): number | undefined => declaredOf(value).dims?.length;
  const outputs = graph.proto.output;
  const output =
    outputs.find((value) => value.name === 'last_hidden_state') ??
    outputs.find((value) => rank(value) === 3) ??
    outputs[0]!;
  const { name } = output;
  let changed = keepOutput(graph, output);
  if (needsFloatBorders(graph)) {
    floatBorders(graph);
    changed = true;
  }
  if (changed) graph.tidy();
  const known = new Inference(graph);
  const [length, width] = [declaredOf(ids).dims?.[1], known.shape(name)?.[2]];
  return {
    ...described(graph, ids, changed, 'text encoder'),
    clipSkip: mostClipSkip(graph),
    ...(typeof length === 'number' ? { contextLength: length } : {}),
    ...(width === undefined ? {} : { width }),
  };
}

/** Pixels per latent position along a side, from the strides between an encoder's input and output; undefined if unclear. */
export function encoderScale(model: OnnxModel): number | undefined {
  const graph = new Graph(model.proto);
  const input = graph.inputs[0];
  if (input === undefined) return undefined;
  const scales = new Map<string, number>([[input.name, 1]]);
  for (const node of graph.sorted()) {
    const own = node.input.map((name) => scales.get(name)).filter((scale) => scale !== undefined);
    if (own.length === 0) continue;
    let scale = Math.max(...own);
    if (['Conv', 'AveragePool', 'MaxPool'].includes(node.opType)) scale *= intsOf(node, 'strides')?.[0] ?? 1;
    if (node.opType === 'SpaceToDepth') scale *= intOf(node, 'blocksize') ?? 1;
    for (const out of node.output) scales.set(out, scale);
  }
  const scale = scales.get(graph.proto.output[0]?.name ?? '');
  return scale === undefined || scale <= 1 ? undefined : scale;
}

function onlyInput(graph: Graph, part: string, rank: number): ValueInfoProto {
  const fed = graph.inputs.filter((value) => (declaredOf(value).dims?.length ?? rank) === rank);
  if (fed.length !== 1 || graph.inputs.length !== 1)
    throw refuse(
      `The ${part} has the inputs ${graph.inputs.map((value) => value.name).join(', ')}; Weft feeds one tensor alone. ` +
        'Export it as diffusers and optimum do.',
    );
  return fed[0]!;
}

function keepOutput(graph: Graph, output: ValueInfoProto): boolean {
  if (graph.proto.output.length === 1) return false;
  graph.proto.output = [output];
  return true;
}

function needsFloatBorders(graph: Graph): boolean {
  return [...graph.inputs, ...graph.proto.output].some((value) => tensorType(declaredOf(value).type) === undefined);
}

function refuseFixedBatch(graph: Graph, part: string): void {
  const batch = declaredOf(graph.inputs[0]!).dims?.[0];
  if (typeof batch === 'number' && batch !== 1)
    throw refuse(`The ${part} was exported for a fixed batch of ${batch}. Export it with a dynamic batch axis.`);
}

function described(graph: Graph, input: ValueInfoProto, changed: boolean, part: string): PartInterface {
  const border = (name: string, list: ValueInfoProto[]): GraphTensor => {
    const type = tensorType(declaredOf(list.find((value) => value.name === name) ?? list[0]!).type);
    if (type === undefined) throw refuse(`The ${part}'s ${name} has an element type that Weft can't feed.`);
    return { name, type };
  };
  return {
    input: border(input.name, graph.proto.input),
    output: border(graph.proto.output[0]!.name, graph.proto.output),
    // The text encoder's input has no such axes.
    fixedSize: (declaredOf(input).dims ?? []).slice(2).some((dim) => typeof dim === 'number'),
    changed,
  };
}
