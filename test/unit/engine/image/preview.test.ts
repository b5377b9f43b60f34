import { describe, expect, it } from 'vitest';
import { gaussianNoise } from '../../../../extension/engine/diffusion/philox';
import { fitPreview, previewRgba } from '../../../../extension/engine/image/preview';
import { fromModelOutput, toModelInput } from '../../../../extension/engine/image/tensors';

const noise = (timestep: number, length: number) =>
  gaussianNoise({ seed: 3, imageDigest: new Uint8Array(8), timestep, length });

/** Samples whose pictures really are a linear function of their latents, to a rounding. */
function linearSamples(channels: number, grid: number, factor: number, patch: number) {
  const weight = noise(99, patch * patch * 3 * channels).map((value) => (value * 0.12) / Math.sqrt(channels));
  const latents = [1, 2, 3, 4].map((t) => noise(t, channels * grid * grid));
  const size = grid * factor;
  const pictures = latents.map((latent) => {
    const rgb = new Uint8Array(size * size * 3);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const cell = Math.floor(y / factor) * grid + Math.floor(x / factor);
        const [py, px] = [y, x].map((at) => Math.floor(((at % factor) * patch) / factor)) as [number, number];
        for (let c = 0; c < 3; c++) {
          let value = 0.5;
          for (let k = 0; k < channels; k++) {
            value += weight[((py * patch + px) * 3 + c) * channels + k]! * latent[k * grid * grid + cell]!;
          }
          rgb[(y * size + x) * 3 + c] = Math.min(Math.max(Math.round(value * 255), 0), 255);
        }
      }
    }
    return rgb;
  });
  return { latents, pictures, channels, latentSize: [grid, grid] as const, pictureSize: size };
}

describe('a preview map', () => {
  it.each([
    { channels: 16, grid: 8, factor: 8, patch: 8 },
    { channels: 4, grid: 16, factor: 8, patch: 2 },
  ])('recovers a linear encoder: $channels channels in patches of $patch', ({ channels, grid, factor, patch }) => {
    const samples = linearSamples(channels, grid, factor, patch);
    const map = fitPreview(samples);
    expect(map.patch).toBe(patch);
    const drawn = previewRgba(samples.latents[0]!, grid, grid, map);
    expect(drawn.width).toBe(grid * patch);
    const picture = samples.pictures[0]!;
    const step = factor / patch;
    let worst = 0;
    for (let y = 0; y < drawn.height; y++) {
      for (let x = 0; x < drawn.width; x++) {
        for (let c = 0; c < 3; c++) {
          const wanted = picture[(y * step * samples.pictureSize + x * step) * 3 + c]!;
          worst = Math.max(worst, Math.abs(wanted - drawn.rgba[(y * drawn.width + x) * 4 + c]!));
        }
      }
    }
    expect(worst).toBeLessThanOrEqual(3);
  });

  it('stays finite where a channel never moves', () => {
    const samples = linearSamples(4, 8, 8, 2);
    for (const latent of samples.latents) latent.fill(0, 64, 128);
    expect(fitPreview(samples).weight.every(Number.isFinite)).toBe(true);
  });

  it('refuses samples of other sizes', () => {
    const samples = linearSamples(4, 8, 8, 2);
    expect(() => fitPreview({ ...samples, pictureSize: 60 })).toThrow(RangeError);
    expect(() => fitPreview({ ...samples, pictures: [] })).toThrow(RangeError);
  });
});

describe('a preview', () => {
  const samples = linearSamples(16, 8, 8, 8);
  const map = fitPreview(samples);

  it('is no larger than asked, the mean of the larger one, and never smaller than the latent grid', () => {
    const full = previewRgba(samples.latents[1]!, 8, 8, map, 64);
    expect(full.width).toBe(64);
    const small = previewRgba(samples.latents[1]!, 8, 8, map, 40);
    expect([small.width, small.height, small.rgba.length]).toEqual([32, 32, 32 * 32 * 4]);
    const mean = [0, 4, 64 * 4, 64 * 4 + 4].reduce((sum, at) => sum + full.rgba[at]!, 0) / 4;
    expect(Math.abs(small.rgba[0]! - mean)).toBeLessThanOrEqual(1);
    expect(previewRgba(samples.latents[1]!, 8, 8, map, 2).width).toBe(8);
  });

  it('is opaque, and clamps what lies beyond black and white', () => {
    const { rgba } = previewRgba(new Float32Array(16 * 64).fill(1e6), 8, 8, map);
    expect(rgba.every((value) => value === 0 || value === 255)).toBe(true);
    expect(rgba.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
  });

  it('refuses latents of another shape', () => {
    expect(() => previewRgba(new Float32Array(5), 8, 8, map)).toThrow(RangeError);
  });
});

describe('pictures as tensors', () => {
  it('go to planes in [−1, 1] and come back as the same bytes', () => {
    const rgb = Uint8Array.from({ length: 256 * 3 }, (_, i) => (i * 7) % 256);
    const planes = toModelInput(rgb);
    expect(planes[0]).toBe(-1);
    expect(planes[256]).toBeCloseTo(7 / 127.5 - 1, 6);
    expect(toModelInput(Uint8Array.of(255, 255, 255))).toEqual(Float32Array.of(1, 1, 1));
    expect(fromModelOutput(planes)).toEqual(rgb);
  });

  it('are clamped on the way out, and NaN is black', () => {
    expect(fromModelOutput(Float32Array.of(-3, 3, NaN))).toEqual(Uint8Array.of(0, 255, 0));
  });
});
