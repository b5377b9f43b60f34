import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { asCounted, findPictures } from '../../../../extension/engine/sweep/findPictures';
import { Timelines } from '../../../../extension/engine/execution/previews';
import { fitting } from '../../../../extension/engine/sweep/pattern';
import { type GraphDocument, parseGraph, writeGraph } from '../../../../extension/graph';
import { type EngineEvent } from '../../../../extension/protocol/engine';
import { type Bench, makeEngine, pictures, resultOf, shortGraph, withParam } from '../../../support/mini';

type Cell = Extract<EngineEvent, { event: 'cell' }>;

function swept(columns: string, rows?: string): GraphDocument {
  const graph = shortGraph();
  graph.nodes['sweep'] = {
    type: 'sweep',
    inputs: { image: 'denoise.image' },
    params: { columns, ...(rows ? { rows } : {}) },
  };
  graph.nodes['save']!.inputs = { image: 'sweep.sheet' };
  return graph;
}
const cellsOf = ({ events }: Bench): Cell[] =>
  events.filter((event): event is Cell => event.event === 'cell' && event.state !== 'running');
const pixels = async (png: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await sharp(png).removeAlpha().raw().toBuffer());

describe('a sweep', () => {
  it('of 9 settings costs at most one reference pass and 9 warm runs, and each cell is what its own graph makes', async () => {
    const bench = makeEngine();
    const sweep = await bench.run(swept('swap.contrast=1,1.67,2.5', 'guidance.scale=1.4,2,3.5'));
    const { unet } = sweep.result.report;

    const alone = makeEngine();
    let reference = { encoder: 0, decoder: 0 };
    const cold = (await alone.run(withParam(shortGraph(), 'guidance', 'scale', 1.4))).result.report.unet;
    const warmAt = async (scale: number) => {
      const graph = withParam(withParam(shortGraph(), 'swap', 'contrast', 1.4), 'guidance', 'scale', scale);
      return (await alone.run(graph)).result.report.unet;
    };
    const warm = { encoder: 0, decoder: 0 };
    const scales = [1.4, 2, 3.5];
    for (const scale of scales) {
      const rows = await warmAt(scale);
      warm.encoder += 3 * rows.encoder;
      warm.decoder += 3 * rows.decoder;
      // Rows of the cold run that are not the output's own.
      if (scale === 1.4) reference = { encoder: cold.encoder - rows.encoder, decoder: cold.decoder - rows.decoder };
    }
    expect(unet.encoder).toBeLessThanOrEqual(reference.encoder + warm.encoder);
    expect(unet.decoder).toBeLessThanOrEqual(reference.decoder + warm.decoder);

    const cells = cellsOf(bench);
    expect(cells.map(({ row, column }) => [row, column])).toEqual(
      [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => [row, column])),
    );
    const cell = cells.find(({ row, column }) => row === 2 && column === 1)!;
    const { document } = parseGraph(cell.graphText);
    expect(document!.nodes['swap']!.params).toEqual({ contrast: 1.67 });
    expect(document!.nodes['guidance']!.params).toEqual({ scale: 3.5 });
    expect(Object.keys(document!.nodes)).not.toContain('sweep');
    const own = await bench.run(cell.graphText);
    expect(own.result.report.unet).toEqual({ encoder: 0, decoder: 0 });
    expect(await pixels(cell.png!)).toEqual(resultOf(own));

    // The sheet has all nine, none alike.
    const { width, height } = await sharp(sweep.result.files[0]).metadata();
    expect(width).toBeGreaterThan(3 * 128);
    expect(height).toBeGreaterThan(3 * 128);
    const again = await bench.run(swept('swap.contrast=1,1.67,2.5', 'guidance.scale=1.4,2,3.5'));
    expect(again.result.report.unet).toEqual({ encoder: 0, decoder: 0 });
    expect(again.result.report.nodes['sweep']!.cached).toBe(true);
  });

  it('over files and over a muted node', async () => {
    const bench = makeEngine();
    await bench.run(swept('appearance.path={cow,zebra}.png', 'adain.muted=false,true'));
    const cells = cellsOf(bench);
    expect(cells).toHaveLength(4);
    const shown = bench.events.find((event) => event.event === 'sweep');
    expect(shown).toMatchObject({
      columns: { title: 'appearance', labels: ['cow', 'zebra'] },
      rows: { title: 'adain', labels: ['with adain', 'without adain'] },
    });
    expect(parseGraph(cells[3]!.graphText).document!.nodes['adain']!.muted).toBe(true);
    const all = await Promise.all(cells.map(({ png }) => pixels(png!)));
    expect(new Set(all.map((rgb) => rgb.join())).size).toBe(4);
  });

  it('goes on around a cell that can not be drawn, and says so', async () => {
    const bench = makeEngine();
    const run = await bench.run(swept('appearance.path=zebra.png,nobody.png'));
    expect(cellsOf(bench).map(({ state }) => state)).toEqual(['done', 'failed']);
    expect(run.result.warnings[0]!.message).toMatch(/nobody.png/);
  });

  it.each([
    ['contrast=1', /is not an axis. Write NODE.PARAM=VALUES/],
    ['swap.contrst=1', /swap has no parameter contrst\. It has .*contrast/],
    ['swop.contrast=1', /There is no node swop to vary\. Did you mean swap/],
    ['swap.contrast=1,99', /contrast must be between 0 and 10, not 99/],
    ['image.path=x', /There is no node image/],
    ['swap.contrast=3:1:1', /its step points away/],
    ['appearance.path=none/*.png', /does not exist|No image matches/],
    ['appearance.path=../../*.png', /leaves the folder/],
    ['schedule.muted=true', /schedule can't be muted/],
  ])('says what is wrong with %s', async (columns, sentence) => {
    await expect(makeEngine().run(swept(columns))).rejects.toThrow(sentence);
  });
});

