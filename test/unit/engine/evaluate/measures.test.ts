import { describe, expect, it } from 'vitest';
import { colourDistance, earthMovers, labChannels } from '../../../../extension/engine/evaluate/colour';
import { gramDistance, gramMatrix } from '../../../../extension/engine/evaluate/gram';

describe('Gram matrices', () => {
  it('are the weighted means of outer products', () => {
    // Three tokens of two channels; the second does not count, the third counts three times.
    const features = Float32Array.of(1, 2, 100, 100, 3, -1);
    expect([...gramMatrix(features, Float32Array.of(1, 0, 3))]).toEqual([
      (1 + 3 * 9) / 4,
      (2 - 3 * 3) / 4,
      (2 - 3 * 3) / 4,
      (4 + 3) / 4,
    ]);
  });

  it('do not depend on how much of the picture an object fills', () => {
    const once = gramMatrix(Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 1));
    const twice = gramMatrix(Float32Array.of(1, 2, 3, 4, 1, 2, 3, 4), Float32Array.of(1, 1, 1, 1));
    expect([...twice]).toEqual([...once]);
  });

  it('are apart by 0 when equal, by 2 when one is nothing, whatever the scale', () => {
    const identity = Float32Array.of(1, 0, 0, 1);
    expect(gramDistance(identity, identity)).toBe(0);
    expect(gramDistance(identity, new Float32Array(4))).toBeCloseTo(2, 12);
    // ‖I − diag(1, 0)‖ = 1, ‖I‖ = √2
    const one = gramDistance(identity, Float32Array.of(1, 0, 0, 0));
    expect(one).toBeCloseTo(2 / (1 + Math.SQRT2), 12);
    expect(gramDistance(Float32Array.of(7, 0, 0, 7), Float32Array.of(7, 0, 0, 0))).toBeCloseTo(one, 12);
  });

  it('refuse what does not fit', () => {
    expect(() => gramMatrix(Float32Array.of(1, 2, 3), Float32Array.of(1, 1))).toThrow(RangeError);
    expect(() => gramMatrix(Float32Array.of(1, 2), Float32Array.of(0, 0))).toThrow(RangeError);
  });
});

describe('the colour distance', () => {
  it('knows CIELAB', () => {
    // CIE 1976 values of sRGB white, black, red and blue under D65.
    const rgb = Uint8Array.of(255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 0, 255);
    const [lightness, a, b] = labChannels(rgb).map((channel) => [...channel]);
    for (const [index, value] of [100, 0, 53.24, 32.3].entries()) expect(lightness![index]).toBeCloseTo(value, 1);
    for (const [index, value] of [0, 0, 80.09, 79.19].entries()) expect(a![index]).toBeCloseTo(value, 1);
    for (const [index, value] of [0, 0, 67.2, -107.86].entries()) expect(b![index]).toBeCloseTo(value, 1);
  });

  it('is the work of moving one sample to the other, of whatever sizes', () => {
    expect(earthMovers(Float32Array.of(0, 1), Float32Array.of(5, 6))).toBe(5);
    // Half of the mass stays at 0, half goes to 4.
    expect(earthMovers(Float32Array.of(0), Float32Array.of(4, 0))).toBe(2);
    expect(earthMovers(Float32Array.of(3, 1, 2), Float32Array.of(2, 3, 1))).toBe(0);
    // A quarter moves from 0 to 8 when 1/4 of one and 1/2 of the other lie there.
    expect(earthMovers(Float32Array.of(0, 0, 0, 8), Float32Array.of(0, 8))).toBe(2);
  });

  it('asks for the mean over the three channels, and for pixels', () => {
    const grey = (byte: number): Uint8Array => Uint8Array.of(byte, byte, byte);
    expect(colourDistance(grey(0), grey(255))).toBeCloseTo(100 / 3, 3);
    expect(colourDistance(Uint8Array.of(9, 80, 200), Uint8Array.of(9, 80, 200))).toBe(0);
    expect(() => colourDistance(new Uint8Array(), grey(1))).toThrow(RangeError);
  });
});
