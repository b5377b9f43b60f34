import { type Size } from '../../protocol/size';

/** Of the cells, those that are best given back. */
const SHARE = 0.4;

/**
 * The mean absolute difference of square cells of two pictures, of 255, below which 40 % of the cells lie.
 * @param rgb [H, W, 3]; @param pixels [3, H, W] in about [-1, 1]; @param cell side in pixels, which divides both sides
 */
export function cellDifference(rgb: Uint8Array, pixels: Float32Array, { width, height }: Size, cell: number): number {
  const columns = width / cell;
  const sums = new Float64Array(columns * (height / cell));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++) {
        const value = Math.min(1, Math.max(-1, pixels[(channel * height + y) * width + x]!));
        sums[Math.floor(y / cell) * columns + Math.floor(x / cell)]! += Math.abs(
          (value + 1) * 127.5 - rgb[(y * width + x) * 3 + channel]!,
        );
      }
  return sums.sort()[Math.floor(SHARE * sums.length)]! / (3 * cell * cell);
}
