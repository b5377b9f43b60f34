import { type Size } from '../../extension/protocol/size';

type Drawn = HTMLImageElement | HTMLCanvasElement;

/** Undefined of an image that has not loaded. */
export function sizeOf(drawn: Drawn): Size | undefined {
  if (drawn instanceof HTMLCanvasElement) return { width: drawn.width, height: drawn.height };
  const { naturalWidth: width, naturalHeight: height, complete } = drawn;
  return complete && width > 0 ? { width, height } : undefined;
}

/** What is shown, drawn anew from what the page has decoded already. */
export function drawnOn(drawn: Drawn, { width, height }: Size): CanvasRenderingContext2D | undefined {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context?.drawImage(drawn, 0, 0, width, height);
  return context ?? undefined;
}

/** RGBA at the size that is asked for. */
export function pixelsOf(drawn: Drawn, size: Size): Uint8ClampedArray | undefined {
  return drawnOn(drawn, size)?.getImageData(0, 0, size.width, size.height).data;
}
