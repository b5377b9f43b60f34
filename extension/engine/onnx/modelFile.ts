/**
 * ONNX files read on the wire: the graph is decoded, the weights stay on disk as references. So memory follows the size of
 * the graph (a few MB), not that of the weights (1.7 GB in one file, 3.4 GB beside it).
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openRegularSync } from '../../platform/files';
import { TrustedFolders } from '../../platform/trustedFolders';
import { WeftError } from '../../protocol/errors';
import { HEAD_BYTES, notTheBytes } from './notTheFile';
import { type Field, fieldsOf, type FileWindow, openModel } from './protobufFile';
import {
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from './proto/onnx_pb';

/** Where the bytes of a tensor lie (little-endian, ONNX raw layout). */
export interface WeightReference {
  /** Absolute path, symbolic links resolved. */
  file: string;
  offset: number;
  length: number;
}

export interface OnnxModel {
  /** Absolute path it was read from; messages name it. */
  path: string;
  proto: ModelProto;
  /** References of the tensors that were left on disk, by the index in their `weft` entry. */
  weights: WeightReference[];
}

export interface WrittenModel {
  /** All files the model now consists of, absolute, the graph first. */
  files: string[];
  /** Of those, the weight files that are links to (or copies of) other files: [file, source]. */
  linked: [string, string][];
}

/** Tensors above this many bytes stay on disk; shapes, scales and other small constants are decoded. */
const INLINE_LIMIT = 4096;
/** Entry of external_data that holds a reference's index while the model is in memory; random, so that no file can forge one. */
const REFERENCE_KEY = `weft-${randomUUID()}`;
const ALLOWED_DOMAINS = new Set(['', 'ai.onnx', 'com.microsoft']);
const MAX_GRAPH_BYTES = 512 * 1024 * 1024;
/** A part of Stable Diffusion has a few thousand nodes and weights; a file of endless tiny fields would take the memory and the day. */
const MAX_PIECES = 1 << 20;

const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

/** Bytes of one element by ONNX data type; 0 where there is no fixed size. */
export function elementBytes(type: number): number {
  switch (type) {
    case TensorProto_DataType.DOUBLE:
    case TensorProto_DataType.INT64:
    case TensorProto_DataType.UINT64:
    case TensorProto_DataType.COMPLEX64:
      return 8;
    case TensorProto_DataType.FLOAT:
    case TensorProto_DataType.INT32:
    case TensorProto_DataType.UINT32:
      return 4;
    case TensorProto_DataType.FLOAT16:
    case TensorProto_DataType.BFLOAT16:
    case TensorProto_DataType.INT16:
    case TensorProto_DataType.UINT16:
      return 2;
    case TensorProto_DataType.INT8:
    case TensorProto_DataType.UINT8:
    case TensorProto_DataType.BOOL:
      return 1;
    default:
      return 0;
  }
}

function varintBytes(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Uint8Array.from(out);
}

/** Pieces of a message that is being rebuilt without its weights. */
class Pieces {
  readonly parts: Uint8Array[] = [];
  length = 0;
  add(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.length += bytes.length;
    if (this.length > MAX_GRAPH_BYTES || this.parts.length > MAX_PIECES)
      throw refuse(
        'The graph without its weights is larger than that of any part of Stable Diffusion (512 MB, a million pieces).',
      );
  }
  addMessage(field: number, message: Pieces): void {
    this.add(varintBytes(field * 8 + 2));
    this.add(varintBytes(message.length));
    for (const part of message.parts) this.add(part);
  }
  join(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}

/** TensorProto fields whose packed bytes equal the raw layout: float_data, raw_data, double_data. */
const RAW_FIELDS = new Set([4, 9, 10]);

class Walker {
  readonly weights: WeightReference[] = [];
  constructor(
    private readonly file: FileWindow,
    private readonly realPath: string,
  ) {}

  private copy(field: Field, into: Pieces): void {
    into.add(this.file.bytes(field.tag, field.end - field.tag));
  }

  model(): Uint8Array {
    const out = new Pieces();
    let graphs = 0;
    for (const field of fieldsOf(this.file, 0, this.file.size)) {
      if (field.number === 7 && field.wireType === 2) {
        graphs++;
        out.addMessage(7, this.graph(field));
      } else this.copy(field, out);
    }
    if (graphs !== 1) throw refuse(`${this.file.name} holds no ONNX graph. Download or export it again.`);
    return out.join();
  }

  private graph(graph: Field): Pieces {
    const out = new Pieces();
    for (const field of fieldsOf(this.file, graph.start, graph.end)) {
      const large = field.end - field.start > INLINE_LIMIT && field.wireType === 2;
      if (field.number === 5 && large) out.addMessage(5, this.tensor(field));
      else if (field.number === 1 && large) out.addMessage(1, this.node(field));
      else this.copy(field, out);
    }
    return out;
  }

