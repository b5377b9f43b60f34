/**
 * LoRAs in an emitted graph: a weight W becomes W + strength · scale · up · down, or W + strength · difference. The changed weights lie in
 * a file of their own, as large as those of the checkpoint, so that the graph opens and runs as it does without: left to onnxruntime, the
 * sums would be made on one thread and kept three times over.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { float16 } from '../halfFloats';
import { type StoredTensor } from '../safetensors/header';
import { biasKey, isProduct, layerKey, type LoraFile, type LoraLayer, type LoraPart } from '../safetensors/lora';
import { originalUnet } from '../safetensors/names';
import { dtypeOf } from './emit/weights';
import { Graph, makeValueInfo } from './graph';
import { elementBytes, placeOutside } from './modelFile';
import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType } from './proto/onnx_pb';
import { type SessionHost, type TensorData } from './types';

const { FLOAT, FLOAT16, DOUBLE } = TensorProto_DataType;

/** A weight or bias of the graph, which may read it in several pieces of its rows. */
interface Target {
  module: string;
  bias?: boolean;
  pieces: TensorProto[];
  /** [in, out], as exports store the weights of linear layers. */
  turned?: boolean;
}

const entryOf = (tensor: TensorProto, key: string): string =>
  tensor.externalData.find((entry) => entry.key === key)?.value ?? '';
const isOutside = (tensor: TensorProto): boolean => tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;
const isWeight = (tensor: TensorProto): boolean =>
  tensor.dims.length >= 1 && dtypeOf(tensor.dataType) !== undefined && (isOutside(tensor) || tensor.rawData.length > 0);

/**
 * The weights and biases whose module the graph tells: by their own names, which are diffusers' or transformers', or by the names that
 * torch.onnx gives to the products of linear layers (`/mid_block/attentions.0/proj_in/MatMul`).
 */
function targetsOf(graph: Graph): Target[] {
  const targets = new Map<string, Target>();
  const plain = (module: string): string => module.replace(/^(unet|text_encoder)\./, '').replace(/^text_model\./, '');
  const weights = new Map(graph.proto.initializer.filter(isWeight).map((tensor) => [tensor.name, tensor]));
  for (const tensor of weights.values()) {
    const [, name, kind] = /^(.*)\.(weight|bias)(?:_\d+)?$/.exec(tensor.name) ?? [];
    if (name === undefined) continue;
    const target = { module: plain(name), bias: kind === 'bias' };
    const key = `${target.module}.${kind}`;
    targets.set(key, { ...target, pieces: [...(targets.get(key)?.pieces ?? []), tensor] });
  }
  for (const node of graph.nodes) {
    const place = /^\/(.*)\/MatMul$/.exec(node.name)?.[1];
    if (place === undefined || node.opType !== 'MatMul') continue;
    const module = plain(place.replaceAll('/', '.'));
    const read = node.input[1]!;
    const cast = graph.producer(read);
    const weight = weights.get(cast?.opType === 'Cast' ? cast.input[0]! : read);
    // One that two layers share can't be changed for one of them.
    if (weight === undefined || weight.dims.length < 2 || targets.has(`${module}.weight`)) continue;
    if ([read, weight.name].some((name) => graph.consumers(name).length > 1)) continue;
    targets.set(`${module}.weight`, { module, pieces: [weight], turned: true });
  }
  const offset = (tensor: TensorProto): number => Number(entryOf(tensor, 'offset'));
  return [...targets.values()].map((target) => ({
    ...target,
    pieces: target.pieces.sort((a, b) => offset(a) - offset(b)),
  }));
}

/** What LoRA files may call a module: as diffusers does, or as the original code of latent diffusion. */
function keysOf(part: LoraPart, { module, bias }: Target): string[] {
  const others = part === 'unet' ? ORIGINAL(`${module}.weight`).map(({ key }) => key.replace(/\.weight$/, '')) : [];
  const keys = [module, ...others].map((name) => layerKey(part, name.replaceAll('.', '_')));
  return bias ? keys.map(biasKey) : keys;
}
/** Stable Diffusion has two resnets a level. */
const ORIGINAL = originalUnet((key) => key === 'input_blocks.3.0.op.weight');

