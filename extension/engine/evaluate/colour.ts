/**
 * How far the colours of one object have to be moved to become those of another: the earth mover's distance (Rubner, Tomasi, Guibas,
 * "The Earth Mover's Distance as a Metric for Image Retrieval", IJCV 2000) of the marginal distributions of L*, a* and b*
 * (CIE 1976, D65), the mean of the three, in units of CIELAB. In one dimension it is exact: the area between the two
 * cumulative distributions.
 */

/** Of two sets of RGB bytes, each 3 × its own count. Throws a RangeError when one is empty. */
export function colourDistance(a: Uint8Array, b: Uint8Array): number {
  if (a.length === 0 || b.length === 0) throw new RangeError('no pixels to compare');
  const first = labChannels(a);
  const second = labChannels(b);
  return first.reduce((sum, channel, c) => sum + earthMovers(channel, second[c]!), 0) / 3;
}

/** The earth mover's distance of two samples of numbers, each sample of weight 1: ∫ |F_a(x) − F_b(x)| dx. Sorts its arguments. */
export function earthMovers(a: Float32Array, b: Float32Array): number {
  a.sort();
  b.sort();
  let distance = 0;
  let [i, j] = [0, 0];
  let last = Math.min(a[0]!, b[0]!);
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    distance += Math.abs(i / a.length - j / b.length) * (next - last);
    while (i < a.length && a[i]! <= next) i++;
    while (j < b.length && b[j]! <= next) j++;
    last = next;
  }
  return distance;
}

/** L*, a* and b* of RGB bytes (sRGB, IEC 61966-2-1). */
export function labChannels(rgb: Uint8Array): [Float32Array, Float32Array, Float32Array] {
  const pixels = rgb.length / 3;
  const channels = [0, 1, 2].map(() => new Float32Array(pixels)) as [Float32Array, Float32Array, Float32Array];
  for (let p = 0; p < pixels; p++) {
    const [r, g, b] = [LINEAR[rgb[3 * p]!]!, LINEAR[rgb[3 * p + 1]!]!, LINEAR[rgb[3 * p + 2]!]!];
    const x = bent((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / WHITE.x);
    const y = bent(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
    const z = bent((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / WHITE.z);
    channels[0][p] = 116 * y - 16;
    channels[1][p] = 500 * (x - y);
    channels[2][p] = 200 * (y - z);
  }
  return channels;
}

const WHITE = { x: 0.95047, z: 1.08883 };
const LINEAR = Float64Array.from({ length: 256 }, (_, byte) => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});
const bent = (value: number): number => (value > 216 / 24389 ? Math.cbrt(value) : (value * (24389 / 27) + 16) / 116);
