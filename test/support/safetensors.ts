/**
 * Reading and writing .safetensors, as far as the tests need it (https://github.com/huggingface/safetensors#format):
 * eight bytes of header length, a JSON header, then the raw little-endian tensors.
 */
import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';

export type TensorType = 'F32' | 'F16' | 'I32' | 'I64' | 'U8' | 'BOOL';
export interface StoredTensor {
  dtype: TensorType;
  shape: number[];
  /** Half floats are widened to float32; int64 values beyond 2^53 throw. */
  data: Float32Array | Int32Array | Float64Array | Uint8Array;
}

interface HeaderEntry {
  dtype: TensorType;
  shape: number[];
  data_offsets: [number, number];
}

const BYTES: Record<TensorType, number> = { F32: 4, F16: 2, I32: 4, I64: 8, U8: 1, BOOL: 1 };
const MAX_HEADER = 100_000_000;

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

/** An open file's table of contents; tensors are read from disk when asked for. */
export class SafetensorsFile {
  private readonly entries = new Map<string, HeaderEntry>();
  private readonly dataStart: number;

  /** Throws if `path` is not a well-formed .safetensors file. */
  constructor(readonly path: string) {
    const file = openSync(path, 'r');
    try {
      const size = fstatSync(file).size;
      const lengthBytes = Buffer.alloc(8);
      readSync(file, lengthBytes, 0, 8, 0);
      const headerLength = Number(lengthBytes.readBigUInt64LE(0));
      if (headerLength > MAX_HEADER || 8 + headerLength > size)
        throw new Error(`${path}: header beyond the file's end`);
      const headerBytes = Buffer.alloc(headerLength);
      readSync(file, headerBytes, 0, headerLength, 8);
      this.dataStart = 8 + headerLength;
      const header = JSON.parse(headerBytes.toString('utf8')) as Record<string, HeaderEntry>;
      for (const [name, entry] of Object.entries(header)) {
        if (name === '__metadata__') continue;
        const [from, to] = entry.data_offsets;
        const count = entry.shape.reduce((product, n) => product * n, 1);
        if (BYTES[entry.dtype] === undefined) throw new Error(`${path}: ${name} has type ${entry.dtype}`);
        if (to - from !== count * BYTES[entry.dtype] || this.dataStart + to > size) {
          throw new Error(`${path}: ${name} does not fit its shape or the file`);
        }
        this.entries.set(name, entry);
      }
    } finally {
      closeSync(file);
    }
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  shape(name: string): number[] {
    return this.entry(name).shape;
  }

  /** Throws when there is no tensor of that name. */
  get(name: string): StoredTensor {
    const { dtype, shape, data_offsets } = this.entry(name);
    const bytes = new Uint8Array(data_offsets[1] - data_offsets[0]);
    const file = openSync(this.path, 'r');
    try {
      readSync(file, bytes, 0, bytes.length, this.dataStart + data_offsets[0]);
    } finally {
      closeSync(file);
    }
    return { dtype, shape, data: decode(dtype, bytes) };
  }

  /** The tensor's values as float32, whatever its type. */
  floats(name: string): Float32Array {
    const { data } = this.get(name);
    return data instanceof Float32Array ? data : Float32Array.from(data);
  }

  private entry(name: string): HeaderEntry {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`${this.path} has no tensor ${name}`);
    return entry;
  }
}

function decode(dtype: TensorType, bytes: Uint8Array): StoredTensor['data'] {
  const { buffer } = bytes;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'F16':
      return Float32Array.from(new Uint16Array(buffer), halfToFloat);
    case 'I64':
      return Float64Array.from(new BigInt64Array(buffer), (value) => {
        const number = Number(value);
        if (!Number.isSafeInteger(number)) throw new Error(`int64 value ${value} is out of range`);
        return number;
      });
    default:
      return bytes;
  }
}

const TYPES: Record<string, string> = {
  Float32Array: 'F32',
  Float64Array: 'F64',
  Int32Array: 'I32',
  BigInt64Array: 'I64',
  Uint8Array: 'U8',
};

/** Writes tensors of the type of their array in the order given; 16 bits a number of the type that `dtype` names. */
export function writeSafetensors(
  path: string,
  tensors: Record<
    string,
    {
      shape: number[];
      data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;
      dtype?: 'F16' | 'BF16';
    }
  >,
  metadata?: Record<string, string>,
): void {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data, dtype: half }] of Object.entries(tensors)) {
    const count = shape.reduce((product, n) => product * n, 1);
    if (count !== data.length) throw new Error(`${name}: ${data.length} values for shape [${shape.join(', ')}]`);
    const dtype = half ?? TYPES[data.constructor.name];
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const json = JSON.stringify(header);
  // The header is padded so that tensors start at a multiple of eight bytes.
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8, ' '), 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, ...chunks]));
}
