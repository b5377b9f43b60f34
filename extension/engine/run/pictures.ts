import * as path from 'node:path';
import { type Size } from '../../protocol/size';
import { centreCrop, cropRgb } from '../image/crop';
import { loadPicture } from '../image/load';
import { resizeBicubic } from '../image/resize';
import { type RgbPicture } from '../image/png';
import { type ImageValue } from './values';

/** A picture as height × width × 3 bytes: upright, cropped in its centre to that shape, resized with antialiasing. */
export async function pictureAt(image: ImageValue, size: Size): Promise<Uint8Array> {
  if (image.from === 'file') return (await loadPicture(image.bytes, size, path.basename(image.file))).rgb;
  const crop = centreCrop(image, size);
  return resizeBicubic(cropRgb(image.rgb, image, crop), crop.width, crop.height, size.width, size.height);
}

/** Size of pictures that come from a file and meet no checkpoint. */
const FILE_SIZE: Size = { width: 512, height: 512 };

/** A picture at its own size. */
export async function pictureOf(image: ImageValue): Promise<RgbPicture> {
  const { width, height } = image.from === 'run' ? image : FILE_SIZE;
  return { rgb: await pictureAt(image, { width, height }), width, height };
}
