import { expect, it } from 'vitest';
import { bfloat16, float16 } from '../../../extension/engine/halfFloats';

it('numbers of 16 bits are what their bits say, small, negative and infinite ones too', () => {
  const halves = [0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0x8000, 0x7c00, 0xfc00, 0x7e00].map(float16);
  expect(halves).toEqual([1, -2, 0.333251953125, 65504, 2 ** -24, -0, Infinity, -Infinity, NaN]);
  expect([0x3f80, 0xc049, 0x0000, 0xff80, 0x7fc0].map(bfloat16)).toEqual([1, -3.140625, 0, -Infinity, NaN]);
});
