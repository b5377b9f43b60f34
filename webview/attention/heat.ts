/** Attention as pixels. Maps are grids of tokens, row by row from the top. */
import { heatColour, heatOpacity, placeColour, type Rgb } from '../../extension/protocol/colours';
import { cellAt, middleOf, type Size } from '../../extension/protocol/size';

/** Side of the pictures that maps are drawn as, before the page scales them. */
export const DRAWN = 256;

/** A map at a place 0 … 1, evenly between its tokens' centres. */
export function sample(map: ArrayLike<number>, { width, height }: Size, x: number, y: number): number {
  const inside = (value: number, cells: number): number => Math.min(cells - 1, Math.max(0, value * cells - 0.5));
  const [u, v] = [inside(x, width), inside(y, height)];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  const [right, bottom] = [Math.min(width - 1, left + 1), Math.min(height - 1, top + 1)];
  const [a, b] = [u - left, v - top];
  const at = (row: number, column: number): number => map[row * width + column] ?? 0;
  const above = (1 - a) * at(top, left) + a * at(top, right);
  const below = (1 - a) * at(bottom, left) + a * at(bottom, right);
  return (1 - b) * above + b * below;
}

export function highest(map: ArrayLike<number>): number {
  let most = 0;
  for (let j = 0; j < map.length; j++) most = Math.max(most, map[j] ?? 0);
  return most;
}

/** One map in the colours of heat. */
export function heatPixels(map: ArrayLike<number>, grid: Size): ImageData {
  const most = highest(map) || 1;
  return pixels((x, y) => {
    const share = sample(map, grid, x, y) / most;
    return [heatColour(share), heatOpacity(share)];
  });
}

/** Several maps, each in a colour of its own; where they meet the stronger one shows more. */
export function watchPixels(maps: readonly { map: ArrayLike<number>; colour: Rgb }[], grid: Size): ImageData {
  const all = maps.map(({ map, colour }) => ({
    map,
    colour,
    most: highest(map) || 1,
  }));
  return pixels((x, y) => {
    let [red, green, blue, total, opacity] = [0, 0, 0, 0, 0];
    for (const { map, colour, most } of all) {
      const share = sample(map, grid, x, y) / most;
      red += share * colour[0];
      green += share * colour[1];
      blue += share * colour[2];
      total += share;
      opacity = Math.max(opacity, heatOpacity(share));
    }
    return total === 0 ? [[0, 0, 0], 0] : [[red / total, green / total, blue / total], opacity];
  });
}

/** How strongly the colours of places cover the picture below. */
const PLACE_OPACITY = 0.78;

/** Every place in its own colour: the key to {@link correspondencePixels}. */
export function placePixels(): ImageData {
  return pixels((x, y) => [placeColour(x, y), PLACE_OPACITY]);
}

/** Every token in the colour of the place it looks at most. */
export function correspondencePixels(targets: ArrayLike<number>, grid: Size): ImageData {
  return pixels((x, y) => {
    const target = targets[cellAt(x, y, grid)] ?? 0;
    const [u, v] = middleOf(target, grid);
    return [placeColour(u, v), PLACE_OPACITY];
  });
}

function pixels(colourAt: (x: number, y: number) => [Rgb, number]): ImageData {
  const image = new ImageData(DRAWN, DRAWN);
  for (let y = 0, p = 0; y < DRAWN; y++) {
    for (let x = 0; x < DRAWN; x++, p += 4) {
      const [colour, opacity] = colourAt((x + 0.5) / DRAWN, (y + 0.5) / DRAWN);
      image.data[p] = colour[0];
      image.data[p + 1] = colour[1];
      image.data[p + 2] = colour[2];
      image.data[p + 3] = 255 * opacity;
    }
  }
  return image;
}

/** In how few places half of a map's attention lies: small where it knows where to look. */
export function placesOfHalf(map: ArrayLike<number>): number {
  const sorted = Float64Array.from(map).sort().reverse();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  let sum = 0;
  for (let count = 0; count < sorted.length; count++) {
    sum += sorted[count] ?? 0;
    if (sum >= total / 2) return count + 1;
  }
  return sorted.length;
}

/** Colours of watched places: bright enough on a dimmed picture, told apart by hue. */
export const WATCH_COLOURS: readonly Rgb[] = [
  [255, 176, 59],
  [64, 196, 255],
  [255, 110, 180],
  [126, 231, 135],
  [190, 150, 255],
  [255, 245, 120],
];

export const cssColour = ([red, green, blue]: Rgb): string =>
  `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
