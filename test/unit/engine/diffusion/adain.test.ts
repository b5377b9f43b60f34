import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { adain, channelStatistics } from '../../../../extension/engine/diffusion/adain';
import { gaussianNoise } from '../../../../extension/engine/diffusion/philox';
import { SafetensorsFile } from '../../../support/safetensors';

const SIZE = 4 * 64 * 64;
const reference = new SafetensorsFile(path.join(import.meta.dirname, '../../../fixtures/reference/runA.safetensors'));
const latents = (key: string, of: 'O' | 'A' | 'S') => {
  const at = ['O', 'A', 'S'].indexOf(of) * SIZE;
  return reference.floats(key).subarray(at, at + SIZE);
};
const noise = (timestep: number, length: number) =>
  gaussianNoise({ seed: 7, imageDigest: new Uint8Array(8), timestep, length });

describe('AdaIN', () => {
  it('equals the reference run’s step without masks', () => {
    const { latents: ours, problems } = adain(latents('tr_lat_006_ddpm', 'O'), latents('tr_lat_006_ddpm', 'A'), {
      channels: 4,
    });
    const theirs = latents('tr_lat_006_cb', 'O');
    let worst = 0;
    for (let i = 0; i < SIZE; i++) worst = Math.max(worst, Math.abs(ours[i]! - theirs[i]!));
    expect(worst).toBeLessThan(2e-6);
    expect(problems).toEqual([]);
  });

  it('gives the style’s means and deviations, of the unbiased variance plus 1e-5', () => {
    const content = noise(1, 300).map((value) => value * 3 + 1);
    const style = noise(2, 300);
    const result = channelStatistics(adain(content, style, { channels: 3 }).latents, 3);
    const wanted = channelStatistics(style, 3);
    for (let c = 0; c < 3; c++) {
      expect(result.mean[c]).toBeCloseTo(wanted.mean[c]!, 5);
      expect(result.std[c]).toBeCloseTo(wanted.std[c]!, 4);
    }
    expect(channelStatistics(Float32Array.of(1, 3), 1).std[0]).toBe(Math.sqrt(2 + 1e-5));
  });

  it('takes statistics inside the masks and changes the content inside its mask alone', () => {
    const content = Float32Array.of(0, 2, 50, 60);
    const style = Float32Array.of(-9, 10, 14, -9);
    const { latents: out } = adain(content, style, {
      channels: 1,
      contentMask: Float32Array.of(1, 1, 0, 0),
      styleMask: Float32Array.of(0, 1, 1, 0),
    });
    expect(out[0]).toBeCloseTo(10, 4);
    expect(out[1]).toBeCloseTo(14, 4);
    expect([out[2], out[3]]).toEqual([50, 60]);
  });

  it('uses the whole picture on the side that has no mask', () => {
    const content = Float32Array.of(0, 2, 50, 60);
    const { latents: out } = adain(content, Float32Array.of(4, 4, 8, 8), {
      channels: 1,
      contentMask: Float32Array.of(1, 1, 0, 0),
    });
    expect((out[0]! + out[1]!) / 2).toBeCloseTo(6, 4);
  });

  it('falls back to the whole picture and says so where a mask has no pixel or a single one', () => {
    const [content, style] = [noise(3, 32), noise(4, 32)];
    const plain = adain(content, style, { channels: 2 }).latents;
    const single = new Float32Array(16);
    single[5] = 1;
    const empty = adain(content, style, { channels: 2, contentMask: new Float32Array(16) });
    expect(empty.latents).toEqual(plain);
    expect(empty.problems).toEqual([expect.stringMatching(/structure mask is empty/)]);
    const lone = adain(content, style, { channels: 2, styleMask: single });
    expect(lone.latents).toEqual(plain);
    expect(lone.problems).toEqual([expect.stringMatching(/appearance mask has a single pixel/)]);
  });

  it('stays finite on constant latents', () => {
    const { latents: out } = adain(new Float32Array(16).fill(3), new Float32Array(16).fill(5), { channels: 1 });
    expect(out).toEqual(new Float32Array(16).fill(5));
  });

  it('refuses shapes that do not fit', () => {
    const content = noise(5, 32);
    expect(() => adain(content, content, { channels: 3 })).toThrow(RangeError);
    expect(() => adain(content, content, { channels: 2, styleMask: new Float32Array(3) })).toThrow(RangeError);
  });
});
