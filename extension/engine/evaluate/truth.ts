/**
 * How good a transferred picture is against the drawn truth, as training/score.py of the embedded checkpoint measures it:
 * PSNR over the picture and over the object (dB, higher is better), part-colour error (0..255, lower is better) and the
 * IoU of the object found by its difference from the background (0..1, higher is better). Pattern and edges say what PSNR hides: it
 * prefers the mean of all possible patterns to one of them.
 */
import { maskIou } from './overlap';

export interface Score {
  psnr: number;
  objectPsnr: number;
  partColour: number;
  objectIou: number;
  /** How much of the truth's pattern is left in its patterned parts, 0..1; undefined where no part has a pattern. */
  pattern?: number;
  /** How much of the truth's edges on the object the result has, 0..1; undefined where the truth has none. */
  edges?: number;
}

/** Parts of the object have these ids; larger ones are its surroundings. */
const OBJECT_IDS = { first: 1, last: 14 };
/** Parts whose colours are compared, and the fewest pixels a part needs for that. */
const COLOUR_IDS = { first: 1, last: 7 };
const FEWEST_PART_PIXELS = 24;
/** A part has a pattern if its colours deviate by more than this in the truth, and it has pixels enough to tell. */
const PATTERN_DEVIATION = 25;
const FEWEST_PATTERN_PIXELS = 60;
/** A row whose background shows in fewer pixels borrows the background colour of the row above. */
const FEWEST_BACKGROUND_PIXELS = 4;
const OBJECT_DIFFERENCE = 26;

/**
 * Scores `result` against `truth`, both RGB bytes of `width` × `height`; `parts` has a part id for each pixel.
 * Throws a RangeError when sizes disagree.
 */
export function score(result: Uint8Array, truth: Uint8Array, parts: Uint8Array, width: number, height: number): Score {
  const pixels = width * height;
  if (result.length !== pixels * 3 || truth.length !== pixels * 3 || parts.length !== pixels) {
    throw new RangeError(`${result.length}, ${truth.length} and ${parts.length} bytes for ${width} × ${height} pixels`);
  }
  const object = Uint8Array.from(parts, (id) => Number(id >= OBJECT_IDS.first && id <= OBJECT_IDS.last));
  return {
    psnr: psnr(result, truth, () => true),
    objectPsnr: psnr(result, truth, (p) => object[p] === 1),
    partColour: partColourError(result, truth, parts),
    objectIou: objectIou(result, object, width, height),
    pattern: patternKept(result, truth, parts),
    edges: edgesKept(result, truth, object, width, height),
  };
}

/** In dB over the pixels that count: RGB bytes against RGB bytes, 80 at most. */
export function psnr(result: Uint8Array, truth: Uint8Array, counts: (pixel: number) => boolean): number {
  let sum = 0;
  let values = 0;
  for (let i = 0; i < result.length; i++) {
    if (!counts(Math.floor(i / 3))) continue;
    sum += ((result[i]! - truth[i]!) / 255) ** 2;
    values += 1;
  }
  return -10 * Math.log10(sum / values + 1e-8);
}

