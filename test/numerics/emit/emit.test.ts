/** Graphs straight from .safetensors files against diffusers and transformers; see make_references.py. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { leaveOutLayers, mostClipSkip } from '../../../extension/engine/onnx/clipSkip';
import { emitTextEncoder } from '../../../extension/engine/onnx/emit/textEncoder';
import { emitUnet } from '../../../extension/engine/onnx/emit/unet';
import { emitVaeDecoder, emitVaeEncoder } from '../../../extension/engine/onnx/emit/vae';
import { Graph } from '../../../extension/engine/onnx/graph';
import { type OnnxModel, writeModel } from '../../../extension/engine/onnx/modelFile';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { type TensorData } from '../../../extension/engine/onnx/types';
import { textEncoderOf, unetOf, vaeOf } from '../../../extension/engine/safetensors/parts';
import { readWeights, type WeightSet, weightsIn } from '../../../extension/engine/safetensors/weights';
import { difference, float32 } from '../../fixtures/onnx/feeds';
import { SafetensorsFile } from '../../support/safetensors';
import {
  type Precision,
  references,
  type SmallModel,
  uniform,
  writeDiffusersFolder,
  writeSingleFile,
} from '../../support/smallModels';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-emit-'));
const sessions = inProcessSessions();
const expected = new SafetensorsFile(path.join(references, 'expected.safetensors'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const numbers = (name: string, count: number, scale = 1): Float32Array =>
  Float32Array.from(Float32Array.from(uniform(name, count)), (u) => u * scale);

let count = 0;
/** What a model gives, its weights read where they are. */
async function run(model: OnnxModel, feeds: Record<string, TensorData>): Promise<Float32Array> {
  const target = path.join(folder, `${count++}`, 'model.onnx');
  const weights = path.dirname(model.weights[0]!.file);
  await writeModel(model, target, { inPlace: weights });
  expect(fs.readdirSync(path.dirname(target))).toEqual(['model.onnx']);
  await sessions.load(target, target, { provider: 'cpu', threads: 2, weights });
  const output = model.proto.graph!.output[0]!.name;
  const answer = await sessions.run(target, feeds, [output]);
  await sessions.release(target);
  return answer[output]!.data as Float32Array;
}

const ids: TensorData = {
  type: 'int64',
  dims: [1, 77],
  data: BigInt64Array.from({ length: 77 }, (_, i) => BigInt((i * 37) % 512)),
};
/** Of 77 tokens those that the references keep. */
const everyEleventh = (text: Float32Array, width: number): Float32Array =>
  Float32Array.from({ length: 7 * width }, (_, i) => text[Math.floor(i / width) * 11 * width + (i % width)]!);

interface Sets {
  unet: WeightSet;
  vae: WeightSet;
  text: WeightSet;
  /** config.json of each part, in diffusers' folders. */
  config?: (part: string) => Record<string, unknown>;
}

/** Largest difference of each part's output from what diffusers computed. */
async function differences(model: SmallModel, precision: Precision, sets: Sets): Promise<Record<string, number>> {
  const width = { sd1: 768, sd2: 1024, tiny: 32, deep: 64, deep2: 64 }[model];
  const config = sets.config ?? (() => ({}));
  const against = (name: string, values: Float32Array): number =>
    difference(values, expected.floats(`${model}.${precision}.${name}`));
  const unet = await run(emitUnet(unetOf(sets.unet), config('unet')), {
    sample: float32([2, 4, 8, 16], numbers('sample', 1024, 2)),
    timestep: float32([2], [801, 21]),
    encoder_hidden_states: float32([2, 77, width], numbers('context', 2 * 77 * width)),
  });
  const vae = vaeOf(sets.vae);
  const encoded = await run(emitVaeEncoder(vae, config('vae')), {
    sample: float32([1, 3, 32, 64], numbers('picture', 3 * 32 * 64)),
  });
  const decoded = await run(emitVaeDecoder(vae, config('vae')), {
    latent_sample: float32([1, 4, 4, 8], numbers('latents', 128, 4)),
  });
  const { source, openClip } = textEncoderOf(sets.text);
  const text = await run(emitTextEncoder(source, config('text_encoder'), openClip), { input_ids: ids });
  return {
    unet: against('unet', unet),
    encoded: against('encoded', encoded),
    decoded: against('decoded', decoded),
    text: against('text', everyEleventh(text, width)),
  };
}

function expectClose(found: Record<string, number>): void {
  for (const [part, most] of Object.entries(found)) expect(most, part).toBeLessThan(3e-5);
}

const whole = (set: WeightSet): Sets => ({ unet: set, vae: set, text: set });
function folderSets(place: string): Sets {
  const set = (part: string): WeightSet => readWeights(weightsIn(path.join(place, part))!);
  const config = (part: string) =>
    JSON.parse(fs.readFileSync(path.join(place, part, 'config.json'), 'utf8')) as Record<string, unknown>;
  return { unet: set('unet'), vae: set('vae'), text: set('text_encoder'), config };
}

describe.each(['sd1', 'sd2'] as const)('%s', (model) => {
  describe.each(['F32', 'F16', 'BF16'] as const)('in %s', (precision) => {
    it('of a single file gives what diffusers gives', async () => {
      const file = writeSingleFile(path.join(folder, `${model}-${precision}.safetensors`), model, { precision });
      const found = await differences(model, precision, whole(readWeights(file)));
      expectClose(found);
    });
  });

  it('of a diffusers folder, in a variant and in shards', async () => {
    const place = writeDiffusersFolder(path.join(folder, `${model}-folder`), model, {
      precision: 'F16',
      variant: 'fp16',
      shards: 3,
    });
    expectClose(await differences(model, 'F16', folderSets(place)));
  });
});

it('a narrow one of no published width gives what diffusers gives too', async () => {
  const file = writeSingleFile(path.join(folder, 'tiny.safetensors'), 'tiny');
  expectClose(await differences('tiny', 'F32', whole(readWeights(file))));
});

describe.each(['deep', 'deep2'] as const)('the text encoder of %s', (model) => {
  it.each([0, 1, 2, 3, 4])('without its last %i layers gives what diffusers’ clip_skip gives', async (clipSkip) => {
    const file = writeSingleFile(path.join(folder, `${model}.safetensors`), model, { parts: ['text'] });
    const { source, openClip } = textEncoderOf(readWeights(file));
    const encoder = emitTextEncoder(source, {}, openClip);
    const graph = new Graph(encoder.proto);
    expect(mostClipSkip(graph)).toBe(4);
    leaveOutLayers(graph, clipSkip);
    const text = await run(encoder, { input_ids: ids });
    const most = difference(everyEleventh(text, 64), expected.floats(`${model}.F32.text.${clipSkip}`));
    expect(most).toBeLessThan(3e-5);
  });
});
