/** Exports by several exporters, in forms that diffusers, optimum and PyTorch write or wrote; see fixtures/onnx/export.py and export_optimum.py. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unetNames } from '../../../extension/engine/onnx/types';
import { difference, float32, noise, switchFeeds, timesteps } from '../../fixtures/onnx/feeds';
import { modelNames, modelPath } from '../../fixtures/onnx/open';
import { openRewritten, type OpenUnet } from '../../fixtures/onnx/rewritten';

const size: [number, number] = [16, 16];
const pixels = 4 * 16 * 16;
const context = noise(2 * 7 * 12, 6);
const latents = noise(2 * pixels, 5);

const inputs = (open: OpenUnet) => ({
  sample: float32([2, 4, 16, 16], latents),
  encoder_hidden_states: float32([2, 7, 12], context),
  timestep: timesteps(open.unet, [301, 301]),
});
// So narrow a network rounds badly: onnxruntime's own optimisation levels differ by 2.5e-5 on the untouched exports.
const ROUNDING = 5e-5;
const HALF_ROUNDING = 5e-2;
const swap = { kv: { high: [1, 1], low: [1, 1] }, contrast: { high: [1.67, undefined], low: [1.67, undefined] } };

describe.each(modelNames(/^small_/))('%s', (name) => {
  const half = name.includes('half');
  let open: OpenUnet;
  beforeAll(async () => {
    open = await openRewritten(modelPath(name));
  });
  afterAll(() => open?.close());
  const output = async (feeds: Parameters<OpenUnet['run']>[0]): Promise<Float32Array> =>
    (await open.run(feeds))[open.unet.output.name]!.data as Float32Array;

  it('has its decoder and its six swapped layers found', () => {
    const { swapLayers, upBlockChannels, middleChannels, sample } = open.unet;
    expect(swapLayers.map(({ level, width }) => [level, width])).toEqual([
      ...Array.from({ length: 3 }, () => ['low', 8]),
      ...Array.from({ length: 3 }, () => ['high', 4]),
    ]);
    expect([...upBlockChannels, middleChannels]).toEqual([16, 16, 16, 8, 16]);
    expect(sample.type).toBe('float32');
  });

  it.skipIf(half)('neutral equals the original, fanned out', async () => {
    const scalar = ['small_script14_scalar', 'small_script17_upcast_old', 'small_optimum'].includes(name);
    const timestep = timesteps(open.unet, [301]);
    if (scalar) timestep.dims = [];
    const before = await open.original({ ...inputs(open), timestep });
    const after = await output({ ...inputs(open), ...switchFeeds(open.unet, size, { rows: [1, 0, 1] }) });
    for (const [i, row] of [1, 0, 1].entries())
      expect(
        difference(after.subarray(i * pixels, (i + 1) * pixels), before.subarray(row * pixels, (row + 1) * pixels)),
      ).toBeLessThan(ROUNDING);
  });

  it('swaps as the first export of the same weights does', async () => {
    // The linear projections' weights are others: there the swap is compared with itself through external keys and values.
    const names = open.unet.swapLayers.flatMap(({ index }) => [unetNames.key(index), unetNames.value(index)]);
    const kept = await open.run({ ...inputs(open), ...switchFeeds(open.unet, size, { rows: [1] }) }, names);
    const data = (tensor: string): Float32Array => kept[tensor]!.data as Float32Array;
    const external = {
      rows: 1,
      keys: open.unet.swapLayers.map(({ index }) => data(unetNames.key(index))),
      values: open.unet.swapLayers.map(({ index }) => data(unetNames.value(index))),
    };
    const within = await output({
      ...inputs(open),
      ...switchFeeds(open.unet, size, { rows: [0, 1], ...swap, slices: 3 }),
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
    expect(difference(given, within.subarray(0, pixels))).toBeLessThan(half ? HALF_ROUNDING : ROUNDING);
    const plain = await output({ ...inputs(open), ...switchFeeds(open.unet, size, { rows: [0] }) });
    expect(difference(plain, given)).toBeGreaterThan(1e-2);
    if (name.includes('linear')) return;
    const first = await openRewritten(modelPath('small_script14_scalar'));
    const expected = (
      await first.run({
        ...inputs(first),
        ...switchFeeds(first.unet, size, { rows: [0, 1], ...swap, freeu: [1.2, 0.9, 1.4, 0.2] }),
      })
    )[first.unet.output.name]!.data as Float32Array;
    await first.close();
    const own = await output({
      ...inputs(open),
      ...switchFeeds(open.unet, size, { rows: [0, 1], ...swap, freeu: [1.2, 0.9, 1.4, 0.2] }),
    });
    expect(difference(own, expected)).toBeLessThan(half ? HALF_ROUNDING : ROUNDING);
  });
});

it('runs at another resolution and aspect ratio where the export leaves them open', async () => {
  const open = await openRewritten(modelPath('small_script14_scalar'));
  const [h, w] = [32, 24];
  const answer = await open.run({
    sample: float32([1, 4, h, w], noise(4 * h * w, 8)),
    encoder_hidden_states: float32([1, 7, 12], noise(84, 9)),
    timestep: timesteps(open.unet, [100]),
    ...switchFeeds(open.unet, [h, w], { rows: [0, 0], contrast: { high: [undefined, 1.67] }, slices: 5 }),
  });
  expect(answer[open.unet.output.name]!.dims).toEqual([2, 4, h, w]);
  await open.close();
});
