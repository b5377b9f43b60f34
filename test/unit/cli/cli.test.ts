/** The command line as a person uses it: the built program, a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeGraph } from '../../../extension/graph';
import { pictures, root, shortGraph, withParam } from '../../support/mini';

const weft = path.join(root, 'dist', 'weft.js');
let home: string;
let folder: string;

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, WEFT_HOME: home });
const call = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [weft, ...args], { cwd: folder, env: environment(), encoding: 'utf8' });

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-cli-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  fs.writeFileSync(path.join(folder, 'short.weft.json'), writeGraph(shortGraph()));
});
afterAll(() => {
  for (const created of [home, folder]) fs.rmSync(created, { recursive: true, force: true });
});

describe('weft run', () => {
  it('writes the picture and its report, prints the picture alone to stdout, and tells what a second run took from the cache', () => {
    const first = call('run', 'short.weft.json');
    expect(first.stderr).toMatch(/UNet passes: \d+ encoder, \d+ decoder/);
    expect(first.status).toBe(0);
    expect(first.stdout).toBe(`${path.join('weft-out', 'result.png')}\n`);
    const report = JSON.parse(fs.readFileSync(path.join(folder, 'weft-out', 'run.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(Object.keys(report)).toEqual([
      'weft',
      'graph',
      'checkpoint',
      'provider',
      'providerNodes',
      'seed',
      'unet',
      'nodes',
      'seconds',
      'peakRssBytes',
      'outputs',
    ]);
    expect(report['peakRssBytes']).toBeGreaterThan(50e6);

    const second = call('run', 'short.weft.json', '--out', 'elsewhere');
    expect(second.stderr).toMatch(/from the cache: .*invert-structure.*denoise/);
    expect(fs.readFileSync(path.join(folder, 'elsewhere', 'result.png'))).toEqual(
      fs.readFileSync(path.join(folder, 'weft-out', 'result.png')),
    );
  });

  it('overrides parameters, values as JSON or text, defaults of the catalogue included', () => {
    const run = call(
      'run',
      'short.weft.json',
      '--out',
      'set',
      '--set',
      'swap.contrast=1.1',
      '--set',
      'save.path=other.png',
      '--set',
      'schedule.steps=14',
    );
    expect(run.stdout).toBe(`${path.join('set', 'other.png')}\n`);
    expect(fs.existsSync(path.join(folder, 'set', 'other.png'))).toBe(true);
    for (const wrong of ['swap.contrst=1', 'swop.contrast=1', 'nonsense']) {
      const refused = call('run', 'short.weft.json', '--set', wrong);
      expect(refused.status, wrong).toBe(2);
      expect(refused.stderr).toMatch(/contrast/);
    }
  });

  it('ends with 2 for what is wrong with the graph or the arguments, and with 3 for a missing checkpoint', () => {
    expect(call('run', 'nowhere.weft.json')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no such file') as string,
    });
    expect(call('run').status).toBe(2);
    expect(call('frobnicate').status).toBe(2);
    fs.writeFileSync(path.join(folder, 'broken.weft.json'), '{"weft": 1, "nodes": {');
    expect(call('run', 'broken.weft.json')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/broken\.weft\.json:1:\d+: /) as string,
    });
    expect(call('run', 'short.weft.json', '--set', 'model.id=sd15').status).toBe(3);
    expect(call('run', 'short.weft.json', '--provider', 'abacus').status).not.toBe(0);
  });

  it('ends with 130 when interrupted, leaving no output and no temporary file', async () => {
    fs.writeFileSync(path.join(folder, 'long.weft.json'), writeGraph(shortGraph({ steps: 1000, skip: 0 })));
    const child = spawn(process.execPath, [weft, 'run', 'long.weft.json', '--out', 'stopped', '--no-cache'], {
      cwd: folder,
      env: environment(),
    });
    const status = await new Promise<number | null>((resolve) => {
      child.stderr.on('data', (data: Buffer) => {
        if (data.includes('step')) child.kill('SIGINT');
      });
      child.on('exit', resolve);
    });
    expect(status).toBe(130);
    expect(fs.existsSync(path.join(folder, 'stopped'))).toBe(false);
  });

  it('says so when the engine is killed in the middle, and runs again', async () => {
    const child = spawn(process.execPath, [weft, 'run', 'long.weft.json', '--out', 'killed'], {
      cwd: folder,
      env: environment(),
    });
    let stderr = '';
    let killed = false;
    const status = await new Promise<number | null>((resolve) => {
      child.stderr.on('data', (data: Buffer) => {
        stderr += data.toString();
        if (killed || !stderr.includes('step')) return;
        killed = true;
        const children = spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
          .stdout.trim()
          .split('\n');
        process.kill(Number(children[0]), 'SIGKILL');
      });
      child.on('exit', resolve);
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/engine ended unexpectedly/);
    expect(fs.existsSync(path.join(folder, 'killed'))).toBe(false);
    expect(call('run', 'short.weft.json').status).toBe(0);
  });

  it('lets two processes run at once on one cache', async () => {
    const shared = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
    const both = await Promise.all(
      ['a', 'b'].map(
        (out) =>
          new Promise<number | null>((resolve) => {
            const child = spawn(process.execPath, [weft, 'run', 'short.weft.json', '--out', out], {
              cwd: folder,
              env: { ...process.env, WEFT_HOME: shared },
              stdio: 'ignore',
            });
            child.on('exit', resolve);
          }),
      ),
    );
    expect(both).toEqual([0, 0]);
    expect(fs.readFileSync(path.join(folder, 'a', 'result.png'))).toEqual(
      fs.readFileSync(path.join(folder, 'b', 'result.png')),
    );
    fs.rmSync(shared, { recursive: true, force: true });
  });

  it('names the file where the output folder can not be written', () => {
    fs.writeFileSync(path.join(folder, 'occupied'), '');
    const run = call('run', 'short.weft.json', '--out', 'occupied');
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain('occupied');
  });
});

describe('weft transfer', () => {
  it('makes the picture, its report, and the graph when asked', () => {
    const run = call(
      'transfer',
      '--structure',
      'giraffe.png',
      '--appearance',
      'zebra.png',
      '--domain',
      'animal',
      '--steps',
      '12',
      '--skip',
      '4',
      '--out',
      'made/coat.png',
      '--keep-graph',
      'made/coat.weft.json',
    );
    expect(run.stderr).not.toMatch(/^weft:/m);
    expect(run.status).toBe(0);
    expect(run.stdout).toBe(`${path.join('made', 'coat.png')}\n`);
    expect(fs.existsSync(path.join(folder, 'made', 'coat.run.json'))).toBe(true);
    const kept = fs.readFileSync(path.join(folder, 'made', 'coat.weft.json'), 'utf8');
    expect(kept).toContain('"path": "../giraffe.png"');
    expect(call('validate', 'made/coat.weft.json')).toMatchObject({ status: 0 });
  });

  it('says which picture is missing', () => {
    const run = call('transfer', '--structure', 'nobody.png', '--appearance', 'zebra.png', '--domain', 'animal');
    expect(run).toMatchObject({ status: 2, stderr: expect.stringContaining('nobody.png') as string });
  });
});

describe('weft validate', () => {
  it('prints problems as file:line:column: node.port: message', () => {
    const graph = withParam(shortGraph(), 'swap', 'contrast', 99);
    delete graph.nodes['denoise']!.inputs!['transfer'];
    fs.writeFileSync(path.join(folder, 'wrong.weft.json'), writeGraph(graph));
    const { status, stdout } = call('validate', 'short.weft.json', 'wrong.weft.json');
    expect(status).toBe(2);
    expect(stdout).toMatch(/^wrong\.weft\.json:\d+:\d+: swap\.contrast: /m);
    expect(stdout).toMatch(/^wrong\.weft\.json:\d+:\d+: denoise\.transfer: /m);
    expect(stdout).not.toMatch(/^short/m);
  });
});

describe('weft models', () => {
  it('lists the embedded checkpoint and verifies it', () => {
    expect(call('models', 'list').stdout).toMatch(/^mini\t/m);
    expect(call('models', 'verify', 'mini')).toMatchObject({ status: 0 });
    expect(call('models', 'verify', 'nothing').status).toBe(3);
  });

  it('imports an ordinary folder without its configs and prints the id as its last line', () => {
    const source = path.join(folder, 'my-model');
    for (const part of ['unet', 'vae_encoder', 'vae_decoder', 'text_encoder']) {
      fs.cpSync(path.join(root, 'models', 'mini', part, 'model.onnx'), path.join(source, part, 'model.onnx'));
    }
    fs.cpSync(path.join(root, 'models', 'mini', 'tokenizer'), path.join(source, 'tokenizer'), { recursive: true });
    const added = call('models', 'add', 'my-model');
    expect(added.stderr).not.toMatch(/^weft:/m);
    expect(added.stdout.trim().split('\n').at(-1)).toBe('my-model');
    expect(call('models', 'list').stdout).toMatch(/^my-model\t/m);
  });

  it('names the file and the digest of a damaged checkpoint, and ends with 3', () => {
    const source = path.join(folder, 'damaged');
    fs.cpSync(path.join(root, 'models', 'mini'), source, { recursive: true });
    fs.rmSync(path.join(source, 'weft.json'));
    fs.truncateSync(path.join(source, 'unet', 'model.onnx'), 5_000_000);
    const refused = call('models', 'add', 'damaged');
    expect(refused.status).toBe(3);
    expect(refused.stderr).toMatch(/unet.model\.onnx/);
  });
});
