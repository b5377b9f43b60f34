import { describe, expect, it } from 'vitest';
import { type HistoryEntry, RunHistory } from '../../../extension/runs/history';

function setUp(stored: unknown = undefined, limit = 3) {
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
      remove: async (id) => {
        for (const key of files.keys()) if (key.startsWith(`${id}/`)) files.delete(key);
      },
    },
    limit,
  );
  return { history, files };
}

const entry = (id: string): HistoryEntry => ({
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
    await history.add(entry('a'), '{"weft": 1}', undefined);
    await history.add(entry('b'), '{"weft": 1, "nodes": {}}', new Uint8Array([1]));
    expect(history.list().map(({ id }) => id)).toEqual(['b', 'a']);
    expect(await history.graph('a')).toBe('{"weft": 1}');
  });

  it('forgets the oldest beyond its limit, with their files', async () => {
    const { history, files } = setUp();
    for (const id of ['a', 'b', 'c', 'd']) await history.add(entry(id), id, new Uint8Array([1]));
    expect(history.list().map(({ id }) => id)).toEqual(['d', 'c', 'b']);
    expect([...files.keys()].some((key) => key.startsWith('a/'))).toBe(false);
    expect(files.size).toBe(6);
  });

  it('deletes one and leaves the others', async () => {
    const { history, files } = setUp();
    await history.add(entry('a'), 'a', undefined);
    await history.add(entry('b'), 'b', undefined);
    await history.remove('b');
    expect(history.list().map(({ id }) => id)).toEqual(['a']);
    expect([...files.keys()]).toEqual(['a/graph.weft.json']);
    await history.clear();
    expect(files.size).toBe(0);
  });

  it('leaves out what it can not read, also an id that would leave its folder', () => {
    const { history } = setUp([{ id: 'x' }, 'nonsense', { ...entry('ok') }, { ...entry('a'), id: '../../etc' }]);
    expect(history.list().map(({ id }) => id)).toEqual(['ok']);
    expect(setUp({}).history.list()).toEqual([]);
  });
});
