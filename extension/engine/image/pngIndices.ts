import { inflateSync } from 'node:zlib';
import { MAX_PIXELS } from './decode';

/**
 * The stored values of a palette or greyscale PNG, one byte a pixel: part maps keep their ids in palette indices, which
 * picture libraries turn into colours. Not interlaced, up to 8 bits. Throws an Error for other PNGs.
 */
export function readIndices(png: Uint8Array): { width: number; height: number; indices: Uint8Array } {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const [depth, colourType, , , interlaced] = png.subarray(24, 29);
  if (view.getUint32(12) !== 0x49484452 || depth! > 8 || (colourType !== 0 && colourType !== 3) || interlaced) {
    throw new Error('not a plain palette or greyscale PNG of up to 8 bits');
  }
  if (width * height > MAX_PIXELS) throw new Error(`larger than ${MAX_PIXELS / 1e6} megapixels`);
  const data: Uint8Array[] = [];
  for (let at = 8; at + 12 <= png.length; at += view.getUint32(at) + 12) {
    if (view.getUint32(at + 4) === 0x49444154) data.push(png.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const stride = Math.ceil((width * depth!) / 8);
  const filtered = inflateSync(Buffer.concat(data), { maxOutputLength: height * (stride + 1) });
  const lines = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = filtered[y * (stride + 1)]!;
    for (let x = 0; x < stride; x++) {
      const left = x > 0 ? lines[y * stride + x - 1]! : 0;
      const up = y > 0 ? lines[(y - 1) * stride + x]! : 0;
      const corner = x > 0 && y > 0 ? lines[(y - 1) * stride + x - 1]! : 0;
      const prediction = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      if (prediction === undefined) throw new Error(`PNG filter ${filter}`);
      lines[y * stride + x] = filtered[y * (stride + 1) + 1 + x]! + prediction;
    }
  }
  const indices = new Uint8Array(width * height);
  const perByte = 8 / depth!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = lines[y * stride + Math.floor(x / perByte)]!;
      indices[y * width + x] = (byte >> (8 - depth! * ((x % perByte) + 1))) & ((1 << depth!) - 1);
    }
  }
  return { width, height, indices };
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [toLeft, toUp, toCorner] = [left, up, corner].map((value) => Math.abs(estimate - value)) as [
    number,
    number,
    number,
  ];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
