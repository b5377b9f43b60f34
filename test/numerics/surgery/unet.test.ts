import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unetNames } from '../../../extension/engine/onnx/types';
import { difference, float32, int64, noise, switchFeeds, timesteps } from '../../fixtures/onnx/feeds';
import { fixtures, modelNames, modelPath } from '../../fixtures/onnx/open';
import { openRewritten, type OpenUnet } from '../../fixtures/onnx/rewritten';
import { emittedAgain } from '../../support/exportedWeights';
import { SafetensorsFile } from '../../support/safetensors';

const reference = new SafetensorsFile(path.join(fixtures, 'predictions.safetensors'));
const floats = (name: string): Float32Array => reference.get(name).data as Float32Array;
const FREEU: [number, number, number, number] = [1.2, 0.9, 1.4, 0.2];
const size: [number, number] = [64, 64];
const pixels = 4 * 64 * 64;

const EMITTED = "as Weft's own graph of its weights";

describe.each([...modelNames(/^unet_(legacy|dynamo)/), EMITTED])('the reference UNet %s, rewritten', (name) => {
  let open: OpenUnet;
  beforeAll(async () => {
    const config = path.join(fixtures, '..', 'reference', 'unet_config.json');
    open = await openRewritten(
      name === EMITTED ? await emittedAgain(modelPath('unet_legacy'), config) : modelPath(name),
    );
  });
  afterAll(() => open?.close());

  const context = (rows: number) =>
    float32(
      [rows, 77, 48],
      Float32Array.from({ length: rows * 77 * 48 }, (_, i) => floats('context')[i % (77 * 48)]!),
    );
  const output = async (feeds: Parameters<OpenUnet['run']>[0]): Promise<Float32Array> =>
    (await open.run(feeds))[open.unet.output.name]!.data as Float32Array;
  const row = (data: Float32Array, i: number): Float32Array => data.subarray(i * pixels, (i + 1) * pixels);

  it('has three swapped layers at each of the two highest resolutions, as the reference UNet was built', () => {
    const { swapLayers, selfProbe, crossProbe, middleChannels, upBlockChannels } = open.unet;
    expect(swapLayers.map(({ level, heads, width, halvings }) => [level, heads, width, halvings])).toEqual([
      ...Array.from({ length: 3 }, () => ['low', 2, 32, 1]),
      ...Array.from({ length: 3 }, () => ['high', 2, 16, 0]),
    ]);
    for (const { scale, heads, width } of swapLayers) expect(scale).toBeCloseTo((width / heads) ** -0.5, 6);
    expect(selfProbe).toMatchObject({ heads: 2, width: 16, halvings: 0 });
    expect(crossProbe).toMatchObject({ heads: 2, width: 32, halvings: 1 });
    expect(middleChannels).toBe(64);
    expect(upBlockChannels).toEqual([64, 64, 64, 32]);
  });

  it('with all switches neutral equals the original, and rows can be fanned out in any order', async () => {
    const latents = noise(2 * pixels, 7);
    const sample = float32([2, 4, 64, 64], latents);
    const encoder_hidden_states = float32([2, 77, 48], noise(2 * 77 * 48, 8));
    const single = open.unet.timestep.type === 'int64';
    const before = await open.original({
      sample,
      encoder_hidden_states,
      timestep: single ? int64([301]) : float32([2], [301, 301]),
    });
    const fanned = await output({
      sample,
      encoder_hidden_states,
      timestep: timesteps(open.unet, [301, 301]),
      ...switchFeeds(open.unet, size, { rows: [1, 0, 1] }),
    });
    expect(difference(row(fanned, 0), row(before, 1))).toBeLessThan(1e-5);
    expect(difference(row(fanned, 1), row(before, 0))).toBeLessThan(1e-5);
    expect(difference(row(fanned, 2), row(before, 1))).toBeLessThan(1e-5);
  });

  it('computes each row at its own timestep', async () => {
    const latents = noise(pixels, 9);
    const twice = new Float32Array(2 * pixels);
    twice.set(latents);
    twice.set(latents, pixels);
    const both = await output({
      sample: float32([2, 4, 64, 64], twice),
      encoder_hidden_states: context(2),
      timestep: timesteps(open.unet, [11, 801]),
      ...switchFeeds(open.unet, size, { rows: [0, 1] }),
    });
    const alone = await output({
      sample: float32([1, 4, 64, 64], latents),
      encoder_hidden_states: context(1),
      timestep: timesteps(open.unet, [801]),
      ...switchFeeds(open.unet, size, { rows: [0] }),
    });
    expect(difference(row(both, 1), alone)).toBeLessThan(1e-5);
    expect(difference(row(both, 0), alone)).toBeGreaterThan(0.01);
  });

  it.each([
    [6, 351, 3],
    [9, 201, 2],
  ])('equals the reference with and without swap at iteration %i', async (iteration, t, source) => {
    // O twice (swapped, not), then A and S: the encoder sees O once.
    const first = [1.67, undefined, undefined, undefined];
    const epsilon = await output({
      sample: float32([3, 4, 64, 64], floats(`latents_${iteration}`)),
      encoder_hidden_states: context(3),
      timestep: timesteps(open.unet, [t, t, t]),
      ...switchFeeds(open.unet, size, {
        rows: [0, 0, 1, 2],
        freeu: FREEU,
        kv: { high: [source, 1, 2, 3], low: [source, 1, 2, 3] },
        contrast: { high: first, low: first },
        slices: 16,
      }),
    });
    const [swap, plain] = [floats(`swap_${iteration}`), floats(`noswap_${iteration}`)];
    expect(difference(row(epsilon, 0), row(swap, 0))).toBeLessThan(1e-5);
    for (const i of [0, 1, 2]) expect(difference(row(epsilon, i + 1), row(plain, i))).toBeLessThan(1e-5);
    // The comparison means something only if the swap moved the prediction.
    expect(difference(row(swap, 0), row(plain, 0))).toBeGreaterThan(0.05);
  });

  it('gives the queries and keys that the reference took its masks from', async () => {
    const names = [unetNames.selfQuery, unetNames.selfKey, unetNames.crossQuery, unetNames.crossKey];
    const answer = await open.run(
      {
        sample: float32([1, 4, 64, 64], floats('probe_latents')),
        encoder_hidden_states: float32([1, 77, 48], floats('probe_context')),
        timestep: timesteps(open.unet, [351]),
        ...switchFeeds(open.unet, size, { rows: [0], freeu: FREEU }),
      },
      names,
    );
    for (const [i, key] of ['seg_self_64_q', 'seg_self_64_k', 'seg_cross_32_q', 'seg_cross_32_k'].entries()) {
      const { dims, data } = answer[names[i]!]!;
      const { shape } = reference.get(key);
      const [, heads, tokens, d] = shape as [number, number, number, number];
      expect(dims).toEqual([1, tokens, heads * d]);
      // [1, heads, N, d] of the reference → [N, heads·d]
      const expected = floats(key);
      const merged = Float32Array.from({ length: tokens * heads * d }, (_, at) => {
        const [n, c] = [Math.floor(at / (heads * d)), at % (heads * d)];
        return expected[(Math.floor(c / d) * tokens + n) * d + (c % d)]!;
      });
      expect(difference(data as Float32Array, merged)).toBeLessThan(2e-5);
    }
  });
});

