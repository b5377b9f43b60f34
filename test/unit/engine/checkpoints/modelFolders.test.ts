/** Folders of models that other programs have, too: listed as they are, used by id, never written to. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { standardGraph } from '../../../../extension/graph';
import { type Bench, makeEngine } from '../../../support/mini';
import { writeSafetensors } from '../../../support/safetensors';
import { writeDiffusersFolder, writeSingleFile } from '../../../support/smallModels';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-folders-')));
const comfy = path.join(root, 'ComfyUI');
const models = path.join(comfy, 'models');
const tiny = path.join(models, 'checkpoints/anime/Tiny Model.safetensors');
let bench: Bench;

const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
function write(file: string, tensors: Record<string, ReturnType<typeof zeros>>): void {
  const place = path.join(models, file);
  fs.mkdirSync(path.dirname(place), { recursive: true });
  writeSafetensors(place, tensors);
}

beforeAll(() => {
  writeSingleFile(tiny, 'tiny', { precision: 'F16' });
  const unet = 'model.diffusion_model.';
  write('checkpoints/xl.safetensors', {
    [`${unet}input_blocks.0.0.weight`]: zeros(4, 4, 3, 3),
    [`${unet}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight`]: zeros(4, 2048),
  });
  write('loras/style.safetensors', { 'lora_unet_down_blocks_0.lora_down.weight': zeros(4, 8) });
  write('controlnet/canny.safetensors', { 'control_model.input_hint_block.0.weight': zeros(4, 4) });
  writeSingleFile(path.join(models, 'vae/sharp.safetensors'), 'tiny', { parts: ['vae'] });
  writeDiffusersFolder(path.join(models, 'diffusers/whole'), 'tiny');
  fs.writeFileSync(path.join(models, 'checkpoints/old.ckpt'), 'PK');
  write('checkpoints/cut.safetensors', { x: zeros(8) });
  fs.truncateSync(path.join(models, 'checkpoints/cut.safetensors'), 70);
  // What programs bring along is not gone through, and a link in a circle ends.
  fs.mkdirSync(path.join(comfy, 'venv'));
  fs.copyFileSync(path.join(models, 'loras/style.safetensors'), path.join(comfy, 'venv/hidden.safetensors'));
  fs.symlinkSync(models, path.join(models, 'checkpoints/circle'), 'junction');
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  bench = makeEngine();
});
afterEach(() => {
  for (const used of [bench.home, bench.out]) fs.rmSync(used, { recursive: true, force: true });
});

const scan = (request: { remember?: string; forget?: string } = {}) => bench.engine.handlers['models.scan'](request);
const list = async (folders?: string[]) =>
  (await bench.engine.handlers['models.list'](folders === undefined ? {} : { folders })).filter(
    ({ builtIn }) => !builtIn,
  );

/** Every entry below the folder, with what tells that it was not touched. */
const stamps = (): unknown[] =>
  fs
    .readdirSync(comfy, { recursive: true, withFileTypes: true })
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => {
      const { size, mtimeMs, ctimeMs, nlink } = fs.lstatSync(file);
      return [file, size, mtimeMs, ctimeMs, nlink];
    });

