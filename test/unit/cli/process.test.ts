/** `weft` as a process among others: pipes that close, signals, an environment that is not as it should be. */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeGraph } from '../../../extension/graph';
import { PROTOCOL_VERSION } from '../../../extension/protocol/engine';
import { pictures, root, shortGraph } from '../../support/mini';

const weft = path.join(root, 'dist', 'weft.js');
let home: string;
let folder: string;

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-process-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  fs.writeFileSync(path.join(folder, 'short.weft.json'), writeGraph(shortGraph({ steps: 4, skip: 1 })));
  fs.writeFileSync(path.join(folder, 'long.weft.json'), writeGraph(shortGraph({ steps: 1000, skip: 0 })));
});
afterAll(() => {
  for (const created of [home, folder]) fs.rmSync(created, { recursive: true, force: true });
});

const call = (args: string[], env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [weft, ...args], {
    cwd: folder,
    env: { ...process.env, WEFT_HOME: home, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
const start = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [weft, ...args], { cwd: folder, env: { ...process.env, WEFT_HOME: home } });
const ended = (child: ChildProcess): Promise<{ code: number | null; signal: string | null }> =>
  new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
/** Resolves when the program says something like this. */
const said = (child: ChildProcess, words: string): Promise<void> =>
  new Promise((resolve) => {
    let text = '';
    child.stderr!.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.includes(words)) resolve();
    });
  });
const coreFiles = (): string[] => fs.readdirSync(folder).filter((name) => /^core/.test(name));