describe('the steps of a sweep', () => {
  type Preview = Extract<EngineEvent, { event: 'preview' }>;
  const previews = ({ events }: Bench, node: string): Preview[] =>
    events.filter((event): event is Preview => event.event === 'preview' && event.node === node);
  const cellsIn = (of: Preview[]) => [...new Set(of.map(({ cell }) => JSON.stringify(cell)))];
  const graph = swept('swap.contrast=1,5', 'schedule.seed=1,2');
  const denoiseCells = [0, 1].flatMap((row) => [0, 1].map((column) => JSON.stringify({ sweep: 'sweep', row, column })));

  it('say which cell they are of, as far as their node depends on it, also where they come from the cache', async () => {
    const bench = makeEngine();
    for (const runId of ['cold', 'warm']) {
      bench.events.length = 0;
      await bench.run(graph, { runId, previewEvery: 1 });
      expect(cellsIn(previews(bench, 'denoise')), runId).toEqual(denoiseCells);
      // An inversion is the same for every contrast.
      expect(cellsIn(previews(bench, 'invert-structure')), runId).toEqual(
        [0, 1].map((row) => JSON.stringify({ sweep: 'sweep', row })),
      );
      for (const cell of denoiseCells) {
        const steps = previews(bench, 'denoise').filter((preview) => JSON.stringify(preview.cell) === cell);
        expect(steps.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      }
      const png = async (column: number) => {
        const asked = { runId, node: 'denoise', index: 7, kind: 'x0' as const, size: 64 };
        return (await bench.engine.handlers['timeline.frame']({ ...asked, cell: { sweep: 'sweep', row: 0, column } }))
          .png!;
      };
      expect(await pixels(await png(0)), runId).not.toEqual(await pixels(await png(1)));
    }
  });

  it('are kept apart from those of the graph itself', async () => {
    const bench = makeEngine();
    const both = swept('swap.contrast=5,1');
    both.nodes['save']!.inputs = { image: 'denoise.image' };
    await bench.run(both, { previewEvery: 1 });
    const cells = [undefined, { sweep: 'sweep', column: 0 }, { sweep: 'sweep', column: 1 }];
    expect(cellsIn(previews(bench, 'denoise'))).toEqual(cells.map((cell) => JSON.stringify(cell)));
    // The inversion is the graph's own: it is told once.
    expect(cellsIn(previews(bench, 'invert-structure'))).toEqual([undefined]);
    const last = async (cell?: { sweep: string; column: number }) => {
      const asked = { runId: 'run-1', node: 'denoise', index: 7, kind: 'x0' as const, size: 64 };
      return pixels((await bench.engine.handlers['timeline.frame']({ ...asked, ...(cell && { cell }) })).png!);
    };
    const [own, first] = [await last(), await last({ sweep: 'sweep', column: 0 })];
    expect(own).not.toEqual(first);
  });

  it('of the first cells are forgotten where all take too much, never those of the graph itself', () => {
    const frame = (step: number) => ({
      step,
      timestep: 1,
      latents: new Float32Array(4),
      predOriginalSample: new Float32Array(4),
    });
    const timelines = new Timelines(5 * 32);
    timelines.add('denoise', undefined, {} as never, frame(0));
    for (const column of [0, 1, 2])
      for (const step of [0, 1]) timelines.add('denoise', { sweep: 'sweep', column }, {} as never, frame(step));
    const held = [undefined, 0, 1, 2].map(
      (column) => timelines.of('denoise', column === undefined ? undefined : { sweep: 'sweep', column })?.frames.length,
    );
    expect(held).toEqual([1, undefined, 2, 2]);
    // A step that comes anew takes no more than before.
    timelines.add('denoise', { sweep: 'sweep', column: 2 }, {} as never, frame(1));
    expect([...timelines.held()]).toHaveLength(2 * 5);
  });
});

describe('pictures of an axis', () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-find-'));
    fs.mkdirSync(path.join(folder, 'looks', 'deep'), { recursive: true });
    for (const name of ['a.png', 'b.jpg', 'c.png', 'notes.txt', 'deep/d.png'])
      fs.copyFileSync(path.join(pictures, 'cow.png'), path.join(folder, 'looks', name));
    fs.symlinkSync(os.tmpdir(), path.join(folder, 'out'));
  });
  const find = (text: string) => findPictures(text, { graphFolder: folder });

  it('are those of a folder, or those that fit', async () => {
    const all = ['looks/a.png', 'looks/b.jpg', 'looks/c.png'];
    expect(await find('looks/')).toEqual(all);
    expect(await find('looks')).toEqual(all);
    expect(await find('looks/*.png')).toEqual(['looks/a.png', 'looks/c.png']);
    expect(await find('looks/[ab].*')).toEqual(['looks/a.png', 'looks/b.jpg']);
    expect(await find('looks/*/?.png')).toEqual(['looks/deep/d.png']);
    expect(await find('looks/a.png')).toEqual(['looks/a.png']);
  });
  it('that are called like a pattern are meant by their name, and only else the name is a pattern', async () => {
    for (const name of [
      'cat[1].png',
      'cat1.png',
      'set [1]/a.png',
      'set 1/b.png',
      'd{x,y}.png',
      'dx.png',
      'why?.png',
      'whys.png',
    ]) {
      fs.mkdirSync(path.join(folder, 'named', path.dirname(name)), { recursive: true });
      fs.copyFileSync(path.join(pictures, 'cow.png'), path.join(folder, 'named', name));
    }
    expect(await find('named/cat[1].png')).toEqual(['named/cat[1].png']);
    expect(await find('named/cat[123].png')).toEqual(['named/cat1.png']);
    expect(await find('named/set [1]/')).toEqual(['named/set [1]/a.png']);
    expect(await find('named/set [1]')).toEqual(['named/set [1]/a.png']);
    expect(await find('named/set [1]/*.png')).toEqual(['named/set [1]/a.png']);
    expect(await find('named/set [0-9]/*')).toEqual(['named/set 1/b.png']);
    expect(await find('named/d{x,y}.png')).toEqual(['named/d{x,y}.png']);
    expect(await find('named/d{x,z}.png')).toEqual(['named/dx.png']);
    expect(await find('named/why?.png')).toEqual(['named/why?.png']);
    expect(await find('named/wh??.png')).toEqual(['named/why?.png', 'named/whys.png']);
  });
  it('come in the order in which a person counts, wherever that person lives', async () => {
    fs.mkdirSync(path.join(folder, 'counted'));
    const names = [
      '1',
      '2',
      '10',
      '010',
      'B2',
      'a1',
      'a1b',
      'a2',
      'a10',
      'ä3',
      '99999999999999999998',
      '99999999999999999999',
    ];
    for (const name of [...names].reverse())
      fs.copyFileSync(path.join(pictures, 'cow.png'), path.join(folder, 'counted', `${name}.png`));
    expect(await find('counted/')).toEqual(
      ['1', '2', '010', '10', '99999999999999999998', '99999999999999999999', 'B2', 'a1', 'a1b', 'a2', 'a10', 'ä3'].map(
        (name) => `counted/${name}.png`,
      ),
    );
    expect(['b/1', 'a/10', 'a/9', 'a-b/1'].sort(asCounted)).toEqual(['a/9', 'a/10', 'a-b/1', 'b/1']);
  });
  it('never lie outside what a graph may read', async () => {
    await expect(find('../*.png')).rejects.toThrow(/leaves the folder/);
    await expect(find('out/*.png')).rejects.toThrow(/symbolic link out/);
    await expect(find('/etc/*')).rejects.toThrow(/absolute/);
  });
});

