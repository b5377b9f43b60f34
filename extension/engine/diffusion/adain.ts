/** Adaptive instance normalisation of latents (Huang & Belongie, arXiv 1703.06868, eq. 8), optionally inside masks. */

/** Added to the variance, as in the authors' program. */
const EPSILON = 1e-5;
/** The unbiased variance needs two values. */
const FEWEST_PIXELS = 2;

export interface AdainOptions {
  /** C of the latents [C, h, w]. */
  channels: number;
  /** [h·w], 1 inside: where content's statistics are taken and where content changes. Absent: everywhere. */
  contentMask?: Float32Array;
  /** [h·w] of the style: where its statistics are taken. Absent: everywhere. */
  styleMask?: Float32Array;
}

export interface AdainResult {
  latents: Float32Array;
  /** Sentences for the user: a mask was too small to have statistics, and the whole picture was used on that side. */
  problems: string[];
}

interface Statistics {
  mean: Float64Array;
  std: Float64Array;
}

/** Per channel over the masked positions: mean and √(unbiased variance + 1e-5). Two passes in double precision. */
export function channelStatistics(latents: Float32Array, channels: number, mask?: Float32Array): Statistics {
  const positions = latents.length / channels;
  const mean = new Float64Array(channels);
  const std = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    const start = c * positions;
    let count = 0;
    let sum = 0;
    for (let p = 0; p < positions; p++) {
      if (mask && mask[p] === 0) continue;
      count += 1;
      sum += latents[start + p]!;
    }
    const average = sum / count;
    let squares = 0;
    for (let p = 0; p < positions; p++) {
      if (mask && mask[p] === 0) continue;
      const deviation = latents[start + p]! - average;
      squares += deviation * deviation;
    }
    mean[c] = average;
    std[c] = Math.sqrt(squares / (count - 1) + EPSILON);
  }
  return { mean, std };
}

/**
 * Gives `content` [C, h, w] the channel means and deviations of `style` [C, h', w']; with a content mask only the pixels
 * inside it change. A mask of fewer than two pixels has no deviation (the authors' program turns to NaN there): that side
 * falls back to the whole picture and the result says so. Throws a RangeError on wrong shapes.
 */
export function adain(content: Float32Array, style: Float32Array, options: AdainOptions): AdainResult {
  const { channels } = options;
  const positions = content.length / channels;
  if (!Number.isInteger(positions) || !Number.isInteger(style.length / channels))
    throw new RangeError(`latents of ${content.length} and ${style.length} values in ${channels} channels`);
  const problems: string[] = [];
  const contentMask = usable(options.contentMask, positions, 'structure', problems);
  const styleMask = usable(options.styleMask, style.length / channels, 'appearance', problems);
  const from = channelStatistics(content, channels, contentMask);
  const to = channelStatistics(style, channels, styleMask);
  const out = new Float32Array(content.length);
  for (let c = 0; c < channels; c++) {
    const scale = to.std[c]! / from.std[c]!;
    const shift = to.mean[c]! - from.mean[c]! * scale;
    const start = c * positions;
    for (let p = 0; p < positions; p++) {
      const value = content[start + p]!;
      out[start + p] = contentMask && contentMask[p] === 0 ? value : value * scale + shift;
    }
  }
  return { latents: out, problems };
}

/** Latents whose statistics a share of the content takes on. */
export interface Style {
  latents: Float32Array;
  /** [h·w]: where its statistics are taken. Absent: everywhere. */
  mask?: Float32Array;
  /** How much of each pixel [h·w] of the content takes them on: all styles' shares add up to 1. Absent: all of it, from a single style. */
  share?: Float32Array;
}

/** AdaIN by several styles: each acts on its share of the content with its own statistics. */
export function adainInShares(
  content: Float32Array,
  styles: readonly Style[],
  channels: number,
  mask?: Float32Array,
): Float32Array {
  const styled = styles.map((style) => {
    const { share } = style;
    const contentMask = share ? share.map((value, pixel) => Number(value > 0 && mask?.[pixel] !== 0)) : mask;
    // A share that lies outside the object has nothing to change.
    if (share && !contentMask!.includes(1)) return content;
    return adain(content, style.latents, { channels, contentMask, styleMask: style.mask }).latents;
  });
  if (styles.length === 1) return styled[0]!;
  const next = new Float32Array(content.length);
  for (const [index, { share }] of styles.entries()) {
    const pixels = share!.length;
    for (let i = 0; i < next.length; i++) next[i]! += share![i % pixels]! * styled[index]![i]!;
  }
  return next;
}

function usable(
  mask: Float32Array | undefined,
  positions: number,
  side: 'structure' | 'appearance',
  problems: string[],
): Float32Array | undefined {
  if (!mask) return undefined;
  if (mask.length !== positions) throw new RangeError(`a mask of ${mask.length} values over ${positions} positions`);
  let inside = 0;
  for (const value of mask) if (value !== 0) inside += 1;
  if (inside >= FEWEST_PIXELS) return mask;
  const found = inside === 0 ? 'is empty' : 'has a single pixel';
  problems.push(`The ${side} mask ${found}, so AdaIN used the whole ${side} picture instead.`);
  return undefined;
}
