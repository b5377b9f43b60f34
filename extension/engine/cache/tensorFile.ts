/**
 * Named float32 tensors in one file, in the safetensors format: a JSON header with dtypes, shapes and offsets, then raw little-endian data.
 * The header's metadata names the key that the file belongs to and a CRC-32 of everything, header and key included: a file whose bits
 * have changed, or that has taken another file's place, is told from a good one.
 */
import * as fs from 'node:fs';
import { crc32 } from 'node:zlib';

export interface Tensor {
  dims: number[];
  data: Float32Array;
}
export type Tensors = Record<string, Tensor>;

/** Data starts at a multiple of this, so that a file read at once can be viewed as floats without a copy. */
const ALIGNMENT = 64;
const MAX_HEADER = 1 << 20;
/** Enough for the header of nearly every file. */
const HEAD_BYTES = 4096;
/** Begins every header, so that the checksum has a place of its own: it is computed with zeros there. */
const START = '{"__metadata__":{"crc32":"';
const NO_SUM = '00000000';
const SUM_AT = 8 + START.length;
const SUM_END = SUM_AT + NO_SUM.length;

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

const sizeOf = (dims: number[]): number => dims.reduce((product, dim) => product * dim, 1);

/** The bytes of a key's file, in pieces that need no copy of the data. */
export function encodeTensors(key: string, tensors: Tensors): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: { crc32: NO_SUM, key } };
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
  const pieces = [head, ...body];
  const sum = pieces.reduce((crc, piece) => crc32(piece, crc), 0);
  head.write(sum.toString(16).padStart(NO_SUM.length, '0'), SUM_AT);
  return pieces;
}

/** The header of a file's first bytes, if the file is `key`'s; undefined also when these bytes are not enough of it. */
function headerOf(bytes: Buffer, key: string): { header: Header; dataAt: number } | undefined {
  if (bytes.length < SUM_END) return undefined;
  const dataAt = 8 + Number(bytes.readBigUInt64LE(0));
  if (dataAt > 8 + MAX_HEADER || dataAt > bytes.length) return undefined;
  const json = bytes.toString('utf8', 8, dataAt);
  if (!json.startsWith(START)) return undefined;
  const { __metadata__: metadata, ...header } = JSON.parse(json) as Header & { __metadata__?: { key?: unknown } };
  return metadata?.key === key ? { header, dataAt } : undefined;
}

/** Whether a key's file is there and as long as its header says: enough to plan with where the file may still turn out damaged. */
export function seemsWhole(file: string, key: string): boolean {
  // Asked for dozens of files a run: the header's bytes come sooner than another thread would begin to read them.
  let descriptor: number | undefined;
  try {
    const stats = fs.statSync(file, { throwIfNoEntry: false });
    if (!stats?.isFile()) return false;
    descriptor = fs.openSync(file, 'r');
    let head = Buffer.alloc(Math.min(stats.size, HEAD_BYTES));
    fs.readSync(descriptor, head, 0, head.length, 0);
    const dataAt = 8 + Number(head.readBigUInt64LE(0));
    if (dataAt > head.length && dataAt <= Math.min(stats.size, 8 + MAX_HEADER)) {
      head = Buffer.alloc(dataAt);
      fs.readSync(descriptor, head, 0, head.length, 0);
    }
    const known = headerOf(head, key);
    return (
      known !== undefined &&
      stats.size ===
        known.dataAt + Math.max(0, ...Object.values(known.header).map(({ data_offsets }) => data_offsets[1]))
    );
  } catch {
    return false;
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

/** The tensors of a key's file; undefined when it is damaged (bits, length) or another key's: the caller computes them anew. */
export function decodeTensors(key: string, bytes: Buffer): Tensors | undefined {
  try {
    const known = headerOf(bytes, key);
    if (known === undefined) return undefined;
    let sum = crc32(bytes.subarray(0, SUM_AT));
    sum = crc32(NO_SUM, sum);
    sum = crc32(bytes.subarray(SUM_END), sum);
    if (bytes.toString('latin1', SUM_AT, SUM_END) !== sum.toString(16).padStart(NO_SUM.length, '0')) return undefined;
    const tensors: Tensors = {};
    for (const [name, entry] of Object.entries(known.header)) {
      const [start, end] = entry.data_offsets;
      const from = known.dataAt + start;
      const count = (end - start) / 4;
      if (entry.dtype !== 'F32' || known.dataAt + end > bytes.length || count !== sizeOf(entry.shape)) return undefined;
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
