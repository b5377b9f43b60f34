import * as path from 'node:path';
import { type Size, sizeText } from '../../protocol/size';
import { Recent } from '../cache/recent';
import { centreCrop, cropRgb } from '../image/crop';
import { loadPicture } from '../image/load';
import { resizeBicubic } from '../image/resize';
import { type RgbPicture } from '../image/png';
import { type ImageValue } from './values';

/** Pictures of files at the sizes they were asked for: decoding one takes longer than a warm run's other work on it. */
export const recentPictures = new Recent<Uint8Array>(64 * 2 ** 20);

/** A picture as height × width × 3 bytes: upright, cropped in its centre to that shape, resized with antialiasing. Shared: not to be written to. */
export async function pictureAt(image: ImageValue, size: Size): Promise<Uint8Array> {
  if (image.from === 'file') {
    const name = `${image.digest} ${sizeText(size)}`;
    const { bytes, file } = image;
    return (
      recentPictures.get(name) ?? recentPictures.keep(name, (await loadPicture(bytes, size, path.basename(file))).rgb)
    );
  }
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
