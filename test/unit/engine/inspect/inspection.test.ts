/** Questions about the attention of runs of the embedded checkpoint, as the studio and the command line ask them. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { floatsOf, type InspectMap, type InspectMapRequest, tokensOf } from '../../../../extension/protocol/inspect';
import { type Bench, makeEngine, shortGraph, withParam } from '../../../support/mini';

/** 8 steps; swapped from step 1 at 16 × 16, the structure's own keys at every fifth. */
const graph = withParam(
  withParam(withParam(shortGraph(), 'swap', 'higherRange', [10, 90]), 'swap', 'lowerRange', [20, 40]),
  'swap',
  'structureUntil',
  60,
);
let bench: Bench;

const ask = (question: Partial<InspectMapRequest>, on = bench): Promise<InspectMap> =>
  on.engine.handlers['inspect.map']({
    runId: 'run',
    node: 'denoise',
    step: 3,
    level: 'high',
    from: 'output',
    points: [[0.5, 0.4]],
    ...question,
  });

beforeAll(async () => {
  bench = makeEngine();
  await bench.run(graph, { runId: 'run', keepAttention: true });
});
afterAll(() => fs.rmSync(bench.home, { recursive: true, force: true }));

describe('what can be asked', () => {
  it('says what the swap did at each step', async () => {
    const info = await bench.engine.handlers['inspect.open']({ runId: 'run', node: 'denoise' });
    expect(info.levels.map(({ level, grid }) => [level, grid.width, grid.height])).toEqual([
      ['high', 16, 16],
      ['low', 8, 8],
    ]);
    expect(info.steps).toHaveLength(8);
    // The swap is tested one step late, and 10 % of 12 steps begin at step 2.
    expect(info.steps.map(({ high }) => high)).toEqual([
      ...[undefined, undefined, undefined],
      'appearance',
      'appearance',
      'appearance',
      'structure',
      'appearance',
    ]);
    expect(info.steps.map(({ low }) => low).filter(Boolean)).toEqual(['appearance', 'appearance']);
    expect(info.contrast).toBeCloseTo(1.67);
    expect([info.structure, ...info.appearances]).toEqual(['invert-structure', 'invert-appearance']);
  });

  it('gives a row that is a distribution, and the contrast only where the run applied it', async () => {
    const raw = floatsOf((await ask({ raw: true })).weights);
    expect(raw).toHaveLength(256);
    expect(raw.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
    const applied = floatsOf((await ask({})).weights);
    expect(Math.max(...applied)).toBeGreaterThan(Math.max(...raw));
    expect(applied.reduce((a, b) => a + b, 0)).not.toBeCloseTo(1, 2);
  });

  it('is the mean over heads', async () => {
    const mean = floatsOf((await ask({})).weights);
    const { levels } = await bench.engine.handlers['inspect.open']({ runId: 'run', node: 'denoise' });
    const { heads, index } = levels[0]!.layers[0]!;
    const single = await Promise.all(
      Array.from({ length: heads }, async (_, head) => floatsOf((await ask({ head, layer: index })).weights)),
    );
    const one = floatsOf((await ask({ layer: index })).weights);
    for (const at of [0, 77, 255]) {
      expect(one[at]).toBeCloseTo(single.reduce((sum, map) => sum + map[at]!, 0) / heads, 6);
    }
    expect(mean).toHaveLength(one.length);
  });

  it('looks back: a column of what all places of the output see', async () => {
    const all = await ask({
      points: Array.from({ length: 256 }, (_, t) => [((t % 16) + 0.5) / 16, (Math.floor(t / 16) + 0.5) / 16]),
    });
    const rows = floatsOf(all.weights);
    const target = 16 * 9 + 5;
    const back = await ask({ from: 'source', points: [[5.5 / 16, 9.5 / 16]] });
    const column = floatsOf(back.weights);
    for (let i = 0; i < 256; i++) expect(column[i]).toBeCloseTo(rows[i * 256 + target]!, 6);
    const { targets } = await bench.engine.handlers['inspect.correspondence']({
      runId: 'run',
      node: 'denoise',
      step: 3,
      level: 'high',
    });
    const places = tokensOf(targets);
    all.peaks.forEach(({ weight }, i) => expect(rows[i * 256 + places[i]!]).toBeCloseTo(weight, 6));
  });

  it('names the picture that was looked at: at an injected step the structure', async () => {
    expect((await ask({ step: 6 })).source).toBe('structure');
    expect((await ask({ step: 3 })).source).toBe('appearance');
  });

  it('says in a sentence why there is nothing to see', async () => {
    await expect(ask({ step: 0 })).rejects.toThrow(/off at step 1 of denoise.*on from step 4 to step 8/);
    await expect(ask({ step: 8 })).rejects.toThrow(/8 steps: there is no step 9/);
    await expect(ask({ head: 99 })).rejects.toThrow(/no head 100/);
    await expect(ask({ runId: 'forgotten' })).rejects.toThrow(/run the graph again/);
    await expect(ask({ points: [[2, 0]] })).rejects.toThrow(/not valid/);
  });

  it('answers while another run is under way', async () => {
    const other = bench.run(withParam(graph, 'swap', 'contrast', 1.4), { runId: 'other', keepAttention: true });
    let answered = 0;
    let done = false;
    void other.then(() => (done = true));
    while (!done && answered < 5) {
      await ask({ step: 3 + (answered % 3), points: [[0.1 * answered, 0.5]] });
      answered++;
    }
    expect(answered).toBeGreaterThan(0);
    await other;
  });
});

describe('what is no longer kept', () => {
  it('is computed again, and is the same', async () => {
    const before = floatsOf((await ask({ step: 5 })).weights);
    const again = makeEngine(bench.home);
    fs.rmSync(path.join(bench.home, 'attention'), { recursive: true, force: true });
    const run = await again.run(graph, { runId: 'run', target: 'denoise' });
    expect(run.result.report.unet).toEqual({ encoder: 0, decoder: 0 });
    const after = floatsOf((await ask({ step: 5 }, again)).weights);
    expect(Math.max(...after.map((value, i) => Math.abs(value - before[i]!)))).toBeLessThan(1e-5);
    // Rows computed for a question are not the next run's.
    const next = await again.run(graph, { runId: 'next', target: 'denoise' });
    expect(next.result.report.unet).toEqual({ encoder: 0, decoder: 0 });
  });
});

describe('the drawing', () => {
  it('is hottest where the map is', async () => {
    const { png, peak } = await bench.engine.handlers['inspect.draw']({
      runId: 'run',
      node: 'denoise',
      step: 3,
      level: 'high',
      what: 'heat',
      point: [0.5, 0.4],
      size: 512,
    });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([512, 512]);
    const brightness = (x: number, y: number): number => {
      const at = (Math.floor(y * 512) * 512 + Math.floor(x * 512)) * info.channels;
      return data[at]! + data[at + 1]! + data[at + 2]!;
    };
    let brightest = 0;
    for (let y = 0.01; y < 1; y += 0.05)
      for (let x = 0.01; x < 1; x += 0.05) brightest = Math.max(brightest, brightness(x, y));
    expect(brightness(peak!.x, peak!.y)).toBeGreaterThan(0.85 * brightest);
  });
});
