/** What is done to a swap's pins, as arithmetic. Lists and pins are never changed in place. */
import { type Pin, type PinEnd } from '../../extension/graph';

/** A pin's circle: the place that is to change (`to`, in the output), or the place its look is taken from (`from`). */
export type End = 'to' | 'from';

/** Which circle of which pin. */
export interface PinCircle {
  /** Place of the pin in the file's list. */
  index: number;
  end: End;
}

/** Of the shorter side of an image. */
export const NEW_RADIUS = 0.1;
const LEAST_RADIUS = 0.02;
const MOST_RADIUS = 0.5;
/** A notch of the wheel, or a key, makes a circle so many times as large. */
const NOTCH = 1.12;

const between = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value));

/** A place 0 … 1 of width and height; what lies outside comes to the edge. */
export const inside = ({ x, y }: { x: number; y: number }) => ({ x: between(0, x, 1), y: between(0, y, 1) });

export const moved = (end: PinEnd, dx: number, dy: number): PinEnd => ({
  ...end,
  ...inside({ x: end.x + dx, y: end.y + dy }),
});

/** Larger by so many notches, smaller where they are negative. */
export const resized = (end: PinEnd, notches: number): PinEnd => ({
  ...end,
  radius: between(LEAST_RADIUS, end.radius * NOTCH ** notches, MOST_RADIUS),
});

export const withCircle = (
  pins: readonly Pin[],
  { index, end }: PinCircle,
  change: (circle: PinEnd) => PinEnd,
): readonly Pin[] => pins.map((pin, place) => (place === index ? { ...pin, [end]: change(pin[end]) } : pin));

export const withMuted = (pins: readonly Pin[], index: number): readonly Pin[] =>
  pins.map((pin, place) => {
    if (place !== index) return pin;
    const { muted, ...rest } = pin;
    return muted ? rest : { ...rest, muted: true };
  });

export const without = (pins: readonly Pin[], index: number): readonly Pin[] =>
  pins.filter((_, place) => place !== index);

/** Pins that act, as a run has them: two lists that are equal in this give the same result. */
export const acting = (pins: readonly Pin[]): string =>
  JSON.stringify(
    pins
      .filter(({ muted }) => !muted)
      .map(({ to, from, appearance = 1 }) =>
        [to, from].flatMap(({ x, y, radius }) => [x, y, radius]).concat(appearance),
      ),
  );

/** A wheel's movement as notches; away from the person makes larger. */
export function notchesOf({ deltaY, deltaMode }: { deltaY: number; deltaMode: number }): number {
  // In pixels a notch is about 100, in lines 3.
  return between(-3, -deltaY / (deltaMode === 0 ? 100 : 3), 3);
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** A circle of a pin in words: also for those who can't see it. */
export function circleWords({ index, end }: PinCircle, pin: Pin): string {
  const { x, y, radius } = pin[end];
  const where = `${percent(x)} across, ${percent(y)} down, radius ${percent(radius)}`;
  const what = end === 'to' ? 'place in the output that it changes' : 'place in the appearance that it takes from';
  return `Pin ${index + 1}${pin.muted ? ', muted' : ''}: ${what}, ${where}.`;
}

export const PIN_KEYS =
  'Arrow keys or dragging move it, + and − or the wheel resize it, M mutes the pin, Delete deletes it.';
