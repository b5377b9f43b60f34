/** A VAE from a file of its own, named by the checkpoint node. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { standardGraph, validateGraph, writeGraph } from '../../../../extension/graph';
import { difference } from '../../../fixtures/onnx/feeds';
import { type Bench, makeEngine, pictures, ran, resultOf, withParam } from '../../../support/mini';
import { writeSafetensors } from '../../../support/safetensors';
import { writeDiffusersFolder, writeSingleFile } from '../../../support/smallModels';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-vae-')));
let bench: Bench;
let checkpointFile: string;
/** The VAE of the checkpoint with other numbers: one layer after the last is turned off. */
let vae: string;
const other = (name: string): string => (name === 'first_stage_model.decoder.conv_out.bias' ? 'unused.bias' : name);
const bias = { shape: [3], data: Float32Array.of(0.4, -0.3, 0.2) };

beforeAll(async () => {
  bench = makeEngine();
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(root, name));
  checkpointFile = writeSingleFile(path.join(root, 'tiny.safetensors'), 'tiny');
  vae = writeSingleFile(path.join(root, 'other.safetensors'), 'tiny', {
    parts: ['vae'],
    rename: other,
    more: { 'first_stage_model.decoder.conv_out.bias': bias },
  });
  await bench.engine.handlers['models.add']({ paths: [checkpointFile] });
});
afterAll(() => {
  for (const used of [bench.home, bench.out, root]) fs.rmSync(used, { recursive: true, force: true });
});

const graph = (file?: string, checkpoint = 'tiny') =>
  standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'animal',
    checkpoint,
    steps: 4,
    skip: 1,
    ...(checkpoint === 'tiny' ? { width: 64, height: 64 } : {}),
    ...(file === undefined ? {} : { vae: file }),
  });
const at = { graphPath: path.join(root, 'test.weft.json') };
const run = (file?: string, checkpoint?: string) => bench.run(graph(file, checkpoint), at);

