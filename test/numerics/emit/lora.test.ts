/** LoRAs of every form against weights that PyTorch merged; see make_lora_references.py. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emitTextEncoder } from '../../../extension/engine/onnx/emit/textEncoder';
import { emitUnet } from '../../../extension/engine/onnx/emit/unet';
import { matchLora, mergeLoras } from '../../../extension/engine/onnx/mergeLoras';
import { Graph } from '../../../extension/engine/onnx/graph';
import { modelBytes, type OnnxModel } from '../../../extension/engine/onnx/modelFile';
import { ModelProtoSchema } from '../../../extension/engine/onnx/proto/onnx_pb';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { type TensorData } from '../../../extension/engine/onnx/types';
import { type LoraPart, readLora } from '../../../extension/engine/safetensors/lora';
import { textEncoderOf, unetOf } from '../../../extension/engine/safetensors/parts';
import { readWeights } from '../../../extension/engine/safetensors/weights';
import { difference, float32 } from '../../fixtures/onnx/feeds';
import { SafetensorsFile } from '../../support/safetensors';
import { loraFormats, loraModules, writeLora } from '../../support/smallLoras';
import { references, uniform, writeSingleFile } from '../../support/smallModels';

const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-lora-')));
const sessions = inProcessSessions();
const expected = new SafetensorsFile(path.join(references, 'lora.safetensors'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const set = readWeights(writeSingleFile(path.join(folder, 'tiny.safetensors'), 'tiny'));
const emit = (part: LoraPart): OnnxModel => {
  if (part === 'unet') return emitUnet(unetOf(set));
  const { source, openClip } = textEncoderOf(set);
  return emitTextEncoder(source, {}, openClip);
};
const numbers = (name: string, count: number, scale = 1): Float32Array =>
  Float32Array.from(Float32Array.from(uniform(name, count)), (u) => u * scale);
const feeds: Record<LoraPart, Record<string, TensorData>> = {
  unet: {
    sample: float32([2, 4, 8, 16], numbers('sample', 1024, 2)),
    timestep: float32([2], [801, 21]),
    encoder_hidden_states: float32([2, 77, 32], numbers('context', 2 * 77 * 32)),
  },
  text_encoder: {
    input_ids: {
      type: 'int64',
      dims: [1, 77],
      data: BigInt64Array.from({ length: 77 }, (_, i) => BigInt((i * 37) % 512)),
    },
  },
};

let count = 0;
/** What a part gives with LoRAs of these strengths. */
async function run(part: LoraPart, loras: [file: string, strength: number][]): Promise<Float32Array> {
  const model = emit(part);
  const key = `with lora ${count++}`;
  const proto = fromBinary(ModelProtoSchema, modelBytes(model, folder));
  const acting = loras.map(([file, strength]) => ({ lora: readLora(file), strength }));
  const target = path.join(folder, `${key}.weights`);
  await mergeLoras(new Graph(proto), part, acting, { folder, target, sessions, checkpoint: 'tiny' });
  await sessions.load(key, toBinary(ModelProtoSchema, proto), { provider: 'cpu', threads: 2, weights: folder });
  const output = model.proto.graph!.output[0]!.name;
  const answer = await sessions.run(key, feeds[part], [output]);
  await sessions.release(key);
  const values = answer[output]!.data as Float32Array;
  if (part === 'unet') return values;
  // Of 77 tokens those that the references keep.
  return Float32Array.from({ length: 7 * 32 }, (_, i) => values[Math.floor(i / 32) * 11 * 32 + (i % 32)]!);
}

const wanted = (rank: number, strength: number, part: LoraPart): Float32Array =>
  expected.floats(`${rank}.${strength}.${part === 'unet' ? 'unet' : 'text'}`);

describe.each(loraFormats)('a LoRA in the names of %s', (format) => {
  it.each([4, 32])('of rank %i gives what merged weights give', async (rank) => {
    const file = writeLora(path.join(folder, `${format} ${rank}.safetensors`), format, { rank });
    for (const part of ['unet', 'text_encoder'] as const) {
      const matched = matchLora(new Graph(emit(part).proto), part, readLora(file), 'tiny');
      // The halves of the feed-forward layer are one layer of the file.
      expect(matched.length).toBe(loraModules([part === 'unet' ? 'unet' : 'text']).length);
      for (const strength of [0.7, 1, -1]) {
        const most = difference(await run(part, [[file, strength]]), wanted(rank, strength, part));
        expect(most, `${part} at ${strength}`).toBeLessThan(1e-4);
      }
    }
  });
});

it('at strength 0 nothing changes, and two in a row are their sum', async () => {
  const file = writeLora(path.join(folder, 'sum.safetensors'), 'kohya');
  const other = writeLora(path.join(folder, 'other.safetensors'), 'PEFT');
  for (const part of ['unet', 'text_encoder'] as const) {
    expect(difference(await run(part, []), wanted(0, 0, part))).toBeLessThan(1e-4);
    expect(difference(wanted(0, 0, part), wanted(4, 1, part))).toBeGreaterThan(0.01);
    const sum = await run(part, [
      [file, 0.4],
      [other, 0.3],
    ]);
    expect(difference(sum, wanted(4, 0.7, part))).toBeLessThan(1e-4);
  }
});
