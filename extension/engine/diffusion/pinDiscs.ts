/** Pins on a grid: how much of each place takes its look from a pin, and where in the appearance the pin looks. */
import { type PinEnd } from '../../graph';

/** Beyond its radius a pin fades to nothing over this share of it. */
const RIM = 0.25;

/** What pins ask for on a grid [h·w]. */
export interface PinnedShares {
  /** For each pin how much of each place takes its look through it: later pins lie over earlier ones. */
  weights: Float32Array[];
  /** How much each place of the appearance counts for a pin: 1 inside its circle, else 0. */
  keyWeights: Float32Array[];
  /** What is left of each place for everything else; all of them add up to 1. */
  unpinned: Float32Array;
}

export function pinnedShares(
  pins: readonly { to: PinEnd; from: PinEnd }[],
  [height, width]: readonly [number, number],
): PinnedShares {
  const unpinned = new Float32Array(height * width).fill(1);
  const weights = pins.map(() => new Float32Array());
  for (let index = pins.length - 1; index >= 0; index--) {
    const disc = discOf(pins[index]!.to, RIM, [height, width]);
    weights[index] = disc.map((part, place) => part * unpinned[place]!);
    for (const [place, part] of disc.entries()) unpinned[place]! *= 1 - part;
  }
  return { weights, keyWeights: pins.map(({ from }) => discOf(from, 0, [height, width])), unpinned };
}

/** 1 inside the circle, 0 outside, and between the radius and (1 + rim) · radius smoothly from one to the other; the nearest place is always 1. */
function discOf({ x, y, radius }: PinEnd, rim: number, [height, width]: readonly [number, number]): Float32Array {
  const disc = new Float32Array(height * width);
  const shorter = Math.min(height, width);
  let nearest = { place: 0, distance: Infinity };
  for (let place = 0; place < disc.length; place++) {
    const [row, column] = [Math.floor(place / width), place % width];
    const distance = Math.hypot(column + 0.5 - x * width, row + 0.5 - y * height) / shorter;
    if (distance < nearest.distance) nearest = { place, distance };
    if (distance <= radius) disc[place] = 1;
    else if (distance < radius * (1 + rim)) {
      const t = (distance - radius) / (radius * rim);
      disc[place] = 1 - t * t * (3 - 2 * t);
    }
  }
  disc[nearest.place] = 1;
  return disc;
}
