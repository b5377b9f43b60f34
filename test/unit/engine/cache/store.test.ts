import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
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

  it.each(['itself', 'another process'])('writes everything again after %s has cleared it', async (who) => {
    const warnings: string[] = [];
    const store = new ContentStore(folder, { diskBytes: 1e9, memoryBytes: 1e9 }, (message) => warnings.push(message));
    // As many as fill several of its subfolders more than once.
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 60; index++) {
        store.put(key(index), product(index));
        await store.flush();
      }
    };
    await fill();
    if (who === 'itself') await store.clear();
    else fs.rmSync(folder, { recursive: true });
    await fill();
    expect(filesIn(folder)).toHaveLength(60);
    expect(warnings).toEqual([]);
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

describe('what is read from the disk', () => {
  const limits = { diskBytes: 1e9, memoryBytes: 1e9 };
  const small: Tensors = {
    k0: { dims: [3, 4], data: Float32Array.from({ length: 12 }, (_, index) => index / 7) },
    v0: { dims: [12], data: new Float32Array(12).fill(2) },
  };
  const fileOf = (name: string): string => path.join(folder, name.slice(0, 2), `${name}.safetensors`);
  const kept = async (tensors: Tensors, index = 1): Promise<string> => {
    const store = new ContentStore(folder, limits);
    store.put(key(index), tensors);
    await store.flush();
    return fileOf(key(index));
  };
  /** What another process would read. */
  const read = (index = 1): Promise<Tensors | undefined> => new ContentStore(folder, limits).get(key(index));

  it('is what was written', async () => {
    await kept(small);
    expect(await read()).toEqual(small);
    expect(await new ContentStore(folder, limits).has(key(1))).toBe(true);
    expect(new ContentStore(folder, limits).seems(key(1))).toBe(true);
  });

  it('is nothing when any one of its bits has changed, and the file goes', async () => {
    const file = await kept(small);
    const whole = fs.readFileSync(file);
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      fs.writeFileSync(file, damaged);
      if ((await read()) !== undefined) throw new Error(`bit ${bit} of byte ${bit >> 3} can change unnoticed`);
      if (fs.existsSync(file)) throw new Error(`the file with a changed byte ${bit >> 3} is still there`);
    }
  });

  it('is nothing when the file is another length, another kind of thing, or of another key', async () => {
    const file = await kept(small);
    const whole = fs.readFileSync(file);
    const others: (() => void)[] = [
      () => fs.writeFileSync(file, whole.subarray(0, whole.length - 4)),
      () => fs.writeFileSync(file, Buffer.concat([whole, Buffer.alloc(4)])),
      () => fs.writeFileSync(file, ''),
      () => fs.writeFileSync(file, 'null'),
      () => fs.writeFileSync(file, Buffer.alloc(whole.length)),
      () => fs.mkdirSync(file),
      () => fs.copyFileSync(other, file),
    ];
    const other = await kept({ ...small, v0: { dims: [12], data: new Float32Array(12).fill(3) } }, 2);
    for (const replace of others) {
      fs.rmSync(file, { force: true });
      replace();
      expect(await new ContentStore(folder, limits).has(key(1))).toBe(false);
      expect(fs.existsSync(file)).toBe(false);
      // And can be kept again.
      await kept(small);
      expect(await read()).toEqual(small);
    }
    expect(await read(2)).toBeDefined();
  });

  it('is nothing when an older version of Weft wrote it, which is said once', async () => {
    const file = await kept(small);
    const header = JSON.stringify({ k0: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }).padEnd(56);
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(56n);
    const old = Buffer.concat([head, Buffer.from(header), Buffer.alloc(4)]);
    const warn = vi.fn();
    const store = new ContentStore(folder, limits, warn);
    fs.writeFileSync(file, old);
    expect(store.seems(key(1))).toBe(false);
    expect(await store.get(key(1))).toBeUndefined();
    fs.writeFileSync(file, old);
    expect(await store.get(key(1))).toBeUndefined();
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]![0]).toContain('computed again');
  });

  it('leaves no temporary files of writers that were killed', async () => {
    const file = await kept(small);
    // The highest process number of Linux is below this one.
    const gone = path.join(path.dirname(file), '.weft-99999999-0a0b0c0d1.tmp');
    const older = `${file}.99999999.0a0b0c0d.1.tmp`;
    const alive = path.join(path.dirname(file), `.weft-${process.ppid}-0a0b0c0d1.tmp`);
    for (const temporary of [gone, older, alive]) fs.writeFileSync(temporary, 'half');
    await new ContentStore(folder, limits).trim();
    expect(filesIn(folder).sort()).toEqual([path.basename(alive), path.basename(file)].sort());
  });
});

describe('memory over many runs', () => {
  it('keeps what the last runs used, and lets go of what the disk has', async () => {
    const store = new ContentStore(folder, { diskBytes: 1e9, memoryBytes: 1e9 });
    const held: number[] = [];
    for (let run = 0; run < 40; run++) {
      // Something of its own, and something that each run reads.
      store.put(key(run), product(run));
      if (run > 0) await store.get(key(0));
      await store.flush();
      store.endRun();
      held.push(store.heldBytes);
    }
    expect(Math.max(...held)).toBeLessThanOrEqual(10 * BYTES);
    expect(held.at(-1)).toBe(held[20]);
    expect((await store.get(key(1)))?.data?.data[0]).toBe(1);
  });
});
