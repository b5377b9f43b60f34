/**
 * Antialiased bicubic resampling as Pillow's (Catmull-Rom, a = −½, the kernel widened by the factor of reduction; rows
 * first, bytes between the two passes), summed in double precision. Our own rather than the picture library's because the noise of a run
 * is keyed by the resized bytes: they must not depend on the platform's vector instructions.
 */

/** Cubic convolution with a = −½ (Keys 1981, eq. 15). */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

interface Taps {
  /** First source index of each output's taps. */
  start: Int32Array;
  /** `width` normalised weights for each output, zero-padded. */
  weights: Float64Array;
  width: number;
}

function tapsOf(from: number, to: number): Taps {
  const scale = from / to;
  const spread = Math.max(scale, 1);
  const support = 2 * spread;
  const width = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(to);
  const weights = new Float64Array(to * width);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.floor(centre - support + 0.5), 0);
    const last = Math.min(Math.floor(centre + support + 0.5), from);
    start[i] = first;
    let sum = 0;
    for (let j = first; j < last; j++) {
      const weight = cubic((j + 0.5 - centre) / spread);
      weights[i * width + j - first] = weight;
      sum += weight;
    }
    for (let j = 0; j < last - first; j++) weights[i * width + j]! /= sum;
  }
  return { start, weights, width };
}

/**
 * Resamples interleaved RGB bytes, `width` × `height`, to `toWidth` × `toHeight`. The same size returns the input itself.
 */
export function resizeBicubic(
  rgb: Uint8Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Uint8Array {
  if (width === toWidth && height === toHeight) return rgb;
  const across = tapsOf(width, toWidth);
  const down = tapsOf(height, toHeight);
  const rowLength = toWidth * 3;
  const middle = new Uint8ClampedArray(height * rowLength);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < toWidth; x++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      let at = (y * width + across.start[x]!) * 3;
      const end = Math.min(across.start[x]! + across.width, width);
      const base = x * across.width - across.start[x]!;
      for (let j = across.start[x]!; j < end; j++, at += 3) {
        const weight = across.weights[base + j]!;
        red += weight * rgb[at]!;
        green += weight * rgb[at + 1]!;
        blue += weight * rgb[at + 2]!;
      }
      const to = y * rowLength + x * 3;
      middle[to] = red;
      middle[to + 1] = green;
      middle[to + 2] = blue;
    }
  }
  const out = new Uint8Array(toHeight * rowLength);
  const row = new Float64Array(rowLength);
  for (let y = 0; y < toHeight; y++) {
    row.fill(0);
    const end = Math.min(down.start[y]! + down.width, height);
    for (let j = down.start[y]!; j < end; j++) {
      const weight = down.weights[y * down.width + j - down.start[y]!]!;
      if (weight === 0) continue;
      const from = j * rowLength;
      for (let x = 0; x < rowLength; x++) row[x]! += weight * middle[from + x]!;
    }
    for (let x = 0; x < rowLength; x++) out[y * rowLength + x] = Math.min(Math.max(Math.round(row[x]!), 0), 255);
  }
  return out;
}

/** Area mean of one channel, `width` × `height` values, onto a `toWidth` × `toHeight` grid; edges count by the share covered. */
export function areaMean(
  values: Float32Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Float32Array {
  const shrink = (source: Float32Array, lines: number, length: number, target: number): Float32Array => {
    // Averages along the last axis and transposes, so that two calls do both axes.
    const out = new Float32Array(target * lines);
    const scale = length / target;
    for (let i = 0; i < target; i++) {
      const from = i * scale;
      const to = (i + 1) * scale;
      for (let line = 0; line < lines; line++) {
        let sum = 0;
        for (let j = Math.floor(from); j < Math.min(Math.ceil(to), length); j++) {
          sum += source[line * length + j]! * (Math.min(j + 1, to) - Math.max(j, from));
        }
        out[i * lines + line] = sum / scale;
      }
    }
    return out;
  };
  return shrink(shrink(values, height, width, toWidth), toWidth, height, toHeight);
}
