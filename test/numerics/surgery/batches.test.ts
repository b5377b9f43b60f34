/** Batches are cut by measured time, so a row must not depend on the rows beside it: the same bits, whatever the batch. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { openLibrary } from '../../../extension/engine/checkpoints/library';
import { FREEU_OFF, type UnetRow } from '../../../extension/engine/diffusion/unet';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { LoadedCheckpoint } from '../../../extension/engine/run/loadedCheckpoint';
import { noise } from '../../fixtures/onnx/feeds';
import { makeEngine, root } from '../../support/mini';

it('a row gives the same bits alone and among others, and so does a prediction beside another of its row', async () => {
  const library = openLibrary({ home: makeEngine().home, builtInModels: path.join(root, 'models') });
  const unet = await LoadedCheckpoint.open(await library.open('mini'), inProcessSessions(), 'cpu').unet();
  const [channels, width] = [unet.graph.latentChannels, unet.graph.contextWidth];
  const context = noise(16 * width, 1);
  const rows = Array.from({ length: 16 }, (_, index): UnetRow => ({
    latents: noise(channels * 256, index + 2),
    timestep: 1 + 60 * index,
    context,
  }));
  const freeu = FREEU_OFF;
  const all = await unet.run({ rows, freeu, keep: { keyValues: true } });
  for (const size of [1, 2, 3, 7]) {
    const some = await unet.run({ rows: rows.slice(0, size), freeu });
    some.epsilons.forEach((epsilon, row) => expect(epsilon, `row ${row} of ${size}`).toEqual(all.epsilons[row]));
  }
  // What lies before the first swap is computed once for both predictions.
  const both = await unet.run({ rows: rows.slice(0, 1), decoderRows: [{ from: 0 }, { from: 0 }], freeu });
  for (const epsilon of both.epsilons) expect(epsilon).toEqual(all.epsilons[0]);
}, 300_000);