  private node(node: Field): Pieces {
    const out = new Pieces();
    for (const field of fieldsOf(this.file, node.start, node.end)) {
      if (field.number !== 5 || field.wireType !== 2) {
        this.copy(field, out);
        continue;
      }
      const attribute = new Pieces();
      for (const inner of fieldsOf(this.file, field.start, field.end)) {
        if (inner.number === 5 && inner.wireType === 2 && inner.end - inner.start > INLINE_LIMIT)
          attribute.addMessage(5, this.tensor(inner));
        else this.copy(inner, attribute);
      }
      out.addMessage(5, attribute);
    }
    return out;
  }

  private tensor(tensor: Field): Pieces {
    const out = new Pieces();
    for (const field of fieldsOf(this.file, tensor.start, tensor.end)) {
      if (field.wireType === 2 && RAW_FIELDS.has(field.number) && field.end - field.start > INLINE_LIMIT) {
        const index = this.weights.length;
        this.weights.push({ file: this.realPath, offset: field.start, length: field.end - field.start });
        const reference = create(TensorProtoSchema, {
          dataLocation: TensorProto_DataLocation.EXTERNAL,
          externalData: [create(StringStringEntryProtoSchema, { key: REFERENCE_KEY, value: String(index) })],
        });
        out.add(toBinary(TensorProtoSchema, reference));
      } else this.copy(field, out);
    }
    return out;
  }
}

/** A tensor whose bytes stay where they are: `index` among the model's {@link OnnxModel.weights}. */
export function tensorOnDisk(name: string, dims: number[], dataType: number, index: number): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [create(StringStringEntryProtoSchema, { key: REFERENCE_KEY, value: String(index) })],
  });
}

/** Index of the reference that stands for a tensor's bytes, if they were left on disk. */
export function referenceOf(tensor: TensorProto): number | undefined {
  const entry = tensor.externalData.find((e) => e.key === REFERENCE_KEY);
  return entry === undefined ? undefined : Number(entry.value);
}

function externalEntries(tensor: TensorProto): Record<string, string> {
  return Object.fromEntries(tensor.externalData.map((entry) => [entry.key, entry.value]));
}

function elementCount(tensor: TensorProto): number {
  return tensor.dims.reduce((product, dim) => product * Number(dim), 1);
}

/** Resolves a tensor's external data to a file inside `root`; a hostile location must not reach anything else. */
function resolveExternal(tensor: TensorProto, modelPath: string, root: string, absent: boolean): WeightReference {
  const entries = externalEntries(tensor);
  const location = entries.location ?? '';
  const name = path.basename(modelPath);
  const lexical = path.resolve(path.dirname(modelPath), location);
  const outside = (): WeftError =>
    refuse(
      `${name} keeps weights in "${location}", outside the checkpoint's folder. ` +
        "Put all weight files into the checkpoint's own folder and export or download it again.",
    );
  const hostile =
    location === '' || path.isAbsolute(location) || path.win32.isAbsolute(location) || /[\0\\:]/.test(location);
  if (hostile || !inside(lexical, root)) throw outside();
  const found = new TrustedFolders(root).find(lexical);
  if (found.state !== 'there' && found.state !== 'missing') throw outside();
  const file = found.real;
  const stats = found.state === 'there' ? fs.statSync(file) : undefined;
  if (stats === undefined) {
    if (absent) return { file: lexical, offset: 0, length: 0 };
    throw refuse(`${name} keeps weights in "${location}", which is missing. Download or copy it beside the model.`);
  }
  if (!stats.isFile())
    throw refuse(`${name} keeps weights in "${location}", which is no regular file. Download or copy it again.`);
  const { size } = stats;
  const offset = entries.offset === undefined ? 0 : Number(entries.offset);
  const expected = elementCount(tensor) * elementBytes(tensor.dataType);
  const length = entries.length === undefined ? expected : Number(entries.length);
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  const other = valid && offset + length > size ? notTheBytes(headOf(file)) : undefined;
  if (other !== undefined) throw refuse(`${path.basename(file)} ${other}`);
  if (!valid || offset + length > size)
    throw refuse(
      `${path.basename(file)} is cut short: it has ${size} bytes, but ${name} reads up to byte ${offset + length}. ` +
        'Download it again.',
    );
  return { file, offset, length };
}

/** The first bytes of a file with weights that is shorter than it should be. */
function headOf(file: string): Uint8Array {
  const { fd } = openRegularSync(file);
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, fs.readSync(fd, head, 0, head.length, 0));
  } finally {
    fs.closeSync(fd);
  }
}

function inside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

