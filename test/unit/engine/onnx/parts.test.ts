import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readModel, writeModel } from '../../../../extension/engine/onnx/modelFile';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { deterministicEncoder, encoderScale, plainDecoder, textEncoder } from '../../../../extension/engine/onnx/vae';
import { difference, float32, int64, noise } from '../../../fixtures/onnx/feeds';
import { modelPath } from '../../../fixtures/onnx/open';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-parts-'));
const sessions = inProcessSessions();
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const picture = float32([1, 3, 64, 64], noise(3 * 64 * 64, 6));

async function mode(name: string) {
  const model = readModel(modelPath(name));
  const { input, output, changed } = deterministicEncoder(model, 4);
  expect(changed).toBe(true);
  const file = path.join(fs.mkdtempSync(path.join(folder, 'part-')), 'model.onnx');
  await writeModel(model, file);
  await sessions.load(name, file, { provider: 'cpu', threads: 1 });
  const first = (await sessions.run(name, { [input.name]: picture }, [output.name]))[output.name]!;
  const again = (await sessions.run(name, { [input.name]: picture }, [output.name]))[output.name]!;
  return { first, again };
}

describe('a VAE encoder', () => {
  it('that samples is made to give the mean, and the same one each time', async () => {
    const { first, again } = await mode('vae_encoder_sample');
    await sessions.load('parameters', modelPath('vae_encoder_params'), { provider: 'cpu', threads: 1 });
    const both = (await sessions.run('parameters', { sample: picture }, ['latent_parameters'])).latent_parameters!;
    const mean = (both.data as Float32Array).subarray(0, first.data.length);
    expect(first.dims).toEqual([1, 4, 8, 8]);
    expect(difference(first.data as Float32Array, mean)).toBeLessThan(1e-6);
    expect(difference(first.data as Float32Array, again.data as Float32Array)).toBe(0);
  });

  it('that gives mean and variance is cut to the mean', async () => {
    const { first } = await mode('vae_encoder_params');
    expect(first.dims).toEqual([1, 4, 8, 8]);
    const sampled = await mode('vae_encoder_sample');
    expect(difference(first.data as Float32Array, sampled.first.data as Float32Array)).toBeLessThan(1e-6);
  });

  it('whose last node is called like its output opens all the same', async () => {
    const model = readModel(modelPath('vae_encoder_params'));
    const { node, output } = model.proto.graph!;
    const last = node.find((each) => each.output.includes(output[0]!.name))!;
    last.name = output[0]!.name;
    deterministicEncoder(model, 4);
    const file = path.join(fs.mkdtempSync(path.join(folder, 'part-')), 'model.onnx');
    await writeModel(model, file);
    await sessions.load(file, file, { provider: 'cpu', threads: 1 });
    await sessions.release(file);
  });

  it('that gives the mode already is used as it is', () => {
    const model = readModel(path.resolve('models/mini/vae_encoder/model.onnx'));
    expect(deterministicEncoder(model, 16)).toMatchObject({ changed: false });
  });

  it('whose channels are not those of the UNet is refused', () => {
    const model = readModel(path.resolve('models/mini/vae_encoder/model.onnx'));
    expect(() => deterministicEncoder(model, 4)).toThrow(/16 channels where the UNet's 4/);
  });

  it('tells by how much it shrinks a picture', () => {
    expect(encoderScale(readModel(modelPath('vae_encoder_params')))).toBe(8);
  });
});

describe('the other parts', () => {
  it('a decoder is used as it is', () => {
    expect(plainDecoder(readModel(modelPath('vae_decoder')))).toEqual({
      input: { name: 'latent_sample', type: 'float32' },
      output: { name: 'sample', type: 'float32' },
      changed: false,
      fixedSize: false,
    });
  });

  it('a text encoder gives its last hidden state alone', async () => {
    const model = readModel(modelPath('text_encoder'));
    const part = textEncoder(model);
    expect(part).toMatchObject({
      input: { name: 'input_ids', type: 'int64' },
      output: { name: 'last_hidden_state' },
      width: 48,
    });
    const file = path.join(folder, 'text', 'model.onnx');
    await writeModel(model, file);
    const ids = int64(Array.from({ length: 77 }, (_, i) => i));
    ids.dims = [1, 77];
    await sessions.load('text', file, { provider: 'cpu', threads: 1 });
    await sessions.load('whole', modelPath('text_encoder'), { provider: 'cpu', threads: 1 });
    const [cut, whole] = [
      await sessions.run('text', { input_ids: ids }, ['last_hidden_state']),
      await sessions.run('whole', { input_ids: ids }, ['last_hidden_state']),
    ];
    expect(
      difference(cut.last_hidden_state!.data as Float32Array, whole.last_hidden_state!.data as Float32Array),
    ).toBeLessThan(1e-6);
  });
});
