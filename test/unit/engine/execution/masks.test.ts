/** Masks that a person corrects, and masks that nobody should trust. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SegmentationNews } from '../../../../extension/protocol/mask';
import { type GraphDocument } from '../../../../extension/graph';
import { type Bench, makeEngine, pictures, ran, resultOf, shortGraph, withParam } from '../../../support/mini';

let bench: Bench;
let folder: string;
const graph = shortGraph();

beforeAll(() => {
  bench = makeEngine();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-masks-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
});
afterAll(() => {
  for (const made of [bench.home, folder]) fs.rmSync(made, { recursive: true, force: true });
});

const run = (document: GraphDocument) =>
  bench.run(document, { graphPath: path.join(folder, 'test.weft.json'), previewEvery: 1 });
const seen = (): SegmentationNews => {
  const news = bench.events.filter((event) => event.event === 'segmentation');
  return news.filter(({ node }) => node === 'mask-structure').at(-1)!;
};
async function paint(name: string, side: number, colour: (x: number, y: number) => [number, number, number, number]) {
  const data = new Uint8Array(4 * side * side);
  for (let cell = 0; cell < side * side; cell++) data.set(colour(cell % side, Math.floor(cell / side)), 4 * cell);
  await sharp(data, { raw: { width: side, height: side, channels: 4 } })
    .png()
    .toFile(path.join(folder, name));
}
const corrected = (name: string): GraphDocument => withParam(graph, 'mask-structure', 'override', name);

describe('a correction', () => {
  it('puts cells in and out, leaves the rest, and touches nothing but what reads the mask', async () => {
    const before = await run(graph);
    const found = seen();
    expect(found.labels).toHaveLength(256);
    expect(found.nounMap).toHaveLength(256);
    expect(found.found.some(Boolean)).toBe(true);
    // The mask is the union of the noun's clusters.
    found.found.forEach((value, cell) => expect(value).toBe(found.inside[found.labels[cell]!]));

    await paint('fix.png', 16, (x, y) => (y === 0 ? [255, 255, 255, 255] : x === 8 ? [0, 0, 0, 255] : [9, 9, 9, 0]));
    const after = await run(corrected('fix.png'));
    const mask = await (
      after.values.get('mask-structure')!['mask'] as { onGrid(h: number, w: number): Promise<Float32Array> }
    ).onGrid(16, 16);
    for (let cell = 0; cell < 256; cell++) {
      const expected = cell < 16 ? 1 : cell % 16 === 8 ? 0 : found.found[cell]!;
      expect(mask[cell]).toBe(expected);
    }
    expect(ran(after)).not.toContain('mask-structure');
    expect(ran(after)).toContain('denoise');
    expect(resultOf(after)).not.toEqual(resultOf(before));
    // The same correction at another size says the same.
    await paint('large.png', 64, (x, y) =>
      y < 4 ? [255, 255, 255, 255] : x >> 2 === 8 ? [0, 0, 0, 255] : [9, 9, 9, 0],
    );
    const larger = await run(corrected('large.png'));
    expect(ran(larger)).not.toContain('denoise');
  });

  it('that does not fit, is no picture or is not there is an error naming node, file and what to do', async () => {
    await paint('odd.png', 20, () => [255, 255, 255, 255]);
    await expect(run(corrected('odd.png'))).rejects.toMatchObject({
      node: 'mask-structure',
      message: expect.stringMatching(/odd\.png has 20 × 20.*16 × 16 cells: paint it again/) as string,
    });
    fs.writeFileSync(path.join(folder, 'text.png'), 'no picture');
    await expect(run(corrected('text.png'))).rejects.toMatchObject({
      node: 'mask-structure',
      message: expect.stringMatching(/text\.png is not a PNG/) as string,
    });
    await expect(run(corrected('gone.png'))).rejects.toThrow(/gone\.png/);
    await expect(run(corrected('../../outside.png'))).rejects.toThrow(/outside/);
  });
});

describe('a suspicious mask', () => {
  it('is warned of before a step is denoised', async () => {
    for (const [name, inside, sentence] of [
      ['all.png', () => 255, /covers 100(\.0)? % of the image, almost all/],
      ['dot.png', (x: number, y: number) => (x === 3 && y === 3 ? 255 : 0), /covers only 0\.4 %/],
      ['none.png', () => 0, /No part of the picture/],
    ] as const) {
      await paint(name, 16, (x, y) => [inside(x, y), inside(x, y), inside(x, y), 255]);
      bench.events.length = 0;
      const { result } = await run(corrected(name));
      expect(result.warnings).toContainEqual({
        node: 'mask-structure',
        message: expect.stringMatching(sentence) as string,
      });
      const order = bench.events
        .map((event) =>
          event.event === 'warning'
            ? 'warning'
            : event.event === 'node' && event.node === 'denoise' && event.state === 'running'
              ? 'denoise'
              : '',
        )
        .filter(Boolean);
      expect(order[0]).toBe('warning');
      expect(order).toContain('denoise');
    }
    const whole = structuredClone(graph);
    whole.nodes['mask-structure'] = { type: 'mask-image', params: { path: 'all.png' } };
    expect((await run(whole)).result.warnings).toContainEqual({
      node: 'mask-structure',
      message: expect.stringMatching(/almost all/) as string,
    });
  });
});
