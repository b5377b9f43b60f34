/** Latents that are wider than high, through exports whose sides are dynamic: against PyTorch's numbers, and neutral surgery. */
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unetNames } from '../../../extension/engine/onnx/types';
import { difference, float32, switchFeeds, timesteps } from '../../fixtures/onnx/feeds';
import { fixtures, modelPath } from '../../fixtures/onnx/open';
import { openRewritten, type OpenUnet } from '../../fixtures/onnx/rewritten';
import { SafetensorsFile } from '../../support/safetensors';

const size: [number, number] = [16, 24];
const pixels = 4 * 16 * 24;
// Made by the end of test/fixtures/onnx/export.py.
const stored = new SafetensorsFile(path.join(fixtures, 'oblong.safetensors'));
const [sample, context, epsilon] = ['sample', 'encoder_hidden_states', 'epsilon'].map((name) =>
  stored.floats(name),
) as [Float32Array, Float32Array, Float32Array];
const inputs = (open: OpenUnet) => ({
  sample: float32([2, 4, 16, 24], sample),
  encoder_hidden_states: float32([2, 7, 12], context),
  timestep: timesteps(open.unet, [301, 301]),
});
// As in exports.test.ts: so narrow a network rounds badly.
const ROUNDING = 5e-5;
const HALF_ROUNDING = 5e-2;

describe.each(['small_script14_scalar', 'small_script17_joint', 'small_script17_upcast_old', 'small_script14_half'])(
  '%s',
  (name) => {
    const rounding = name.includes('half') ? HALF_ROUNDING : ROUNDING;
    let open: OpenUnet;
    beforeAll(async () => {
      open = await openRewritten(modelPath(name));
    });
    afterAll(() => open?.close());
    const output = async (feeds: Parameters<OpenUnet['run']>[0]): Promise<Float32Array> =>
      (await open.run(feeds))[open.unet.output.name]!.data as Float32Array;

    it('neutral gives what PyTorch gives, fanned out', async () => {
      expect(open.unet.latentSize).toBeUndefined();
      const found = await output({ ...inputs(open), ...switchFeeds(open.unet, size, { rows: [1, 0, 1] }) });
      for (const [i, row] of [1, 0, 1].entries())
        expect(
          difference(found.subarray(i * pixels, (i + 1) * pixels), epsilon.subarray(row * pixels, (row + 1) * pixels)),
        ).toBeLessThan(rounding);
    });

    it('swaps with contrast the same from keys and values within the batch and from outside', async () => {
      const { swapLayers } = open.unet;
      const names = swapLayers.flatMap(({ index }) => [unetNames.key(index), unetNames.value(index)]);
      const kept = await open.run({ ...inputs(open), ...switchFeeds(open.unet, size, { rows: [1] }) }, names);
      const data = (tensor: string): Float32Array => kept[tensor]!.data as Float32Array;
      // 16 × 24 latents at the highest resolution, 8 × 12 at the one below.
      for (const { index, width, level } of swapLayers)
        expect(data(unetNames.key(index))).toHaveLength((level === 'high' ? 384 : 96) * width);
      const external = {
        rows: 1,
        keys: swapLayers.map(({ index }) => data(unetNames.key(index))),
        values: swapLayers.map(({ index }) => data(unetNames.value(index))),
      };
      const within = await output({
        ...inputs(open),
        ...switchFeeds(open.unet, size, {
          rows: [0, 1],
          kv: { high: [1, 1], low: [1, 1] },
          contrast: { high: [1.67, undefined], low: [1.67, undefined] },
          slices: 5,
        }),
      });
      const given = await output({
        ...inputs(open),
        ...switchFeeds(open.unet, size, {
          rows: [0],
          kv: { high: [1], low: [1] },
          contrast: { high: [1.67], low: [1.67] },
          external,
        }),
      });
      expect(difference(given, within.subarray(0, pixels))).toBeLessThan(rounding);
      expect(difference(given, epsilon.subarray(0, pixels))).toBeGreaterThan(1e-2);
    });
  },
);
