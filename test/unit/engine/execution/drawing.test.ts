import path from 'node:path';
import { expect, it } from 'vitest';
import { previewRgba } from '../../../../extension/engine/image/preview';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { noise } from '../../../fixtures/onnx/feeds';
import { makeEngine } from '../../../support/mini';
import { writeReference } from '../../../support/referenceFolder';

it('draws inside onnxruntime what the map says, but for a picture that is not to wait until its session is open', async () => {
  const side = 256;
  const inner = inProcessSessions();
  let inside = 0;
  const run: typeof inner.run = (key, ...rest) => {
    if (key.includes('/preview/')) inside++;
    return inner.run(key, ...rest);
  };
  const { engine } = makeEngine(undefined, { sessions: { ...inner, run } });
  const store = engine.scratch();
  const checkpoint = await engine.checkpoint('mini', 'cpu');
  const [height, width] = checkpoint.latentSize;
  const latents = noise(16 * height * width, 3).map((value) => 2 * value);
  const expected = previewRgba(latents, height, width, await checkpoint.previews.map(store), side);
  expect(await checkpoint.draw(latents, side, store, { atOnce: true })).toEqual(expected);
  expect(inside).toBe(0);
  // A picture that is kept is the same however early it is drawn: also behind the one that did not wait.
  const drawn = await checkpoint.draw(latents, side, store);
  expect(inside).toBe(1);
  expect(await checkpoint.draw(latents, side, store, { atOnce: true })).toEqual(drawn);
  expect(inside).toBe(2);
  expect([drawn.width, drawn.height]).toEqual([expected.width, expected.height]);
  expect(drawn.rgba.length).toBe(expected.rgba.length);
  const apart = drawn.rgba.reduce((most, byte, i) => Math.max(most, Math.abs(byte - expected.rgba[i]!)), 0);
  expect(apart).toBeLessThanOrEqual(1);
  const small = previewRgba(latents, height, width, await checkpoint.previews.map(store), 64);
  expect(await checkpoint.draw(latents, 64, store)).toEqual(small);
  // Something is in the picture, and it is opaque.
  expect(new Set(drawn.rgba).size).toBeGreaterThan(50);
  expect(drawn.rgba.every((byte, i) => i % 4 !== 3 || byte === 255)).toBe(true);
});

it('learns on small pictures how a large checkpoint is drawn, whose encoder would take long for its own size', async () => {
  const inner = inProcessSessions();
  const sides: number[] = [];
  const run: typeof inner.run = (key, feeds, ...rest) => {
    if (key.endsWith('/vaeEncoder')) sides.push(...Object.values(feeds).map(({ dims }) => dims.at(-1)!));
    return inner.run(key, feeds, ...rest);
  };
  const { engine, home } = makeEngine(undefined, { sessions: { ...inner, run } });
  await engine.handlers['models.add']({ paths: [writeReference(path.join(home, 'small'))], id: 'small' });
  const checkpoint = await engine.checkpoint('small', 'cpu');
  expect(checkpoint.size.width).toBe(512);
  const { patch, channels } = await checkpoint.previews.map(engine.scratch());
  expect([patch, channels]).toEqual([2, 4]);
  expect(sides).toEqual(Array(6).fill(128));
});
