/** Batches are cut by measured time, so a row must not depend on the rows beside it: the same bits, whatever the batch. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { openLibrary } from '../../../extension/engine/checkpoints/library';
import { FREEU_OFF, type UnetInput } from '../../../extension/engine/diffusion/unet';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { LoadedCheckpoint } from '../../../extension/engine/pipeline/loadedCheckpoint';
import { noise } from '../../fixtures/onnx/feeds';
import { makeEngine, root } from '../../support/mini';

it('a row gives the same bits alone and among others, and so does a prediction beside another of its row', async () => {
  const library = openLibrary({ home: makeEngine().home, builtInModels: path.join(root, 'models') });
  const unet = await LoadedCheckpoint.open(await library.open('mini'), inProcessSessions(), 'cpu').unet();
  const [channels, width] = [unet.graph.latentChannels, unet.graph.contextWidth];
  const promptEmbeds = noise(16 * width, 1);
  const rows = Array.from({ length: 16 }, (_, index): UnetInput => ({
    latents: noise(channels * 256, index + 2),
    timestep: 1 + 60 * index,
    promptEmbeds,
  }));
  const freeu = FREEU_OFF;
  const all = await unet.run({ batch: rows, freeu, keep: { keyValues: true } });
  for (const size of [1, 2, 3, 7]) {
    const some = await unet.run({ batch: rows.slice(0, size), freeu });
    some.epsilons.forEach((epsilon, row) => expect(epsilon, `row ${row} of ${size}`).toEqual(all.epsilons[row]));
  }
  // What lies before the first swap is computed once for both predictions.
  const both = await unet.run({ batch: rows.slice(0, 1), decoderBatch: [{ from: 0 }, { from: 0 }], freeu });
  for (const epsilon of both.epsilons) expect(epsilon).toEqual(all.epsilons[0]);
}, 300_000);

it('gives the same bits where memory is too short for a batch of the decoder, and counts what it computes twice', async () => {
  const library = openLibrary({ home: makeEngine().home, builtInModels: path.join(root, 'models') });
  const prepared = await library.open('mini');
  const sessions = inProcessSessions();
  const roomy = LoadedCheckpoint.open(prepared, sessions, 'cpu');
  const short = LoadedCheckpoint.open(prepared, sessions, 'cpu', undefined, undefined, { bytes: 1e5 });
  const [one, other] = [await roomy.unet(), await short.unet()];
  const [channels, width] = [one.graph.latentChannels, one.graph.contextWidth];
  const promptEmbeds = noise(16 * width, 1);
  const row = (seed: number): UnetInput => ({ latents: noise(channels * 256, seed), timestep: 401, promptEmbeds });
  const freeu = FREEU_OFF;
  const { keyValues } = await one.run({ batch: [row(1)], freeu, keep: { keyValues: true } });
  const source = { high: [{ keyValues: keyValues![0]! }], low: [{ keyValues: keyValues![0]! }] };
  const call = {
    batch: [row(2), row(3)],
    decoderBatch: [{ from: 1, source, contrast: { high: 1.67, low: 1.67 } }, { from: 1 }, { from: 0 }],
    freeu,
    keep: { keyValues: true, queries: true },
  };
  roomy.takeCounts();
  const whole = await one.run(call);
  expect(roomy.takeCounts()).toEqual({ encoder: 2, decoder: 3 });
  const halved = await other.run(call);
  // One row of the decoder at a time, each with its row of the encoder.
  expect(short.takeCounts()).toEqual({ encoder: 3, decoder: 3 });
  expect(halved.epsilons).toHaveLength(3);
  for (const [index, epsilon] of whole.epsilons.entries()) {
    // Contrast in smaller slices sums in another order.
    if (index > 0) expect(halved.epsilons[index]).toEqual(epsilon);
    else epsilon.forEach((value, i) => expect(Math.abs(value - halved.epsilons[0]![i]!)).toBeLessThan(1e-5));
    expect(halved.keyValues![index]!.keys[0]).toEqual(whole.keyValues![index]!.keys[0]);
    expect(halved.queries![index]![0]).toEqual(whole.queries![index]![0]);
  }
}, 300_000);
