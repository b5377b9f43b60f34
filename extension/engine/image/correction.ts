import { graphError } from '../../protocol/errors';
import { maskCell } from '../../protocol/mask';
import { isPng } from '../../platform/pngText';
import { pngParts } from './pngParts';
import { loadSharp } from './sharp';

/** The largest correction that is looked at, in pixels a side. */
const MAX_SIDE = 4096;

/**
 * A mask correction on the latent grid, [height · width] of {@link maskCell}: opaque bright pixels put a cell inside, opaque dark ones
 * outside, transparent ones leave it. Its sides are those of the grid, or whole multiples or parts of them.
 * @throws WeftError `graph` naming the file, what is wrong with it and what to do
 */
export async function loadCorrection(
  bytes: Uint8Array,
  height: number,
  width: number,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!isPng(bytes)) {
    throw graphError(`The correction ${name} is not a PNG picture: paint it again, or reset the parameter.`);
  }
  const sharp = await loadSharp();
  const picture = await sharp(pngParts(bytes).bytes, { limitInputPixels: MAX_SIDE * MAX_SIDE })
    .ensureAlpha()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
      throw graphError(`The correction ${name} can't be decoded (${reason}): paint it again, or reset the parameter.`);
    });
  const { data, info } = picture;
  const fits = (pixels: number, cells: number): boolean => pixels % cells === 0 || cells % pixels === 0;
  if (!fits(info.width, width) || !fits(info.height, height) || info.width * height !== info.height * width) {
    throw graphError(
      `The correction ${name} has ${info.width} × ${info.height} pixels, which do not fit the mask's ${width} × ${height} cells: paint it again for this checkpoint, or reset the parameter.`,
    );
  }
  const cells = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // The middle of the cell speaks for it.
      const row = Math.floor(((y + 0.5) * info.height) / height);
      const column = Math.floor(((x + 0.5) * info.width) / width);
      const at = 4 * (row * info.width + column);
      if (data[at + 3]! < 128) continue;
      cells[y * width + x] = data[at]! + data[at + 1]! + data[at + 2]! >= 3 * 128 ? maskCell.inside : maskCell.outside;
    }
  }
  return cells;
}

/** A mask of 0 and 1 with its corrected cells in place. */
export function correct(mask: Float32Array, cells: Uint8Array): Float32Array {
  return mask.map((value, at) => (cells[at] === maskCell.kept ? value : Number(cells[at] === maskCell.inside)));
}
