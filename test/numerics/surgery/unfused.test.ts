/** Attention in its parts, for providers whose fused operator is wrong, gives the numbers of the fused one. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { rewriteUnet } from '../../support/rewriteUnet';
import { unfusedGraph } from '../../../extension/engine/onnx/surgery/unfuseAttention';
import { difference, float32, noise, switchFeeds, timesteps } from '../../fixtures/onnx/feeds';
import { modelPath } from '../../fixtures/onnx/open';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-unfused-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

it.each([
  ['small_script17_joint', 5e-5],
  ['small_script17_upcast_old', 5e-5],
  ['small_dynamo23', 5e-5],
  ['small_script14_half', 5e-2],
])('%s', async (name, rounding) => {
  const { interface: unet } = await rewriteUnet(modelPath(name), path.join(folder, name));
  const fused = path.join(folder, name, 'model.onnx');
  const unfused = await unfusedGraph(fused);
  // No copy of the weights: the graph alone.
  expect(fs.statSync(unfused).size).toBeLessThan(2 * fs.statSync(fused).size + 100_000);
  expect(fs.readFileSync(fused).includes('MultiHeadAttention')).toBe(true);
  expect(fs.readFileSync(unfused).includes('MultiHeadAttention')).toBe(false);
  // A damaged one is made anew.
  const bytes = fs.readFileSync(unfused);
  const damaged = Buffer.from(bytes);
  damaged[damaged.length >> 1]! ^= 4;
  fs.writeFileSync(unfused, damaged);
  expect(fs.readFileSync(await unfusedGraph(fused)).equals(bytes)).toBe(true);
  const sessions = inProcessSessions();
  await sessions.load('fused', fused, { provider: 'cpu' });
  await sessions.load('unfused', unfused, { provider: 'cpu' });
  const inputs = {
    sample: float32([2, 4, 16, 16], noise(2 * 4 * 256, 5)),
    encoder_hidden_states: float32([2, 7, 12], noise(2 * 7 * 12, 6)),
    timestep: timesteps(unet, [301, 301]),
  };
  const swaps = [
    { rows: [0, 1] },
    { rows: [0, 1], kv: { high: [1, 1], low: [1, 1] }, contrast: { high: [1.67, undefined], low: [1.67, undefined] } },
    // No plain row at all.
    { rows: [1], contrast: { high: [1.67], low: [1.2] } },
  ];
  for (const swap of swaps) {
    const feeds = { ...inputs, ...switchFeeds(unet, [16, 16], swap) };
    const [a, b] = [
      await sessions.run('fused', feeds, [unet.output.name]),
      await sessions.run('unfused', feeds, [unet.output.name]),
    ];
    expect(
      difference(a[unet.output.name]!.data as Float32Array, b[unet.output.name]!.data as Float32Array),
    ).toBeLessThan(rounding);
  }
  for (const key of ['fused', 'unfused']) await sessions.release(key);
});
