/** Prompts that leave out the last layers of the text encoder; see numerics/emit for what transformers computes. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hiddenStates, mostClipSkip } from '../../../../extension/engine/onnx/clipSkip';
import { Graph } from '../../../../extension/engine/onnx/graph';
import { readModel } from '../../../../extension/engine/onnx/modelFile';
import { validateGraph, writeGraph } from '../../../../extension/graph';
import { difference } from '../../../fixtures/onnx/feeds';
import { type Bench, makeEngine, ran, resultOf, root, shortGraph, withParam } from '../../../support/mini';
import { writeSingleFile } from '../../../support/smallModels';

let bench: Bench;
beforeAll(async () => {
  bench = makeEngine();
  const file = writeSingleFile(path.join(bench.home, 'tiny.safetensors'), 'tiny');
  await bench.engine.handlers['models.add']({ paths: [file] });
});
afterAll(() => {
  for (const used of [bench.home, bench.out]) fs.rmSync(used, { recursive: true, force: true });
});

const graph = (clipSkip?: number, checkpoint = 'tiny') => {
  const plain = shortGraph({
    checkpoint,
    steps: 4,
    skip: 1,
    ...(checkpoint === 'tiny' ? { width: 64, height: 64 } : {}),
  });
  return clipSkip === undefined ? plain : withParam(plain, 'prompt', 'clipSkip', clipSkip);
};

describe('clipSkip', () => {
  it('makes another picture, kept apart from that of all layers, whose results stay in the cache', async () => {
    const all = await bench.run(graph());
    const shorter = await bench.run(graph(1));
    expect(ran(shorter)).toEqual(expect.arrayContaining(['prompt', 'invert-structure', 'denoise']));
    expect(ran(shorter)).not.toContain('structure');
    expect(difference(resultOf(shorter), resultOf(all))).toBeGreaterThan(1);
    // 0 is what a graph without it has always meant.
    expect(ran(await bench.run(graph(0)))).toEqual([]);
    expect(ran(await bench.run(graph(1)))).toEqual([]);
    const elsewhere = await makeEngine(bench.home).run(graph(1), { useCache: false });
    expect(resultOf(elsewhere)).toEqual(resultOf(shorter));
  });

  it('works with an ONNX checkpoint whose graph shows its layers, mini among them', async () => {
    const [all, shorter] = [await bench.run(graph(undefined, 'mini')), await bench.run(graph(1, 'mini'))];
    expect(difference(resultOf(shorter), resultOf(all))).toBeGreaterThan(1);
  });

  it('beyond the layers that there are is refused in the graph, with how many there are', async () => {
    const checkpoints = await bench.engine.handlers['models.list']({});
    const text = writeGraph(graph(2));
    const [problem] = validateGraph(text, { checkpoints });
    expect(problem).toMatchObject({ code: 'clip-skip-not-possible', node: 'prompt', param: 'clipSkip' });
    expect(problem!.message).toBe(
      'clipSkip is 2, but the text encoder of the checkpoint tiny has 2 layers: at most 1 can be left out.',
    );
    expect(validateGraph(writeGraph(graph(1)), { checkpoints })).toEqual([]);
    await expect(bench.run(text)).rejects.toThrow(/at most 1 can be left out/);
  });

  it('is refused by name where the layers of an ONNX graph can’t be told apart', () => {
    const checkpoints = [{ id: 'tiny', domains: [], clipSkip: 0 }];
    const [problem] = validateGraph(writeGraph(graph(1)), { checkpoints });
    expect(problem!.message).toBe(
      "clipSkip can't be used with the checkpoint tiny: the ONNX graph of its text encoder does not show its layers. Set clipSkip to 0, or add the same model as a .safetensors file.",
    );
    expect(validateGraph(writeGraph(graph()), { checkpoints })).toEqual([]);
  });
});

describe('the layers of a text encoder', () => {
  const file = path.join(root, 'test', 'fixtures', 'onnx', 'optimum', 'text_encoder', 'model.onnx');

  it('are found by the names of their normalisations, as exported for older sets of operators too', () => {
    expect(mostClipSkip(new Graph(readModel(file).proto))).toBe(1);
  });

  it('are not guessed: without names, or with two of one name, none are found', () => {
    const nameless = new Graph(readModel(file).proto);
    const plain = (name: string): string => name.replace(/norm/g, 'n');
    for (const node of nameless.nodes) {
      node.name = '';
      node.input = node.input.map(plain);
      node.output = node.output.map(plain);
    }
    for (const tensor of nameless.proto.initializer) tensor.name = plain(tensor.name);
    nameless.changed();
    expect(hiddenStates(nameless)).toBeUndefined();
    const twice = new Graph(readModel(file).proto);
    for (const node of twice.nodes) node.name = node.name.replace('layers.1/', 'layers.0/');
    expect(hiddenStates(twice)).toBeUndefined();
    expect(mostClipSkip(twice)).toBe(0);
  });
});
