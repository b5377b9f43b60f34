/**
 * Counter-based Gaussian noise: any element of any timestep's noise can be had on its own, so the noise of a picture
 * depends on neither how many steps are skipped, nor which role the picture plays, nor the platform.
 *
 * Bits: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Its key is 64 bits wide,
 * its counter 128; the picture's 64 digest bits are the key, and the seed takes the counter's upper half beside
 * (timestep, element / 4), so that no two (seed, picture, timestep, element) share a draw.
 *
 * Normals: Box–Muller. ECMAScript leaves the last digits of Math.log, cos and sin open and engines do differ, so both
 * are computed here from + − × ÷ and the (exactly rounded) square root alone.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/** One Philox4x32-10 block: four 32-bit words into `out`. `counter` has four, `key` two. */
export function philox4x32(counter: Uint32Array, key: Uint32Array, out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter as unknown as [number, number, number, number];
  let [k0, k1] = key as unknown as [number, number];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

const LN2 = Math.LN2;

/** Natural logarithm of a normal double in (0, 1]; correct to an ulp or two, and the same bits everywhere. */
export function portableLog(x: number): number {
  let mantissa = x;
  let exponent = 0;
  // To [√½, √2), where the series below converges fast; halving and doubling are exact.
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent -= 1;
  }
  while (mantissa >= Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  // ln m = 2 artanh((m − 1)/(m + 1)) = 2 Σ s^(2k+1)/(2k+1), |s| ≤ 0.172
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (let k = 21; k >= 1; k -= 2) sum = sum * square + 1 / k;
  return exponent * LN2 + 2 * s * sum;
}

/** cos and sin of 2π·turn for turn in [0, 1), by quadrant and Taylor series. */
export function portableCosSin(turn: number, out: Float64Array): void {
  const quadrant = Math.floor(turn * 4 + 0.5);
  const angle = (turn - quadrant / 4) * (2 * Math.PI); // |angle| ≤ π/4, and the subtraction is exact
  const square = angle * angle;
  let cos = 1;
  let sin = 1;
  for (let k = 16; k >= 2; k -= 2) {
    cos = 1 - (square / (k * (k - 1))) * cos;
    sin = 1 - (square / (k * (k + 1))) * sin;
  }
  sin *= angle;
  const turned = quadrant & 3;
  out[0] = turned === 0 ? cos : turned === 1 ? -sin : turned === 2 ? -cos : sin;
  out[1] = turned === 0 ? sin : turned === 1 ? cos : turned === 2 ? -sin : -cos;
}

export interface NoiseRequest {
  /** A whole number from 0 to 2^53 − 1. */
  seed: number;
  /** SHA-256 of the picture's model-size RGB bytes; the first eight bytes count. */
  imageDigest: Uint8Array;
  /** Training timestep the noise belongs to. */
  timestep: number;
  /** Number of elements: C·h·w of the latents. */
  length: number;
}

/** Standard normal noise of one picture at one timestep. Throws a RangeError on a seed or digest out of shape. */
export function gaussianNoise({ seed, imageDigest, timestep, length }: NoiseRequest): Float32Array {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed ${seed} is not a whole number from 0`);
  if (imageDigest.length < 8) throw new RangeError(`a digest of ${imageDigest.length} bytes; at least 8 are needed`);
  const digest = new DataView(imageDigest.buffer, imageDigest.byteOffset, imageDigest.byteLength);
  const key = Uint32Array.of(digest.getUint32(0), digest.getUint32(4));
  const counter = Uint32Array.of(0, timestep, seed % 0x100000000, Math.floor(seed / 0x100000000));
  const words = new Uint32Array(4);
  const trig = new Float64Array(2);
  const out = new Float32Array(length);
  for (let block = 0; block * 4 < length; block++) {
    counter[0] = block;
    philox4x32(counter, key, words);
    for (let pair = 0; pair < 2; pair++) {
      const radius = Math.sqrt(-2 * portableLog((words[pair * 2]! + 0.5) / 0x100000000));
      portableCosSin(words[pair * 2 + 1]! / 0x100000000, trig);
      const at = block * 4 + pair * 2;
      out[at] = radius * trig[0]!;
      if (at + 1 < length) out[at + 1] = radius * trig[1]!;
    }
  }
  return out;
}

/** A stream of uniform numbers in [0, 1) with 32 random bits each, for seeded choices such as K-means' first centres. */
export function uniformStream(seed: number, stream = 0): () => number {
  const key = Uint32Array.of(seed >>> 0, stream >>> 0);
  const counter = new Uint32Array(4);
  const words = new Uint32Array(4);
  let next = 4;
  return () => {
    if (next === 4) {
      philox4x32(counter, key, words);
      counter[0] = counter[0]! + 1;
      next = 0;
    }
    return words[next++]! / 0x100000000;
  };
}