/** The layers of a LoRA that a part's graph has. @throws WeftError `checkpoint` if one does not fit */
export function matchLora(
  graph: Graph,
  part: LoraPart,
  { name, layers, contextWidth }: LoraFile,
  checkpoint: string,
): [Target, LoraLayer][] {
  const matched = targetsOf(graph).flatMap((target) => {
    const layer = keysOf(part, target)
      .map((key) => layers.get(key))
      .find((each) => each !== undefined);
    return layer === undefined ? [] : [{ target, layer, sides: sidesOf(target) }];
  });
  const reads = matched.find(({ layer }) => /attn2[._]to_k$/.test(layer.name))?.sides[1];
  const [own, its] = [contextWidth, reads].map((width) => FAMILIES[width ?? 0]);
  if (own !== undefined && its !== undefined && own !== its)
    throw new WeftError(
      'checkpoint',
      `${name} is a LoRA of ${own} (it reads text vectors of ${contextWidth} numbers), and the checkpoint ${checkpoint} is one of ${its} (${reads} numbers). ` +
        `Use a LoRA of ${its}, or a checkpoint of ${own}.`,
    );
  return matched.map(({ target, layer, sides: [rows, row] }) => {
    const [out, within] = changedBy(layer);
    if (out !== rows || within !== row)
      throw new WeftError(
        'checkpoint',
        `${name} does not fit the checkpoint ${checkpoint}: its layer ${JSON.stringify(layer.name)} changes a weight of ${out} × ${within} numbers, the checkpoint's has ` +
          `${rows} × ${row}. Use a LoRA that was made for this kind of checkpoint (Stable Diffusion 1.x and 2.x differ).`,
      );
    return [target, layer];
  });
}

/** By the width of the text vectors. */
const FAMILIES: Record<number, string> = { 768: 'Stable Diffusion 1.x', 1024: 'Stable Diffusion 2.x' };

/** Outputs of a weight, and how many of its numbers each has. */
function sidesOf({ pieces, turned }: Target): [rows: number, row: number] {
  const rows = pieces.reduce((sum, { dims }) => sum + Number(dims[0]), 0);
  const row = product(pieces[0]!.dims.slice(1).map(Number));
  return turned ? [row, rows] : [rows, row];
}

/** The same of what a layer adds. */
function changedBy({ added }: LoraLayer): [rows: number, row: number] {
  if (!isProduct(added)) return [added.shape[0] ?? 1, product(added.shape.slice(1))];
  const kernel = product(added.mid?.shape.slice(2) ?? []);
  return [added.up.shape[0]!, product(added.down.shape.slice(1)) * kernel];
}

const product = (sides: number[]): number => sides.reduce((all, side) => all * side, 1);

/** A LoRA and how strongly it acts on the part. */
export interface Acting {
  lora: LoraFile;
  strength: number;
}

/** What a weight is changed by: rows of it from `row` on, or all of it where the weight is turned. */
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
      // A product over no rows and columns.
      if (isProduct(layer.added) && layer.added.up.shape[1] === 0) continue;
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

/** The two matrices whose product is added to a weight: some rows of the left one, and the right one. Without it the left one is added itself. */
interface Factors {
  left(row: number, count: number): Promise<TensorData>;
  right?: TensorData;
}

async function factorsOf(
  { layer: { added }, row: first, turned }: Change,
  [rows, width]: [number, number],
  sources: Sources,
): Promise<Factors> {
  const rowsOf =
    (matrix: TensorData, columns: number): Factors['left'] =>
    (row, count) => {
      const data = matrix.data.slice(row * columns, (row + count) * columns);
      return Promise.resolve({ ...matrix, dims: [count, columns], data } as TensorData);
    };
  if (!isProduct(added))
    return turned
      ? { left: rowsOf(transposed(await sources.matrix(added, 0, [width, rows])), width) }
      : { left: (row, count) => sources.matrix(added, first + row, [count, width]) };
  const rank = added.up.shape[1]!;
  const right = async (columns: number): Promise<TensorData> =>
    added.mid === undefined
      ? sources.matrix(added.down, 0, [rank, columns])
      : throughMid(added.mid, added.down, sources);
  if (!turned)
    return {
      left: (row, count) => sources.matrix(added.up, first + row, [count, rank]),
      right: await right(width),
    };
  return {
    left: rowsOf(transposed(await right(rows)), rank),
    right: transposed(await sources.matrix(added.up, 0, [width, rank])),
  };
}

