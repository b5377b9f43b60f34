/** What a run writes is judged before it computes anything: no original is lost, and no work. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { standardGraph, validateGraph, writeGraph } from '../../../../extension/graph';
import { type RunRequest } from '../../../../extension/protocol/engine';
import { makeEngine, pictures, shortGraph, withParam } from '../../../support/mini';

const bench = makeEngine();
const made: string[] = [bench.home, bench.out];
let folder: string;
const at = (...parts: string[]): string => path.join(folder, ...parts);

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-written-')));
  made.push(folder);
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), at(name));
  fs.writeFileSync(at('g.weft.json'), 'the graph');
});
afterAll(() => made.forEach((each) => fs.rmSync(each, { recursive: true, force: true })));

const saving = (file: string) => withParam(shortGraph(), 'save', 'path', file);
const run = (graph: ReturnType<typeof shortGraph>, options: Partial<RunRequest> = {}) => {
  bench.events.length = 0;
  return bench.run(graph, { graphPath: at('g.weft.json'), outDir: at('weft-out'), reportName: undefined, ...options });
};
/** The sentence of a run that is refused before its first node. */
async function refused(graph: ReturnType<typeof shortGraph>, options: Partial<RunRequest> = {}): Promise<string> {
  const error = await run(graph, options).then(
    () => undefined,
    (caught: Error) => caught,
  );
  expect(error).toBeDefined();
  const began = bench.events.filter((event) => event.event === 'node' && event.state === 'running');
  expect(began).toEqual([]);
  return error!.message;
}

