import { describe, expect, it } from 'vitest';
import { guidanceScales, guide } from '../../../../extension/engine/diffusion/guidance';

describe('guidance', () => {
  it('falls linearly from start to end, both included', () => {
    expect([...guidanceScales(3.5, 1.75, 8)]).toEqual([3.5, 3.25, 3, 2.75, 2.5, 2.25, 2, 1.75]);
    expect([...guidanceScales(3.5, 1, 1)]).toEqual([3.5]);
    expect(guidanceScales(3.5, 1, 0).length).toBe(0);
  });

  it('extrapolates from the base through the other prediction; scale 1 is that prediction, 0 the base', () => {
    const base = Float32Array.of(1, 2);
    const towards = Float32Array.of(2, 0);
    expect([...guide(base, towards, 3)]).toEqual([4, -4]);
    expect(guide(base, towards, 1)).toEqual(towards);
    expect(guide(base, towards, 0)).toEqual(base);
  });

  it('refuses predictions of different lengths', () => {
    const base = Float32Array.of(1, 2);
    expect(() => guide(base, Float32Array.of(1), 2)).toThrow(RangeError);
  });
});
