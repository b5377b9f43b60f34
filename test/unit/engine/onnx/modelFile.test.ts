import { toBinary } from '@bufbuild/protobuf';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readModel, writeModel } from '../../../../extension/engine/onnx/modelFile';
import { GraphProtoSchema, ModelProtoSchema } from '../../../../extension/engine/onnx/proto/onnx_pb';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { WeftError } from '../../../../extension/protocol/errors';
import { addExternalWeight, addResult, emptyModel, FLOAT, productModel, saveModel } from '../../../fixtures/onnx/build';
import { difference, float32, noise } from '../../../fixtures/onnx/feeds';

let folder: string;
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-model-')));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const at = (...parts: string[]): string => path.join(folder, ...parts);

async function product(file: string): Promise<Float32Array> {
  const sessions = inProcessSessions();
  await sessions.load('m', file, { provider: 'cpu', threads: 1 });
  const { y } = await sessions.run('m', { x: float32([1, 64], noise(64, 2)) }, ['y']);
  await sessions.release('m');
  return y!.data as Float32Array;
}

function externalModel(entries: Record<string, string>, file = at('model.onnx')): string {
  const { model, graph } = emptyModel();
  graph.addInput('x', FLOAT, ['n', 64]);
  addExternalWeight(graph, 'w', [64, 64], entries);
  addResult(graph, 'y', graph.add('MatMul', ['x', 'w'], 'product'), ['n', 64]);
  saveModel(file, model);
  return file;
}

function writeWeights(file: string): void {
  const weights = noise(64 * 64, 5);
  fs.writeFileSync(file, new Uint8Array(weights.buffer));
}

