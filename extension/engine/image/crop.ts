import { type Size } from '../../protocol/size';

export interface Crop extends Size {
  left: number;
  top: number;
}

/** The largest part of a picture, around its centre, that has the shape of `shape`, to the pixel. */
export function centreCrop(picture: Size, shape: Size): Crop {
  const width = Math.min(picture.width, Math.max(1, Math.round((picture.height * shape.width) / shape.height)));
  const height = Math.min(picture.height, Math.max(1, Math.round((picture.width * shape.height) / shape.width)));
  return {
    left: Math.floor((picture.width - width) / 2),
    top: Math.floor((picture.height - height) / 2),
    width,
    height,
  };
}

/** That part of RGB bytes, [height × width × 3]. */
export function cropRgb(rgb: Uint8Array, from: Size, { left, top, width, height }: Crop): Uint8Array {
  if (width === from.width && height === from.height) return rgb;
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * from.width + left) * 3;
    out.set(rgb.subarray(start, start + width * 3), y * width * 3);
  }
  return out;
}
