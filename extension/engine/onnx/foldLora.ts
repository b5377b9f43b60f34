/**
 * LoRAs in an emitted graph: a weight W is read as W + strength · scale · up · down. All of it is constant, so onnxruntime computes it once, when the
 * session opens; the matrices stay in their file as the weights do in theirs.
 */
import { create } from '@bufbuild/protobuf';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { type LoraFile, type LoraLayer, layerKey, type LoraPart } from '../safetensors/lora';
import { type StoredTensor } from '../safetensors/header';
import { originalUnet } from '../safetensors/names';
import { weightType } from './emit/weights';
import { type Graph } from './graph';
import { placeOutside } from './modelFile';
import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType, TensorProtoSchema } from './proto/onnx_pb';

const { FLOAT } = TensorProto_DataType;

/** A weight of the graph, which may read it in several pieces of its rows. */
interface Target {
  module: string;
  pieces: TensorProto[];
}

const entryOf = (tensor: TensorProto, key: string): string =>
  tensor.externalData.find((entry) => entry.key === key)?.value ?? '';
const isOutside = (tensor: TensorProto): boolean => tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;

/** The emitter calls each tensor by diffusers' or transformers' name. */
function targetsOf(graph: Graph): Target[] {
  const targets = new Map<string, TensorProto[]>();
  for (const tensor of graph.proto.initializer) {
    const module = /^(.*)\.weight(?:_\d+)?$/.exec(tensor.name)?.[1];
    if (module === undefined || !isOutside(tensor) || tensor.dims.length < 2) continue;
    targets.set(module, [...(targets.get(module) ?? []), tensor]);
  }
  return [...targets].map(([module, pieces]) => ({
    module,
    pieces: pieces.sort((a, b) => Number(entryOf(a, 'offset')) - Number(entryOf(b, 'offset'))),
  }));
}

/** What LoRA files may call a module: as diffusers does, or as the original code of latent diffusion. */
function keysOf(part: LoraPart, module: string): string[] {
  const others = part === 'unet' ? ORIGINAL(`${module}.weight`).map(({ key }) => key.replace(/\.weight$/, '')) : [];
  return [module, ...others].map((name) => layerKey(part, name.replaceAll('.', '_')));
}
/** Stable Diffusion has two resnets a level. */
const ORIGINAL = originalUnet((key) => key === 'input_blocks.3.0.op.weight');

/** The layers of a LoRA that a part's graph has. @throws WeftError `checkpoint` if one does not fit */
export function matchLora(
  graph: Graph,
  part: LoraPart,
  { name, layers }: LoraFile,
  checkpoint: string,
): [Target, LoraLayer][] {
  return targetsOf(graph).flatMap((target) => {
    const layer = keysOf(part, target.module)
      .map((key) => layers.get(key))
      .find((each) => each !== undefined);
    if (layer === undefined) return [];
    const rows = target.pieces.reduce((sum, { dims }) => sum + Number(dims[0]), 0);
    const row = product(target.pieces[0]!.dims.slice(1).map(Number));
    const [out, within] = [layer.up.shape[0]!, product(layer.down.shape.slice(1))];
    if (out !== rows || within !== row)
      throw new WeftError(
        'checkpoint',
        `${name} does not fit the checkpoint ${checkpoint}: its layer ${JSON.stringify(layer.name)} changes a weight of ${out} × ${within} numbers, the checkpoint's has ` +
          `${rows} × ${row}. Use a LoRA that was made for this kind of checkpoint (Stable Diffusion 1.x and 2.x differ).`,
      );
    return [[target, layer]];
  });
}

const product = (sides: number[]): number => sides.reduce((all, side) => all * side, 1);

/** @param folder in which all files of the graph and of the LoRA lie */
export function foldLora(
  graph: Graph,
  part: LoraPart,
  lora: LoraFile,
  { strength, folder, checkpoint }: { strength: number; folder: string; checkpoint: string },
): void {
  for (const [{ module, pieces }, layer] of matchLora(graph, part, lora, checkpoint)) {
    const matrix = (stored: StoredTensor, hint: string, dims: number[], skipped = 0): string => {
      const type = weightType(
        { part: 'LoRA', file: lora.name, find: () => stored, spelt: (name) => name },
        layer.name,
        stored,
      );
      const bytes = stored.length / product(stored.shape);
      const tensor = create(TensorProtoSchema, {
        name: graph.fresh(`${module}.${hint}`),
        dims: dims.map(BigInt),
        dataType: type,
      });
      const offset = stored.offset + skipped * bytes;
      placeOutside(tensor, located(folder, stored.file), { offset, length: product(dims) * bytes });
      graph.proto.initializer.push(tensor);
      return type === FLOAT ? tensor.name : graph.add('Cast', [tensor.name], `${tensor.name}_f32`, { to: FLOAT });
    };
    const { rank } = layer;
    const down = matrix(layer.down, 'lora_down', [rank, product(layer.down.shape.slice(1))]);
    const factor = graph.float([strength * layer.scale], []);
    let row = 0;
    for (const piece of pieces) {
      const dims = piece.dims.map(Number);
      const before = graph.nodes.length;
      const up = matrix(layer.up, 'lora_up', [dims[0]!, rank], row * rank);
      row += dims[0]!;
      const scaled = graph.add('Mul', [up, factor], `${module}.lora_scaled`);
      let change = graph.add('MatMul', [scaled, down], `${module}.lora_change`);
      if (dims.length > 2) change = graph.add('Reshape', [change, graph.int64(dims)], `${module}.lora_shaped`);
      const plain =
        piece.dataType === FLOAT ? piece.name : graph.add('Cast', [piece.name], `${module}.plain`, { to: FLOAT });
      const sum = graph.add('Add', [plain, change], `${module}.changed`);
      graph.replaceReads(piece.name, sum, graph.nodes.slice(before));
    }
  }
  graph.tidy();
}

/** Names the files of an emitted graph by their place in a folder further up. */
export function moveWeights(graph: Graph, from: string, to: string): void {
  for (const tensor of graph.proto.initializer)
    if (isOutside(tensor))
      for (const entry of tensor.externalData)
        if (entry.key === 'location') entry.value = located(to, path.resolve(from, entry.value));
}

const located = (folder: string, file: string): string => path.relative(folder, file).split(path.sep).join('/');
