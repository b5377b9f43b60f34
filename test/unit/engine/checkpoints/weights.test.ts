/** Checkpoints as people have them: a .safetensors file, a diffusers folder. Added, used where they are, and removed. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLibrary } from '../../../../extension/engine/checkpoints/library';
import { standardGraph } from '../../../../extension/graph';
import { difference } from '../../../fixtures/onnx/feeds';
import { type Bench, makeEngine, resultOf } from '../../../support/mini';
import { writeDiffusersFolder, writeSingleFile } from '../../../support/smallModels';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-weights-')));
let bench: Bench;
let file: string;
beforeAll(() => {
  bench = makeEngine();
  file = writeSingleFile(path.join(root, 'My Model v2.safetensors'), 'tiny');
});
afterAll(() => {
  for (const used of [bench.home, bench.out, root]) fs.rmSync(used, { recursive: true, force: true });
});

const add = (paths: string[], id?: string, choices: { prediction?: 'epsilon' | 'v_prediction'; vae?: string } = {}) =>
  bench.engine.handlers['models.add']({ paths, id, ...choices });
const graph = (checkpoint: string) =>
  standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'animal',
    checkpoint,
    steps: 5,
    skip: 1,
    width: 128,
    height: 128,
    freeu: true,
  });
const sizeOf = (folder: string): number =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(path.join(entry.parentPath, entry.name)).size, 0);

describe('a single file', () => {
  it('is added under its name, in place: what is written is small, and its file is as it was', async () => {
    const before = fs.statSync(file);
    const info = await add([file]);
    expect(info).toMatchObject({
      id: 'my-model-v2',
      title: 'My Model v2',
      precision: 'fp32',
      pictureSize: 512,
      weights: [file],
    });
    // The file once, although four parts read it.
    expect(info.size).toBeGreaterThan(before.size);
    expect(info.size).toBeLessThan(before.size + 4e6);
    const prepared = path.join(bench.home, 'checkpoints', 'my-model-v2');
    expect(sizeOf(prepared)).toBeLessThan(4e6);
    const after = fs.statSync(file);
    expect([after.size, after.mtimeMs, after.ino, after.nlink]).toEqual([before.size, before.mtimeMs, before.ino, 1]);
    const numbers = (before.size - 100_000) / 4;
    const { weights } = info.memory!.cpu;
    expect(weights / 4).toBeGreaterThan(numbers * 0.95);
    expect(weights / 4).toBeLessThan(numbers * 1.05);
  });

  it('makes a transfer, whose words are CLIP’s, and keeps no copy of its weights', async () => {
    const run = await bench.run(graph('my-model-v2'));
    expect(fs.statSync(run.result.files[0]!).size).toBeGreaterThan(1000);
    const { tokenizer } = await openLibrary({ home: bench.home }).open('my-model-v2');
    expect(fs.readdirSync(path.join(bench.home, 'checkpoints', 'my-model-v2', tokenizer.path)).sort()).toEqual([
      'merges.txt',
      'tokenizer_config.json',
      'vocab.json',
    ]);
    expect(fs.existsSync(path.join(bench.home, 'graphs')) ? sizeOf(path.join(bench.home, 'graphs')) : 0).toBe(0);
  });

  it('with layers too narrow for 32 groups is refused with what would say how many it has', async () => {
    const narrow = writeSingleFile(path.join(root, 'narrow.safetensors'), 'tiny', {
      more: {
        'model.diffusion_model.input_blocks.1.0.in_layers.2.weight': {
          shape: [16, 32, 3, 3],
          data: new Float32Array(16 * 32 * 9),
        },
      },
    });
    await expect(add([narrow])).rejects.toThrow(
      /^narrow\.safetensors can't be read: its UNet has layers of 16 channels, which can't be normalised in 32 groups\. A single file does not say how many groups it has, .* Add the diffusers folder, whose config\.json says it \(norm_num_groups\)\.$/,
    );
  });

  it('and its diffusers folder, in shards, make the same picture', async () => {
    const folder = writeDiffusersFolder(path.join(root, 'tiny-diffusers'), 'tiny', { shards: 2 });
    expect(await add([folder])).toMatchObject({ id: 'tiny-diffusers', precision: 'fp32' });
    const [one, other] = [await bench.run(graph('my-model-v2')), await bench.run(graph('tiny-diffusers'))];
    expect(difference(resultOf(one), resultOf(other))).toBeLessThanOrEqual(1);
  });

  it('in half precision is counted as such, and a VAE of its own takes the place of the one inside', async () => {
    const half = writeSingleFile(path.join(root, 'half.safetensors'), 'tiny', { precision: 'BF16' });
    expect(await add([half])).toMatchObject({ precision: 'bf16' });
    const bare = writeSingleFile(path.join(root, 'bare.safetensors'), 'tiny', {
      parts: ['unet', 'text'],
      precision: 'F16',
    });
    await expect(add([bare])).rejects.toThrow(
      /^bare\.safetensors has no VAE\. Add it together with one \(`weft models add FILE --vae VAE`\)\.$/,
    );
    const vae = writeSingleFile(path.join(root, 'elsewhere', 'vae.safetensors'), 'tiny', {
      parts: ['vae'],
      precision: 'F16',
    });
    expect(await add([bare], 'with-vae', { vae })).toMatchObject({ precision: 'fp16', weights: [bare, vae] });
    await expect(add([bare], 'x', { vae: path.join(root, 'nowhere.safetensors') })).rejects.toThrow(/no such file/);
    await expect(add([vae])).rejects.toThrow(/^vae\.safetensors is a VAE/);
    // Both dropped together, in any order.
    expect((await add([vae, bare], 'together')).sha256).toBe((await add([bare], 'with-vae', { vae })).sha256);
    await bench.engine.handlers['models.verify']({ id: 'with-vae' });
  });

  it('predicts what is said of it, which is part of what it is', async () => {
    const said = await add([file], 'velocity', { prediction: 'v_prediction' });
    expect(said.prediction).toBe('v_prediction');
    const [epsilon, v] = [await bench.run(graph('my-model-v2')), await bench.run(graph('velocity'))];
    expect(said.sha256).not.toBe(epsilon.result.report.checkpoint.sha256);
    expect(difference(resultOf(epsilon), resultOf(v))).toBeGreaterThan(1);
    const wide = writeSingleFile(path.join(root, 'wide.safetensors'), 'sd2', {
      rename: (name) => (name.includes('output_blocks.11.1.transformer_blocks.0.norm1.bias') ? undefined : name),
    });
    await expect(add([wide])).rejects.toThrow(/knows 512 tokens|--prediction epsilon/);
  });
});

describe('a file that changes', () => {
  it('under a checkpoint is told by name before it is read; put back, it is taken again', async () => {
    const own = writeSingleFile(path.join(root, 'changing.safetensors'), 'tiny');
    await add([own]);
    const bytes = fs.readFileSync(own);
    const changed = Buffer.from(bytes);
    changed[changed.length - 3]! ^= 1;
    const open = () => openLibrary({ home: bench.home, builtInModels: path.resolve('models') }).open('changing');
    fs.writeFileSync(own, changed);
    await expect(open()).rejects.toThrow(
      /changing\.safetensors, which has the weights of the checkpoint "changing", has changed since you added it\. Put it back/,
    );
    fs.rmSync(own);
    await expect(open()).rejects.toThrow(
      /is gone\. Put it back, or remove the checkpoint \(`weft models remove changing`\)/,
    );
    await expect(bench.run(graph('changing'))).rejects.toThrow(/is gone/);
    fs.writeFileSync(own, bytes);
    expect((await open()).id).toBe('changing');
  });

  it('between two parts of a run is noticed before the second is opened', async () => {
    const own = writeSingleFile(path.join(root, 'between.safetensors'), 'tiny', { precision: 'F16' });
    await add([own]);
    const checkpoint = (await bench.engine.checkpoint('between', 'cpu')).at({ width: 64, height: 64 }, 'checkpoint');
    const store = bench.engine.scratch();
    await checkpoint.embed('a photo', store);
    const bytes = fs.readFileSync(own);
    bytes[bytes.length - 3]! ^= 1;
    fs.writeFileSync(`${own}.new`, bytes);
    // As programs save: another file takes its name, and what is mapped stays whole.
    fs.renameSync(`${own}.new`, own);
    await expect(checkpoint.decode(new Float32Array(4 * 64), 'latents', store)).rejects.toThrow(
      /has changed since you added it/,
    );
    await store.dispose();
  });

  it('of a removed checkpoint is not needed by another one of the same weights', async () => {
    const [one, other] = ['one', 'other'].map((name) =>
      writeSingleFile(path.join(root, `${name}.safetensors`), 'tiny', { precision: 'F16' }),
    );
    await add([one!]);
    await add([other!]);
    const embed = async (id: string) => {
      const store = bench.engine.scratch();
      const context = await (await bench.engine.checkpoint(id, 'cpu')).embed('a photo', store);
      await store.dispose();
      return context;
    };
    const first = await embed('one');
    await bench.engine.handlers['models.remove']({ id: 'one' });
    fs.rmSync(one!);
    expect(difference(await embed('other'), first)).toBe(0);
  });

  it('is untouched when the checkpoint is removed', async () => {
    const own = writeSingleFile(path.join(root, 'kept.safetensors'), 'tiny');
    await add([own]);
    const before = fs.readFileSync(own);
    const { freed } = await bench.engine.handlers['models.remove']({ id: 'kept' });
    expect(freed).toBeLessThan(4e6);
    expect(fs.readFileSync(own).equals(before)).toBe(true);
    expect(fs.existsSync(path.join(bench.home, 'checkpoints', 'kept'))).toBe(false);
  });
});

describe('what can be pointed at', () => {
  it('is a folder with one file, or one part of a diffusers folder; several files are asked about', async () => {
    const alone = path.join(root, 'alone');
    fs.mkdirSync(alone);
    fs.copyFileSync(file, path.join(alone, 'lonely.safetensors'));
    expect(await add([alone])).toMatchObject({ id: 'lonely' });
    fs.copyFileSync(file, path.join(alone, 'other.safetensors'));
    await expect(add([alone])).rejects.toThrow(
      /^alone holds 2 \.safetensors files \(lonely\.safetensors, other\.safetensors\)\. Add the one to use\.$/,
    );
    const folder = writeDiffusersFolder(path.join(root, 'whole'), 'tiny');
    const unet = path.join(folder, 'unet', 'diffusion_pytorch_model.safetensors');
    expect(await add([unet])).toMatchObject({ id: 'whole' });
    await expect(add([file, path.join(alone, 'other.safetensors')])).rejects.toThrow(/one checkpoint at a time/);
  });

  it('by a link is read where the link leads; a snapshot of the hub’s cache too', async () => {
    const repository = path.join(root, 'models--someone--tiny');
    const plain = writeDiffusersFolder(path.join(root, 'plain'), 'tiny', { precision: 'F16', variant: 'fp16' });
    const snapshot = path.join(repository, 'snapshots', 'abc');
    for (const name of fs.readdirSync(plain, { recursive: true }) as string[]) {
      const from = path.join(plain, name);
      if (fs.statSync(from).isDirectory()) continue;
      const blob = path.join(repository, 'blobs', name.replaceAll('/', '-'));
      fs.mkdirSync(path.dirname(blob), { recursive: true });
      fs.renameSync(from, blob);
      fs.mkdirSync(path.dirname(path.join(snapshot, name)), { recursive: true });
      fs.symlinkSync(path.relative(path.dirname(path.join(snapshot, name)), blob), path.join(snapshot, name));
    }
    const info = await add([repository], 'cached');
    expect(info.weights!.every((name) => name.startsWith(path.join(repository, 'blobs')))).toBe(true);
    await bench.engine.handlers['models.verify']({ id: 'cached' });
  });
});
