import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeWhole } from '../../../../extension/engine/execution/outputs';
import { makeEngine, shortGraph } from '../../../support/mini';

/** A disk of 64 KB, where this machine lets us mount one. */
const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;

afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  fs.rmSync(disk, { recursive: true, force: true });
});

describe.skipIf(!mounted)('on a full disk', () => {
  beforeAll(() => fs.writeFileSync(path.join(disk, 'filler'), new Uint8Array(48_000)));

  it('says so and leaves nothing half written', async () => {
    await expect(writeWhole(path.join(disk, 'big.png'), new Uint8Array(100_000))).rejects.toThrow(/disk is full/);
    expect(fs.readdirSync(disk)).toEqual(['filler']);
  });

  it('keeps the picture that was there before', async () => {
    fs.writeFileSync(path.join(disk, 'old.png'), 'old');
    await expect(writeWhole(path.join(disk, 'old.png'), new Uint8Array(100_000))).rejects.toThrow(/disk is full/);
    expect(fs.readFileSync(path.join(disk, 'old.png'), 'utf8')).toBe('old');
    fs.rmSync(path.join(disk, 'old.png'));
  });

  it('names the node whose picture did not fit', async () => {
    const bench = makeEngine();
    await expect(bench.run(shortGraph(), { outDir: disk })).rejects.toMatchObject({
      node: 'save',
      message: expect.stringContaining('full') as string,
    });
    expect(fs.readdirSync(disk)).toEqual(['filler']);
  });

  it('runs all the same when only the cache is on it', async () => {
    const engine = makeEngine();
    await engine.run(shortGraph(), { useCache: false });
    fs.mkdirSync(path.join(engine.home, 'cache'), { recursive: true });
    fs.rmSync(path.join(engine.home, 'cache'), { recursive: true });
    fs.symlinkSync(disk, path.join(engine.home, 'cache'));
    const run = await engine.run(shortGraph());
    expect(run.result.files).toHaveLength(1);
    expect(
      engine.events.some(
        (event) => event.event === 'log' && event.level === 'warn' && /cache folder/.test(event.message),
      ),
    ).toBe(true);
  });
});

it('makes the folders of an output, and replaces a picture as a whole', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-write-'));
  const file = path.join(folder, 'deep', 'down', 'a.png');
  await writeWhole(file, 'one');
  await writeWhole(file, 'two');
  expect(fs.readFileSync(file, 'utf8')).toBe('two');
  expect(fs.readdirSync(path.dirname(file))).toEqual(['a.png']);
  fs.rmSync(folder, { recursive: true, force: true });
});