describe('a closed pipe', () => {
  it('ends a listing without a word', async () => {
    const child = start('models', 'available');
    child.stdout!.destroy();
    let stderr = '';
    child.stderr!.on('data', (data: Buffer) => (stderr += data.toString()));
    expect(await ended(child)).toEqual({ code: 0, signal: null });
    expect(stderr).toBe('');
  });

  it('does not stop a run: nobody reads its progress, and its results are written', async () => {
    const child = start('run', 'short.weft.json', '--out', 'piped', '--no-cache');
    await said(child, 'done');
    child.stderr!.destroy();
    child.stdout!.destroy();
    expect(await ended(child)).toEqual({ code: 0, signal: null });
    expect(fs.readdirSync(path.join(folder, 'piped')).sort()).toEqual(['result.png', 'run.json']);
  });

  it.runIf(fs.existsSync('/dev/full'))('is not the same as a full disk, which loses the answer', () => {
    const full = fs.openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [weft, 'models', 'list'], {
      env: { ...process.env, WEFT_HOME: home },
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    fs.closeSync(full);
    expect(status).toBe(1);
    expect(stderr).toMatch(/can't be written to stdout/);
  });
});

describe('a signal', () => {
  it.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)('%s in the middle of a run ends it with 130', async (signal) => {
    const child = start('run', 'long.weft.json', '--out', 'stopped', '--no-cache');
    await said(child, 'step');
    child.kill(signal);
    expect(await ended(child)).toEqual({ code: 130, signal: null });
    expect(fs.existsSync(path.join(folder, 'stopped'))).toBe(false);
    expect(coreFiles()).toEqual([]);
  });

  it.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)('%s while the engine starts ends it with 130', async (signal) => {
    const child = start('models', 'list');
    // From its first child on, it is past Node's own beginning.
    while (spawnSync('pgrep', ['-P', String(child.pid)]).status !== 0);
    child.kill(signal);
    expect(await ended(child)).toEqual({ code: 130, signal: null });
  });

  it('during `models add` ends it with 130, and nothing half made is left in the library', async () => {
    const source = path.join(folder, 'source');
    fs.cpSync(path.join(root, 'models', 'mini'), source, { recursive: true });
    const child = start('models', 'add', 'source', '--id', 'half');
    while (spawnSync('pgrep', ['-P', String(child.pid)]).status !== 0);
    child.kill('SIGTERM');
    expect(await ended(child)).toEqual({ code: 130, signal: null });
    expect(call(['models', 'list']).stdout).not.toMatch(/^half/m);
  });

  /** An engine in the middle of a run, and whoever started it. */
  async function engineAtWork(): Promise<{ child: ChildProcess; end: Promise<{ code: unknown; signal: unknown }> }> {
    const child = fork(path.join(root, 'dist', 'engine.js'), [], {
      cwd: folder,
      execArgv: [],
      env: { ...process.env, WEFT_HOME: home },
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const end = ended(child);
    await new Promise<void>((resolve) => {
      child.on('message', (message: { event?: string; step?: number }) => {
        if (message.event === 'node' && message.step !== undefined) resolve();
      });
      child.send({ id: 1, method: 'hello', params: { protocol: PROTOCOL_VERSION } });
      const graphPath = path.join(folder, 'long.weft.json');
      const graphText = fs.readFileSync(graphPath, 'utf8');
      const params = { runId: 'run', graphText, graphPath, outDir: path.join(folder, 'lost'), useCache: false };
      child.send({ id: 2, method: 'run', params });
    });
    return { child, end };
  }

  it.each([
    ['whoever started it is gone', (child: ChildProcess) => child.disconnect()],
    ['the terminal closes', (child: ChildProcess) => child.kill('SIGHUP')],
    ['the session ends', (child: ChildProcess) => child.kill('SIGTERM')],
  ])('the engine goes quietly when %s in the middle of a step', async (_when, act) => {
    const { child, end } = await engineAtWork();
    let output = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (data: Buffer) => (output += data.toString()));
    act(child);
    const { code, signal } = await end;
    // Not SIGABRT, which is what std::terminate raises and what leaves a core file.
    expect([code, signal]).toEqual([null, 'SIGKILL']);
    expect(output).toBe('');
    expect(coreFiles()).toEqual([]);
    expect(fs.existsSync(path.join(home, 'scratch')) ? fs.readdirSync(path.join(home, 'scratch')) : []).toEqual([]);
  });
});

describe('variables of the environment', () => {
  it('are refused by their name where they are not understood, and nothing runs', () => {
    const variables = { WEFT_CACHE_GB: '20GB', WEFT_MEMORY_GB: '', WEFT_THREADS: 'abc' };
    for (const [name, value] of Object.entries(variables)) {
      const { status, stderr } = call(['run', 'short.weft.json', '--out', 'refused'], { [name]: value });
      expect(stderr).toMatch(new RegExp(`^weft: The environment variable ${name} is .*unset it\\.\\n$`));
      expect(status).toBe(2);
    }
  });

  it('WEFT_CACHE_GB holds when a command has ended', () => {
    const small = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
    const env = { WEFT_HOME: small, WEFT_CACHE_GB: '0.0001' };
    for (const seed of ['1', '2', '3'])
      expect(call(['run', 'short.weft.json', '--set', `schedule.seed=${seed}`], env).status).toBe(0);
    let bytes = 0;
    for (const entry of fs.readdirSync(path.join(small, 'cache'), { recursive: true, withFileTypes: true }))
      if (entry.isFile()) bytes += fs.statSync(path.join(entry.parentPath, entry.name)).size;
    expect(bytes).toBeLessThanOrEqual(0.0001 * 2 ** 30);
    fs.rmSync(small, { recursive: true, force: true });
  });
});

describe('a home that can not be used', () => {
  const unusable = (): [string, string][] => [
    ['a file', path.join(folder, 'zebra.png')],
    ['below a file', path.join(folder, 'zebra.png', 'weft')],
    ...(fs.existsSync('/proc/self') ? ([['where no folder can be made', '/proc/x']] as [string, string][]) : []),
  ];

  it('is told in one sentence that names WEFT_HOME', () => {
    for (const [what, place] of unusable()) {
      const { status, stdout, stderr } = call(['run', 'short.weft.json', '--out', 'homeless'], { WEFT_HOME: place });
      expect(stderr, what).toMatch(
        /^weft: Weft's folder .*Set WEFT_HOME to a folder that you can write, or unset it\.\n$/,
      );
      expect(stderr).toContain(place);
      expect([status, stdout]).toEqual([1, '']);
    }
  });

  it('is no obstacle to the embedded checkpoint without a cache', () => {
    const before = fs.readdirSync(os.tmpdir()).sort();
    const env = { WEFT_HOME: path.join(folder, 'zebra.png') };
    const { status, stderr } = call(['run', 'short.weft.json', '--out', 'homeless', '--no-cache'], env);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Weft's folder .*WEFT_HOME/);
    expect(fs.existsSync(path.join(folder, 'homeless', 'result.png'))).toBe(true);
    // The temporary home is gone.
    expect(fs.readdirSync(os.tmpdir()).sort()).toEqual(before);
  });

  it('is not taken for one in the working directory when XDG_CACHE_HOME is empty', () => {
    const env = { WEFT_HOME: undefined, XDG_CACHE_HOME: '', HOME: path.join(folder, 'user') };
    expect(call(['models', 'list'], env).status).toBe(0);
    expect(fs.existsSync(path.join(folder, 'weft'))).toBe(false);
  });

  it('is told where the output folder is meant to be where no folder can be made', () => {
    if (!fs.existsSync('/proc/self')) return;
    const { status, stderr } = call(['run', 'short.weft.json', '--out', '/proc/x']);
    expect(status).not.toBe(0);
    expect(stderr).toContain('/proc/x');
  });
});
