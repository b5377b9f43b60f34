import { expect, it } from 'vitest';
import { NoiseMemory } from '../../../../extension/engine/pipeline/noiseMemory';
import { gaussianNoise } from '../../../../extension/engine/diffusion/philox';

it('gives the noise that is asked for, draws it once, and keeps the last used within its bytes', () => {
  const memory = new NoiseMemory(3 * 64 * 4);
  const imageDigest = new Uint8Array(32).fill(7);
  const of = (timestep: number, seed = 1, digest = imageDigest) =>
    memory.noise({ seed, imageDigest: digest, timestep, length: 64 });
  const first = of(1);
  expect(first).toEqual(gaussianNoise({ seed: 1, imageDigest, timestep: 1, length: 64 }));
  expect(of(1)).toBe(first);
  for (const other of [of(2), of(1, 2), of(1, 1, new Uint8Array(32).fill(8))]) expect(other).not.toEqual(first);
  // Three others have come since.
  expect(of(1)).not.toBe(first);
  expect(of(1)).toEqual(first);
});
