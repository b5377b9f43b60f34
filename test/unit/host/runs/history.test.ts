import { describe, expect, it } from 'vitest';
import { parseGraph, standardGraph, writeGraph } from '../../../../extension/graph';
import {
  computedOneImage,
  copyName,
  entryLabel,
  type HistoryEntry,
  imageTime,
  type NewEntry,
  nodeOfFile,
  RunHistory,
} from '../../../../extension/host/runs/history';

function setUp(stored: unknown = undefined, limits = { runs: 3, bytes: 100 }) {
  let value = stored;
  const files = new Map<string, Uint8Array>();
  const history = new RunHistory(
    { read: () => value, write: async (entries) => void (value = structuredClone(entries)) },
    {
      write: async (id, name, data) => void files.set(`${id}/${name}`, data),
      read: async (id, name) => {
        const data = files.get(`${id}/${name}`);
        if (!data) throw new Error('no such file');
        return data;
      },
      remove: async (id, name) => {
        const inside = name === undefined ? `${id}/` : `${id}/${name}/`;
        for (const key of files.keys()) if (key.startsWith(inside)) files.delete(key);
      },
    },
    limits,
  );
  return { history, files };
}

const entry = (id: string): NewEntry => ({
  id,
  title: `graph ${id}`,
  when: 1,
  seconds: 2,
  provider: 'cpu',
  graphPath: `/w/${id}.weft.json`,
  files: [`/w/${id}.png`],
});

describe('the run history', () => {
  it('lists the newest first and gives back the graph as it ran', async () => {
    const { history } = setUp();
    await history.add(entry('a'), '{"weft": 1}', [undefined]);
    await history.add(entry('b'), '{"weft": 1, "nodes": {}}', [new Uint8Array([1])]);
    expect(history.list().map(({ id }) => id)).toEqual(['b', 'a']);
    expect(await history.graph('a')).toBe('{"weft": 1}');
  });

  it('forgets the oldest beyond its limit, with their files', async () => {
    const { history, files } = setUp();
    for (const id of ['a', 'b', 'c']) await history.add(entry(id), id, [new Uint8Array([1])]);
    const { forgotten } = await history.add(entry('d'), 'd', [new Uint8Array([1])]);
    expect(forgotten.map(({ id }) => id)).toEqual(['a']);
    expect(history.list().map(({ id }) => id)).toEqual(['d', 'c', 'b']);
    expect([...files.keys()].some((key) => key.startsWith('a/'))).toBe(false);
    expect(files.size).toBe(6);
  });

  it('keeps its own copy of every image of a run, whatever the next run writes under the same name', async () => {
    const { history, files } = setUp();
    const same = { graphPath: '/w/g.weft.json', files: ['/w/out/result.png', '/w/out/mask/result.png'] };
    await history.add({ ...entry('a'), ...same }, 'a', [new Uint8Array([1]), new Uint8Array([2])]);
    await history.add({ ...entry('b'), ...same }, 'b', [new Uint8Array([3]), undefined]);
    const [b, a] = history.list();
    expect([0, 1].map((index) => files.get(`a/${copyName(a!, index)}`)?.[0])).toEqual([1, 2]);
    expect(files.get(`b/${copyName(b!, 0)}`)?.[0]).toBe(3);
    expect(copyName(a!, 0)).toMatch(/\/result\.png$/);
    expect(b!.copies.map((copy) => copy?.kept)).toEqual([true, undefined]);
    expect(a!.copies[0]!.sha256).not.toBe(b!.copies[0]!.sha256);
  });

  it('forgets the images of the oldest runs where they take too much room, and keeps their graphs', async () => {
    const { history, files } = setUp();
    await history.add(entry('a'), 'a', [new Uint8Array(40)]);
    await history.add(entry('b'), 'b', [new Uint8Array(50)]);
    const { withoutImages } = await history.add(entry('c'), 'c', [new Uint8Array(20)]);
    expect(withoutImages.map(({ id }) => id)).toEqual(['a']);
    expect(history.list().map(({ copies }) => copies[0]!.kept)).toEqual([true, true, false]);
    expect(files.has('a/images/0/a.png')).toBe(false);
    expect(files.has('b/images/0/b.png')).toBe(true);
    expect(await history.graph('a')).toBe('a');
    // What was forgotten is told once.
    expect((await history.add(entry('d'), 'd', [new Uint8Array(1)])).withoutImages).toEqual([]);
  });

  it('keeps no image that is larger than all its room, and still the run', async () => {
    const { history, files } = setUp();
    await history.add(entry('a'), 'a', [new Uint8Array(60)]);
    await history.add(entry('b'), 'b', [new Uint8Array(101)]);
    expect(history.list().map(({ copies }) => copies[0]!.kept)).toEqual([false, true]);
    expect(files.has('a/images/0/a.png')).toBe(true);
  });

  it('labels a run by what changed since the run before of the same graph, the first by its title', async () => {
    const { history } = setUp(undefined, { runs: 9, bytes: 100 });
    const graph = standardGraph({ structure: 'giraffe.png', appearance: 'zebra.png', domain: 'animal' });
    const add = async (id: string): Promise<string> => {
      await history.add({ ...entry(id), graphPath: '/w/g.weft.json' }, writeGraph(graph), []);
      return entryLabel(history.list()[0]!);
    };
    expect(await add('a')).toBe('graph a');
    graph.nodes['swap']!.params = { contrast: 5.13 };
    // A run of another graph in between.
    await history.add(entry('other'), '{}', []);
    expect(await add('b')).toBe('contrast 1.67 → 5.13');
    expect(await add('c')).toBe('Same settings');
    graph.nodes['structure']!.params = { path: 'cow.png' };
    graph.nodes['schedule']!.params = { seed: 4, steps: 40, skip: 9 };
    expect(await add('d')).toMatch(/^structure giraffe\.png → cow\.png, seed \d+ → 4, \+2$/);
    expect(history.list()[0]!.changes).toHaveLength(4);
    // What it was compared with may be forgotten.
    await history.remove('c');
    expect(entryLabel(history.list()[0]!)).toMatch(/^structure/);
  });

  it('deletes one and leaves the others', async () => {
    const { history, files } = setUp();
    await history.add(entry('a'), 'a', []);
    await history.add(entry('b'), 'b', []);
    await history.remove('b');
    expect(history.list().map(({ id }) => id)).toEqual(['a']);
    expect([...files.keys()]).toEqual(['a/graph.weft.json']);
    await history.clear();
    expect(files.size).toBe(0);
  });

  it('leaves out what it can not read, also an id that would leave its folder', () => {
    const { history } = setUp([{ id: 'x' }, 'nonsense', null, { ...entry('ok') }, { ...entry('a'), id: '../../etc' }]);
    // One of an older version has no copies.
    expect(history.list().map(({ id, copies }) => [id, copies])).toEqual([['ok', []]]);
    expect(setUp({}).history.list()).toEqual([]);
  });
});

