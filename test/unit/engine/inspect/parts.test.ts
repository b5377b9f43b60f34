/** Parts of both images, matched by the attention of a run, and the regions that correct a match. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GraphDocument } from '../../../../extension/graph';
import { floatsOf, type InspectParts } from '../../../../extension/protocol/inspect';
import { cellAt, middleOf } from '../../../../extension/protocol/size';
import { type Bench, makeEngine, ran, shortGraph, withParam } from '../../../support/mini';

const graph = shortGraph();
/** Places of the drawn pair: a giraffe that looks right and a zebra that looks left, each before sky and meadow. */
type Place = [x: number, y: number];
type Name = 'sky' | 'meadow' | 'body' | 'leg';
const GIRAFFE: Record<Name, Place> = { sky: [0.3, 0.15], meadow: [0.1, 0.95], body: [0.5, 0.53], leg: [0.34, 0.78] };
const ZEBRA: Record<Name, Place> = { sky: [0.7, 0.15], meadow: [0.9, 0.97], body: [0.55, 0.6], leg: [0.34, 0.84] };
let bench: Bench;

beforeAll(async () => {
  bench = makeEngine();
  await bench.run(graph, { runId: 'run', keepAttention: true, previewEvery: 1 });
});
afterAll(() => fs.rmSync(bench.home, { recursive: true, force: true }));

const partsOf = (runId: string, clusters?: number): Promise<InspectParts> =>
  bench.engine.handlers['inspect.parts']({ runId, node: 'denoise', ...(clusters ? { clusters } : {}) });
const strongest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

/** One part of the structure takes its look from one part of the appearance, as a person would wire it. */
function withRegion(to: Place, from: Place): GraphDocument {
  const copy = structuredClone(graph);
  const part = (inversion: string, place: Place) => ({
    type: 'segment',
    inputs: { inversion: `${inversion}.inversion` },
    params: { part: place.join(', ') },
  });
  copy.nodes['to'] = part('invert-structure', to);
  copy.nodes['from'] = part('invert-appearance', from);
  Object.assign(copy.nodes['swap']!.inputs!, {
    appearance: ['invert-appearance.inversion', 'invert-appearance.inversion'],
    masks: 'to.mask',
    sources: 'from.mask',
  });
  return copy;
}

describe('the parts of a run', () => {
  it('are those of the segment nodes', async () => {
    const parts = await partsOf('run');
    const news = bench.events.filter((event) => event.event === 'segmentation');
    const of = (node: string) => news.find((one) => one.node === node)!;
    expect(parts.grid).toEqual(of('mask-structure').grid);
    expect(parts.structure).toEqual(of('mask-structure').labels);
    expect(parts.appearances.map(({ node, look }) => [node, look])).toEqual([['invert-appearance', 0]]);
    expect(parts.appearances[0]!.labels).toEqual(of('mask-appearance').labels);
  });

  it.each<Name>(['sky', 'meadow', 'body', 'leg'])('are matched by attention: %s with %s', async (name) => {
    const { grid, structure, appearances } = await partsOf('run');
    const { labels, mass } = appearances[0]!;
    const own = structure[cellAt(...GIRAFFE[name], grid)]!;
    expect(strongest(mass[own]!)).toBe(labels[cellAt(...ZEBRA[name], grid)]);
  });

  it('are as many as asked for', async () => {
    const { structure, appearances } = await partsOf('run', 3);
    expect(new Set(structure).size).toBe(3);
    expect(appearances[0]!.mass.map((row) => row.length)).toEqual([3, 3, 3]);
    await expect(partsOf('run', 21)).rejects.toThrow(/not valid/);
  });

  it('get the attention that the maps show', async () => {
    const where = { runId: 'short', node: 'denoise' };
    await bench.run(withParam(graph, 'swap', 'higherRange', [10, 50]), { runId: 'short', keepAttention: true });
    const { steps } = await bench.engine.handlers['inspect.open'](where);
    const used = steps.flatMap(({ high }, step) => (high === 'appearance' ? [step] : []));
    // So few are all taken.
    expect(used.length).toBeLessThanOrEqual(5);
    const { grid, structure, appearances } = await partsOf('short');
    const { labels, mass } = appearances[0]!;
    const cells = [...structure.keys()].filter((cell) => structure[cell] === 1);
    const wanted = mass.map(() => 0);
    for (const step of used) {
      const points = cells.map((cell) => middleOf(cell, grid));
      const asked = { ...where, step, level: 'high' as const, from: 'output' as const, points };
      const weights = floatsOf((await bench.engine.handlers['inspect.map'](asked)).weights);
      weights.forEach((weight, at) => (wanted[labels[at % labels.length]!]! += weight / cells.length / used.length));
    }
    mass[1]!.forEach((value, part) => expect(value).toBeCloseTo(wanted[part]!, 5));
  });

  it('say what to do when the run is no longer known', async () => {
    await expect(partsOf('forgotten')).rejects.toThrow(/run the graph again/);
  });
});

describe('a part as a mask', () => {
  it('is the cluster at its place, whatever the noun, and shifts the attention of its region', async () => {
    const parts = await partsOf('run');
    const run = await bench.run(withRegion(GIRAFFE.leg, ZEBRA.sky), { runId: 'corrected', keepAttention: true });
    const mask = run.values.get('to')!['mask'] as { onGrid(h: number, w: number): Promise<Float32Array> };
    const leg = parts.structure[cellAt(...GIRAFFE.leg, parts.grid)]!;
    const cells = await mask.onGrid(16, 16);
    expect([...cells]).toEqual([...parts.structure].map((part) => Number(part === leg)));
    // The clusters are those that the masks of the object were made of.
    expect(ran(run)).not.toContain('to');

    const after = await partsOf('corrected');
    expect(after.appearances).toHaveLength(1);
    const { labels, mass } = after.appearances[0]!;
    const sky = labels[cellAt(...ZEBRA.sky, after.grid)]!;
    expect(after.regions).toEqual([{ structure: leg, node: 'invert-appearance', part: sky }]);
    expect(parts.regions).toEqual([]);
    mass[leg]!.forEach((value, part) => (part === sky ? expect(value).toBeGreaterThan(0.9) : expect(value).toBe(0)));
    const meadow = after.structure[cellAt(...GIRAFFE.meadow, after.grid)]!;
    expect(strongest(mass[meadow]!)).toBe(labels[cellAt(...ZEBRA.meadow, after.grid)]);
  });

  it('keeps the masks of the object as they were', async () => {
    const again = await bench.run(withParam(graph, 'mask-structure', 'clusters', 5));
    expect(ran(again)).toEqual([]);
  });
});