describe('reading an ONNX file', () => {
  it('leaves large weights on disk, as references to the very bytes', () => {
    const weights = noise(64 * 64, 5);
    saveModel(at('model.onnx'), productModel(64, 64, weights));
    const model = readModel(at('model.onnx'));
    expect(model.proto.graph!.initializer[0]!.rawData.length).toBe(0);
    expect(model.weights).toHaveLength(1);
    const { file, offset, length } = model.weights[0]!;
    const bytes = fs.readFileSync(file).subarray(offset, offset + length);
    expect(Buffer.compare(bytes, Buffer.from(weights.buffer))).toBe(0);
  });

  it('decodes small constants', () => {
    saveModel(at('model.onnx'), productModel(4, 4, noise(16)));
    const model = readModel(at('model.onnx'));
    expect(model.weights).toHaveLength(0);
    expect(model.proto.graph!.initializer[0]!.rawData.length).toBe(64);
  });

  it('does not read what it skips: a weight of a gigabyte that exists as a hole only', () => {
    const { model, graph } = emptyModel();
    graph.addInput('x', FLOAT, ['n', 1 << 14]);
    addResult(graph, 'y', graph.add('MatMul', ['x', 'big'], 'product'));
    const length = 2 ** 30;
    const varint = (value: number, bytes: number): number[] =>
      Array.from({ length: bytes }, (_, i) => (Math.floor(value / 128 ** i) % 128) | (i < bytes - 1 ? 128 : 0));
    // TensorProto: dims [2^14, 2^14], data_type FLOAT, name "big", raw_data of 2^30 bytes
    const dims = [0x08, ...varint(2 ** 14, 5), 0x08, ...varint(2 ** 14, 5)];
    const head = [...dims, 0x10, 1, 0x42, 3, 0x62, 0x69, 0x67, 0x4a, ...varint(length, 5)];
    const tensor = [0x2a, ...varint(head.length + length, 5), ...head];
    const body = [...toBinary(GraphProtoSchema, model.graph!), ...tensor];
    model.graph = undefined;
    const bytes = [...toBinary(ModelProtoSchema, model), 0x3a, ...varint(body.length + length, 5), ...body];
    fs.writeFileSync(at('large.onnx'), Uint8Array.from(bytes));
    fs.truncateSync(at('large.onnx'), bytes.length + length);
    const before = process.memoryUsage.rss();
    const { weights } = readModel(at('large.onnx'));
    expect(weights).toEqual([{ file: at('large.onnx'), offset: bytes.length, length }]);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
  });

  it('says of a file cut short that it is, wherever the cut is', () => {
    saveModel(at('model.onnx'), productModel(64, 64, noise(64 * 64)));
    const whole = fs.readFileSync(at('model.onnx'));
    for (const share of [0, 0.001, 0.01, 0.3, 0.9, 0.999]) {
      fs.writeFileSync(at('cut.onnx'), whole.subarray(0, Math.floor(whole.length * share)));
      expect(() => readModel(at('cut.onnx'))).toThrow(WeftError);
    }
    fs.writeFileSync(at('cut.onnx'), whole.subarray(0, whole.length - 100));
    expect(() => readModel(at('cut.onnx'))).toThrow(/cut short/);
  });

  it('never throws anything but a sentence at damaged bytes', () => {
    saveModel(at('model.onnx'), productModel(16, 16, noise(256)));
    const whole = fs.readFileSync(at('model.onnx'));
    const random = noise(4000, 11);
    for (let i = 0; i < 500; i++) {
      const damaged = Buffer.from(whole);
      const place = Math.floor(((random[2 * i]! + 1) / 2) * Math.min(damaged.length, 200));
      damaged[place] = Math.floor(((random[2 * i + 1]! + 1) / 2) * 256);
      fs.writeFileSync(at('damaged.onnx'), damaged);
      try {
        readModel(at('damaged.onnx'));
      } catch (error) {
        expect(error).toBeInstanceOf(WeftError);
      }
    }
  });

  it.each([
    ['../outside.bin'],
    ['/etc/passwd'],
    ['C:\\outside.bin'],
    ['sub/../../outside.bin'],
    ['..\\outside.bin'],
    [''],
  ])('refuses weights at "%s", outside the folder', (location) => {
    fs.mkdirSync(at('model'));
    writeWeights(at('outside.bin'));
    const file = externalModel({ location }, at('model', 'model.onnx'));
    expect(() => readModel(file)).toThrow(/outside the checkpoint's folder/);
  });

  it('refuses weights behind a link that leads outside the folder', () => {
    fs.mkdirSync(at('model'));
    writeWeights(at('outside.bin'));
    fs.symlinkSync(at('outside.bin'), at('model', 'weights.bin'));
    const file = externalModel({ location: 'weights.bin' }, at('model', 'model.onnx'));
    expect(() => readModel(file)).toThrow(/outside the checkpoint's folder/);
  });

  it('refuses weights that are missing or shorter than the graph says', () => {
    const file = externalModel({ location: 'weights.bin' });
    expect(() => readModel(file)).toThrow(/weights.bin", which is missing/);
    fs.writeFileSync(at('weights.bin'), new Uint8Array(1000));
    expect(() => readModel(file)).toThrow(/cut short/);
  });

  it('refuses operators of foreign domains, also inside a subgraph', () => {
    const { model, graph } = emptyModel();
    graph.addInput('x', FLOAT, ['n']);
    addResult(graph, 'y', graph.add('Evil', ['x'], 'evil', {}, 'com.example'));
    saveModel(at('model.onnx'), model);
    expect(() => readModel(at('model.onnx'))).toThrow(/Evil of the domain "com.example"/);
  });
});

describe('writing a model', () => {
  it('streams inline weights out into one aligned file that onnxruntime reads the same numbers from', async () => {
    saveModel(at('model.onnx'), productModel(64, 512, noise(64 * 512, 5)));
    const expected = await product(at('model.onnx'));
    const { files } = await writeModel(readModel(at('model.onnx')), at('out', 'model.onnx'));
    expect(files.map((file) => path.basename(file))).toEqual(['model.onnx', 'model.weights']);
    const written = readModel(at('out', 'model.onnx'));
    expect(written.weights[0]!.offset % 4096).toBe(0);
    expect(fs.statSync(at('out', 'model.onnx')).size).toBeLessThan(1000);
    fs.rmSync(at('model.onnx'));
    expect(difference(await product(at('out', 'model.onnx')), expected)).toBe(0);
  });

  it('links external weight files instead of copying them', async () => {
    writeWeights(at('weights.bin'));
    const file = externalModel({ location: 'weights.bin', offset: '0', length: String(64 * 64 * 4) });
    const copies: string[] = [];
    await writeModel(readModel(file), at('out', 'model.onnx'), { onCopy: (name) => copies.push(name) });
    expect(fs.statSync(at('out', 'weights.bin')).ino).toBe(fs.statSync(at('weights.bin')).ino);
    expect(copies).toEqual([]);
    expect(difference(await product(at('out', 'model.onnx')), await product(file))).toBe(0);
  });

  it('keeps two weight files of one name apart', async () => {
    const { model, graph } = emptyModel();
    graph.addInput('x', FLOAT, ['n', 64]);
    for (const name of ['a', 'b']) {
      fs.mkdirSync(at(name));
      fs.writeFileSync(at(name, 'w.bin'), new Uint8Array(noise(4096, name.charCodeAt(0)).buffer));
      addExternalWeight(graph, name, [64, 64], { location: `${name}/w.bin` });
    }
    addResult(graph, 'y', graph.add('MatMul', [graph.add('MatMul', ['x', 'a'], 'p'), 'b'], 'q'), ['n', 64]);
    saveModel(at('model.onnx'), model);
    const { linked } = await writeModel(readModel(at('model.onnx')), at('out', 'model.onnx'));
    expect(new Set(linked.map(([file]) => file)).size).toBe(2);
    expect(difference(await product(at('out', 'model.onnx')), await product(at('model.onnx')))).toBe(0);
  });
});
