import { expect, it } from 'vitest';
import { Scrub } from '../../../../webview/model/scrub';

const keys = { shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };
const contrast = { min: 0, max: 10, step: 0.01, span: [0, 5] } as const;

it('a drag of 200 pixels covers the useful span', () => {
  expect(new Scrub(1, contrast).move(200, keys)).toBe(6);
});

it('a number without a span goes a step a pixel', () => {
  expect(new Scrub(42, { min: 0, max: 2 ** 32 - 1, step: 1 }).move(-5, keys)).toBe(37);
});

it('Shift is a tenth, Ctrl and Alt are five times as fast, also when pressed on the way', () => {
  const scrub = new Scrub(1, contrast);
  expect(scrub.move(40, { ...keys, shiftKey: true })).toBe(1.1);
  expect(scrub.move(8, { ...keys, ctrlKey: true })).toBe(2.1);
  expect(scrub.move(8, { ...keys, altKey: true })).toBe(3.1);
  expect(scrub.move(4, keys)).toBe(3.2);
});

it('small moves add up where the number has coarse steps', () => {
  const scrub = new Scrub(50, { min: 1, max: 1000, step: 1, span: [10, 150] });
  expect([scrub.move(1, { ...keys, shiftKey: true }), scrub.move(9, { ...keys, shiftKey: true })]).toEqual([50, 51]);
});

it('it stops at the ends, and turns back from there at once', () => {
  const scrub = new Scrub(1, contrast);
  expect(scrub.move(5000, keys)).toBe(10);
  expect(scrub.move(-4, keys)).toBe(9.9);
  expect(scrub.move(-5000, keys)).toBe(0);
});
