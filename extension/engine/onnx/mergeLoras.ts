/**
 * LoRAs in an emitted graph: a weight W becomes W + strength · scale · up · down. The changed weights lie in a file of their own, as large as those of
 * the checkpoint, so that the graph opens and runs as it does without: left to onnxruntime, the sums would be made on one thread and kept three
 * times over.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { type StoredTensor } from '../safetensors/header';
import { type LoraFile, type LoraLayer, layerKey, type LoraPart } from '../safetensors/lora';
import { originalUnet } from '../safetensors/names';
import { dtypeOf } from './emit/weights';
import { Graph, makeValueInfo } from './graph';
import { elementBytes, placeOutside } from './modelFile';
import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType } from './proto/onnx_pb';
import { type SessionHost, type TensorData } from './types';

const { FLOAT, FLOAT16, DOUBLE } = TensorProto_DataType;

/** A weight of the graph, which may read it in several pieces of its rows. */
interface Target {
  module: string;
  pieces: TensorProto[];
  /** [in, out], as exports store the weights of linear layers. */
  turned?: boolean;
}

const entryOf = (tensor: TensorProto, key: string): string =>
  tensor.externalData.find((entry) => entry.key === key)?.value ?? '';
const isOutside = (tensor: TensorProto): boolean => tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;
const isWeight = (tensor: TensorProto): boolean =>
  tensor.dims.length >= 2 && dtypeOf(tensor.dataType) !== undefined && (isOutside(tensor) || tensor.rawData.length > 0);

/**
 * The weights whose module the graph tells: by their own names, which are diffusers' or transformers', or by the names that torch.onnx gives to the
 * products of linear layers (`/mid_block/attentions.0/proj_in/MatMul`).
 */