describe('a separate VAE', () => {
  it('takes the place of the checkpoint’s own, is told in the report, and its results are kept apart', async () => {
    const own = await run();
    const with_ = await run('other.safetensors');
    expect(difference(resultOf(with_), resultOf(own))).toBeGreaterThan(1);
    expect(with_.result.report.checkpoint.vae).toMatch(/^[0-9a-f]{64}$/);
    expect(with_.result.report.checkpoint.sha256).not.toBe(own.result.report.checkpoint.sha256);
    expect(own.result.report.checkpoint).not.toHaveProperty('vae');
    expect(ran(with_)).toContain('invert-structure');
    expect(ran(await run('other.safetensors'))).toEqual([]);
    expect(ran(await run())).toEqual([]);
    // Nothing of it was copied into the library.
    expect(fs.statSync(vae).nlink).toBe(1);
    expect(fs.readdirSync(path.join(bench.home, 'checkpoints')).filter((name) => !name.startsWith('.'))).toEqual([
      'tiny',
    ]);
  });

  it('makes what the same VAE makes inside a checkpoint, by all names that VAEs have', async () => {
    const inside = await bench.engine.handlers['models.add']({ paths: [checkpointFile], id: 'with-vae', vae });
    const wanted = resultOf(await bench.run(withParam(graph(), 'model', 'id', inside.id), at));
    // Without the prefix, as vae-ft-mse-840000 has it.
    writeSingleFile(path.join(root, 'bare.safetensors'), 'tiny', {
      parts: ['vae'],
      rename: (name) => other(name).replace('first_stage_model.', ''),
      more: { 'decoder.conv_out.bias': bias },
    });
    // A whole checkpoint has one inside.
    writeSingleFile(path.join(root, 'whole.safetensors'), 'tiny', {
      rename: other,
      more: { 'first_stage_model.decoder.conv_out.bias': bias },
    });
    for (const file of ['other.safetensors', 'bare.safetensors', 'whole.safetensors'])
      expect(difference(resultOf(await run(file)), wanted), file).toBeLessThanOrEqual(1);
    // diffusers' names: the file of its folder, which has the checkpoint's own numbers.
    writeDiffusersFolder(path.join(root, 'diffusers'), 'tiny');
    const same = await run('diffusers/vae/diffusion_pytorch_model.safetensors');
    expect(difference(resultOf(same), resultOf(await run()))).toBeLessThanOrEqual(1);
  });

  it('is read from where a graph may read, like its pictures', async () => {
    const outside = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-outside-'));
    fs.copyFileSync(vae, path.join(outside, 'vae.safetensors'));
    const name = path.relative(root, path.join(outside, 'vae.safetensors'));
    await expect(run(name)).rejects.toThrow(/leaves the folder of the graph and the workspace/);
    const picked = await bench.run(graph(name), { ...at, picked: [path.join(outside, 'vae.safetensors')] });
    expect(picked.result.report.checkpoint.vae).toBeDefined();
    await expect(run('nowhere.safetensors')).rejects.toThrow(/model\.vae: There is no file "nowhere\.safetensors"\./);
    const problems = validateGraph(writeGraph(graph('/etc/vae.safetensors')));
    expect(problems.map(({ node, param }) => `${node}.${param}`)).toEqual(['model.vae']);
    fs.rmSync(outside, { recursive: true, force: true });
  });

  it('that is something else, or does not fit, is refused in one sentence with what it is', async () => {
    writeSafetensors(path.join(root, 'lora.safetensors'), {
      'lora_unet_x.lora_up.weight': { shape: [4, 1], data: new Float32Array(4) },
    });
    await expect(run('lora.safetensors')).rejects.toThrow(
      /^lora\.safetensors, given as the VAE, is a LoRA, which changes a checkpoint and is none itself\. Use a VAE of Stable Diffusion 1\.x or 2\.x, for instance vae-ft-mse-840000-ema-pruned\.safetensors\.$/,
    );
    writeSingleFile(path.join(root, 'no-vae.safetensors'), 'tiny', { parts: ['unet', 'text'] });
    await expect(run('no-vae.safetensors')).rejects.toThrow(
      /^no-vae\.safetensors, given as the VAE, is a checkpoint without a VAE\. Use a VAE/,
    );
    await expect(run('zebra.png')).rejects.toThrow(/zebra\.png/);
    const vaeOnly = { parts: ['vae' as const] };
    // Its tensors are those of Stable Diffusion 1.x: only what is said about them tells.
    const metadata = { 'modelspec.architecture': 'stable-diffusion-xl-v1-base/vae' };
    writeSingleFile(path.join(root, 'sdxl_vae.safetensors'), 'tiny', { ...vaeOnly, metadata });
    await expect(run('sdxl_vae.safetensors')).rejects.toThrow(
      /^sdxl_vae\.safetensors, given as the VAE, is a VAE of Stable Diffusion XL \(its header says stable-diffusion-xl-v1-base\/vae\)\. Use a VAE of Stable Diffusion 1\.x/,
    );
    writeSingleFile(path.join(root, 'xl/diffusion_pytorch_model.safetensors'), 'tiny', vaeOnly);
    fs.writeFileSync(path.join(root, 'xl/config.json'), JSON.stringify({ scaling_factor: 0.13025 }));
    await expect(run('xl/diffusion_pytorch_model.safetensors')).rejects.toThrow(
      /is a VAE of Stable Diffusion XL \(its config\.json says scaling_factor 0\.13025\)/,
    );
    fs.renameSync(path.join(root, 'xl/diffusion_pytorch_model.safetensors'), path.join(root, 'xl/mine.safetensors'));
    expect((await run('xl/mine.safetensors')).result.files).toHaveLength(1);
    writeSingleFile(path.join(root, 'cut.safetensors'), 'tiny', {
      parts: ['vae'],
      rename: (name) => (name.includes('decoder.mid.attn_1.q.weight') ? undefined : name),
    });
    await expect(run('cut.safetensors')).rejects.toThrow(
      /cut\.safetensors is incomplete: the tensor .*attn_1\.q\.weight of its VAE/,
    );
  });

  it('and clip skip make the same picture in the low-memory form', async () => {
    const skipping = withParam(graph('other.safetensors'), 'prompt', 'clipSkip', 1);
    const ordinary = await bench.run(skipping, { ...at, useCache: false });
    expect(ordinary.result.report).not.toHaveProperty('lowMemory');
    process.env.WEFT_LOW_MEMORY = '1';
    const low = makeEngine(bench.home);
    try {
      const run = await low.run(skipping, { ...at, useCache: false });
      expect(run.result.report).toMatchObject({ lowMemory: true, checkpoint: ordinary.result.report.checkpoint });
      expect(difference(resultOf(run), resultOf(ordinary))).toBeLessThanOrEqual(1);
      const without = await low.run(withParam(skipping, 'prompt', 'clipSkip', 0), { ...at, useCache: false });
      expect(resultOf(without)).not.toEqual(resultOf(run));
    } finally {
      delete process.env.WEFT_LOW_MEMORY;
      fs.rmSync(low.out, { recursive: true, force: true });
    }
  });

  it('for two inversions must be one, and the graph says whose differ', () => {
    const two = graph('other.safetensors');
    two.nodes['plain'] = { type: 'checkpoint', params: { id: 'tiny', width: 64, height: 64 } };
    two.nodes['invert-appearance']!.inputs!['checkpoint'] = 'plain.checkpoint';
    expect(validateGraph(writeGraph(two)).map(({ message }) => message)).toEqual([
      'swap takes the structure from invert-structure (checkpoint tiny at 64 × 64 with the VAE "other.safetensors") and the appearance from invert-appearance (checkpoint tiny at 64 × 64): their checkpoints differ. Connect both to one checkpoint.',
    ]);
  });

  it('that changes is read anew in the next run; between two parts of a run it is noticed', async () => {
    const file = path.join(root, 'changing.safetensors');
    writeSingleFile(file, 'tiny', { parts: ['vae'], precision: 'F16' });
    const before = await run('changing.safetensors');
    const loaded = (await bench.engine.checkpoint('tiny', 'cpu', file)).at({ width: 64, height: 64 }, 'model');
    await loaded.close();
    const bytes = fs.readFileSync(file);
    bytes[bytes.length - 3]! ^= 1;
    fs.writeFileSync(`${file}.new`, bytes);
    fs.renameSync(`${file}.new`, file);
    const store = bench.engine.scratch();
    await expect(loaded.decode(new Float32Array(4 * 64), 'latents', store)).rejects.toThrow(
      /changing\.safetensors, the VAE of this run, was changed or removed while the run used it\. Run again/,
    );
    await store.dispose();
    const after = await run('changing.safetensors');
    expect(after.result.report.checkpoint.vae).not.toBe(before.result.report.checkpoint.vae);
    // Only touched and renamed, it is what it was.
    fs.renameSync(file, path.join(root, 'renamed.safetensors'));
    fs.utimesSync(path.join(root, 'renamed.safetensors'), 1, 1);
    const renamed = await bench.run(graph('renamed.safetensors'), { ...at, useCache: false });
    expect(resultOf(renamed)).toEqual(resultOf(after));
  });
});

it('an ONNX checkpoint takes one that fits it, and says why another does not', async () => {
  const found = run('other.safetensors', 'mini');
  await expect(found).rejects.toThrow(/other\.safetensors does not fit the checkpoint mini: its latents have/);
});