describe('what a run reads is not written over', () => {
  const original = (name: string) => fs.readFileSync(path.join(pictures, name));

  it('under its own name, another case, a link or a hard link', async () => {
    expect(await refused(saving('giraffe.png'), { outDir: folder })).toMatch(/structure reads that file/);
    fs.linkSync(at('zebra.png'), at('second.png'));
    expect(await refused(saving('second.png'), { outDir: folder })).toMatch(/appearance reads that file/);
    fs.symlinkSync('zebra.png', at('link.png'));
    expect(await refused(saving('link.png'), { outDir: folder })).toMatch(/appearance reads that file/);
    expect(fs.readFileSync(at('giraffe.png'))).toEqual(original('giraffe.png'));
    expect(fs.readFileSync(at('zebra.png'))).toEqual(original('zebra.png'));
  });

  it('nor is the mask of a node that does not run, nor a picture that a sweep goes through', async () => {
    const graph = saving('zebra.png');
    graph.nodes['appearance']!.params = { path: 'giraffe.png' };
    graph.nodes['mask'] = { type: 'mask-image', params: { path: 'zebra.png' } };
    expect(await refused(graph, { outDir: folder })).toMatch(/mask reads that file/);
    const swept = shortGraph();
    fs.mkdirSync(at('looks'));
    fs.copyFileSync(at('zebra.png'), at('looks', 'sheet.png'));
    swept.nodes['sweep'] = {
      type: 'sweep',
      inputs: { image: 'denoise.image' },
      params: { columns: 'appearance.path=looks/' },
    };
    swept.nodes['save']!.inputs = { image: 'sweep.sheet' };
    swept.nodes['save']!.params = { path: 'looks/sheet.png' };
    expect(await refused(swept, { outDir: folder })).toMatch(/sweep reads that file/);
  });

  it('nor what the caller names, and the caller’s own files are outputs like others', async () => {
    fs.writeFileSync(at('kept.png'), 'x');
    expect(
      await refused(saving('kept.png'), { outDir: folder, reads: [{ file: at('kept.png'), by: 'weft inspect' }] }),
    ).toMatch(/weft inspect reads/);
    expect(
      await refused(shortGraph(), { writes: [{ file: at('weft-out', 'result.png'), by: '--keep-graph' }] }),
    ).toMatch(/--keep-graph can't write .* save writes it, too/);
    expect(await refused(shortGraph(), { writes: [{ file: at('zebra.png'), by: '--out' }] })).toMatch(
      /appearance reads that file/,
    );
  });
});

describe('outputs that would fail', () => {
  it('are found before the first node: formats, folders, lengths, two for one file', async () => {
    expect(await refused(saving('result.gif'))).toMatch(
      /save\.path: save saves an image, which can't be written as \.gif/,
    );
    expect(await refused(saving('a/../b.png'))).toMatch(/must not contain "\.\."/);
    expect(await refused(saving(`${'ü'.repeat(126)}.png`))).toMatch(/at most 255 bytes/);
    fs.writeFileSync(at('file'), '');
    expect(await refused(shortGraph(), { outDir: at('file') })).toMatch(/file is a file, not a folder/);
    expect(await refused(shortGraph(), { outDir: at('file', 'below') })).toMatch(/file is a file, not a folder/);
    fs.mkdirSync(at('weft-out', 'result.png'), { recursive: true });
    expect(await refused(shortGraph())).toMatch(/names a folder that exists/);
    fs.mkdirSync(at('weft-out', 'run.json'));
    expect(await refused(saving('other.png'), { reportName: 'run.json' })).toMatch(/"run.json" names a folder/);
    const timeline = saving('x.jpg');
    timeline.nodes['save']!.inputs = { image: 'denoise.timeline' };
    expect(await refused(timeline)).toMatch(
      /save saves a timeline, which can't be written as \.jpg.*\.webp, \.gif or \.png/,
    );
    expect(await refused(saving('Denoise.timeline.PNG'), { timeline: true })).toMatch(
      /the timeline of denoise can't write .*same file as .*Denoise\.timeline\.PNG of save/,
    );
    fs.mkdirSync(at('out', 'deep'), { recursive: true });
    fs.symlinkSync('deep', at('out', 'alias'));
    const twice = saving('deep/a.png');
    twice.nodes['save-2'] = { ...twice.nodes['save']!, params: { path: 'alias/a.png' } };
    expect(await refused(twice, { outDir: at('out') })).toMatch(/save-2 can't write .*same file as/);
    const within = saving('a.png');
    within.nodes['save-2'] = { ...within.nodes['save']!, params: { path: 'a.png/b.png' } };
    expect(await refused(within)).toMatch(/save-2 can't write .*a\.png is a file that save writes/);
  });

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'are found in a folder that may not be written',
    async () => {
      fs.mkdirSync(at('locked'), { mode: 0o555 });
      expect(await refused(shortGraph(), { outDir: at('locked', 'deep') })).toMatch(/locked may not be written to/);
    },
  );

  it.skipIf(process.platform !== 'linux')('are found where nobody can make a folder', async () => {
    expect(await refused(shortGraph(), { outDir: '/proc/weft' })).toMatch(/the folder \/proc may not be written to/);
  });

  it('leave no trace of having been looked for', async () => {
    await refused(saving('giraffe.png'), { outDir: folder });
    const stopped = new Set(fs.readdirSync(folder));
    expect(stopped).toEqual(new Set(['g.weft.json', 'giraffe.png', 'zebra.png']));
  });
});

describe('a stranger’s link', () => {
  it('in the place of the output folder is not followed, unless the user named that folder', async () => {
    fs.mkdirSync(at('repo'));
    fs.mkdirSync(at('victim'));
    for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(at(name), at('repo', name));
    fs.writeFileSync(at('victim', 'family.png'), 'family');
    fs.symlinkSync('../victim', at('repo', 'weft-out'));
    const there = { graphPath: at('repo', 'g.weft.json'), outDir: at('repo', 'weft-out'), roots: [folder] };
    expect(await refused(saving('family.png'), there)).toMatch(/weft-out passes a symbolic link out/);
    expect(await refused(saving('family.png'), { ...there, outDir: at('repo', 'weft-out', 'deep') })).toMatch(
      /link out/,
    );
    expect(fs.readFileSync(at('victim', 'family.png'), 'utf8')).toBe('family');
    const named = await run(saving('mine.png'), { ...there, outDirNamed: true });
    expect(named.result.files).toEqual([at('victim', 'mine.png')]);
    expect(named.result.report.outputs).toEqual(['mine.png']);
  });

  it('that appears while the run goes on is not followed either', async () => {
    fs.mkdirSync(at('victim'));
    fs.mkdirSync(at('repo'));
    for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(at(name), at('repo', name));
    // As the first node begins.
    const { push } = bench.events;
    bench.events.push = (...events) => {
      if (events.some((event) => event.event === 'node' && event.state === 'running')) {
        bench.events.push = push;
        fs.symlinkSync('../victim', at('repo', 'weft-out'));
      }
      return push.apply(bench.events, events);
    };
    const there = { graphPath: at('repo', 'g.weft.json'), outDir: at('repo', 'weft-out') };
    await expect(run(saving('family.png'), there)).rejects.toThrow(/symbolic link out/);
    expect(fs.readdirSync(at('victim'))).toEqual([]);
  });
});

describe('files outside', () => {
  it('are refused with one answer, whether or not they are there', async () => {
    fs.mkdirSync(at('inner'));
    fs.copyFileSync(at('zebra.png'), at('inner', 'zebra.png'));
    const where = { graphPath: at('inner', 'g.weft.json'), outDir: at('out') };
    const answer = async (file: string) =>
      (await refused(shortGraph({ structure: file, appearance: 'zebra.png' }), where)).replaceAll(file, 'FILE');
    const there = await answer('../giraffe.png');
    expect(there).toMatch(/leaves the folder of the graph/);
    expect(await answer('../nothing.png')).toBe(there);
    fs.symlinkSync('../giraffe.png', at('inner', 'a.png'));
    fs.symlinkSync('../nothing.png', at('inner', 'b.png'));
    expect(await answer('b.png')).toBe(await answer('a.png'));
    expect(await answer('inside.png')).toMatch(/There is no file/);
  });
});

describe('a file that the user picked', () => {
  const names = process.platform === 'win32' ? ['a;b.png'] : ['shot 12:30.png', 'aux.png', 'back\\slash.png'];

  it.each(names)('is read and written under its own name: %s', async (name) => {
    fs.renameSync(at('giraffe.png'), at(name));
    const graph = shortGraph({ structure: name, output: name });
    const text = writeGraph(graph);
    if (process.platform !== 'win32')
      expect(validateGraph(text).map(({ code }) => code)).toEqual(['bad-value', 'bad-value']);
    const picked = [at(name), at('weft-out', name)];
    const { result } = await run(graph, { picked });
    expect(result.files).toEqual([at('weft-out', name)]);
    if (process.platform !== 'win32') expect(await refused(graph, { picked: [at('other.png')] })).toMatch(/path must/);
  });
});

describe('a default name', () => {
  it('never replaces the result of another run, and the report follows the picture', async () => {
    const graph = (seed: number) =>
      standardGraph({
        structure: 'giraffe.png',
        appearance: 'zebra.png',
        domain: 'animal',
        steps: 4,
        skip: 2,
        seed,
        output: 'a-b.png',
      });
    const options = { freeStem: 'a-b', reportName: 'a-b.run.json' };
    const first = await run(graph(1), options);
    const second = await run(graph(2), options);
    const again = await run(graph(1), options);
    expect([first, second, again].map(({ result }) => result.report.outputs)).toEqual([
      ['a-b.png'],
      ['a-b-2.png'],
      ['a-b.png'],
    ]);
    expect(second.result.reportPath).toBe(at('weft-out', 'a-b-2.run.json'));
    expect(fs.readdirSync(at('weft-out')).sort()).toEqual(['a-b-2.png', 'a-b-2.run.json', 'a-b.png', 'a-b.run.json']);
  });
});