function targetsOf(graph: Graph): Target[] {
  const targets = new Map<string, Target>();
  const plain = (module: string): string => module.replace(/^(unet|text_encoder)\./, '').replace(/^text_model\./, '');
  const weights = new Map(graph.proto.initializer.filter(isWeight).map((tensor) => [tensor.name, tensor]));
  for (const tensor of weights.values()) {
    const name = /^(.*)\.weight(?:_\d+)?$/.exec(tensor.name)?.[1];
    if (name === undefined) continue;
    const module = plain(name);
    targets.set(module, { module, pieces: [...(targets.get(module)?.pieces ?? []), tensor] });
  }
  for (const node of graph.nodes) {
    const place = /^\/(.*)\/MatMul$/.exec(node.name)?.[1];
    if (place === undefined || node.opType !== 'MatMul') continue;
    const module = plain(place.replaceAll('/', '.'));
    const read = node.input[1]!;
    const cast = graph.producer(read);
    const weight = weights.get(cast?.opType === 'Cast' ? cast.input[0]! : read);
    // One that two layers share can't be changed for one of them.
    if (weight === undefined || targets.has(module)) continue;
    if ([read, weight.name].some((name) => graph.consumers(name).length > 1)) continue;
    targets.set(module, { module, pieces: [weight], turned: true });
  }
  const offset = (tensor: TensorProto): number => Number(entryOf(tensor, 'offset'));
  return [...targets.values()].map((target) => ({
    ...target,
    pieces: target.pieces.sort((a, b) => offset(a) - offset(b)),
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
    const sides = [
      target.pieces.reduce((sum, { dims }) => sum + Number(dims[0]), 0),
      product(target.pieces[0]!.dims.slice(1).map(Number)),
    ];
    const [rows, row] = target.turned ? sides.reverse() : sides;
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

/** A LoRA and how strongly it acts on the part. */
export interface Acting {
  lora: LoraFile;
  strength: number;
}

/** What a weight is changed by: rows of `up` from `row` on, or all of it where the weight is turned. */
interface Change {
  layer: LoraLayer;
  factor: number;
  row: number;
  turned?: boolean;
}

/** Bytes of a weight that are changed at a time: little memory is touched anew, which takes longer than the sums. */
const CHUNK_BYTES = 8 << 20;
/** onnxruntime maps a tensor of a file where its place allows that. */
const ALIGNMENT = 64;

export interface MergeOptions {
  /** In which the graph's weights lie. */
  folder: string;
  /** Absolute path of the file to be written, which the graph then reads all its weights from. */
  target: string;
  sessions: SessionHost;
  threads?: number;
  /** Its name, for messages. */
  checkpoint: string;
}

/**
 * Writes a part's weights with LoRAs added to them, and lets the graph read those. Half-precision weights are rounded to float16 after all LoRAs were
 * added in float32; others are float32. What was written when it fails is the caller's to remove.
 * @throws WeftError `checkpoint` if a LoRA does not fit or a file can't be read or written
 */
export async function mergeLoras(
  graph: Graph,
  part: LoraPart,
  loras: Acting[],
  { folder, target, sessions, threads, checkpoint }: MergeOptions,
): Promise<void> {
  const changes = new Map<TensorProto, Change[]>();
  for (const { lora, strength } of loras)
    for (const [{ pieces, turned }, layer] of matchLora(graph, part, lora, checkpoint)) {
      let row = 0;
      for (const piece of pieces) {
        const change = { layer, factor: strength * layer.scale, row, turned };
        changes.set(piece, [...(changes.get(piece) ?? []), change]);
        row += Number(piece.dims[0]);
      }
    }
  const sums = new Sums(sessions, threads);
  const sources = new Sources();
  let written: fs.promises.FileHandle | undefined;
  try {
    await fs.promises.mkdir(path.dirname(target), { recursive: true });
    const to = (written = await fs.promises.open(target, 'wx'));
    let end = 0;
    // While one chunk is written, the next is computed.
    let last: Promise<unknown> = Promise.resolve();
    for (const tensor of graph.proto.initializer) {
      if (!isOutside(tensor) && !changes.has(tensor)) continue;
      const begin = (end = Math.ceil(end / ALIGNMENT) * ALIGNMENT);
      for await (const { length, bytes } of chunks(tensor, changes.get(tensor) ?? [], folder, sources, sums)) {
        const [at, before] = [end, last];
        end += length;
        last = bytes.then((all) => to.write(all, 0, length, at));
        last.catch(() => {});
        await before;
      }
      placeOutside(tensor, path.basename(target), { offset: begin, length: end - begin });
      tensor.rawData = new Uint8Array();
    }
    await last;
  } catch (error) {
    if (error instanceof WeftError) throw error;
    throw new WeftError(
      'checkpoint',
      `The weights of the checkpoint ${checkpoint} with its LoRAs could not be written to ${target}: ${(error as Error).message}. They take as much room there as the checkpoint.`,
    );
  } finally {
    await written?.close();
    await sources.close();
    await sums.close();
  }
}

/** What a weight becomes, some rows at a time; each chunk may still be on its way. Sets the tensor's type to theirs. */
async function* chunks(
  tensor: TensorProto,
  changes: Change[],
  folder: string,
  sources: Sources,
  sums: Sums,
): AsyncGenerator<{ length: number; bytes: Promise<Uint8Array> }> {
  const { dataType: stored, rawData } = tensor;
  const file = path.resolve(folder, entryOf(tensor, 'location'));
  const offset = Number(entryOf(tensor, 'offset'));
  const read = async (begin: number, length: number): Promise<Buffer> =>
    isOutside(tensor)
      ? sources.read(file, offset + begin, length)
      : Buffer.from(rawData.slice(begin, begin + length).buffer);
  const rows = Number(tensor.dims[0] ?? 1);
  const width = product(tensor.dims.slice(1).map(Number));
  const rowBytes = width * elementBytes(stored);
  if (changes.length > 0) tensor.dataType = stored === FLOAT || stored === DOUBLE ? FLOAT : FLOAT16;
  const factors: Factors[] = [];
  for (const change of changes) factors.push(await factorsOf(change, [rows, width], sources));
  const atOnce = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  for (let row = 0; row < rows; row += atOnce) {
    const count = Math.min(atOnce, rows - row);
    const bytes = await read(row * rowBytes, count * rowBytes);
    if (changes.length === 0) yield { length: bytes.length, bytes: Promise.resolve(bytes) };
    else {
      let sum = Promise.resolve(numbers(bytes, dtypeOf(stored)!, [count, width]));
      for (const [i, { factor }] of changes.entries()) {
        const { left, right } = factors[i]!;
        const to = i === changes.length - 1 ? tensor.dataType : FLOAT;
        sum = sums.add(await sum, await left(row, count), right, factor, to);
      }
      const length = count * width * elementBytes(tensor.dataType);
      yield { length, bytes: sum.then(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) };
    }
  }
}

/** The two matrices whose product is added to a weight: some rows of the left one, and the right one. */
interface Factors {
  left(row: number, count: number): Promise<TensorData>;
  right: TensorData;
}

async function factorsOf(
  { layer: { up, down, rank }, row: first, turned }: Change,
  [rows, width]: [number, number],
  sources: Sources,
): Promise<Factors> {
  if (!turned)
    return {
      left: (row, count) => sources.matrix(up, first + row, [count, rank]),
      right: await sources.matrix(down, 0, [rank, width]),
    };
  const left = transposed(await sources.matrix(down, 0, [rank, rows]));
  const rowsOf = (row: number, count: number): TensorData => {
    const data = left.data.slice(row * rank, (row + count) * rank);
    return { ...left, dims: [count, rank], data } as TensorData;
  };
  return {
    left: (row, count) => Promise.resolve(rowsOf(row, count)),
    right: transposed(await sources.matrix(up, 0, [width, rank])),
  };
}

function transposed(matrix: TensorData): TensorData {
  const [rows, columns] = matrix.dims as [number, number];
  const data = matrix.data.slice();
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) data[column * rows + row] = matrix.data[row * columns + column]!;
  return { ...matrix, dims: [columns, rows], data } as TensorData;
}

/** Files that weights and LoRAs are read from, open as long as they are needed. */
class Sources {
  private readonly open = new Map<string, Promise<fs.promises.FileHandle>>();

  /** The bytes begin where their memory does. */
  async read(file: string, offset: number, length: number): Promise<Buffer> {
    let opening = this.open.get(file);
    if (opening === undefined) this.open.set(file, (opening = fs.promises.open(file)));
    const handle = await opening;
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new WeftError('checkpoint', `${file} became shorter while it was read.`);
      done += bytesRead;
    }
    return bytes;
  }

  /** So many rows of a matrix, from `row` on. */
  async matrix(
    { file, offset, length, shape, dtype }: StoredTensor,
    row: number,
    dims: [rows: number, width: number],
  ): Promise<TensorData> {
    const bytes = length / product(shape);
    return numbers(await this.read(file, offset + row * dims[1] * bytes, product(dims) * bytes), dtype, dims);
  }

  async close(): Promise<void> {
    for (const opening of this.open.values()) await opening.then((handle) => handle.close()).catch(() => {});
  }
}

/** Half-precision numbers as they are, others in float32. `bytes` begin where their memory does. */
function numbers(bytes: Buffer, dtype: string, dims: number[]): TensorData {
  const { buffer } = bytes;
  if (dtype === 'F16') return { type: 'float16', dims, data: new Uint16Array(buffer, 0, bytes.length / 2) };
  const data =
    dtype === 'BF16'
      ? // A bfloat16 is the upper half of a float32.
        new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits * 2 ** 16).buffer)
      : dtype === 'F64'
        ? Float32Array.from(new Float64Array(buffer))
        : new Float32Array(buffer);
  return { type: 'float32', dims, data };
}

