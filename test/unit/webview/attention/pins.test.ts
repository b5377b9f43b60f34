import { expect, it } from 'vitest';
import { type Pin } from '../../../../extension/graph';
import {
  acting,
  circleWords,
  moved,
  notchesOf,
  resized,
  withCircle,
  withMuted,
  without,
} from '../../../../webview/attention/pins';

const pin = (x: number, rest: Partial<Pin> = {}): Pin => ({
  to: { x, y: 0.5, radius: 0.1 },
  from: { x: 1 - x, y: 0.25, radius: 0.2 },
  ...rest,
});

it('a circle moves to the edge of its image and no further, and keeps its size', () => {
  expect(moved({ x: 0.95, y: 0.5, radius: 0.1 }, 0.2, -0.6)).toEqual({ x: 1, y: 0, radius: 0.1 });
});

it('a circle can always be seen and grabbed, however long the wheel is turned', () => {
  const end = { x: 0.5, y: 0.5, radius: 0.1 };
  expect(resized(resized(end, 3), -3).radius).toBeCloseTo(0.1);
  expect(resized(end, -100).radius).toBe(0.02);
  expect(resized(end, 100).radius).toBe(0.5);
});

it('turning the wheel away from you makes larger, by pixels and by lines alike, and never in one leap', () => {
  expect(notchesOf({ deltaY: -100, deltaMode: 0 })).toBe(1);
  expect(notchesOf({ deltaY: 3, deltaMode: 1 })).toBe(-1);
  expect(notchesOf({ deltaY: -5000, deltaMode: 0 })).toBe(3);
});

it('changes one circle of one pin, and leaves the list it was given as it is', () => {
  const pins = [pin(0.1), pin(0.2)];
  const changed = withCircle(pins, { index: 1, end: 'from' }, (circle) => moved(circle, 0.1, 0));
  expect(changed[0]).toBe(pins[0]);
  expect(changed[1]).toEqual({ ...pin(0.2), from: { x: 0.9, y: 0.25, radius: 0.2 } });
  expect(pins[1]).toEqual(pin(0.2));
  expect(without(pins, 0)).toEqual([pin(0.2)]);
  const muted = withMuted(pins, 0);
  expect(muted).toEqual([pin(0.1, { muted: true }), pin(0.2)]);
  // As the file has it: no word of muting where there is none.
  expect(withMuted(muted, 0)).toEqual(pins);
});

it('two lists are the same to a run when the same pins act, in the same order', () => {
  expect(acting([pin(0.1), pin(0.2, { muted: true })])).toBe(acting([pin(0.1, { appearance: 1 })]));
  expect(acting([pin(0.1), pin(0.2)])).not.toBe(acting([pin(0.2), pin(0.1)]));
  expect(acting([pin(0.1)])).not.toBe(acting([pin(0.1, { appearance: 2 })]));
});

it('a circle is described by its number, what it is for, where it is and how large', () => {
  expect(circleWords({ index: 1, end: 'to' }, pin(0.25))).toBe(
    'Pin 2: place in the output that it changes, 25 % across, 50 % down, radius 10 %.',
  );
  expect(circleWords({ index: 0, end: 'from' }, pin(0.25, { muted: true }))).toBe(
    'Pin 1, muted: place in the appearance that it takes from, 75 % across, 25 % down, radius 20 %.',
  );
});
