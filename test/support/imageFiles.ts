/** Image files as cameras, editors and strangers make them, byte by byte: what the image library would not write. */
import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** A PNG of 8 or 16 bits, greyscale or RGB, with or without alpha, with further chunks before its pixels. */
export function pngFile(
  samples: Uint8Array | Uint16Array,
  width: number,
  channels: 1 | 2 | 3 | 4,
  ...chunks: Uint8Array[]
): Buffer {
  const bytes = samples.BYTES_PER_ELEMENT;
  const stride = width * channels;
  const height = samples.length / stride;
  const rows = Buffer.alloc(height * (stride * bytes + 1));
  samples.forEach((value, i) => {
    const at = Math.floor(i / stride) * (stride * bytes + 1) + 1 + (i % stride) * bytes;
    if (bytes === 1) rows[at] = value;
    else rows.writeUInt16BE(value, at);
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bytes * 8, [0, 0, 4, 2, 6][channels]!], 8);
  return Buffer.concat([
    SIGNATURE,
    pngChunk('IHDR', header),
    ...chunks,
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', new Uint8Array()),
  ]);
}

export const pngProfile = (icc: Uint8Array): Buffer =>
  pngChunk('iCCP', Buffer.concat([Buffer.from('profile\0\0'), deflateSync(icc)]));

/** An uncompressed TIFF of one strip, little-endian, with further or other fields (tag, and a number or bytes). */
export function tiffFile(
  samples: ArrayBufferView,
  width: number,
  channels: number,
  fields: Readonly<Record<number, number | Uint8Array>> = {},
  big = false,
): Buffer {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const size = (samples as Uint8Array).BYTES_PER_ELEMENT;
  const height = data.length / size / channels / width;
  const format =
    samples instanceof Float32Array || samples instanceof Float64Array
      ? 3
      : samples.constructor.name.startsWith('Int')
        ? 2
        : 1;
  const values: Record<number, number | Uint8Array> = {
    256: width,
    257: height,
    258: shorts(Array<number>(channels).fill(size * 8)),
    259: 1,
    262: channels >= 3 ? 2 : 1,
    277: channels,
    278: height,
    279: data.length,
    339: shorts(Array<number>(channels).fill(format)),
    ...fields,
  };
  const head = big ? 16 : 8;
  const parts: Buffer[] = [Buffer.alloc(head), data];
  let length = head + data.length;
  values[273] ??= head;
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(big ? 8 : 4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const short = (value: number): Buffer => Buffer.from([value & 255, value >> 8]);
  const entries = Object.entries(values)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([tag, value]) => {
      if (typeof value === 'number') return Buffer.concat([short(Number(tag)), short(4), word(1), word(value)]);
      // Bit depths and formats are shorts; everything else is bytes.
      const isShorts = tag === '258' || tag === '339';
      const count = isShorts ? value.length / 2 : value.length;
      const start = Buffer.concat([short(Number(tag)), short(isShorts ? 3 : 1), word(count)]);
      const room = big ? 8 : 4;
      if (value.length <= room) return Buffer.concat([start, value, Buffer.alloc(room - value.length)]);
      const place = length;
      parts.push(Buffer.from(value));
      length += value.length;
      return Buffer.concat([start, word(place)]);
    });
  if (big) {
    parts[0]!.set([0x49, 0x49, 43, 0, 8, 0, 0, 0]);
    parts[0]!.writeUInt32LE(length, 8);
  } else {
    parts[0]!.set([0x49, 0x49, 42, 0]);
    parts[0]!.writeUInt32LE(length, 4);
  }
  const count = big ? word(entries.length) : short(entries.length);
  return Buffer.concat([...parts, count, ...entries, word(0)]);
}

function shorts(values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(values).buffer);
}