/** Weight [rows, width] + factor · up [rows, rank] · down [rank, width], on all threads of onnxruntime. Takes over weight and up. */
class Sums {
  private readonly opened = new Map<string, Promise<string>>();

  constructor(
    private readonly sessions: SessionHost,
    private readonly threads?: number,
  ) {}

  async add(weight: TensorData, up: TensorData, down: TensorData, factor: number, to: number): Promise<TensorData> {
    const types = [weight, up, down].map(({ type }) => (type === 'float16' ? FLOAT16 : FLOAT));
    const key = `lora ${[...types, to].join(' ')}`;
    let opening = this.opened.get(key);
    if (opening === undefined) {
      const { threads } = this;
      opening = this.sessions.load(key, sumModel(types, to), { provider: 'cpu', threads }).then(() => key);
      this.opened.set(key, opening);
    }
    const scalar: TensorData = { type: 'float32', dims: [], data: Float32Array.of(factor) };
    const feeds = { weight, up, down, factor: scalar };
    return (await this.sessions.run(await opening, feeds, ['sum'], { transfer: [weight, up] }))['sum']!;
  }

  async close(): Promise<void> {
    for (const key of this.opened.keys()) await this.sessions.release(key);
  }
}

/** The model as bytes, to be opened as a session. @param types of weight, up and down @param to of their sum */
function sumModel(types: number[], to: number): Uint8Array {
  const graph = Graph.empty('sum');
  const sides = [
    ['rows', 'width'],
    ['rows', 'rank'],
    ['rank', 'width'],
  ];
  const [weight, up, down] = ['weight', 'up', 'down'].map((name, i) => {
    const input = graph.addInput(name, types[i]!, sides[i]!);
    return types[i] === FLOAT ? input : graph.add('Cast', [input], `${name}_f32`, { to: FLOAT });
  });
  const scaled = graph.add('Mul', [up!, graph.addInput('factor', FLOAT, [])], 'scaled');
  const change = graph.add('MatMul', [scaled, down!], 'change');
  const sum = graph.add('Add', [weight!, change], 'sum_f32');
  graph.rename(to === FLOAT ? sum : graph.add('Cast', [sum], 'rounded', { to }), 'sum');
  graph.proto.output.push(makeValueInfo('sum', to, sides[0]!));
  return graph.bytes();
}