describe('a pattern', () => {
  it.each<[string, string[], string[]]>([
    ['*.png', ['a.png', '.png'], ['a.jpg', 'a.png.txt']],
    ['a*b*c', ['abc', 'axxbxxc', 'abbc'], ['ab', 'acb']],
    ['?', ['a', '𝌆'], ['', 'ab']],
    ['[a-cx]', ['a', 'b', 'x'], ['d', '-']],
    ['[!a-c]', ['d', '-'], ['a', 'b', '']],
    ['[^a]', ['b'], ['a']],
    ['[]a]', [']', 'a'], ['b']],
    ['[a-]', ['a', '-'], ['b']],
    ['{cow,dog}s', ['cows', 'dogs'], ['cow', 'cowdogs']],
    ['{a,{b,c*}d}', ['a', 'bd', 'cxd'], ['b', 'ad']],
    ['{,x}y', ['y', 'xy'], ['x']],
    ['a+(b).$', ['a+(b).$'], ['aab']],
    ['a,b', ['a,b'], ['a']],
  ])('%s', (pattern, fits, others) => {
    expect(fits.filter((name) => !fitting(pattern)(name))).toEqual([]);
    expect(others.filter((name) => fitting(pattern)(name))).toEqual([]);
  });
  it.each(['[a', '{a', '{a,[b}', 'a]', 'a}'])('%s stays open', (pattern) => {
    expect(() => fitting(pattern)).toThrow('a bracket is not closed');
  });
  it('looks at each letter once, however many stars there are', () => {
    // These would keep a regular expression busy for longer than the runner waits.
    for (const pattern of [
      `${'*a'.repeat(100)}b`,
      `${'{a,*}'.repeat(60)}b`,
      `${'{*,*}'.repeat(60)}b`,
      `*${'?'.repeat(100)}*b`,
    ])
      expect(fitting(pattern)('a'.repeat(255))).toBe(false);
  });
});

it('writes a graph with a sweep as it was read', () => {
  const text = writeGraph(swept('swap.contrast=1:3:0.5'));
  expect(text).toContain('"columns": "swap.contrast=1:3:0.5"');
  expect(writeGraph(parseGraph(text).document!)).toBe(text);
});
