/** Pins of an attention swap: places of the structure that take their look from chosen places of an appearance. */
import { isRecord } from './schema';
import { show } from './problems';

/** A place in an image: its centre in fractions of the width and the height, its radius in fractions of the shorter side. */
export interface PinEnd {
  x: number;
  y: number;
  radius: number;
}

/** What lies inside `to` in the structure takes its look from inside `from` in the appearance. */
export interface Pin {
  to: PinEnd;
  from: PinEnd;
  /** Which of several appearances, from 1; the first where absent. */
  appearance?: number;
  /** Stays in the file and does nothing. */
  muted?: boolean;
}

export const MOST_PINS = 100;

/** Keys of a pin and of its ends, in the order of the file. */
export const pinKeys = ['to', 'from', 'appearance', 'muted'];
export const pinEndKeys = ['x', 'y', 'radius'];

/** The pins in a parameter's value; what {@link pinsFault} refuses gives none. */
export function pinsOf(value: unknown): readonly Pin[] {
  return value === undefined || pinsFault(value) !== undefined ? [] : (value as Pin[]);
}

/** Four decimals are less than a pixel of any image. */
const toPinNumber = (value: number): number => Math.round(value * 1e4) / 1e4 + 0;

/** Pins with their numbers as the file has them; what {@link pinsFault} refuses stays as it is. */
export function writtenPins(value: unknown): unknown {
  if (pinsFault(value) !== undefined) return value;
  const end = ({ x, y, radius }: PinEnd): PinEnd => ({
    x: toPinNumber(x),
    y: toPinNumber(y),
    radius: toPinNumber(radius),
  });
  return (value as Pin[]).map(({ to, from, appearance, muted }) => ({
    to: end(to),
    from: end(from),
    ...(appearance === undefined || appearance === 1 ? {} : { appearance }),
    ...(muted ? { muted } : {}),
  }));
}

/** What is wrong with a list of pins, to follow its name; undefined when it can be used. */
export function pinsFault(value: unknown): string | undefined {
  if (!Array.isArray(value)) return ` must be a list of pins, not ${show(value)}.`;
  if (value.length > MOST_PINS) return ` has ${value.length} pins; the most is ${MOST_PINS}.`;
  for (const [index, pin] of (value as unknown[]).entries()) {
    const fault = pinFault(pin);
    if (fault !== undefined) return `, pin ${index + 1}: ${fault}`;
  }
  return undefined;
}

function pinFault(pin: unknown): string | undefined {
  if (!isRecord(pin)) return `it must be {"to": {"x", "y", "radius"}, "from": {"x", "y", "radius"}}, not ${show(pin)}.`;
  const { to, from, appearance, muted } = pin;
  const unknown = Object.keys(pin).find((key) => !pinKeys.includes(key));
  if (unknown !== undefined) return `it has no field ${show(unknown)}, only to, from, appearance and muted.`;
  if (appearance !== undefined && !(Number.isInteger(appearance) && (appearance as number) >= 1))
    return `appearance must be a whole number from 1, not ${show(appearance)}.`;
  if (muted !== undefined && typeof muted !== 'boolean') return `muted must be true or left out, not ${show(muted)}.`;
  return endFault('to', to) ?? endFault('from', from);
}

function endFault(name: 'to' | 'from', end: unknown): string | undefined {
  if (end === undefined) return `${name} is missing. Add "${name}": {"x", "y", "radius"}.`;
  if (!isRecord(end)) return `${name} must be {"x", "y", "radius"}, not ${show(end)}.`;
  const unknown = Object.keys(end).find((key) => !pinEndKeys.includes(key));
  if (unknown !== undefined) return `${name} has no field ${show(unknown)}, only x, y and radius.`;
  for (const key of pinEndKeys) {
    const value = end[key];
    if (value === undefined) return `${name}.${key} is missing.`;
    const inside = typeof value === 'number' && value >= 0 && value <= 1;
    if (key !== 'radius' && !inside) return `${name}.${key} must be a number between 0 and 1, not ${show(value)}.`;
    // A smaller radius would be written as 0.
    if (key === 'radius' && !(inside && toPinNumber(value) > 0))
      return `${name}.radius must be a number between 0.0001 and 1, not ${show(value)}.`;
  }
  return undefined;
}

/** Pins in a few words: `none`, the two centres of a single one, or how many. */
export function pinsWords(value: unknown): string {
  const pins = pinsOf(value);
  const at = ({ x, y }: PinEnd): string => `${x},${y}`;
  const [pin] = pins;
  if (!pin) return 'none';
  if (pins.length > 1) return `${pins.length} pins`;
  return `${at(pin.to)} from ${at(pin.from)}${pin.muted ? ' (muted)' : ''}`;
}