/**
 * Reads an ONNX model without its weights.
 * @param root folder that external data must lie in (default: the model's own folder).
 * @param options.absentWeights whether external weight files may be missing: to look at a graph that can't run yet.
 * @throws WeftError `checkpoint` if the file is missing, damaged, reads weights outside `root`, or uses operators of
 *   foreign domains.
 */
export function readModel(
  file: string,
  root = path.dirname(file),
  { absentWeights = false }: { absentWeights?: boolean } = {},
): OnnxModel {
  const name = path.basename(path.dirname(file)) + '/' + path.basename(file);
  let realPath: string;
  try {
    realPath = fs.realpathSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw refuse(`${name} can't be read: it is a symbolic link that points at itself.`);
    throw refuse(`${file} can't be read. Is it part of the checkpoint's folder?`);
  }
  const { fd, window } = openModel(realPath, name);
  let proto: ModelProto;
  let weights: WeightReference[];
  try {
    const walker = new Walker(window, realPath);
    const small = walker.model();
    weights = walker.weights;
    try {
      proto = fromBinary(ModelProtoSchema, small);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw refuse(`${name} is damaged (${reason}). Download or export it again.`);
    }
  } finally {
    fs.closeSync(fd);
  }
  const graph = proto.graph;
  if (graph === undefined || graph.node.length === 0)
    throw refuse(`${name} holds no ONNX graph. Download or export it again.`);
  refuseForeignDomains(proto, name);
  hoistLargeConstants(proto);
  const realRoot = fs.realpathSync(root);
  const lexicalModel = path.join(fs.realpathSync(path.dirname(file)), path.basename(file));
  for (const tensor of graph.initializer) {
    const index = referenceOf(tensor);
    if (index !== undefined) {
      const bytes = elementBytes(tensor.dataType);
      const expected = elementCount(tensor) * bytes;
      if (bytes > 0 && weights[index]!.length !== expected)
        throw refuse(
          `${name} is damaged: the weight "${tensor.name}" has ${weights[index]!.length} bytes instead of ${expected}. ` +
            'Download or export it again.',
        );
    } else if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
      const reference = resolveExternal(tensor, lexicalModel, realRoot, absentWeights);
      tensor.externalData = [
        create(StringStringEntryProtoSchema, { key: REFERENCE_KEY, value: String(weights.length) }),
      ];
      weights.push(reference);
    }
  }
  return { path: file, proto, weights };
}

function refuseForeignDomains(proto: ModelProto, name: string): void {
  const visit = (nodes: NodeProto[]): void => {
    for (const node of nodes) {
      if (node.domain === 'com.microsoft.nchwc' || node.domain === 'com.microsoft.experimental')
        throw refuse(
          `${name} was optimised by onnxruntime for one kind of machine (${node.opType} of the domain "${node.domain}"). ` +
            'Use the export from before the optimisation, or export again without it.',
        );
      if (!ALLOWED_DOMAINS.has(node.domain))
        throw refuse(
          `${name} uses the operator ${node.opType} of the domain "${node.domain}". Weft runs standard ONNX operators only ` +
            '(ai.onnx and com.microsoft): export the model without custom operators.',
        );
      for (const attribute of node.attribute) {
        const graphs = attribute.g === undefined ? attribute.graphs : [attribute.g, ...attribute.graphs];
        const tensors = [attribute.t, ...attribute.tensors, ...graphs.flatMap((graph) => graph.initializer)];
        for (const tensor of tensors)
          if (tensor?.dataLocation === TensorProto_DataLocation.EXTERNAL && referenceOf(tensor) === undefined)
            throw refuse(
              `${name} keeps a constant inside a node in another file. Export it with such constants inline.`,
            );
        for (const graph of graphs) visit(graph.node);
      }
    }
  };
  visit([...(proto.graph?.node ?? []), ...proto.functions.flatMap((f) => f.node)]);
}

/** Large values of Constant nodes become initializers: only those may lie in external data. */
function hoistLargeConstants(proto: ModelProto): void {
  const graph = proto.graph!;
  const kept: typeof graph.node = [];
  for (const node of graph.node) {
    const value = node.opType === 'Constant' ? node.attribute.find((a) => a.name === 'value')?.t : undefined;
    if (value !== undefined && referenceOf(value) !== undefined) {
      value.name = node.output[0]!;
      graph.initializer.push(value);
    } else kept.push(node);
  }
  graph.node = kept;
}

export interface WriteOptions {
  /** Called before bytes are copied that could not be hard-linked, with their number. */
  onCopy?: (file: string, bytes: number) => void;
  /** Absolute folder in which all weight files lie and stay, see {@link modelBytes}. */
  inPlace?: string;
}

/**
 * A model whose weights stay where they are: the graph names their files by their place in `folder`, in which all of them lie, and its
 * session is told the folder. The model in memory is not changed.
 */
