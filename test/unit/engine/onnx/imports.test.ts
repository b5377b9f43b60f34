/** What a person may point at: whole folders, parts of them, loose files, other programs' caches, and things that are none. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DigestMemory } from '../../../../extension/engine/checkpoints/digestMemory';
import { sha256Of } from '../../../../extension/engine/checkpoints/digests';
import { readLayout, requireStatedPrediction } from '../../../../extension/engine/checkpoints/layout';
import { layoutOf } from '../../../../extension/engine/checkpoints/weightsLayout';
import { openLibrary } from '../../../../extension/engine/checkpoints/library';
import { memoryNeed } from '../../../../extension/engine/checkpoints/memoryNeed';
import { partOf } from '../../../../extension/engine/checkpoints/partOf';
import { modelPath } from '../../../fixtures/onnx/open';
import { writeReference } from '../../../support/referenceFolder';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-imports-')));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));
let count = 0;
const fresh = (name = String(count++)): string => {
  const folder = path.join(root, name);
  fs.mkdirSync(folder, { recursive: true });
  return folder;
};
const write = (file: string, content: unknown): string => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};

describe('an import', () => {
  it('takes loose files by what they are, whatever they are called', async () => {
    const flat = writeReference(fresh(), true);
    const files = fs.readdirSync(flat).map((name) => path.join(flat, name));
    const renamed = files.map((file) => {
      if (!file.endsWith('.onnx')) return file;
      const other = path.join(flat, `net-${[...path.basename(file, '.onnx')].reverse().join('')}.onnx`);
      fs.renameSync(file, other);
      return other;
    });
    const home = fresh();
    const info = await openLibrary({ home }).add(renamed, 'loose');
    expect(info).toMatchObject({ id: 'loose', pictureSize: 512, precision: 'fp32' });
    expect(info.disk!.shared).toBeGreaterThan(100_000);
  });

  it.each(['unet_legacy', 'text_encoder', 'vae_encoder_sample', 'vae_encoder_params', 'vae_decoder'])(
    'knows %s',
    (name) => {
      expect(modelPath(name)).toContain(name);
      expect(name).toMatch(new RegExp(`^${partOf(modelPath(name))}`));
    },
  );

  it('names what is missing of loose files', () => {
    const flat = writeReference(fresh(), true);
    const at = (name: string): string => path.join(flat, name);
    fs.rmSync(at('vae_decoder.onnx'));
    expect(() => layoutOf([at('unet.onnx'), at('text_encoder.onnx')])).toThrow(
      /the VAE encoder, the VAE decoder are missing/,
    );
    const more = writeReference(fresh(), true);
    const four = ['unet', 'text_encoder', 'vae_encoder', 'vae_decoder'].map((name) => path.join(more, `${name}.onnx`));
    expect(() => layoutOf(four)).toThrow(/tokenizer's files are missing/);
    expect(() => layoutOf([...four, at('unet.onnx')])).toThrow(/are each a UNet/);
    expect(() => layoutOf([path.join(more, 'nowhere')])).toThrow(/does not exist/);
    expect(() => layoutOf([])).toThrow(/Nothing to import/);
  });

  it('of a part, of one file, or of the folder around it takes the whole checkpoint', () => {
    const around = fresh();
    const folder = writeReference(path.join(around, 'sd15'));
    for (const given of [around, path.join(folder, 'unet'), path.join(folder, 'unet', 'model.onnx')])
      expect(layoutOf([given]).folder).toBe(folder);
  });

  it("of a snapshot in huggingface_hub's cache follows its links, and no others", async () => {
    const repository = fresh('models--someone--sd15');
    const snapshot = path.join(repository, 'snapshots', 'abc');
    const plain = writeReference(fresh());
    for (const name of fs.readdirSync(plain, { recursive: true }) as string[]) {
      const from = path.join(plain, name);
      if (fs.statSync(from).isDirectory()) continue;
      const blob = path.join(repository, 'blobs', String(count++));
      fs.mkdirSync(path.dirname(blob), { recursive: true });
      fs.copyFileSync(from, blob);
      fs.mkdirSync(path.dirname(path.join(snapshot, name)), { recursive: true });
      fs.symlinkSync(path.relative(path.dirname(path.join(snapshot, name)), blob), path.join(snapshot, name));
    }
    const library = openLibrary({ home: fresh() });
    // The repository's folder holds one snapshot: that is meant.
    expect((await library.add([repository], 'cached')).pictureSize).toBe(512);
    await library.open('cached');
    fs.rmSync(path.join(snapshot, 'unet', 'weights.bin'));
    fs.symlinkSync(path.join(plain, 'unet', 'weights.bin'), path.join(snapshot, 'unet', 'weights.bin'));
    await expect(library.add([snapshot], 'linked')).rejects.toThrow(/outside the checkpoint's folder/);
  });
});

describe('refused by name, with what to do', () => {
  it('a pickle, alone, in a folder, or as a part of one', () => {
    const sentence = /^v1-5-pruned\.ckpt is a PyTorch pickle.*weights_only=True/;
    const file = write(path.join(fresh(), 'v1-5-pruned.ckpt'), 'x'.repeat(20));
    expect(() => layoutOf([file])).toThrow(sentence);
    expect(() => layoutOf([path.dirname(file)])).toThrow(sentence);
    const folder = fresh();
    write(path.join(folder, 'model_index.json'), { _class_name: 'StableDiffusionPipeline' });
    write(path.join(folder, 'unet', 'diffusion_pytorch_model.bin'), 'x');
    expect(() => layoutOf([folder])).toThrow(/^diffusion_pytorch_model\.bin is a PyTorch pickle/);
  });

  it("diffusers' own folder where a part is missing", () => {
    const folder = fresh('half-there');
    write(path.join(folder, 'model_index.json'), { _class_name: 'StableDiffusionPipeline' });
    write(path.join(folder, 'unet', 'diffusion_pytorch_model.safetensors'), 'x');
    expect(() => layoutOf([folder])).toThrow(/^half-there has no \.safetensors file in vae\/, text_encoder\//);
  });

  it.each([
    ['StableDiffusionXLPipeline', /Stable Diffusion XL/],
    ['StableDiffusion3Pipeline', /Stable Diffusion 3/],
    ['FluxPipeline', /Flux/],
    ['ORTStableDiffusionInpaintPipeline', /inpainting/],
    ['StableDiffusionControlNetPipeline', /ControlNet/],
    ['StableDiffusionInstructPix2PixPipeline', /InstructPix2Pix/],
    ['OnnxStableDiffusionUpscalePipeline', /upscaler/],
    ['StableDiffusionDepth2ImgPipeline', /depth-to-image/],
  ])('the pipeline %s', (_class_name, sentence) => {
    const folder = writeReference(fresh(), true);
    write(path.join(folder, 'model_index.json'), { _class_name });
    expect(() => readLayout(folder)).toThrow(sentence);
  });

  it('a transformer in the UNet’s place', () => {
    const folder = fresh();
    write(path.join(folder, 'model_index.json'), {});
    write(path.join(folder, 'transformer', 'model.onnx'), 'x');
    expect(() => layoutOf([folder])).toThrow(/transformer instead of a UNet/);
  });

  it('Stable Diffusion 2.x that does not say what it predicts; what says so, or is said to, is taken', () => {
    const folder = writeReference(fresh(), true);
    const state = (prediction?: string): void => {
      write(
        path.join(folder, 'scheduler', 'scheduler_config.json'),
        prediction === undefined ? {} : { prediction_type: prediction },
      );
      requireStatedPrediction(readLayout(folder), 1024);
    };
    expect(() => state()).toThrow(/Stable Diffusion 2\.x.*--prediction epsilon/);
    expect(() => state('sample')).toThrow(/predicts "sample"/);
    expect(() => state('v_prediction')).not.toThrow();
    expect(() => state('epsilon')).not.toThrow();
    const undecided = writeReference(fresh(), true);
    expect(layoutOf([undecided], { prediction: 'v_prediction' })).toMatchObject({
      predictionStated: true,
      scheduler: { prediction: 'v_prediction' },
    });
    expect(readLayout(folder).scheduler.prediction).toBeUndefined();
    expect(() => requireStatedPrediction(readLayout(writeReference(fresh(), true)), 768)).not.toThrow();
  });

  it('a manifest that names files outside its folder', () => {
    const folder = writeReference(fresh());
    for (const file of ['../secret', '/etc/passwd', 'C:\\x', 'a/../../b']) {
      write(path.join(folder, 'weft.json'), { files: { [file]: '0'.repeat(64) } });
      expect(() => readLayout(folder)).toThrow(/weft\.json/);
    }
  });
});

describe('a checkpoint that another version of Weft prepared', () => {
  const outdate = (home: string, id: string): void => {
    const file = path.join(home, 'checkpoints', id, 'stamps.json');
    const stamps = JSON.parse(fs.readFileSync(file, 'utf8')) as { surgery: number };
    fs.writeFileSync(file, JSON.stringify({ ...stamps, surgery: 0 }));
  };

  it('is prepared again from where it came, and is ready from then on', async () => {
    const home = fresh();
    const library = openLibrary({ home });
    const source = writeReference(fresh());
    const { sha256 } = await library.add([source], 'older');
    outdate(home, 'older');
    const said: string[] = [];
    expect((await library.open('older', ({ message }) => said.push(message))).sha256).toBe(sha256);
    expect(said[0]).toContain('preparing it again');
    said.length = 0;
    await library.open('older', ({ message }) => said.push(message));
    expect(said).toEqual([]);
  });

  it('says so when its source changed or is gone', async () => {
    const home = fresh();
    const library = openLibrary({ home });
    const source = writeReference(fresh());
    await library.add([source], 'older');
    outdate(home, 'older');
    const decoder = path.join(source, 'vae_decoder', 'model.onnx');
    const bytes = fs.readFileSync(decoder);
    fs.rmSync(decoder);
    fs.writeFileSync(decoder, Buffer.concat([bytes, Buffer.from('x')]));
    await expect(library.open('older')).rejects.toThrow(/vae_decoder.*is no longer the file/);
    fs.rmSync(source, { recursive: true });
    await expect(library.open('older')).rejects.toThrow(/is no longer there: add it again/);
  });
});

describe('the memory of digests', () => {
  it('reads a file once, and again when it was changed', async () => {
    const memory = new DigestMemory(path.join(fresh(), 'digests.json'));
    const file = write(path.join(fresh(), 'weights'), 'abc');
    const sha256 = await memory.digest(file);
    expect(sha256).toBe(await sha256Of(file));
    // Another file with the same stamps would be taken for it: what is remembered is not read again.
    await memory.remember(file, 'f'.repeat(64));
    expect(await memory.digest(file)).toBe('f'.repeat(64));
    fs.writeFileSync(file, 'abcd');
    expect(await memory.digest(file)).toBe(await sha256Of(file));
  });

  it('is shared by processes, and a damaged one is forgotten', async () => {
    const at = path.join(fresh(), 'digests.json');
    const file = write(path.join(fresh(), 'weights'), 'abc');
    await new DigestMemory(at).remember(file, 'e'.repeat(64));
    expect(await new DigestMemory(at).digest(file)).toBe('e'.repeat(64));
    fs.writeFileSync(at, '{"a": 7');
    expect(await new DigestMemory(at).digest(file)).toBe(await sha256Of(file));
  });
});

describe('the arithmetic of memory', () => {
  it('adds up for Stable Diffusion 1.5 as docs/checkpoints.md says', async () => {
    const prepared = await openLibrary({ home: fresh() })
      .open('mini')
      .catch(() => undefined);
    expect(prepared).toBeUndefined();
    const layer = (level: 'high' | 'low', index: number) => ({
      level,
      index,
      heads: 8,
      width: level === 'high' ? 320 : 640,
      scale: 1,
      halvings: level === 'high' ? 0 : 1,
    });
    const layers = [...[0, 1, 2].map((i) => layer('low', i)), ...[3, 4, 5].map((i) => layer('high', i))];
    const sd15 = {
      files: [],
      latentSize: 64,
      pictureSize: 512,
      precision: 'fp32',
      unet: { interface: { swapLayers: layers, middleChannels: 1280 } },
      parameters: {
        unet: { half: 0, single: 859.5e6 },
        text_encoder: { half: 0, single: 123.1e6 },
        vae: { half: 0, single: 83.7e6 },
      },
    } as unknown as Parameters<typeof memoryNeed>[0];
    const need = memoryNeed(sd15, 16e9);
    expect(need.cpu.weights / 1e9).toBeCloseTo(4.27, 2);
    expect(need.cpu.total / 1e9).toBeCloseTo(7.08, 1);
    const half = memoryNeed({ ...sd15, precision: 'fp16', parameters: { all: { half: 1066.3e6, single: 0 } } }, 16e9);
    expect(half.gpu.weights / 1e9).toBeCloseTo(2.13, 2);
    expect(half.gpu.total / 1e9).toBeLessThan(6);
    expect(half.cpu.weights).toBe(4 * 1066.3e6);
  });
});
