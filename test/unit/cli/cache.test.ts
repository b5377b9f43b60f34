/** `weft cache show` and `weft cache clear`, in a home of their own. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeGraph } from '../../../extension/graph';
import { pictures, root, shortGraph } from '../../support/mini';

let folder: string;
const weft = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [path.join(root, 'dist', 'weft.js'), ...args], {
    cwd: folder,
    env: { ...process.env, WEFT_HOME: path.join(folder, 'home') },
    encoding: 'utf8',
  });
/** What each line of `show` says: its title, and how many entries are kept. */
const kept = (): Record<string, number> =>
  Object.fromEntries(
    weft('cache', 'show')
      .stdout.trimEnd()
      .split('\n')
      .map((line) => [line.split('\t')[0]!, Number(/· (\d+) kept/.exec(line)![1])]),
  );

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-cache-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  fs.writeFileSync(path.join(folder, 'g.weft.json'), writeGraph(shortGraph({ steps: 4, skip: 2 })));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

it('weft cache shows what runs keep and clears it; results stay, and the next run computes again', () => {
  expect(kept()).toEqual({ 'products of runs': 0, attention: 0, 'optimised models': 0 });
  const first = weft('run', 'g.weft.json');
  expect(first.status, first.stderr).toBe(0);
  const results = fs.readdirSync(path.join(folder, 'weft-out'));
  expect(kept()['products of runs']).toBeGreaterThan(4);
  expect(kept()['optimised models']).toBeGreaterThan(0);
  expect(weft('run', 'g.weft.json').stderr).toMatch(/UNet passes: 0 encoder, 0 decoder/);

  expect(weft('cache', 'clear').stdout).toMatch(/^\d+ MB freed\n$/);
  expect(kept()).toEqual({ 'products of runs': 0, attention: 0, 'optimised models': 0 });
  expect(fs.readdirSync(path.join(folder, 'weft-out'))).toEqual(results);
  expect(weft('run', 'g.weft.json').stderr).toMatch(/UNet passes: [1-9]\d* encoder/);
});
