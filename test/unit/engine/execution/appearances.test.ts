import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharesOf } from '../../../../extension/engine/execution/shares';
import { type GraphDocument } from '../../../../extension/graph';
import { difference } from '../../../fixtures/onnx/feeds';
import { type Bench, makeEngine, pictures, resultOf, shortGraph } from '../../../support/mini';

const SIDE = 128;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-looks-'));

/** A mask that is white from x = `from` to x = `to`. */
async function half(name: string, from: number, to: number): Promise<void> {
  const rgb = Buffer.alloc(SIDE * SIDE * 3);
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++)
    if (pixel % SIDE >= from && pixel % SIDE < to) rgb.fill(255, pixel * 3, pixel * 3 + 3);
  await sharp(rgb, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toFile(path.join(folder, name));
}

/** The standard graph with further appearances, and masks for some of them. */
function looks(appearances: string[], masks: (string | undefined)[] = []): GraphDocument {
  const graph = shortGraph({ structure: 'dog.png', appearance: appearances[0]!, masks: false });
  const invert = graph.nodes['invert-appearance']!;
  const wires = ['invert-appearance.inversion'];
  for (const [index, picture] of appearances.slice(1).entries()) {
    graph.nodes[`look-${index}`] = { type: 'image', params: { path: picture } };
    graph.nodes[`invert-${index}`] = { type: 'invert', inputs: { ...invert.inputs, image: `look-${index}.image` } };
    wires.push(`invert-${index}.inversion`);
  }
  const swap = graph.nodes['swap']!;
  swap.inputs = { ...swap.inputs, appearance: wires };
  const regions = masks.flatMap((mask, index) => {
    if (!mask) return [];
    graph.nodes[`region-${index}`] = { type: 'mask-image', params: { path: mask } };
    return [`region-${index}.mask`];
  });
  if (regions.length > 0) swap.inputs['masks'] = regions;
  return graph;
}

/** Mean absolute difference of two pictures between two columns, in steps of 255. */
function apart(a: Uint8Array, b: Uint8Array, from: number, to: number): number {
  let [sum, count] = [0, 0];
  for (let at = 0; at < a.length; at++) {
    const x = Math.floor(at / 3) % SIDE;
    if (x < from || x >= to) continue;
    sum += Math.abs(a[at]! - b[at]!);
    count += 1;
  }
  return sum / count;
}

