/** onnxruntime reports to its maker unless it is told not to; it is silent where CI is set, so CI is taken away here. */
import { fork, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeGraph } from '../../../extension/graph';
import { pictures, root, shortGraph } from '../../support/mini';

let folder: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-telemetry-'));
  for (const name of ['work', 'user', 'home', 'tmp']) fs.mkdirSync(path.join(folder, name));
  for (const name of ['giraffe.png', 'zebra.png'])
    fs.copyFileSync(path.join(pictures, name), path.join(folder, 'work', name));
  fs.writeFileSync(path.join(folder, 'work', 'g.weft.json'), writeGraph(shortGraph({ steps: 4, skip: 2 })));
  env = { ...process.env, HOME: path.join(folder, 'user'), WEFT_HOME: path.join(folder, 'home') };
  env.TMPDIR = path.join(folder, 'tmp');
  for (const name of ['CI', 'ORT_DISABLE_TELEMETRY', 'XDG_CACHE_HOME', 'GITHUB_ACTIONS', 'TF_BUILD']) delete env[name];
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const run = (): void => {
  const done = spawnSync(process.execPath, [path.join(root, 'dist', 'weft.js'), 'run', 'g.weft.json'], {
    cwd: path.join(folder, 'work'),
    env,
    encoding: 'utf8',
  });
  expect(done.stderr).toMatch(/UNet passes: \d+ encoder, \d+ decoder/);
  expect(done.status).toBe(0);
};
/** Tries the processor, in a process of its own. */
const probe = (): Promise<unknown> =>
  new Promise((resolve) => {
    const child = fork(path.join(root, 'dist', 'engine-probe.js'), ['cpu'], {
      execArgv: [],
      cwd: path.join(folder, 'work'),
      env,
    });
    let answer: unknown;
    child.on('message', (message) => (answer = message));
    child.on('exit', () => resolve(answer));
  });

describe('onnxruntime', () => {
  it('leaves no device id and no queue of reports in the home folder', async () => {
    run();
    expect(await probe()).toHaveProperty('milliseconds');
    expect(fs.readdirSync(path.join(folder, 'user'), { recursive: true })).toEqual([]);
  });

  it('leaves none in the working directory either, where the home folder can not be written', async () => {
    env.HOME = path.join(folder, 'work', 'zebra.png');
    env.ORT_DISABLE_TELEMETRY = '0';
    run();
    expect(await probe()).toHaveProperty('milliseconds');
    expect(fs.readdirSync(path.join(folder, 'work')).sort()).toEqual([
      'g.weft.json',
      'giraffe.png',
      'weft-out',
      'zebra.png',
    ]);
  });
});
