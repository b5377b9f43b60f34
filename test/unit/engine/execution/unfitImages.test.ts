/** Images that a checkpoint does not know: said before the run, of photographs and not of drawn scenes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { type WeftError } from '../../../../extension/protocol/errors';
import { makeEngine, pictures, root, shortGraph } from '../../../support/mini';

const bench = makeEngine();
/** The graphs' folder: drawn scenes, and photographs. */
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-unfit-'));
const photographs = path.join(root, 'test', 'fixtures', 'photographs');
const drawn = fs.readdirSync(pictures).filter((name) => name.endsWith('.png'));
for (const from of [photographs, pictures]) fs.cpSync(from, folder, { recursive: true });
afterAll(() => {
  for (const each of [bench.home, bench.out, folder]) fs.rmSync(each, { recursive: true, force: true });
});
const graphPath = path.join(folder, 'test.weft.json');

/** What a run up to the inversion of one image warns of it. */
async function warned(name: string): Promise<string[]> {
  const graph = shortGraph({ structure: name, steps: 2, skip: 0 });
  const { result } = await bench.run(graph, { graphPath, target: 'invert-structure' });
  return result.warnings.filter(({ node }) => node === 'structure').map(({ message }) => message);
}

describe('an image', () => {
  it.each(fs.readdirSync(photographs).filter((name) => name.endsWith('.jpg')))(
    'that is a photograph does not fit: %s',
    async (name) => {
      const [sentence = ''] = await warned(name);
      expect(sentence.split(' ')[0]).toBe(name);
      expect(sentence).toMatch(/does not look like what Mini .* knows \(simple drawn scenes\): .* sd15/);
    },
  );

  it.each(drawn)('that is drawn fits, also as a large JPEG: %s', async (name) => {
    expect(await warned(name)).toEqual([]);
    const jpeg = `${name}.jpg`;
    await sharp(path.join(folder, name)).resize(512, 512).jpeg({ quality: 80 }).toFile(path.join(folder, jpeg));
    expect(await warned(jpeg)).toEqual([]);
  });
});

describe('a run', () => {
  const graph = shortGraph({ structure: 'cat.jpg' });

  it('that refuses such images ends before its first step, and names the node', async () => {
    const before = bench.events.length;
    const error = (await bench
      .run(graph, { graphPath, refuseUnfit: true })
      .catch((reason: unknown) => reason)) as WeftError;
    expect(error).toMatchObject({ kind: 'graph', node: 'structure' });
    const events = bench.events.slice(before);
    expect(events.filter((event) => event.event === 'preview')).toEqual([]);
    expect(events).toContainEqual(expect.objectContaining({ event: 'warning', node: 'structure', unfit: true }));
    expect(fs.readdirSync(bench.out).filter((name) => name.endsWith('.png'))).toEqual([]);
  });

  it('that does not refuse them warns again when all of it comes from the cache', async () => {
    for (let times = 0; times < 2; times++) {
      const { result } = await bench.run(graph, { graphPath });
      expect(result.warnings.map(({ node }) => node)).toEqual(['structure']);
    }
  });
});
