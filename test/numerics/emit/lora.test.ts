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
import { modelBytes, type OnnxModel, readModel } from '../../../extension/engine/onnx/modelFile';
import {
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
} from '../../../extension/engine/onnx/proto/onnx_pb';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { type TensorData } from '../../../extension/engine/onnx/types';
import { type LoraPart, readLora } from '../../../extension/engine/safetensors/lora';
import { textEncoderOf, unetOf } from '../../../extension/engine/safetensors/parts';
import { readWeights } from '../../../extension/engine/safetensors/weights';
import { difference, float32 } from '../../fixtures/onnx/feeds';
import { modelPath } from '../../fixtures/onnx/open';
import { SafetensorsFile, writeSafetensors } from '../../support/safetensors';
import {
  loraFormats,
  loraModules,
  rarerFormats,
  writeFull,
  writeLora,
  writeMixed,
  writeTucker,
} from '../../support/smallLoras';
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

it.each(rarerFormats)('a LoRA in the names of %s gives it too', async (format) => {
  const file = writeLora(path.join(folder, `${format.replaceAll(/\W/g, ' ')}.safetensors`), format);
  const { layers, strange } = readLora(file);
  expect([layers.size, strange]).toEqual([loraModules().length, []]);
  for (const part of ['unet', 'text_encoder'] as const)
    expect(difference(await run(part, [[file, 0.7]]), wanted(4, 0.7, part)), part).toBeLessThan(1e-4);
});

describe.each([
  ['with a third matrix in its convolutions', 'tucker', writeTucker, ['unet']],
  ['of whole weights, biases and norms', 'full', writeFull, ['unet', 'text_encoder']],
  ['with float16, bfloat16 and float64 in one file', 'mixed', writeMixed, ['unet', 'text_encoder']],
] as const)('a LoRA %s', (_, kind, write, parts) => {
  it('gives what merged weights give, and every layer has its place', async () => {
    const file = write(path.join(folder, `${kind}.safetensors`));
    const lora = readLora(file);
    expect(lora.strange).toEqual([]);
    let matched = 0;
    for (const part of parts) {
      matched += matchLora(new Graph(emit(part).proto), part, lora, 'tiny').length;
      const reference = expected.floats(`${kind}.${part === 'unet' ? 'unet' : 'text'}`);
      const [most, without] = [await run(part, [[file, 0.7]]), await run(part, [])].map((values) =>
        difference(values, reference),
      );
      expect(most, part).toBeLessThan(1e-4);
      expect(without, part).toBeGreaterThan(0.01);
    }
    expect(matched).toBe(lora.layers.size);
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

describe('an export of a UNet to ONNX', () => {
  /** The export's graph, and the numbers of each weight that a layer of the LoRA changes, which may lie in the graph or beside it. */
  const open = (name: string): { proto: ModelProto; values: (tensor: TensorProto) => Float32Array } => {
    const source = modelPath(name);
    const beside = path.dirname(source);
    const proto = fromBinary(ModelProtoSchema, modelBytes(readModel(source), beside));
    const values = (tensor: TensorProto): Float32Array => {
      const { rawData } = tensor;
      if (rawData.length > 0) return new Float32Array(rawData.slice().buffer);
      const at = (key: string): string => tensor.externalData.find((entry) => entry.key === key)!.value;
      const bytes = fs.readFileSync(path.join(beside, at('location'))).subarray(Number(at('offset')));
      return new Float32Array(Uint8Array.from(bytes.subarray(0, Number(at('length')))).buffer);
    };
    return { proto, values };
  };
  const small = {
    sample: float32([2, 4, 16, 16], numbers('sample', 2048, 2)),
    timestep: { type: 'float32' as const, dims: [], data: Float32Array.of(401) },
    encoder_hidden_states: float32([2, 7, 12], numbers('context', 2 * 7 * 12)),
  };
  const answer = async (bytes: Uint8Array, weights: string): Promise<Float32Array> => {
    const key = `export ${count++}`;
    await sessions.load(key, bytes, { provider: 'cpu', threads: 2, weights });
    const { out_sample: out } = await sessions.run(key, small, ['out_sample']);
    await sessions.release(key);
    return out!.data as Float32Array;
  };

  it('takes a LoRA where its graph names the layers, and gives what changed weights give', async () => {
    const RANK = 4;
    const { proto, values } = open('small_optimum');
    const initializers = new Map(proto.graph!.initializer.map((tensor) => [tensor.name, tensor]));
    const stored: Record<string, { shape: number[]; data: Float32Array }> = {};
    for (const node of proto.graph!.node) {
      const module = /^\/(.*)\/(?:MatMul|Conv|Gemm)$/.exec(node.name)?.[1]?.replaceAll('/', '.');
      const weight = initializers.get(node.input[1] ?? '');
      if (module === undefined || weight === undefined || !/attn|ff\.|proj_in|conv1|time_emb_proj/.test(module))
        continue;
      const sides = weight.dims.map(Number);
      // A linear layer's weight is stored as [in, out], a convolution's as [out, in, …].
      const turned = node.opType === 'MatMul';
      const [outputs, inputs] = turned
        ? [sides[1]!, sides[0]!]
        : [sides[0]!, sides.slice(1).reduce((a, b) => a * b, 1)];
      const up = numbers(`${module} up`, outputs * RANK);
      const down = numbers(`${module} down`, RANK * inputs, 0.3);
      const name = `lora_unet_${module.replaceAll('.', '_')}`;
      stored[`${name}.lora_up.weight`] = { shape: [outputs, RANK, ...sides.slice(2).map(() => 1)], data: up };
      stored[`${name}.lora_down.weight`] = { shape: turned ? [RANK, inputs] : [RANK, ...sides.slice(1)], data: down };
      const changed = values(weight);
      for (let o = 0; o < outputs; o++)
        for (let i = 0; i < inputs; i++) {
          let sum = 0;
          for (let r = 0; r < RANK; r++) sum += up[o * RANK + r]! * down[r * inputs + i]!;
          changed[turned ? i * outputs + o : o * inputs + i]! += 0.7 * sum;
        }
      weight.rawData = new Uint8Array(changed.buffer);
      weight.externalData = [];
      weight.dataLocation = TensorProto_DataLocation.DEFAULT;
    }
    const beside = path.dirname(modelPath('small_optimum'));
    const merged = await answer(toBinary(ModelProtoSchema, proto), beside);

    const file = path.join(folder, 'export.safetensors');
    writeSafetensors(file, stored);
    const lora = readLora(file);
    const { proto: plain } = open('small_optimum');
    const graph = new Graph(plain);
    expect(matchLora(graph, 'unet', lora, 'export')).toHaveLength(lora.layers.size);
    expect(lora.layers.size).toBeGreaterThan(150);
    const without = await answer(toBinary(ModelProtoSchema, plain), beside);
    const target = path.join(folder, 'export.weights');
    await mergeLoras(graph, 'unet', [{ lora, strength: 0.7 }], {
      folder: beside,
      target,
      sessions,
      checkpoint: 'export',
    });
    const with_ = await answer(toBinary(ModelProtoSchema, plain), folder);
    expect(difference(with_, merged)).toBeLessThan(1e-4);
    expect(difference(without, merged)).toBeGreaterThan(0.01);
  });
});
