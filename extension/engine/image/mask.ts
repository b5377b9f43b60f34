/** Masks as pictures for people to look at. */
import { encodePng } from './png';

/** Side, in pixels, up to which a mask is enlarged. */
const SIDE = 256;

/** By the mask: a warm run shows the one it found before. */
const drawn = new WeakMap<Float32Array, Promise<Uint8Array>>();

/** A mask [height · width] of 0 … 1 as a black and white PNG, each cell a block of pixels. The mask must not change any more. */
export function maskPicture(mask: Float32Array, height: number, width: number): Promise<Uint8Array> {
  const png = drawn.get(mask) ?? draw(mask, height, width);
  drawn.set(mask, png);
  return png;
}

async function draw(mask: Float32Array, height: number, width: number): Promise<Uint8Array> {
  const block = Math.max(1, Math.floor(SIDE / Math.max(height, width)));
  const rgb = new Uint8Array(height * width * block * block * 3);
  const rowLength = width * block * 3;
  for (let y = 0; y < height; y++) {
    const top = y * block * rowLength;
    for (let x = 0; x < width; x++) {
      const left = top + x * block * 3;
      rgb.fill(Math.round(255 * mask[y * width + x]!), left, left + block * 3);
    }
    for (let line = 1; line < block; line++) rgb.copyWithin(top + line * rowLength, top, top + rowLength);
  }
  return encodePng({ width: width * block, height: height * block, rgb });
}
