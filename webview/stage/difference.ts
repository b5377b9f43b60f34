/** Differences are shown this many times as strong: those that matter are a few levels of 255. */
export const STRENGTH = 4;

/**
 * Two images of one size, pixel by pixel.
 * @param a RGBA, as of a canvas
 * @returns the absolute differences, opaque and {@link STRENGTH} times as strong, and their mean over red, green and blue, 0 … 255
 */
export function difference(
  a: Uint8ClampedArray,
  b: Uint8ClampedArray,
): { pixels: Uint8ClampedArray<ArrayBuffer>; mean: number } {
  const pixels = new Uint8ClampedArray(a.length);
  let sum = 0;
  for (let at = 0; at < a.length; at += 4) {
    for (let channel = at; channel < at + 3; channel++) {
      const apart = Math.abs(a[channel]! - b[channel]!);
      sum += apart;
      pixels[channel] = apart * STRENGTH;
    }
    pixels[at + 3] = 255;
  }
  return { pixels, mean: a.length === 0 ? 0 : sum / ((a.length / 4) * 3) };
}

/** "0.42" below one, then with one decimal: a difference between two seeds and one between two steps are far apart. */
export const meanWords = (mean: number): string => `${mean.toFixed(mean < 1 ? 2 : 1)} of 255`;
