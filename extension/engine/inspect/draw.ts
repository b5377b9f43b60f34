import { type PinEnd } from '../../graph';
import { clusterColour, heatColour, heatOpacity, placeColour, type Rgb } from '../../protocol/colours';
import { middles } from '../../protocol/parts';
import { cellAt, longerSide, middleOf, type Size } from '../../protocol/size';
import { type RgbPicture } from '../image/png';
import { resizeBicubic } from '../image/resize';

/** A map on a grid at a place 0 … 1, between its tokens' centres evenly. */
function sample(map: ArrayLike<number>, { width, height }: Size, x: number, y: number): number {
  const inside = (value: number, cells: number): number => Math.min(cells - 1, Math.max(0, value * cells - 0.5));
  const [u, v] = [inside(x, width), inside(y, height)];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  const [right, bottom] = [Math.min(width - 1, left + 1), Math.min(height - 1, top + 1)];
  const [a, b] = [u - left, v - top];
  const at = (row: number, column: number): number => map[row * width + column]!;
  return (
    (1 - b) * ((1 - a) * at(top, left) + a * at(top, right)) + b * ((1 - a) * at(bottom, left) + a * at(bottom, right))
  );
}

const luminance = (rgb: Uint8Array, at: number): number =>
  0.2126 * rgb[at]! + 0.7152 * rgb[at + 1]! + 0.0722 * rgb[at + 2]!;

/** The picture below, its longer side at least `size` pixels, a whole number of times its own. */
function enlarged(picture: RgbPicture, size: number): RgbPicture {
  const times = Math.max(1, Math.ceil(size / longerSide(picture)));
  const [width, height] = [picture.width * times, picture.height * times];
  return { width, height, rgb: resizeBicubic(picture.rgb, picture.width, picture.height, width, height) };
}

/** Calls back for each pixel with its number and its place, 0 … 1. */
function eachPixel({ width, height }: Size, visit: (pixel: number, x: number, y: number) => void): void {
  for (let p = 0; p < width * height; p++) visit(p, ...middleOf(p, { width, height }));
}

/** A map over a picture: the picture dimmed and grey, the heat in colour, its strongest place full. */
export function drawHeat(picture: RgbPicture, map: ArrayLike<number>, grid: Size, size: number): RgbPicture {
  const drawing = enlarged(picture, size);
  const { rgb } = drawing;
  let highest = 0;
  for (let j = 0; j < map.length; j++) highest = Math.max(highest, map[j]!);
  eachPixel(drawing, (p, x, y) => {
    const share = sample(map, grid, x, y) / (highest || 1);
    const grey = luminance(rgb, 3 * p);
    mix(rgb, p, (c) => 0.45 * (0.65 * grey + 0.35 * rgb[3 * p + c]!) + 24, heatColour(share), heatOpacity(share));
  });
  return drawing;
}

/** Every place of the output in the colour of the place it looks at most, over the output's own light and dark. */
export function drawCorrespondence(picture: RgbPicture, targets: Uint16Array, grid: Size, size: number): RgbPicture {
  const drawing = enlarged(picture, size);
  const { rgb } = drawing;
  eachPixel(drawing, (p, x, y) => {
    const colour = placeColour(...middleOf(targets[cellAt(x, y, grid)]!, grid));
    const grey = luminance(rgb, 3 * p);
    mix(rgb, p, () => grey, colour, 0.75);
  });
  return drawing;
}

/** A picture's parts in their colours, with their numbers. `colours`: for each part which of so many colours, undefined for none. */
export function drawParts(
  picture: RgbPicture,
  { labels, colours, count }: { labels: Uint8Array; colours: readonly (number | undefined)[]; count: number },
  grid: Size,
  size: number,
): RgbPicture {
  const drawing = enlarged(picture, size);
  const { rgb } = drawing;
  eachPixel(drawing, (p, x, y) => {
    const colour = colours[labels[cellAt(x, y, grid)]!];
    if (colour !== undefined) mix(rgb, p, (c) => rgb[3 * p + c]!, clusterColour(colour, count), 0.55);
  });
  const numbers = middles(labels, grid).flatMap((cell, part) => {
    const [x, y] = middleOf(cell, grid);
    const colour = colours[part];
    return colour === undefined ? [] : [{ number: colour + 1, at: { x, y, radius: 0 } }];
  });
  drawCircles(drawing, numbers);
  return drawing;
}

/** Two pictures of one height in a row. */
export function besideEachOther(left: RgbPicture, right: RgbPicture): RgbPicture {
  const { height } = left;
  const width = left.width + right.width;
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    rgb.set(left.rgb.subarray(3 * y * left.width, 3 * (y + 1) * left.width), 3 * y * width);
    rgb.set(right.rgb.subarray(3 * y * right.width, 3 * (y + 1) * right.width), 3 * (y * width + left.width));
  }
  return { width, height, rgb };
}

function mix(rgb: Uint8Array, pixel: number, under: (channel: number) => number, over: Rgb, opacity: number): void {
  const below = [under(0), under(1), under(2)];
  for (let c = 0; c < 3; c++) rgb[3 * pixel + c] = Math.round((1 - opacity) * below[c]! + opacity * over[c]!);
}

/** Digits of three by five dots, each row a number of three bits. */
const DIGITS = ['75557', '26227', '71747', '71717', '55711', '74717', '74757', '71111', '75757', '75717'];

/** Circles with their numbers over a drawing: light lines on dark ones, so that they show on everything. */
export function drawCircles(
  { width, height, rgb }: RgbPicture,
  circles: readonly { number: number; at: PinEnd }[],
): void {
  const unit = Math.max(1, Math.round(Math.min(width, height) / 256));
  const dot = (x: number, y: number, value: number): void => {
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    rgb.fill(value, 3 * (y * width + x), 3 * (y * width + x) + 3);
  };
  for (const [colour, thick] of [
    [0, 1.5 * unit],
    [255, 0.75 * unit],
  ] as const) {
    for (const { at } of circles) {
      const [left, top, radius] = [at.x * width, at.y * height, at.radius * Math.min(width, height)];
      const reach = Math.ceil(radius + thick);
      for (let y = Math.floor(top) - reach; y <= top + reach; y++)
        for (let x = Math.floor(left) - reach; x <= left + reach; x++)
          if (Math.abs(Math.hypot(x + 0.5 - left, y + 0.5 - top) - radius) <= thick) dot(x, y, colour);
    }
  }
  const size = 2 * unit;
  for (const { number, at } of circles) {
    const digits = String(number);
    const dots = { wide: 4 * digits.length + 1, high: 7 };
    const left = Math.round(at.x * width - (dots.wide * size) / 2);
    const top = Math.round(at.y * height - (dots.high * size) / 2);
    for (let y = 0; y < dots.high * size; y++) {
      for (let x = 0; x < dots.wide * size; x++) {
        const [column, row] = [Math.floor(x / size) - 1, Math.floor(y / size) - 1];
        const bits = Number(DIGITS[Number(digits[column >> 2])]?.[row] ?? 0);
        const on = column >= 0 && column % 4 < 3 && (bits >> (2 - (column % 4))) % 2 === 1;
        dot(left + x, top + y, on ? 255 : 0);
      }
    }
  }
}
