import * as path from 'node:path';
import { loadPicture } from '../image/load';
import { resizeBicubic } from '../image/resize';
import { type ImageValue } from './values';

/** A picture as size × size × 3 bytes: upright, cropped to a square in its centre, resized with antialiasing. */
export async function pictureAt(image: ImageValue, size: number): Promise<Uint8Array> {
  if (image.from === 'file') return (await loadPicture(image.bytes, size, path.basename(image.file))).rgb;
  return resizeBicubic(image.rgb, image.width, image.height, size, size);
}

/** Side of pictures that come from a file and meet no checkpoint. */
const FILE_SIDE = 512;

/** A square picture at its own size. */
export async function pictureOf(image: ImageValue): Promise<{ rgb: Uint8Array; side: number }> {
  const side = image.from === 'run' ? image.width : FILE_SIDE;
  return { rgb: await pictureAt(image, side), side };
}
