import { describe, expect, it } from 'vitest';
import { areaMean, resizeBicubic } from '../../../../extension/engine/image/resize';

/** 5 × 7 pixels without symmetry. */
const source = new Uint8Array(7 * 5 * 3);
for (let y = 0; y < 7; y++) {
  for (let x = 0; x < 5; x++) {
    for (let c = 0; c < 3; c++) source[(y * 5 + x) * 3 + c] = (x * 53 + y * 31 + c * 17) % 256;
  }
}

describe('bicubic resampling', () => {
  it.each([
    // Image.fromarray(source).resize((w, h), Image.BICUBIC) of Pillow 12
    [
      3,
      3,
      [
        41, 58, 75, 133, 154, 176, 193, 144, 161, 114, 138, 155, 188, 181, 157, 106, 68, 85, 191, 164, 181, 92, 84, 70,
      ].concat([88, 109, 126]),
    ],
    [2, 2, [94, 115, 128, 168, 140, 154, 158, 149, 149, 99, 97, 97]],
  ])('agrees with Pillow within a digit at %i × %i', (width, height, wanted) => {
    const ours = resizeBicubic(source, 5, 7, width, height);
    expect(ours.length).toBe(wanted.length);
    for (let i = 0; i < wanted.length; i++) expect(Math.abs(ours[i]! - wanted[i]!)).toBeLessThanOrEqual(1);
  });

  it('returns the very bytes when the size stays', () => {
    expect(resizeBicubic(source, 5, 7, 5, 7)).toBe(source);
  });

  it('keeps a flat colour flat at any factor, also from a single pixel', () => {
    for (const [from, to] of [
      [1, 9],
      [9, 1],
      [640, 128],
      [127, 128],
    ] as const) {
      const flat = new Uint8Array(from * from * 3).map((_, i) => [7, 130, 255][i % 3]!);
      const out = resizeBicubic(flat, from, from, to, to);
      expect(out.every((value, i) => value === [7, 130, 255][i % 3])).toBe(true);
    }
  });

  it('averages stripes finer than the target away instead of aliasing them', () => {
    const stripes = new Uint8Array(256 * 256 * 3).map((_, i) => (Math.floor(i / 3) % 2 ? 255 : 0));
    const out = resizeBicubic(stripes, 256, 256, 64, 64);
    const inner = [...out.subarray(32 * 64 * 3 + 30, 32 * 64 * 3 + 120)];
    expect(Math.min(...inner)).toBeGreaterThan(120);
    expect(Math.max(...inner)).toBeLessThan(135);
  });
});

describe('the area mean', () => {
  it('averages whole cells', () => {
    const values = Float32Array.of(0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1);
    expect([...areaMean(values, 4, 4, 2, 2)]).toEqual([0.25, 1, 0, 0.25]);
  });

  it('shares pixels that straddle cells, and repeats pixels when the grid is finer', () => {
    const out = areaMean(Float32Array.of(0, 1, 0), 3, 1, 2, 1);
    expect(out[0]).toBeCloseTo(1 / 3, 6);
    expect(out[1]).toBeCloseTo(1 / 3, 6);
    expect([...areaMean(Float32Array.of(0.5), 1, 1, 2, 2)]).toEqual([0.5, 0.5, 0.5, 0.5]);
  });
});