describe('the swap of the mini checkpoint', () => {
  let open: OpenUnet;
  beforeAll(async () => {
    open = await openRewritten(path.resolve('models/mini/unet/model.onnx'));
  });
  afterAll(() => open?.close());

  const mini: [number, number] = [16, 16];
  const count = 16 * 16 * 16;
  const inputs = (rows: number) => ({
    sample: float32([rows, 16, 16, 16], noise(rows * count, 3)),
    encoder_hidden_states: float32([rows, 16, 64], noise(rows * 1024, 4)),
    timestep: timesteps(
      open.unet,
      Array.from({ length: rows }, (_, i) => 201 + 100 * i),
    ),
  });
  const output = async (feeds: Parameters<OpenUnet['run']>[0]): Promise<Float32Array> =>
    (await open.run(feeds))[open.unet.output.name]!.data as Float32Array;
  const row = (data: Float32Array, i: number): Float32Array => data.subarray(i * count, (i + 1) * count);

  it('sees through weights that are stored as fp16: neutral equals the original', async () => {
    const before = await open.original(inputs(2));
    const after = await output({ ...inputs(2), ...switchFeeds(open.unet, mini, { rows: [0, 1] }) });
    expect(difference(before, after)).toBeLessThan(1e-5);
  });

  it('is the same from another row of the batch and from keys and values given from outside', async () => {
    const names = open.unet.swapLayers.flatMap(({ index }) => [unetNames.key(index), unetNames.value(index)]);
    const base = inputs(2);
    const contrast = { high: [1.67, undefined], low: [1.67, undefined] };
    const within = await output({
      ...base,
      ...switchFeeds(open.unet, mini, { rows: [0, 1], kv: { high: [1, 1], low: [1, 1] }, contrast }),
    });
    const kept = await open.run({ ...base, ...switchFeeds(open.unet, mini, { rows: [0, 1] }) }, names);
    const second = (name: string): Float32Array => {
      const data = kept[name]!.data as Float32Array;
      return data.slice(data.length / 2);
    };
    const external = {
      rows: 1,
      keys: open.unet.swapLayers.map(({ index }) => second(unetNames.key(index))),
      values: open.unet.swapLayers.map(({ index }) => second(unetNames.value(index))),
    };
    const outside = await output({
      ...base,
      ...switchFeeds(open.unet, mini, { rows: [0, 1], kv: { high: [2, 1], low: [2, 1] }, contrast, external }),
    });
    expect(difference(within, outside)).toBeLessThan(1e-5);
    const without = await output({ ...base, ...switchFeeds(open.unet, mini, { rows: [0, 1] }) });
    expect(difference(row(within, 0), row(without, 0))).toBeGreaterThan(0.01);
    expect(difference(row(within, 1), row(without, 1))).toBeLessThan(1e-5);
  });

  it('switches each resolution on its own', async () => {
    const on = (levels: ('high' | 'low')[]) =>
      output({
        ...inputs(2),
        ...switchFeeds(open.unet, mini, {
          rows: [0, 1],
          kv: Object.fromEntries(levels.map((level) => [level, [1, 1]])),
        }),
      });
    const [none, high, low, both] = [await on([]), await on(['high']), await on(['low']), await on(['high', 'low'])];
    const first = [none, high, low, both].map((data) => row(data, 0));
    for (const [i, a] of first.entries())
      for (const b of first.slice(i + 1)) expect(difference(a, b)).toBeGreaterThan(1e-3);
  });

  it('is the same in any number of query slices, also one that does not divide the queries', async () => {
    const at = (slices: number) =>
      output({
        ...inputs(2),
        ...switchFeeds(open.unet, mini, {
          rows: [0, 1],
          contrast: { high: [1.67, 1.2], low: [undefined, 1.5] },
          slices,
        }),
      });
    const whole = await at(1);
    for (const slices of [2, 7, 300]) expect(difference(await at(slices), whole)).toBeLessThan(1e-5);
  });

  it('gives each row its own contrast, and β = 1 changes nothing', async () => {
    const at = (high: (number | undefined)[]) =>
      output({ ...inputs(2), ...switchFeeds(open.unet, mini, { rows: [0, 1], contrast: { high } }) });
    const plain = await at([undefined, undefined]);
    expect(difference(await at([1, 1]), plain)).toBeLessThan(1e-5);
    const [both, first, second] = [await at([1.67, 2]), await at([1.67, undefined]), await at([undefined, 2])];
    expect(difference(row(both, 0), row(first, 0))).toBeLessThan(1e-5);
    expect(difference(row(both, 1), row(second, 1))).toBeLessThan(1e-5);
    expect(difference(row(both, 0), row(plain, 0))).toBeGreaterThan(1e-3);
    expect(difference(row(both, 1), row(plain, 1))).toBeGreaterThan(1e-3);
  });

  it('applies FreeU only at the widths its gains are for', async () => {
    const { upBlockChannels, middleChannels } = open.unet;
    expect(middleChannels).toBe(160);
    expect(upBlockChannels).toEqual([160, 160, 96]);
    const at = (freeu: [number, number, number, number]) =>
      output({ ...inputs(1), ...switchFeeds(open.unet, mini, { rows: [0], freeu }) });
    const off = await at([1, 1, 1, 1]);
    // No up block of mini enters with 80 channels.
    expect(difference(await at([1, 1, 1.4, 0.2]), off)).toBe(0);
    expect(difference(await at([1.2, 0.9, 1, 1]), off)).toBeGreaterThan(1e-3);
  });
});
