import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ContentStore, keyOf } from '../../../../extension/engine/cache/store';
import { type Tensors } from '../../../../extension/engine/cache/tensorFile';

const BYTES = 40_000;
const product = (index: number): Tensors => ({
  data: { dims: [BYTES / 4], data: new Float32Array(BYTES / 4).fill(index) },
});
const key = (index: number): string => keyOf('test', 1, index);
const filesIn = (folder: string): string[] =>
  fs.existsSync(folder)
    ? fs
        .readdirSync(folder, { recursive: true, withFileTypes: true })
        .flatMap((entry) => (entry.isFile() ? [entry.name] : []))
    : [];

let folder: string;
beforeEach(() => (folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-store-')), 'store')));

describe('a store of a run without cache', () => {
  const limits = { diskBytes: 1e9, memoryBytes: 3 * BYTES, spills: true };

  it('writes nothing while memory suffices', async () => {
    const store = new ContentStore(folder, limits);
    for (let index = 0; index < 3; index++) store.put(key(index), product(index));
    await store.flush();
    expect(fs.existsSync(folder)).toBe(false);
  });

  it('keeps memory within its budget, has everything still, and leaves nothing behind', async () => {
    const store = new ContentStore(folder, limits);
    for (let index = 0; index < 10; index++) {
      store.put(key(index), product(index));
      await store.flush();
      expect(store.heldBytes).toBeLessThanOrEqual(limits.memoryBytes);
    }
    expect(filesIn(folder)).toHaveLength(7);
    for (let index = 0; index < 10; index++) {
      expect(await store.has(key(index))).toBe(true);
      expect((await store.get(key(index)))?.data?.data[0]).toBe(index);
    }
    await store.dispose();
    expect(fs.existsSync(folder)).toBe(false);
    expect(await store.get(key(1))).toBeUndefined();
  });
});

describe('a store with a folder', () => {
  it('writes everything, also after another process has cleared it', async () => {
    const store = new ContentStore(folder, { diskBytes: 1e9, memoryBytes: 1e9 });
    store.put(key(1), product(1));
    await store.flush();
    fs.rmSync(folder, { recursive: true });
    store.put(key(1), product(1));
    store.put(key(2), product(2));
    await store.flush();
    expect(filesIn(folder)).toHaveLength(2);
  });

  it('is trimmed to its limit at first, and then when a twentieth of it was written', async () => {
    const diskBytes = 20 * BYTES;
    const fill = async (store: ContentStore, from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index++) store.put(key(index), product(index));
      await store.flush();
      await store.trim();
    };
    await fill(new ContentStore(folder, { diskBytes: 1e9, memoryBytes: 0 }), 0, 25);
    const store = new ContentStore(folder, { diskBytes, memoryBytes: 0 });
    await fill(store, 25, 26);
    expect(filesIn(folder).length).toBeLessThanOrEqual(18);
    await fill(store, 26, 36);
    expect(filesIn(folder).length).toBeLessThanOrEqual(20);
  });
});
