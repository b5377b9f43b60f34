import { heatColour, heatOpacity, placeColour, type Rgb } from '../../protocol/colours';
import { resizeBicubic } from '../image/resize';

export interface Drawing {
  width: number;
  height: number;
  rgb: Uint8Array;
}

/** A square map [side²] at a place 0 … 1, between its tokens' centres evenly. */
function sample(map: ArrayLike<number>, side: number, x: number, y: number): number {
  const [u, v] = [Math.min(side - 1, Math.max(0, x * side - 0.5)), Math.min(side - 1, Math.max(0, y * side - 0.5))];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  const [right, bottom] = [Math.min(side - 1, left + 1), Math.min(side - 1, top + 1)];
  const [a, b] = [u - left, v - top];
  const at = (row: number, column: number): number => map[row * side + column]!;
  return (
    (1 - b) * ((1 - a) * at(top, left) + a * at(top, right)) + b * ((1 - a) * at(bottom, left) + a * at(bottom, right))
  );
}

const luminance = (rgb: Uint8Array, at: number): number =>
  0.2126 * rgb[at]! + 0.7152 * rgb[at + 1]! + 0.0722 * rgb[at + 2]!;

/** The picture below, at least `size` pixels a side, a whole number of times its own. */
function enlarged(picture: { rgb: Uint8Array; side: number }, size: number): Drawing {
  const side = picture.side * Math.max(1, Math.ceil(size / picture.side));
  return { width: side, height: side, rgb: resizeBicubic(picture.rgb, picture.side, picture.side, side, side) };
}

/** A map over a picture: the picture dimmed and grey, the heat in colour, its strongest place full. */
export function drawHeat(picture: { rgb: Uint8Array; side: number }, map: ArrayLike<number>, size: number): Drawing {
  const drawing = enlarged(picture, size);
  const { rgb, width } = drawing;
  const side = Math.round(Math.sqrt(map.length));
  let highest = 0;
  for (let j = 0; j < map.length; j++) highest = Math.max(highest, map[j]!);
  for (let p = 0; p < width * width; p++) {
    const share =
      sample(map, side, ((p % width) + 0.5) / width, (Math.floor(p / width) + 0.5) / width) / (highest || 1);
    const grey = luminance(rgb, 3 * p);
    mix(rgb, p, (c) => 0.45 * (0.65 * grey + 0.35 * rgb[3 * p + c]!) + 24, heatColour(share), heatOpacity(share));
  }
  return drawing;
}

/** Every place of the output in the colour of the place it looks at most, over the output's own light and dark. */
export function drawCorrespondence(
  picture: { rgb: Uint8Array; side: number },
  targets: Uint16Array,
  size: number,
): Drawing {
  const drawing = enlarged(picture, size);
  const { rgb, width } = drawing;
  const side = Math.round(Math.sqrt(targets.length));
  for (let p = 0; p < width * width; p++) {
    const token = Math.floor(((p / width) * side) / width) * side + Math.floor(((p % width) * side) / width);
    const target = targets[token]!;
    const colour = placeColour(((target % side) + 0.5) / side, (Math.floor(target / side) + 0.5) / side);
    const grey = luminance(rgb, 3 * p);
    mix(rgb, p, () => grey, colour, 0.75);
  }
  return drawing;
}

function mix(rgb: Uint8Array, pixel: number, under: (channel: number) => number, over: Rgb, opacity: number): void {
  const below = [under(0), under(1), under(2)];
  for (let c = 0; c < 3; c++) rgb[3 * pixel + c] = Math.round((1 - opacity) * below[c]! + opacity * over[c]!);
}