export function modelBytes(model: OnnxModel, folder: string): Uint8Array {
  const out = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, model.proto));
  for (const tensor of out.graph?.initializer ?? []) {
    const index = referenceOf(tensor);
    if (index === undefined) continue;
    const reference = model.weights[index]!;
    placeOutside(tensor, path.relative(folder, reference.file).split(path.sep).join('/'), reference);
  }
  return toBinary(ModelProtoSchema, out);
}

export function placeOutside(
  tensor: TensorProto,
  location: string,
  { offset, length }: Omit<WeightReference, 'file'>,
): void {
  const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value });
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
  tensor.externalData = [entry('location', location), entry('offset', String(offset)), entry('length', String(length))];
}

/**
 * Writes a model: the graph as `target`, weights that were inline in the source streamed into one aligned file beside it,
 * external weight files hard-linked beside it (copied across file systems) or left where they are. The model in memory is not changed.
 */
export async function writeModel(model: OnnxModel, target: string, options: WriteOptions = {}): Promise<WrittenModel> {
  const folder = path.dirname(target);
  await fs.promises.mkdir(folder, { recursive: true });
  if (options.inPlace !== undefined) {
    await fs.promises.writeFile(target, modelBytes(model, options.inPlace));
    return { files: [target], linked: [] };
  }
  const stem = path.basename(target, '.onnx');
  const source = fs.realpathSync(model.path);
  const out = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, model.proto));
  const files: string[] = [target];
  const links: [string, string][] = [];
  const linkedAs = new Map<string, string>();
  const streamName = `${stem}.weights`;
  let stream: fs.promises.FileHandle | undefined;
  let at = 0;
  /** References already streamed, by offset in the source: tied weights are written once. */
  const streamed = new Map<number, number>();
  try {
    for (const tensor of out.graph?.initializer ?? []) {
      const index = referenceOf(tensor);
      if (index === undefined) continue;
      const reference = model.weights[index]!;
      let location: string;
      let { offset } = reference;
      if (reference.file === source) {
        if (stream === undefined) {
          stream = await fs.promises.open(path.join(folder, streamName), 'w');
          files.push(path.join(folder, streamName));
        }
        const known = streamed.get(reference.offset);
        if (known === undefined) {
          // Pages for what will be mapped, cache lines for the rest.
          const alignment = reference.length >= 65536 ? 4096 : 64;
          at = Math.ceil(at / alignment) * alignment;
          await copyRange(reference, stream, at);
          streamed.set(reference.offset, at);
          offset = at;
          at += reference.length;
        } else offset = known;
        location = streamName;
      } else {
        let linked = linkedAs.get(reference.file);
        if (linked === undefined) {
          linked = freeName(
            path.basename(reference.file),
            new Set([...linkedAs.values(), streamName, path.basename(target)]),
          );
          linkedAs.set(reference.file, linked);
          await linkOrCopy(reference.file, path.join(folder, linked), options.onCopy);
          files.push(path.join(folder, linked));
          links.push([path.join(folder, linked), reference.file]);
        }
        location = linked;
      }
      placeOutside(tensor, location, { offset, length: reference.length });
    }
  } finally {
    await stream?.close();
  }
  await fs.promises.writeFile(target, toBinary(ModelProtoSchema, out));
  return { files, linked: links };
}

function freeName(name: string, taken: Set<string>): string {
  if (!taken.has(name)) return name;
  for (let i = 2; ; i++) if (!taken.has(`${i}-${name}`)) return `${i}-${name}`;
}

async function copyRange(reference: WeightReference, to: fs.promises.FileHandle, at: number): Promise<void> {
  const { fd } = openRegularSync(reference.file);
  try {
    const buffer = Buffer.alloc(Math.min(reference.length, 4 << 20));
    let done = 0;
    while (done < reference.length) {
      const want = Math.min(buffer.length, reference.length - done);
      const bytesRead = await readAt(fd, buffer, want, reference.offset + done);
      if (bytesRead === 0) throw refuse(`${path.basename(reference.file)} became shorter while it was read.`);
      await to.write(buffer, 0, bytesRead, at + done);
      done += bytesRead;
    }
  } finally {
    fs.closeSync(fd);
  }
}

const readAt = (fd: number, buffer: Buffer, length: number, position: number): Promise<number> =>
  new Promise((resolve, reject) =>
    fs.read(fd, buffer, 0, length, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead))),
  );

/** A hard link where the file system allows it, else a copy that is announced first. */
export async function linkOrCopy(
  from: string,
  to: string,
  onCopy?: (file: string, bytes: number) => void,
): Promise<void> {
  const real = await fs.promises.realpath(from);
  try {
    await fs.promises.link(real, to);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST' || code === 'ENOENT' || code === 'ENOSPC') throw error;
    onCopy?.(real, (await fs.promises.stat(real)).size);
    await fs.promises.copyFile(real, to);
  }
}