function partColourError(result: Uint8Array, truth: Uint8Array, parts: Uint8Array): number {
  const errors: number[] = [];
  for (let id = COLOUR_IDS.first; id <= COLOUR_IDS.last; id++) {
    const difference = [0, 0, 0];
    let count = 0;
    for (let p = 0; p < parts.length; p++) {
      if (parts[p] !== id) continue;
      count += 1;
      for (let c = 0; c < 3; c++) difference[c]! += result[p * 3 + c]! - truth[p * 3 + c]!;
    }
    if (count >= FEWEST_PART_PIXELS) errors.push(Math.hypot(...difference.map((sum) => sum / count)));
  }
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

/**
 * The deviation of RGB in each patterned part of the result, divided by that in the truth, at most 1; averaged over these parts. A part's
 * deviation is the root of its three channels' mean variance.
 */
function patternKept(result: Uint8Array, truth: Uint8Array, parts: Uint8Array): number | undefined {
  const kept: number[] = [];
  for (let id = COLOUR_IDS.first; id <= COLOUR_IDS.last; id++) {
    const pixels: number[] = [];
    parts.forEach((part, p) => part === id && pixels.push(p));
    if (pixels.length < FEWEST_PATTERN_PIXELS) continue;
    const known = deviation(truth, pixels);
    if (known > PATTERN_DEVIATION) kept.push(Math.min(1, deviation(result, pixels) / known));
  }
  return kept.length > 0 ? kept.reduce((sum, one) => sum + one, 0) / kept.length : undefined;
}

function deviation(rgb: Uint8Array, pixels: readonly number[]): number {
  const variance = [0, 1, 2].map((c) => {
    const mean = pixels.reduce((sum, p) => sum + rgb[p * 3 + c]!, 0) / pixels.length;
    return pixels.reduce((sum, p) => sum + (rgb[p * 3 + c]! - mean) ** 2, 0) / pixels.length;
  });
  return Math.sqrt(variance.reduce((sum, one) => sum + one, 0) / 3);
}

/** Σ min(gradient of the result, gradient of the truth) / Σ gradient of the truth, over the object. */
function edgesKept(
  result: Uint8Array,
  truth: Uint8Array,
  object: Uint8Array,
  width: number,
  height: number,
): number | undefined {
  const [ours, theirs] = [result, truth].map((rgb) => gradient(rgb, width, height)) as [Float64Array, Float64Array];
  let shared = 0;
  let all = 0;
  object.forEach((inside, p) => {
    if (!inside) return;
    shared += Math.min(ours[p]!, theirs[p]!);
    all += theirs[p]!;
  });
  return all > 0 ? shared / all : undefined;
}

/** Size of the gradient of luminance (Rec. 601) by central differences, averaged over 3 × 3 pixels; the border repeats its pixels. */
function gradient(rgb: Uint8Array, width: number, height: number): Float64Array {
  const luminance = new Float64Array(width * height);
  for (let p = 0; p < luminance.length; p++) {
    luminance[p] = 0.299 * rgb[p * 3]! + 0.587 * rgb[p * 3 + 1]! + 0.114 * rgb[p * 3 + 2]!;
  }
  const index = (x: number, y: number): number =>
    Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x));
  const sizes = luminance.map((_, p) => {
    const [x, y] = [p % width, Math.floor(p / width)];
    const along = (luminance[index(x + 1, y)]! - luminance[index(x - 1, y)]!) / 2;
    const down = (luminance[index(x, y + 1)]! - luminance[index(x, y - 1)]!) / 2;
    return Math.hypot(along, down);
  });
  return sizes.map((_, p) => {
    let sum = 0;
    for (const dy of [-1, 0, 1])
      for (const dx of [-1, 0, 1]) sum += sizes[index((p % width) + dx, Math.floor(p / width) + dy)]!;
    return sum / 9;
  });
}

/** The object is what differs from its row's median background colour. */
function objectIou(result: Uint8Array, object: Uint8Array, width: number, height: number): number {
  const medianOf = (row: number, counts: (pixel: number) => boolean) =>
    [0, 1, 2].map((c) => {
      const values: number[] = [];
      for (let p = row * width; p < (row + 1) * width; p++) if (counts(p)) values.push(result[p * 3 + c]!);
      values.sort((a, b) => a - b);
      return (values[(values.length - 1) >> 1]! + values[values.length >> 1]!) / 2;
    });
  const seen = new Uint8Array(width * height);
  let background: number[] | undefined;
  for (let row = 0; row < height; row++) {
    let visible = 0;
    for (let p = row * width; p < (row + 1) * width; p++) visible += 1 - object[p]!;
    if (visible >= FEWEST_BACKGROUND_PIXELS) background = medianOf(row, (p) => object[p] === 0);
    const reference = background ?? medianOf(0, () => true);
    for (let p = row * width; p < (row + 1) * width; p++) {
      const difference = reference.reduce((sum, value, c) => sum + Math.abs(result[p * 3 + c]! - value), 0) / 3;
      seen[p] = Number(difference > OBJECT_DIFFERENCE);
    }
  }
  return maskIou(seen, object);
}
