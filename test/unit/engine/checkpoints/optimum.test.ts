/** A whole folder as Hugging Face optimum exports it, imported and run; see fixtures/onnx/export_optimum.py. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { difference, noise } from '../../../fixtures/onnx/feeds';
import { fixtures, modelPath } from '../../../fixtures/onnx/open';
import { exportedWeights } from '../../../support/exportedWeights';
import { type Bench, makeEngine, pictures, resultOf, shortGraph, withParam } from '../../../support/mini';
import { SafetensorsFile, writeSafetensors } from '../../../support/safetensors';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-optimum-'));
let bench: Bench;

beforeAll(async () => {
  fs.cpSync(path.join(fixtures, 'optimum'), folder, { recursive: true });
  fs.copyFileSync(modelPath('small_optimum'), path.join(folder, 'unet', 'model.onnx'));
  fs.copyFileSync(path.join(fixtures, 'weights.bin'), path.join(folder, 'unet', 'weights.bin'));
  bench = makeEngine();
  await bench.engine.handlers['models.add']({ paths: [folder], id: 'optimum' });
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A LoRA of rank 2, in kohya's names, for every linear layer and convolution among a part's weights. */
function loraFor(prefix: string, weights: ReturnType<typeof exportedWeights>): Parameters<typeof writeSafetensors>[1] {
  const tensors: Parameters<typeof writeSafetensors>[1] = {};
  for (const [name, { shape }] of Object.entries(weights)) {
    const module = /^(?!.*(?:embedding|norm))(.*)\.weight$/.exec(name)?.[1];
    if (module === undefined || shape.length < 2) continue;
    const [out, ...rest] = shape as [number, ...number[]];
    const within = rest.reduce((a, b) => a * b, 1);
    const key = `${prefix}${module.replaceAll('.', '_')}`;
    const up = [out, 2, ...rest.slice(1).map(() => 1)];
    tensors[`${key}.lora_up.weight`] = { shape: up, data: noise(out * 2, out) };
    const down = noise(2 * within, within).map((x) => (0.3 * x) / Math.sqrt(within));
    tensors[`${key}.lora_down.weight`] = { shape: [2, ...rest], data: down };
  }
  return tensors;
}

describe("optimum's export", () => {
  it('is imported with what its configurations say, and verified', async () => {
    const all = await bench.engine.handlers['models.list']({});
    expect(all.find(({ id }) => id === 'optimum')).toMatchObject({
      pictureSize: 128,
      precision: 'fp32',
      sizes: { fixed: false },
    });
    expect(await bench.engine.handlers['models.verify']({ id: 'optimum' })).toMatchObject({ id: 'optimum' });
  });

  it('gives what PyTorch gives of a prompt, a picture and latents', async () => {
    const torch = new SafetensorsFile(path.join(fixtures, 'optimum', 'torch.safetensors'));
    const numbers = (name: string): Float32Array => torch.get(name).data as Float32Array;
    const checkpoint = (await bench.engine.checkpoint('optimum', 'cpu')).at({ width: 64, height: 64 }, 'checkpoint');
    const store = bench.engine.scratch();
    const rgb = torch.get('rgb').data as Uint8Array;
    expect(difference(await checkpoint.embed('a photo of a dog', store), numbers('context'))).toBeLessThan(2e-5);
    expect(difference(await checkpoint.encode(rgb, store), numbers('encoded'))).toBeLessThan(2e-5);
    const { pixels } = await checkpoint.decode(numbers('latents'), 'latents', store);
    expect(difference(pixels, numbers('pixels'))).toBeLessThan(1e-4);
    await store.dispose();
  });

  it('makes a transfer', async () => {
    const { result } = await bench.run(shortGraph({ checkpoint: 'optimum' }));
    expect(result.report.checkpoint.id).toBe('optimum');
    expect(fs.statSync(result.files[0]!).size).toBeGreaterThan(1000);
  });

  it('makes the picture that its weights make as a diffusers folder, to one level of 255', async () => {
    const diffusers = path.join(folder, '..', `${path.basename(folder)}-diffusers`);
    const weights = (part: string): ReturnType<typeof exportedWeights> =>
      exportedWeights(path.join(folder, part, 'model.onnx'));
    const parts: [name: string, config: string, tensors: ReturnType<typeof exportedWeights>][] = [
      ['unet/diffusion_pytorch_model', 'unet', weights('unet')],
      ['vae/diffusion_pytorch_model', 'vae_encoder', { ...weights('vae_encoder'), ...weights('vae_decoder') }],
      ['text_encoder/model', 'text_encoder', weights('text_encoder')],
    ];
    for (const [name, config, tensors] of parts) {
      const file = path.join(diffusers, `${name}.safetensors`);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      writeSafetensors(file, tensors);
      fs.copyFileSync(path.join(folder, config, 'config.json'), path.join(path.dirname(file), 'config.json'));
    }
    for (const name of ['tokenizer', 'scheduler'])
      fs.cpSync(path.join(folder, name), path.join(diffusers, name), { recursive: true });
    await bench.engine.handlers['models.add']({ paths: [diffusers], id: 'same-weights' });
    const [exported, own] = [
      await bench.run(shortGraph({ checkpoint: 'optimum' })),
      await bench.run(shortGraph({ checkpoint: 'same-weights' })),
    ];
    expect(difference(resultOf(own), resultOf(exported))).toBeLessThanOrEqual(1);
    // The layers of the export are found, too, and left out as those of the weights are.
    const shorter = (checkpoint: string) => bench.run(withParam(shortGraph({ checkpoint }), 'prompt', 'clipSkip', 1));
    const [exportedShorter, ownShorter] = [await shorter('optimum'), await shorter('same-weights')];
    expect(difference(resultOf(ownShorter), resultOf(exportedShorter))).toBeLessThanOrEqual(1);
    expect(difference(resultOf(exportedShorter), resultOf(exported))).toBeGreaterThan(1);
    // A LoRA finds its layers in the export, whose linear weights are stored turned, as it does in the folder.
    writeSafetensors(path.join(diffusers, 'lora.safetensors'), {
      ...loraFor('lora_unet_', weights('unet')),
      ...loraFor('lora_te_', weights('text_encoder')),
    });
    const withLora = (checkpoint: string) => {
      const graph = shortGraph({ checkpoint });
      graph.nodes['style'] = {
        type: 'lora',
        params: { path: 'lora.safetensors' },
        inputs: { checkpoint: 'model.checkpoint' },
      };
      for (const { inputs } of Object.values(graph.nodes))
        if (inputs?.['checkpoint'] === 'model.checkpoint') inputs['checkpoint'] = 'style.checkpoint';
      graph.nodes['style'].inputs = { checkpoint: 'model.checkpoint' };
      return bench.run(graph, { graphPath: path.join(diffusers, 'test.weft.json') });
    };
    for (const name of ['giraffe.png', 'zebra.png'])
      fs.copyFileSync(path.join(pictures, name), path.join(diffusers, name));
    const [exportedStyled, ownStyled] = [await withLora('optimum'), await withLora('same-weights')];
    for (const { result } of [exportedStyled, ownStyled])
      expect(result.warnings.filter(({ node }) => node === 'style')).toEqual([]);
    expect(difference(resultOf(ownStyled), resultOf(exportedStyled))).toBeLessThanOrEqual(1);
    expect(difference(resultOf(exportedStyled), resultOf(exported))).toBeGreaterThan(3);
    fs.rmSync(diffusers, { recursive: true, force: true });
  });
});
