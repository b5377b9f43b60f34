/** Sessions of large parts are closed when idle, and opened again when needed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLibrary } from '../../../../extension/engine/checkpoints/library';
import { type PreparedCheckpoint } from '../../../../extension/engine/checkpoints/types';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { CheckpointParts } from '../../../../extension/engine/pipeline/checkpointParts';
import { LoadedCheckpoint } from '../../../../extension/engine/pipeline/loadedCheckpoint';
import { root } from '../../../support/mini';
import { writeReference } from '../../../support/referenceFolder';

let home: string;
let mini: PreparedCheckpoint;
beforeAll(async () => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-parts-'));
  mini = await openLibrary({ home, builtInModels: path.join(root, 'models') }).open('mini');
});
afterAll(() => fs.rmSync(home, { recursive: true, force: true }));

/** The parts of mini, with as many weights in its VAE decoder as said, and what was opened and closed. */
function parts(single: number): { parts: CheckpointParts; log: string[]; decode: () => Promise<number> } {
  const log: string[] = [];
  const sessions = inProcessSessions();
  const recorded = {
    ...sessions,
    load: (...[key, ...rest]: Parameters<typeof sessions.load>) => {
      log.push(`open ${key.split('/').at(-1)}`);
      return sessions.load(key, ...rest);
    },
    release: (key: string) => {
      log.push(`close ${key.split('/').at(-1)}`);
      return sessions.release(key);
    },
  };
  const prepared = { ...mini, parameters: { ...mini.parameters, vae_decoder: { half: 0, single } } };
  const all = new CheckpointParts(prepared, recorded, 'cpu');
  const { input, output } = prepared.vaeDecoder;
  const { latentChannels, latentSize, pictureSize } = prepared;
  const dims = [1, latentChannels, latentSize, latentSize];
  const feed = { type: 'float32' as const, dims, data: new Float32Array(latentChannels * latentSize ** 2) };
  return {
    parts: all,
    log,
    decode: async () => {
      const answer = await all.run('vaeDecoder', { [input.name]: { ...feed } }, [output.name]);
      expect(answer[output.name]!.data).toHaveLength(3 * pictureSize ** 2);
      return answer[output.name]!.data[0] as number;
    },
  };
}

it('closes a large part when it is idle, not while it runs, and opens it again with the same numbers', async () => {
  const { parts: all, log, decode } = parts(50e6);
  const running = decode();
  // Idle is said too early: another run is still under way.
  await all.idle('vaeDecoder');
  const first = await running;
  expect(log).toEqual(['open vaeDecoder', 'close vaeDecoder']);
  expect(await all.placement()).toEqual({ cpu: expect.any(Number) as number });
  expect(await decode()).toBe(first);
  expect(log).toEqual(['open vaeDecoder', 'close vaeDecoder', 'open vaeDecoder']);
});

it('keeps a small part, and one that was asked for again, open', async () => {
  const small = parts(1e6);
  await small.decode();
  await small.parts.idle('vaeDecoder');
  expect(small.log).toEqual(['open vaeDecoder']);

  const large = parts(50e6);
  const both = [large.decode(), large.decode()];
  await large.parts.idle('vaeDecoder');
  await large.parts.open('vaeDecoder');
  await Promise.all(both);
  expect(large.log).toEqual(['open vaeDecoder']);
});

it('opens a small part ahead of its use, and not a large one, which others make room for', async () => {
  const openedAhead = async (single: number): Promise<string[]> => {
    const opened: string[] = [];
    const inner = inProcessSessions();
    const load: typeof inner.load = (key, ...rest) => {
      opened.push(key.split('/').at(-1)!);
      return inner.load(key, ...rest);
    };
    const prepared = { ...mini, parameters: { ...mini.parameters, unet: { half: 0, single } } };
    const checkpoint = LoadedCheckpoint.open(prepared, { ...inner, load }, 'cpu');
    checkpoint.warmIfSmall('unet');
    // Another part, asked for later, opens behind it.
    checkpoint.warm('vaeDecoder');
    await checkpoint.close();
    return opened.sort();
  };
  expect(await openedAhead(1e6)).toEqual(['unet', 'vaeDecoder']);
  expect(await openedAhead(50e6)).toEqual(['vaeDecoder']);
});

describe('a checkpoint that changes while a run uses it', () => {
  const used = async (): Promise<{ home: string; all: CheckpointParts; prepared: PreparedCheckpoint }> => {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-parts-'));
    const library = openLibrary({ home });
    // A copy: weights are linked, and this changes them.
    const source = path.join(home, 'mini');
    fs.cpSync(path.join(root, 'models/mini'), source, { recursive: true });
    await library.add([source], 'own');
    const prepared = await library.open('own');
    const all = new CheckpointParts(prepared, inProcessSessions(), 'cpu');
    await all.open('textEncoder');
    return { home, all, prepared };
  };

  it('is named when it was removed', async () => {
    const { home, all } = await used();
    await openLibrary({ home }).remove('own');
    await expect(all.open('vaeDecoder')).rejects.toThrow(
      /^The checkpoint "own" was removed while this run used it: vae_decoder\/model\.onnx is gone\. Add it again/,
    );
  });

  it('is named when another one took its place, which would draw another picture', async () => {
    const { home, all } = await used();
    await openLibrary({ home }).add([writeReference(fs.mkdtempSync(path.join(home, 'other-')))], 'own');
    await expect(all.open('unet')).rejects.toThrow(/^The checkpoint "own" was replaced by another one while/);
  });

  it('is used on when only a link was added to its files, and refused when a file was changed', async () => {
    const { home, all, prepared } = await used();
    const decoder = path.join(prepared.folder, prepared.vaeDecoder.path);
    fs.linkSync(decoder, path.join(home, 'linked'));
    await all.open('vaeDecoder');
    fs.appendFileSync(path.join(prepared.folder, prepared.vaeEncoder.path), 'x');
    await expect(all.open('vaeEncoder')).rejects.toThrow(/vae_encoder\/model\.onnx of the checkpoint "own" is damaged/);
  });
});
