/**
 * How good a transferred picture is against the drawn truth, as training/score.py of the embedded checkpoint measures it:
 * PSNR over the picture and over the object (dB, higher is better), part-colour error (0..255, lower is better) and the
 * IoU of the object found by its difference from the background (0..1, higher is better).
 */
import { maskIou } from './overlap';

export interface Score {
  psnr: number;
  objectPsnr: number;
  partColour: number;
  objectIou: number;
}

/** Parts of the object have these ids; larger ones are its surroundings. */
const OBJECT_IDS = { first: 1, last: 14 };
/** Parts whose colours are compared, and the fewest pixels a part needs for that. */
const COLOUR_IDS = { first: 1, last: 7 };
const FEWEST_PART_PIXELS = 24;
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
  };
}

/** The mean of scores, field by field. */
export function meanScore(scores: readonly Score[]): Score {
  const mean = (field: keyof Score) => scores.reduce((sum, one) => sum + one[field], 0) / scores.length;
  return {
    psnr: mean('psnr'),
    objectPsnr: mean('objectPsnr'),
    partColour: mean('partColour'),
    objectIou: mean('objectIou'),
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