describe('a folder of ComfyUI', () => {
  it('is told apart by what the files hold: checkpoints with ids, VAEs, LoRAs, and why others are not run', async () => {
    const { models: found, folders, problems, others } = await scan({ remember: comfy });
    expect(folders).toEqual([comfy]);
    expect(found.map(({ kind, id, title }) => [title, kind, id]).sort()).toEqual([
      ['Tiny Model', 'checkpoint', 'tiny-model'],
      ['sharp', 'vae', undefined],
      ['style', 'lora', undefined],
      ['whole', 'checkpoint', 'whole'],
      ['xl', 'checkpoint', undefined],
    ]);
    expect(found.find(({ title }) => title === 'xl')!.problem).toContain('is a Stable Diffusion XL checkpoint');
    expect(found.find(({ id }) => id === 'tiny-model')).toMatchObject({ precision: 'fp16', file: tiny });
    expect(problems.join()).toContain('cut.safetensors is cut short');
    expect(others).toEqual({ pickles: 1, safetensors: 2 });
  });

  it('has checkpoints that run by their ids: prepared at the first use, and the folder stays as it is', async () => {
    await scan({ remember: comfy });
    const before = stamps();
    expect((await list()).find(({ id }) => id === 'tiny-model')).toMatchObject({ found: tiny, title: 'Tiny Model' });
    expect(fs.existsSync(path.join(bench.home, 'checkpoints', 'tiny-model'))).toBe(false);
    const graph = standardGraph({
      structure: 'giraffe.png',
      appearance: 'zebra.png',
      domain: 'animal',
      checkpoint: 'tiny-model',
      ...{ steps: 2, skip: 1, width: 64, height: 64 },
    });
    const run = await bench.run(graph);
    expect(fs.statSync(run.result.files[0]!).size).toBeGreaterThan(500);
    // Once, and as one of the library from now on.
    const [used, ...rest] = (await list()).filter(({ id }) => id.startsWith('tiny-model'));
    expect(rest).toEqual([]);
    expect(used).toMatchObject({ weights: [tiny], precision: 'fp16' });
    expect(used!.found).toBeUndefined();
    expect(bench.events).toContainEqual(expect.objectContaining({ event: 'checkpoint', id: 'tiny-model' }));
    expect(stamps()).toEqual(before);
    // Removed, it is a file in the folder again.
    await bench.engine.handlers['models.remove']({ id: 'tiny-model' });
    expect((await list()).find(({ id }) => id === 'tiny-model')!.found).toBe(tiny);
    expect(stamps()).toEqual(before);
    await expect(bench.engine.handlers['models.remove']({ id: 'tiny-model' })).rejects.toThrow(
      /nothing of it to remove/,
    );
  });

  it('is listed while it is remembered or named by the settings', async () => {
    expect((await list([models])).map(({ id }) => id).sort()).toEqual(['tiny-model', 'whole']);
    expect(await list([])).toEqual([]);
    await bench.engine.handlers.hello({ protocol: 1, modelFolders: [models] });
    expect(await list()).toHaveLength(2);
    await scan({ remember: models });
    expect(await list([])).toHaveLength(2);
    await scan({ forget: models });
    expect(await list([])).toEqual([]);
    await expect(scan({ forget: models })).rejects.toThrow(/is not among the model folders/);
    await expect(scan({ remember: tiny })).rejects.toThrow(/is not a folder/);
  });
});

describe('an id', () => {
  it('is one file’s: a second of the same name has another, and the first keeps it', async () => {
    const other = path.join(root, 'A');
    const twin = writeSingleFile(path.join(other, 'Tiny Model.safetensors'), 'tiny');
    await scan({ remember: models });
    await bench.engine.checkpoint('tiny-model', 'cpu');
    // It comes first now.
    const found = (await list([other])).filter(({ title }) => title === 'Tiny Model');
    expect(found.find(({ weights }) => weights?.includes(tiny))!.id).toBe('tiny-model');
    expect(found.find((each) => each.found === twin)!.id).toMatch(/^tiny-model-[0-9a-f]{8}$/);
    expect(found).toHaveLength(2);
  });

  it('of the library means what it meant', async () => {
    await bench.engine.handlers['models.add']({ paths: [path.join(models, 'diffusers/whole')], id: 'tiny-model' });
    await scan({ remember: models });
    const ids = (await list()).map(({ id, found }) => [id, found]);
    expect(ids).toContainEqual(['tiny-model', undefined]);
    expect(ids).toContainEqual([expect.stringMatching(/^tiny-model-[0-9a-f]{8}$/), tiny]);
  });
});

it('a folder that is gone is named, and the others are listed', async () => {
  await bench.engine.handlers['models.list']({ folders: [path.join(root, 'gone'), models] });
  const { problems, models: found } = await scan();
  expect(problems[0]).toMatch(/gone is not there.*weft\.modelFolders/);
  expect(found).not.toEqual([]);
});
