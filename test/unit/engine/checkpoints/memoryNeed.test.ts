/** How much memory a checkpoint takes, by arithmetic, and how its weights are held because of it. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLibrary } from '../../../../extension/engine/checkpoints/library';
import { memoryNeed, weightForm } from '../../../../extension/engine/checkpoints/memoryNeed';
import { type PreparedCheckpoint } from '../../../../extension/engine/checkpoints/types';
import { readModel } from '../../../../extension/engine/onnx/modelFile';
import { standardGraph } from '../../../../extension/graph';
import { difference } from '../../../fixtures/onnx/feeds';
import { type Bench, makeEngine, resultOf } from '../../../support/mini';
import { writeSingleFile } from '../../../support/smallModels';

const GB = 1e9;
const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-need-')));
const benches: Bench[] = [];
let weights: PreparedCheckpoint;
let graphs: PreparedCheckpoint;
beforeAll(async () => {
  const bench = engine();
  await bench.engine.handlers['models.add']({
    paths: [writeSingleFile(path.join(root, 'small.safetensors'), 'tiny', { precision: 'F16' })],
  });
  const library = openLibrary({ home: bench.home, builtInModels: path.resolve('models') });
  weights = await library.open('small');
  graphs = await library.open('mini');
});
afterAll(() => {
  delete process.env.WEFT_LOW_MEMORY;
  for (const { home, out } of benches)
    for (const used of [home, out]) fs.rmSync(used, { recursive: true, force: true });
  fs.rmSync(root, { recursive: true, force: true });
});

function engine(home?: string): Bench {
  const bench = makeEngine(home);
  benches.push(bench);
  return bench;
}

/** As large as Stable Diffusion 1.5, in float16. */
const large = (checkpoint: PreparedCheckpoint): PreparedCheckpoint => ({
  ...checkpoint,
  parameters: { unet: { half: 0.86 * GB, single: 0 }, rest: { half: 0.2 * GB, single: 0 } },
});

describe('weights in a file of the person’s own', () => {
  it('are held ready where that fits, and read as they lie where it does not', () => {
    expect(weightForm(large(weights), 'cpu', undefined, 16 * GB)).toBe('plain');
    expect(weightForm(large(weights), 'cpu', undefined, 5 * GB)).toBe('low-memory');
    expect(weightForm(weights, 'cpu', undefined, 5 * GB)).toBe('plain');
  });

  it('are held as the person says', () => {
    expect(weightForm(large(weights), 'cpu', true, 64 * GB)).toBe('low-memory');
    expect(weightForm(large(weights), 'cpu', false, 2 * GB)).toBe('plain');
  });

  it('on a card, and those of a small ONNX folder, are left to onnxruntime', () => {
    expect(weightForm(large(weights), 'webgpu', true, 5 * GB)).toBeUndefined();
    expect(weightForm(large(graphs), 'webgpu', undefined, 16 * GB)).toBeUndefined();
    expect(weightForm(graphs, 'cpu', undefined, 16 * GB)).toBeUndefined();
    expect(weightForm(large(graphs), 'cpu', true, 5 * GB)).toBe('plain');
  });

  it('count as they lie in the file where they are read from it, and the ordinary sum is told beside it', () => {
    const held = memoryNeed(large(weights), 5 * GB, false);
    const read = memoryNeed(large(weights), 5 * GB);
    expect(held.ordinary).toBeUndefined();
    expect(held.cpu.weights).toBeCloseTo(4.24 * GB, -7);
    expect(read.cpu.weights).toBeCloseTo(2.12 * GB, -7);
    expect(read.ordinary).toBe(held.cpu.total);
    expect(read.cpu.total).toBeCloseTo(read.cpu.weights + read.cpu.working + read.cpu.kept, -3);
  });
});

describe('the low-memory form', () => {
  const graph = standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'animal',
    checkpoint: 'small',
    steps: 4,
    skip: 1,
    width: 128,
    height: 128,
    freeu: true,
  });

  it('makes the picture of the ordinary one, to one level of 255, keeps results apart, and is told in the report', async () => {
    const file = path.join(root, 'small.safetensors');
    const pictures: Uint8Array[] = [];
    const first = engine();
    await first.engine.handlers['models.add']({ paths: [file] });
    for (const [flag, lowMemory] of [
      ['0', undefined],
      ['1', true],
    ] as const) {
      process.env.WEFT_LOW_MEMORY = flag;
      const run = await engine(first.home).run(graph);
      expect(run.result.report.lowMemory).toBe(lowMemory);
      expect(run.result.report.unet.decoder).toBeGreaterThan(0);
      pictures.push(resultOf(run));
    }
    expect(difference(pictures[0]!, pictures[1]!)).toBeLessThanOrEqual(1);
    // What may be fed at each run is not folded: onnxruntime is given the weights as inputs with a default.
    const unet = path.join(first.home, 'checkpoints', 'small', 'unet');
    const inputs = (name: string) =>
      readModel(path.join(unet, name), undefined, { absentWeights: true }).proto.graph!.input.length;
    expect(inputs('model.low-memory.onnx') - inputs('model.onnx')).toBeGreaterThan(500);
  });
});
