/**
 * The header of a .safetensors file (https://github.com/huggingface/safetensors#format): eight bytes of length, JSON that names each
 * tensor's type, shape and place, then the numbers, of which nothing is read here. Files come from strangers: whatever a header says,
 * nothing outside the file is ever pointed at.
 */
import { visit } from 'jsonc-parser';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { openRegularSync, withFileErrors } from '../../platform/files';
import { checkpointError, type WeftError } from '../../protocol/errors';
import { foreignFile } from './foreign';

/** Bits of one number by the format's names. */
const BITS = {
  F64: 64,
  F32: 32,
  F16: 16,
  BF16: 16,
  I64: 64,
  I32: 32,
  I16: 16,
  I8: 8,
  U64: 64,
  U32: 32,
  U16: 16,
  U8: 8,
  BOOL: 8,
  C64: 64,
  F8_E4M3: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2: 8,
  F8_E5M2FNUZ: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
} as const;

export type Dtype = keyof typeof BITS;

export interface StoredTensor {
  dtype: Dtype;
  shape: number[];
  /** Absolute path, symbolic links resolved. */
  file: string;
  /** Of the first byte in the file. */
  offset: number;
  /** In bytes. */
  length: number;
}

export interface SafetensorsHeader {
  /** Absolute path, symbolic links resolved. */
  file: string;
  size: number;
  metadata: Record<string, string>;
  tensors: Map<string, StoredTensor>;
}

/** Stable Diffusion's headers have 0.2 MB; a thumbnail in the metadata can add a few more. */
const LONGEST_HEADER = 16 << 20;
/** What tells other kinds of files apart. */
const FIRST_BYTES = 512;

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)).max(32),
  data_offsets: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
});
const metadataSchema = z.record(z.string(), z.string());

/** A name from the file, safe and short enough for a sentence. */
export const quoted = (name: string): string =>
  name.length > 100 ? JSON.stringify(`${name.slice(0, 100)}…`) : JSON.stringify(name);

/** @throws WeftError `checkpoint`: one sentence that names the file, what it is or what is wrong with it, and what to do. */
export function readHeader(file: string): SafetensorsHeader {
  const name = path.basename(file);
  const refuse = (message: string): WeftError => checkpointError(`${name} ${message}`);
  const opened = withFileErrors('checkpoint', () => openRegularSync(file));
  try {
    const { size } = opened.stats;
    const first = readBytes(opened.fd, 0, Math.min(FIRST_BYTES, size));
    const foreign = foreignFile(first, name);
    if (foreign !== undefined) throw refuse(foreign);
    const length = Number(first.readBigUInt64LE(0));
    if (length > LONGEST_HEADER)
      throw refuse(
        `is damaged or not a .safetensors file: its header would have ${length} bytes, and the largest that Weft reads has ` +
          `${LONGEST_HEADER}. Download it again.`,
      );
    const start = 8 + length;
    if (start > size)
      throw refuse(
        `is cut short: it has ${size} bytes, but its header alone reaches byte ${start}. Download it again.`,
      );
    const damaged = (what: string): WeftError => refuse(`is damaged: ${what}. Download it again.`);
    const header = parseHeader(readBytes(opened.fd, 8, length), damaged);
    const tensors = placeTensors(header.entries, { file: fs.realpathSync(file), start, size }, refuse, damaged);
    return { file: fs.realpathSync(file), size, metadata: header.metadata, tensors };
  } finally {
    fs.closeSync(opened.fd);
  }
}

function readBytes(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = fs.readSync(fd, bytes, done, length - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

type Damaged = (what: string) => WeftError;

function parseHeader(
  bytes: Buffer,
  damaged: Damaged,
): { entries: Map<string, z.infer<typeof entrySchema>>; metadata: Record<string, string> } {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    throw damaged('its header is not JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw damaged('its header is not a JSON object');
  const twice = repeatedName(text);
  if (twice !== undefined) throw damaged(`its header has ${quoted(twice)} twice`);
  const entries = new Map<string, z.infer<typeof entrySchema>>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      const parsed = metadataSchema.safeParse(value);
      if (!parsed.success) throw damaged('its metadata are not texts by name');
      metadata = parsed.data;
      continue;
    }
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) {
      const where = parsed.error.issues[0]?.path.join('.');
      throw damaged(
        `the entry of ${quoted(name)} in its header is malformed${where ? ` (${where.slice(0, 40)})` : ''}`,
      );
    }
    entries.set(name, parsed.data);
  }
  return { entries, metadata };
}

/** The first name that an object of the text has twice; JSON.parse keeps the last of them and says nothing. */
function repeatedName(text: string): string | undefined {
  const objects: Set<string>[] = [];
  let repeated: string | undefined;
  visit(text, {
    onObjectBegin: () => void objects.push(new Set()),
    onObjectEnd: () => void objects.pop(),
    onObjectProperty: (name) => {
      const names = objects.at(-1)!;
      if (names.has(name)) repeated ??= name;
      names.add(name);
    },
  });
  return repeated;
}

function placeTensors(
  entries: Map<string, z.infer<typeof entrySchema>>,
  { file, start, size }: { file: string; start: number; size: number },
  refuse: (message: string) => WeftError,
  damaged: Damaged,
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of entries) {
    if (!(dtype in BITS) || !Object.hasOwn(BITS, dtype))
      throw refuse(
        `holds the tensor ${quoted(name)} in the number format ${quoted(dtype)}, which Weft doesn't know. Get the model in float32, ` +
          'float16 or bfloat16.',
      );
    const bits = shape.reduce((product, side) => product * side, BITS[dtype as Dtype]);
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || to < from)
      throw damaged(`the tensor ${quoted(name)} has the impossible place ${from} to ${to}`);
    if (!Number.isSafeInteger(bits) || Math.ceil(bits / 8) !== to - from)
      throw damaged(
        `the tensor ${quoted(name)} of shape [${shape.join(', ')}] in ${dtype} has ${to - from} bytes instead of ${Math.ceil(bits / 8)}`,
      );
    if (start + to > size)
      throw refuse(
        `is cut short: it has ${size} bytes, but its tensor ${quoted(name)} reaches byte ${start + to}. Download it again.`,
      );
    tensors.set(name, { dtype: dtype as Dtype, shape, file, offset: start + from, length: to - from });
  }
  const inOrder = [...tensors].filter(([, { length }]) => length > 0).sort(([, a], [, b]) => a.offset - b.offset);
  for (const [i, [name, { offset }]] of inOrder.entries()) {
    const before = inOrder[i - 1];
    if (before !== undefined && before[1].offset + before[1].length > offset)
      throw damaged(`its tensors ${quoted(before[0])} and ${quoted(name)} overlap`);
  }
  return tensors;
}