describe('several appearances', () => {
  let bench: Bench;
  const run = async (graph: GraphDocument) => bench.run(graph, { graphPath: path.join(folder, 'test.weft.json') });

  beforeAll(async () => {
    bench = makeEngine();
    for (const name of ['dog.png', 'zebra.png', 'cow.png', 'giraffe.png'])
      fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
    await half('left.png', 0, SIDE / 2);
    await half('right.png', SIDE / 2, SIDE);
    await half('nothing.png', 0, 0);
    await half('all.png', 0, SIDE);
  });

  it('gives the two halves of a structure two looks', async () => {
    const zebra = resultOf(await run(looks(['zebra.png'])));
    const giraffe = resultOf(await run(looks(['giraffe.png'])));
    const both = resultOf(await run(looks(['zebra.png', 'giraffe.png'], ['left.png', 'right.png'])));
    // Away from the seam, each half looks as if its appearance had been the only one.
    const [left, right] = [
      [0, 48],
      [80, 128],
    ] as [[number, number], [number, number]];
    expect(apart(both, zebra, ...left)).toBeLessThan(0.2 * apart(both, giraffe, ...left));
    expect(apart(both, giraffe, ...right)).toBeLessThan(0.2 * apart(both, zebra, ...right));
  });

  it('is the single swap when all appearances are one picture', async () => {
    // AdaIN has statistics of its own for each region; everything else is the same sum.
    const muted = (graph: GraphDocument): GraphDocument => {
      graph.nodes['adain']!.muted = true;
      return graph;
    };
    const last = (run: Awaited<ReturnType<Bench['run']>>): Float32Array => {
      const timeline = run.values.get('denoise')!['timeline'];
      if (timeline?.kind !== 'timeline') throw new Error('no timeline');
      return timeline.frames.at(-1)!.predOriginalSample;
    };
    const single = last(await run(muted(looks(['zebra.png']))));
    const halves = last(await run(muted(looks(['zebra.png', 'zebra.png'], ['left.png', 'right.png']))));
    expect(difference(single, halves)).toBeLessThan(1e-4);
    const other = last(await run(muted(looks(['zebra.png', 'giraffe.png'], ['left.png', 'right.png']))));
    expect(difference(single, other)).toBeGreaterThan(0.1);
  });

  it('costs no further rows of the UNet for the output', async () => {
    const cold = makeEngine();
    const at = { graphPath: path.join(folder, 'test.weft.json') };
    await cold.run(looks(['zebra.png', 'giraffe.png'], ['left.png', 'right.png']), at);
    const one = makeEngine();
    await one.run(looks(['zebra.png']), at);
    const changed = (graph: GraphDocument) => {
      graph.nodes['swap']!.params = { contrast: 1.3 };
      return graph;
    };
    const many = (await cold.run(changed(looks(['zebra.png', 'giraffe.png'], ['left.png', 'right.png'])), at)).result;
    const single = (await one.run(changed(looks(['zebra.png'])), at)).result;
    expect(many.report.unet).toEqual(single.report.unet);
  });

  it('leaves an appearance with an empty mask out, and says so', async () => {
    const single = await run(looks(['zebra.png']));
    const other = await run(looks(['zebra.png', 'giraffe.png'], ['left.png', 'nothing.png']));
    expect(resultOf(other)).toEqual(resultOf(single));
  });

  it('keeps masks beside their appearances when one before them is muted', async () => {
    const graph = looks(['zebra.png', 'giraffe.png'], ['left.png', 'right.png']);
    graph.nodes['region-0'] = { type: 'segment', muted: true, inputs: { inversion: 'invert-structure.inversion' } };
    const muted = resultOf(await run(graph));
    // The first appearance then takes what the second one's mask leaves: the left half.
    const both = resultOf(await run(looks(['zebra.png', 'giraffe.png'], ['left.png', 'right.png'])));
    expect(muted).toEqual(both);
  });

  it('takes a look from its source region only; one that is empty, with a warning, or whole is no region', async () => {
    const from = async (mask?: string): Promise<{ result: Uint8Array; warnings: string[] }> => {
      const graph = looks(['zebra.png']);
      if (mask) {
        graph.nodes['source'] = { type: 'mask-image', params: { path: mask } };
        graph.nodes['swap']!.inputs!['sources'] = 'source.mask';
      }
      bench.events.length = 0;
      const result = resultOf(await run(graph));
      const warnings = bench.events.flatMap((event) => (event.event === 'warning' ? [event.message] : []));
      return { result, warnings: warnings.filter((message) => message.includes('source mask')) };
    };
    const plain = await from();
    const half = await from('left.png');
    expect(apart(half.result, plain.result, 0, SIDE)).toBeGreaterThan(1);
    expect(half.warnings).toEqual([]);
    expect(await from('all.png')).toEqual(plain);
    const empty = await from('nothing.png');
    expect(empty.result).toEqual(plain.result);
    expect(empty.warnings).toEqual([
      'The source mask of invert-appearance is empty, so its look is taken from everywhere.',
    ]);
  });

  it('refuses more masks than appearances', async () => {
    await expect(run(looks(['zebra.png'], ['left.png', 'right.png']))).rejects.toThrow(
      /swap\.masks has 2 wires, but swap\.appearance has one/,
    );
  });

  it('normalises the parts of a share inside the object only', async () => {
    // The zebra's half is outside the mask of AdaIN: nothing of it may move there.
    const graph = looks(['zebra.png', 'giraffe.png'], ['left.png', 'right.png']);
    graph.nodes['object'] = { type: 'mask-image', params: { path: 'right.png' } };
    graph.nodes['adain']!.inputs = { transfer: 'swap.transfer', structureMask: 'object.mask' };
    // The last step alone, so that nothing carries over.
    graph.nodes['adain']!.params = { range: [58, 100] };
    const result = resultOf(await run(graph));
    graph.nodes['adain']!.muted = true;
    const plain = resultOf(await run(graph));
    expect(apart(result, plain, 0, 48)).toBeLessThan(0.3 * apart(result, plain, 80, SIDE));
  });
});

describe('the shares of appearances', () => {
  const of = (...regions: (number[] | undefined)[]) =>
    sharesOf(
      regions.map((region) => region && Float32Array.from(region)),
      3,
    ).map((share) => [...share]);

  it('are halved where regions overlap', () => {
    expect(of([1, 1, 0], [0, 1, 1])).toEqual([
      [1, 0.5, 0],
      [0, 0.5, 1],
    ]);
  });
  it('give what no region covers to those without one, or else to the first', () => {
    expect(of([1, 0, 0], undefined)).toEqual([
      [1, 0, 0],
      [0, 1, 1],
    ]);
    expect(of([0, 1, 0], [0, 0, 1])).toEqual([
      [1, 1, 0],
      [0, 0, 1],
    ]);
    expect(of(undefined, undefined)[1]).toEqual([0.5, 0.5, 0.5]);
  });
});