/**
 * `down` [m, in] with the kernel of `mid` [n, m, …kernel]: the sum over m of mid[n, m, k] · down[m, i], as [n, in · kernel]. LyCORIS, modules/locon.py
 * (make_weight).
 */
async function throughMid(mid: StoredTensor, down: StoredTensor, sources: Sources): Promise<TensorData> {
  const [n, m] = mid.shape as [number, number];
  const [inputs, kernel] = [down.shape[1]!, product(mid.shape.slice(2))];
  const middle = floats(await sources.matrix(mid, 0, [n * m, kernel]));
  const lower = floats(await sources.matrix(down, 0, [m, inputs]));
  const width = inputs * kernel;
  const data = new Float32Array(n * width);
  const row = new Float64Array(width);
  for (let a = 0; a < n; a++) {
    row.fill(0);
    for (let b = 0; b < m; b++)
      for (let i = 0; i < inputs; i++)
        for (let k = 0; k < kernel; k++)
          row[i * kernel + k]! += middle[(a * m + b) * kernel + k]! * lower[b * inputs + i]!;
    data.set(row, a * width);
  }
  return { type: 'float32', dims: [n, width], data };
}

const floats = (matrix: TensorData): Float32Array =>
  matrix.type === 'float16' ? Float32Array.from(matrix.data, float16) : (matrix.data as Float32Array);

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

/**
 * Weight [rows, width] + factor · up [rows, rank] · down [rank, width], on all threads of onnxruntime; without `down`: + factor · up [rows, width]. Takes
 * over weight and up.
 */
class Sums {
  /** How many there were: parts that open at the same time each have sessions of their own, which the other does not close. */
  private static made = 0;
  private readonly name = `lora ${++Sums.made}`;
  private readonly opened = new Map<string, Promise<string>>();

  constructor(
    private readonly sessions: SessionHost,
    private readonly threads?: number,
  ) {}

  async add(
    weight: TensorData,
    up: TensorData,
    down: TensorData | undefined,
    factor: number,
    to: number,
  ): Promise<TensorData> {
    const matrices = [weight, up, ...(down === undefined ? [] : [down])];
    const types = matrices.map(({ type }) => (type === 'float16' ? FLOAT16 : FLOAT));
    const key = `${this.name}: ${[...types, to].join(' ')}`;
    let opening = this.opened.get(key);
    if (opening === undefined) {
      const { threads } = this;
      opening = this.sessions.load(key, sumModel(types, to), { provider: 'cpu', threads }).then(() => key);
      this.opened.set(key, opening);
    }
    const scalar: TensorData = { type: 'float32', dims: [], data: Float32Array.of(factor) };
    const feeds = { weight, up, ...(down === undefined ? {} : { down }), factor: scalar };
    return (await this.sessions.run(await opening, feeds, ['sum'], { transfer: [weight, up] }))['sum']!;
  }

  async close(): Promise<void> {
    for (const key of this.opened.keys()) await this.sessions.release(key);
  }
}

/** The model as bytes, to be opened as a session. @param types of weight, up and, where there is one, down @param to of their sum */
function sumModel(types: number[], to: number): Uint8Array {
  const graph = Graph.empty('sum');
  const sides = [
    ['rows', 'width'],
    ['rows', types.length > 2 ? 'rank' : 'width'],
    ['rank', 'width'],
  ];
  const [weight, up, down] = types.map((type, i) => {
    const input = graph.addInput(['weight', 'up', 'down'][i]!, type, sides[i]!);
    return type === FLOAT ? input : graph.add('Cast', [input], `${input}_f32`, { to: FLOAT });
  });
  const scaled = graph.add('Mul', [up!, graph.addInput('factor', FLOAT, [])], 'scaled');
  const change = down === undefined ? scaled : graph.add('MatMul', [scaled, down], 'change');
  const sum = graph.add('Add', [weight!, change], 'sum_f32');
  graph.rename(to === FLOAT ? sum : graph.add('Cast', [sum], 'rounded', { to }), 'sum');
  graph.proto.output.push(makeValueInfo('sum', to, sides[0]!));
  return graph.bytes();
}
