import { expect, it } from 'vitest';
import { previewRgba } from '../../../../extension/engine/image/preview';
import { noise } from '../../../fixtures/onnx/feeds';
import { makeEngine } from '../../../support/mini';

it.each([256, 64])('draws inside onnxruntime what the map says, at most %i pixels a side', async (side) => {
  const { engine } = makeEngine();
  const store = engine.scratch();
  const checkpoint = await engine.checkpoint('mini', 'cpu');
  const [height, width] = checkpoint.latentSize;
  const latents = noise(16 * height * width, 3).map((value) => 2 * value);
  const drawn = await checkpoint.draw(latents, side, store);
  const expected = previewRgba(latents, height, width, await checkpoint.previews.map(store), side);
  expect([drawn.width, drawn.height]).toEqual([expected.width, expected.height]);
  expect(drawn.rgba.length).toBe(expected.rgba.length);
  const apart = drawn.rgba.reduce((most, byte, i) => Math.max(most, Math.abs(byte - expected.rgba[i]!)), 0);
  expect(apart).toBeLessThanOrEqual(1);
  // Something is in the picture, and it is opaque.
  expect(new Set(drawn.rgba).size).toBeGreaterThan(50);
  expect(drawn.rgba.every((byte, i) => i % 4 !== 3 || byte === 255)).toBe(true);
});
