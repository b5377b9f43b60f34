/** Pictures and masks in: whatever a camera, a browser or a stranger made becomes RGB bytes of the size asked for, or a sentence. */
import { type Size } from '../../protocol/size';
import { decode } from './decode';
import { areaMean, resizeBicubic } from './resize';

export interface Picture {
  /** height × width × 3 bytes, rows from the top, sRGB. */
  rgb: Uint8Array;
  width: number;
  height: number;
  /** Size of the file's picture after its orientation was applied, before the crop. */
  originalWidth: number;
  originalHeight: number;
}

/**
 * Reads a picture: EXIF orientation applied, first frame of an animation, alpha over white, centre crop to the shape of `size`,
 * antialiased bicubic resize to it; a picture of that size keeps its bytes. `name` is how errors call the file. Throws a graph error:
 * not an image, of a format that is not read, too large, damaged.
 */
export async function loadPicture(bytes: Uint8Array, size: Size, name = 'The image'): Promise<Picture> {
  const decoded = await decode(bytes, name, 255, size);
  return {
    rgb: resizeBicubic(decoded.rgb, decoded.width, decoded.height, size.width, size.height),
    width: size.width,
    height: size.height,
    originalWidth: decoded.originalWidth,
    originalHeight: decoded.originalHeight,
  };
}

/**
 * Reads a mask onto the latent grid: cropped like a picture, transparent parts count as black, each latent cell is 1 where
 * the mean brightness (0..1, Rec. 709 weights) of its area exceeds `threshold`. Gives [latentHeight · latentWidth] of 0
 * and 1. Throws like {@link loadPicture}.
 */
export async function loadMask(
  bytes: Uint8Array,
  latentHeight: number,
  latentWidth: number,
  threshold = 0.4,
  name = 'The image',
): Promise<Float32Array> {
  const grid = { width: latentWidth, height: latentHeight };
  const { rgb, width, height } = await decode(bytes, name, 0, grid);
  const brightness = new Float32Array(width * height);
  for (let i = 0; i < brightness.length; i++) {
    brightness[i] = (0.2126 * rgb[i * 3]! + 0.7152 * rgb[i * 3 + 1]! + 0.0722 * rgb[i * 3 + 2]!) / 255;
  }
  return areaMean(brightness, width, height, latentWidth, latentHeight).map((mean) => (mean > threshold ? 1 : 0));
}
