/** A whole folder as Hugging Face optimum exports it, imported and run; see fixtures/onnx/export_optimum.py. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { difference } from '../../../fixtures/onnx/feeds';
import { fixtures, modelPath } from '../../../fixtures/onnx/open';
import { type Bench, makeEngine, shortGraph } from '../../../support/mini';
import { SafetensorsFile } from '../../../support/safetensors';

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
});
