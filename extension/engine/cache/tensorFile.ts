/** Named float32 tensors in one file, in the safetensors format: a JSON header with dtypes, shapes and offsets, then raw little-endian data. */
import * as fs from 'node:fs';

export interface Tensor {
  dims: number[];
  data: Float32Array;
}
export type Tensors = Record<string, Tensor>;

/** Data starts at a multiple of this, so that a file read at once can be viewed as floats without a copy. */
const ALIGNMENT = 64;
const MAX_HEADER = 1 << 20;

const sizeOf = (dims: number[]): number => dims.reduce((product, dim) => product * dim, 1);

/** The file's bytes, in pieces that need no copy of the data. */
export function encodeTensors(tensors: Tensors): Uint8Array[] {
  const header: Record<string, { dtype: 'F32'; shape: number[]; data_offsets: [number, number] }> = {};
  let offset = 0;
  for (const [name, { dims, data }] of Object.entries(tensors)) {
    if (sizeOf(dims) !== data.length)
      throw new Error(`Tensor ${name}: ${data.length} values do not fill [${dims.join(', ')}].`);
    header[name] = { dtype: 'F32', shape: dims, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = JSON.stringify(header);
  const length = Math.ceil((8 + Buffer.byteLength(json)) / ALIGNMENT) * ALIGNMENT - 8;
  const head = Buffer.alloc(8 + length, 0x20);
  head.writeBigUInt64LE(BigInt(length), 0);
  head.write(json, 8);
  const body = Object.values(tensors).map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return [head, ...body];
}

/** Whether a file is there and as long as its header says: enough to plan with, without reading it. */
export function isWholeFile(file: string): boolean {
  // Asked for dozens of files a run: the header's bytes come sooner than another thread would begin to read them.
  let descriptor: number | undefined;
  try {
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) return false;
    descriptor = fs.openSync(file, 'r');
    const head = Buffer.alloc(Math.min(size, 64 * 1024));
    fs.readSync(descriptor, head, 0, head.length, 0);
    const length = Number(head.readBigUInt64LE(0));
    const header = JSON.parse(head.toString('utf8', 8, 8 + length)) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    return size === 8 + length + Math.max(0, ...Object.values(header).map(({ data_offsets }) => data_offsets[1]));
  } catch {
    return false;
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

/** Tensors of a file's bytes, or undefined when the file is damaged (cut short, overwritten): the caller computes them anew. */
export function decodeTensors(bytes: Buffer): Tensors | undefined {
  try {
    if (bytes.length < 8) return undefined;
    const length = Number(bytes.readBigUInt64LE(0));
    if (length > MAX_HEADER || 8 + length > bytes.length) return undefined;
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    const tensors: Tensors = {};
    for (const [name, entry] of Object.entries(header)) {
      const [start, end] = entry.data_offsets;
      const from = 8 + length + start;
      const count = (end - start) / 4;
      if (entry.dtype !== 'F32' || 8 + length + end > bytes.length || count !== sizeOf(entry.shape)) return undefined;
      const aligned = (bytes.byteOffset + from) % 4 === 0;
      const data = aligned
        ? new Float32Array(bytes.buffer, bytes.byteOffset + from, count)
        : new Float32Array(bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + from + count * 4));
      tensors[name] = { dims: entry.shape, data };
    }
    return tensors;
  } catch {
    return undefined;
  }
}