describe('the node whose image a file shows', () => {
  const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal', output: 'out/result.png' });
  graph.nodes['copy'] = { type: 'save', inputs: { image: 'structure.image' }, params: { path: 'result.png' } };
  const { document } = parseGraph(writeGraph(graph));
  const nodeOf = (file: string, draft?: true) =>
    nodeOfFile(document!, { ...entry('a'), copies: [], files: ['/w/else.png', file], ...(draft && { draft }) }, 1);

  it('is the one that its save node is connected to', () => {
    expect(nodeOf('/w/weft-out/out/result.png')).toBe('denoise');
    expect(nodeOf('C:\\w\\weft-out\\out\\result.png')).toBe('denoise');
    expect(nodeOf('/w/weft-out/result.png')).toBe('structure');
  });

  it('is known of drafts, and of a file that got a number', () => {
    expect(nodeOf('/w/weft-out/out/result-draft.png', true)).toBe('denoise');
    expect(nodeOf('/w/weft-out/out/result-2.png')).toBeDefined();
    expect(
      nodeOfFile(
        standardGraph({ structure: 'a', appearance: 'b', domain: 'animal' }),
        { ...entry('a'), copies: [] },
        0,
      ),
    ).toBe('denoise');
    expect(nodeOfFile({ weft: 1, nodes: {} }, { ...entry('a'), copies: [] }, 0)).toBeUndefined();
  });
});

describe('how long an image takes', () => {
  const run = (seconds: number, oneImageOf?: string, provider = 'cpu'): HistoryEntry => ({
    ...entry('a'),
    seconds,
    provider,
    copies: [],
    ...(oneImageOf && { oneImageOf }),
  });

  it('is the median of the newest runs of the checkpoint, on what the last one ran on', () => {
    const entries = [
      run(0.2),
      run(12, 'sd15'),
      run(1, 'mini'),
      run(60, 'sd15'),
      run(2, 'sd15', 'cuda'),
      run(14, 'sd15'),
    ];
    expect(imageTime(entries, 'sd15')).toEqual({ seconds: 14, provider: 'cpu', images: 3 });
    expect(imageTime(entries, 'mini')).toEqual({ seconds: 1, provider: 'cpu', images: 1 });
    // Old ones no longer count, and nothing is made up.
    expect(imageTime([...Array.from({ length: 5 }, () => run(3, 'sd15')), run(99, 'sd15')], 'sd15')?.seconds).toBe(3);
    expect(imageTime(entries, 'dreamshaper-8')).toBeUndefined();
  });

  it('is told by runs that computed one image in full', () => {
    const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' });
    const text = writeGraph(graph);
    const done = { nodes: { denoise: { state: 'done' as const } } };
    expect(computedOneImage(text, done)).toBe(true);
    expect(computedOneImage(text, { nodes: { denoise: { state: 'cached' } } })).toBe(false);
    expect(computedOneImage(text, { ...done, draft: true })).toBe(false);
    graph.nodes['sweep'] = {
      type: 'sweep',
      inputs: { image: 'denoise.image' },
      params: { columns: 'swap.contrast=1,2' },
    };
    expect(computedOneImage(writeGraph(graph), done)).toBe(false);
    expect(computedOneImage('{', done)).toBe(false);
  });
});
