import { describe, expect, it } from 'vitest';
import {
  gaussianNoise,
  philox4x32,
  portableCosSin,
  portableLog,
  uniformStream,
} from '../../../../extension/engine/diffusion/philox';

const words = (text: string) => Uint32Array.from(text.split(' '), (word) => Number.parseInt(word, 16));
const digest = Uint8Array.from({ length: 32 }, (_, i) => i * 7 + 1);
const request = { seed: 42, imageDigest: digest, timestep: 651, length: 4096 };

describe('Philox4x32-10', () => {
  it.each([
    // tests/kat_vectors of Random123 1.14, rows "philox4x32 10": counter, key, answer.
    ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('gives the published answer for counter %s', (counter, key, answer) => {
    const out = new Uint32Array(4);
    philox4x32(words(counter), words(key), out);
    expect([...out]).toEqual([...words(answer)]);
  });
});

describe('the portable functions', () => {
  it('agree with Math.log within two units in the last place', () => {
    for (let i = 1; i < 5000; i++) {
      const x = (i * 858993 + 0.5) / 2 ** 32;
      expect(Math.abs(portableLog(x) - Math.log(x))).toBeLessThanOrEqual(4.5e-16 * Math.max(1, Math.abs(Math.log(x))));
    }
    expect(portableLog(1)).toBe(0);
  });

  it('agree with cosine and sine all around the circle', () => {
    const out = new Float64Array(2);
    for (let i = 0; i < 4096; i++) {
      portableCosSin(i / 4096, out);
      expect(Math.abs(out[0]! - Math.cos((2 * Math.PI * i) / 4096))).toBeLessThan(1e-15);
      expect(Math.abs(out[1]! - Math.sin((2 * Math.PI * i) / 4096))).toBeLessThan(1e-15);
    }
  });
});

describe('the noise of a picture', () => {
  it('is standard normal: mean, variance, skew and kurtosis, and no correlation between timesteps', () => {
    const n = 1 << 18;
    const noise = gaussianNoise({ ...request, length: n });
    const other = gaussianNoise({ ...request, timestep: 652, length: n });
    const moment = (power: number) => noise.reduce((sum, value) => sum + value ** power, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(0.01);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.015);
    expect(Math.abs(moment(3))).toBeLessThan(0.03);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.1);
    expect(Math.abs(noise.reduce((sum, value, i) => sum + value * other[i]!, 0) / n)).toBeLessThan(0.01);
  });

  it('keeps its exact bits from version to version', () => {
    const bits = new Uint32Array(gaussianNoise({ ...request, length: 6 }).buffer);
    expect([...bits].map((word) => word.toString(16))).toMatchInlineSnapshot(`
      [
        "3f242e10",
        "3de49a4b",
        "be7300fa",
        "bfabf2bc",
        "bf6ab986",
        "bf0ac753",
      ]
    `);
  });

  it('depends on nothing but seed, picture, timestep and element', () => {
    const noise = gaussianNoise(request);
    expect(gaussianNoise({ ...request, length: 10 })).toEqual(noise.subarray(0, 10));
    const longerDigest = Uint8Array.from([...digest, 9]);
    expect(gaussianNoise({ ...request, imageDigest: longerDigest })).toEqual(noise);
    for (const change of [
      { seed: 43 },
      { seed: 42 + 2 ** 32 },
      { timestep: 1 },
      { imageDigest: Uint8Array.from(digest, (byte, i) => (i === 7 ? byte ^ 1 : byte)) },
    ]) {
      expect(gaussianNoise({ ...request, ...change })).not.toEqual(noise);
    }
  });

  it('fills lengths that are no multiple of four, and none', () => {
    expect(gaussianNoise({ ...request, length: 7 })).toEqual(gaussianNoise(request).subarray(0, 7));
    expect(gaussianNoise({ ...request, length: 0 }).length).toBe(0);
  });

  it('refuses seeds that are not whole numbers from 0, and short digests', () => {
    for (const seed of [-1, 1.5, NaN, 2 ** 53]) expect(() => gaussianNoise({ ...request, seed })).toThrow(RangeError);
    expect(() => gaussianNoise({ ...request, imageDigest: new Uint8Array(7) })).toThrow(RangeError);
  });
});

describe('a uniform stream', () => {
  it('repeats for a seed, differs between streams and stays in [0, 1)', () => {
    const [a, b, c] = [uniformStream(5), uniformStream(5), uniformStream(5, 1)];
    const values = Array.from({ length: 1000 }, () => a());
    expect(Array.from({ length: 1000 }, () => b())).toEqual(values);
    expect(c()).not.toBe(values[0]);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
  });
});
