/** `weft sweep` as a cluster uses it: killed, gone on with, divided between processes. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPngTexts } from '../../../extension/platform/pngText';
import { writeGraph } from '../../../extension/graph';
import { pictures, root, shortGraph, withParam } from '../../support/mini';

const weft = path.join(root, 'dist', 'weft.js');
const OVER = ['--over', 'swap.contrast=1,1.67,2.5', '--over', 'guidance.scale=1,2'];
let home: string;
let folder: string;

const options = () => ({ cwd: folder, env: { ...process.env, WEFT_HOME: home } });
const call = (...args: string[]) => spawnSync(process.execPath, [weft, ...args], { ...options(), encoding: 'utf8' });
const cells = (out: string): string[] =>
  fs.existsSync(path.join(folder, out, 'cells'))
    ? fs.readdirSync(path.join(folder, out, 'cells')).filter((name) => name.endsWith('.json'))
    : [];
const sheet = (out: string): Buffer => fs.readFileSync(path.join(folder, out, 'sheet.png'));
/** Its exit code, and what it printed to stderr if that is not 0. */
const finished = (...args: string[]): Promise<string> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [weft, ...args], { ...options(), stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('close', (code) => resolve(code === 0 ? '0' : `${code}: ${stderr}`));
  });

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-sweep-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  fs.writeFileSync(path.join(folder, 'short.weft.json'), writeGraph(shortGraph()));
});
afterAll(() => {
  for (const created of [home, folder]) fs.rmSync(created, { recursive: true, force: true });
});

describe('weft sweep', () => {
  it('killed half-way goes on: no finished cell is made again, none is lost', async () => {
    const child = spawn(process.execPath, [weft, 'sweep', 'short.weft.json', ...OVER, '--out', 'one'], {
      ...options(),
      stdio: 'ignore',
    });
    while (cells('one').length < 2) {
      expect(child.exitCode).toBe(null);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const before = cells('one');
    const times = before.map((name) => fs.statSync(path.join(folder, 'one', 'cells', name)).mtimeMs);
    expect(before.length).toBeLessThan(6);

    const again = call('sweep', 'short.weft.json', ...OVER, '--out', 'one');
    expect(again.status).toBe(0);
    expect(again.stdout).toBe(`${path.join('one', 'sheet.png')}\n`);
    const [, made, found] = /(\d+) cells? computed, (\d+) already there/.exec(again.stderr)!.map(Number);
    expect(made! + found!).toBe(6);
    expect(found).toBeGreaterThanOrEqual(before.length);
    expect(before.map((name) => fs.statSync(path.join(folder, 'one', 'cells', name)).mtimeMs)).toEqual(times);

    const sweep = JSON.parse(fs.readFileSync(path.join(folder, 'one', 'sweep.json'), 'utf8')) as {
      complete: boolean;
      cells: { file: string; row: number; column: number; unet: { encoder: number } }[];
    };
    expect(sweep.complete).toBe(true);
    expect(sweep.cells).toHaveLength(6);
    const last = sweep.cells.at(-1)!;
    expect(last.file).toMatch(/^cells\/scale-2_contrast-2\.5_[0-9a-f]{10}\.png$/);
    const graph = readPngTexts(fs.readFileSync(path.join(folder, 'one', last.file))).get('weft.graph')!;
    expect(JSON.parse(graph)).toMatchObject({ nodes: { swap: { params: { contrast: 2.5 } } } });
    const third = call('sweep', 'short.weft.json', ...OVER, '--out', 'one');
    expect(third.stderr).toMatch(/0 cells computed, 6 already there; UNet passes: 0 encoder/);
  });

  it('divided between two processes at once gives the same sheet, in one folder or merged from two', async () => {
    const shard = (index: number, out: string) => [
      'sweep',
      'short.weft.json',
      ...OVER,
      '--shard',
      `${index}/2`,
      '--out',
      out,
    ];
    expect(await Promise.all([finished(...shard(1, 'both')), finished(...shard(2, 'both'))])).toEqual(['0', '0']);
    expect(cells('both')).toHaveLength(6);
    expect(sheet('both').equals(sheet('one'))).toBe(true);

    expect(call(...shard(1, 'left')).stderr).toMatch(/3 of 6 cells are done: the sheet has gaps/);
    expect(call(...shard(2, 'right')).status).toBe(0);
    const merged = call('sweep', 'merge', 'left', 'right');
    expect(merged.status).toBe(0);
    expect(sheet('left').equals(sheet('one'))).toBe(true);
  });

  it('takes nothing for a cell that is not as it was written, and makes it anew', () => {
    const whole = sheet('one');
    const names = cells('one').map((name) => name.replace(/\.json$/, ''));
    const [cut, other, pipe, first, second, told] = names as [string, string, string, string, string, string];
    const file = (name: string): string => path.join(folder, 'one', 'cells', name);
    const record = (name: string) => JSON.parse(fs.readFileSync(file(`${name}.json`), 'utf8')) as { seconds: number };
    fs.truncateSync(file(`${cut}.png`), 5000);
    fs.copyFileSync(path.join(folder, 'zebra.png'), file(`${other}.png`));
    if (process.platform !== 'win32') {
      fs.rmSync(file(`${pipe}.png`));
      expect(spawnSync('mkfifo', [file(`${pipe}.png`)]).status).toBe(0);
    } else fs.writeFileSync(file(`${pipe}.png`), '');
    // Two whole cells in each other's place, records and all.
    for (const ending of ['.png', '.json']) {
      fs.renameSync(file(first + ending), file('aside'));
      fs.renameSync(file(second + ending), file(first + ending));
      fs.renameSync(file('aside'), file(second + ending));
    }
    const changed = { ...record(told), seconds: record(told).seconds + 1 };
    fs.writeFileSync(file(`${told}.json`), JSON.stringify(changed));

    fs.cpSync(path.join(folder, 'one'), path.join(folder, 'hurt'), {
      recursive: true,
      filter: (name) => !name.includes(pipe),
    });
    const merged = call('sweep', 'merge', 'hurt');
    expect(merged.status).toBe(0);
    expect(merged.stderr).toContain(`cells/${cut}.png does not match its record: run the sweep again`);
    expect(merged.stderr).toMatch(/0 of 6 cells are done/);

    // A pipe is no file to replace: it is said before anything is computed.
    const refused = call('sweep', 'short.weft.json', ...OVER, '--out', 'one');
    if (process.platform !== 'win32') {
      expect(refused.stderr).toMatch(/it is not a regular file/);
      fs.rmSync(file(`${pipe}.png`));
    }
    const again = call('sweep', 'short.weft.json', ...OVER, '--out', 'one');
    expect(again.stderr).toMatch(/6 cells computed, 0 already there/);
    expect(again.stderr).toMatch(/cells\/.* does not match its record, so it is computed again/);
    expect(again.status).toBe(0);
    expect(sheet('one').equals(whole)).toBe(true);
    // What one folder has damaged is taken from another.
    expect(call('sweep', 'merge', 'hurt', 'one').status).toBe(0);
    expect(sheet('hurt').equals(whole)).toBe(true);
  });

  it('draws the sheet whatever its labels hold', () => {
    const over = ['--over', 'prompt.domain="ani\\u0001mal","a, b"', '--over', 'swap.contrast=.5:1:.5'];
    const run = call('sweep', 'short.weft.json', ...over, '--out', 'strange');
    expect(run.status).toBe(0);
    expect(run.stderr).toMatch(/4 cells computed/);
    expect(sheet('strange').length).toBeGreaterThan(1000);
  });

  it('finds files under their very names, and says before the first cell what a graph can not name', () => {
    fs.copyFileSync(path.join(pictures, 'zebra.png'), path.join(folder, 'cat[1].png'));
    fs.copyFileSync(path.join(pictures, 'zebra.png'), path.join(folder, 'cat1.png'));
    const run = call('sweep', 'short.weft.json', '--over', 'appearance.path=cat[1].png,cat[1].png', '--out', 'named');
    expect(run.stderr).toMatch(/1 cell computed, 1 already there/);
    expect(cells('named')).toEqual([expect.stringMatching(/^appearance-cat-1_[0-9a-f]{10}\.json$/)]);
    const sweep = fs.readFileSync(path.join(folder, 'named', 'sweep.json'), 'utf8');
    expect(sweep).toContain('"value": "cat[1].png"');
    fs.mkdirSync(path.join(folder, 'looks'));
    for (const name of ['a.png', 'b\u0001.png'])
      fs.copyFileSync(path.join(pictures, 'zebra.png'), path.join(folder, 'looks', name));
    const refused = call('sweep', 'short.weft.json', '--over', 'appearance.path=looks/', '--out', 'refused');
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('path contains a control character: "looks/b\\u0001.png".');
    expect(cells('refused')).toEqual([]);
  });

  it('makes a cell anew when a picture it is made from has changed', () => {
    fs.copyFileSync(path.join(pictures, 'cow.png'), path.join(folder, 'zebra.png'));
    const run = call(
      'sweep',
      'short.weft.json',
      '--over',
      'swap.contrast=1',
      '--over',
      'guidance.scale=1',
      '--out',
      'one',
    );
    expect(run.stderr).toMatch(/1 cell computed, 0 already there/);
    const other = call('sweep', 'merge', 'one', 'left');
    expect(other.status).toBe(2);
    expect(other.stderr).toMatch(/left holds another sweep than .*one/);
  });

  it('makes a cell anew when a mask it reads was corrected again', async () => {
    const corrected = withParam(shortGraph(), 'mask-structure', 'override', 'fix.png');
    fs.writeFileSync(path.join(folder, 'corrected.weft.json'), writeGraph(corrected));
    const paint = async (value: number): Promise<string> => {
      const background = { r: value, g: value, b: value, alpha: 1 };
      const image = sharp({ create: { width: 16, height: 16, channels: 4, background } });
      await image.png().toFile(path.join(folder, 'fix.png'));
      return call('sweep', 'corrected.weft.json', '--over', 'swap.contrast=1', '--out', 'corrected').stderr;
    };
    expect(await paint(255)).toMatch(/1 cell computed, 0 already there/);
    expect(await paint(255)).toMatch(/0 cells computed, 1 already there/);
    expect(await paint(0)).toMatch(/1 cell computed, 0 already there/);
  });

  it('names the line of the file beside a cell that can not be made', () => {
    const { stderr, status } = call('sweep', 'short.weft.json', '--over', 'schedule.skip=30', '--out', 'none');
    const lines = fs.readFileSync(path.join(folder, 'short.weft.json'), 'utf8').split('\n');
    const line = 1 + lines.findIndex((text) => text.includes('"skip"'));
    expect(stderr).toContain(`schedule.skip 30: short.weft.json:${line}:`);
    expect(stderr).toContain(': schedule.skip: skip must be less than steps: skipping 30 of 12 steps');
    expect(status).toBe(2);
  });

  it.each([
    [['sweep', 'short.weft.json'], /has no sweep node: say what varies with --over/],
    [['sweep', 'short.weft.json', '--over', 'a.b'], /is not an axis/],
    [['sweep', 'short.weft.json', ...OVER, '--shard', '5/4'], /--shard 5\/4 is not valid/],
    [['sweep', 'short.weft.json', ...OVER, '--of', 'structure.image2'], /is not an image in this graph/],
    [
      ['sweep', 'short.weft.json', '--over', 'swap.contrast=1', '--over', 'swap.contrast=2'],
      /varies swap\.contrast along both axes/,
    ],
    [['sweep', 'short.weft.json', '--over', 'swap.contrast=1,,2'], /A value is missing in "1,,2"/],
    [
      ['sweep', 'short.weft.json', '--over', 'schedule.seed=0x10'],
      /seed must be a whole number between 0 and 4294967295, not "0x10"/,
    ],
    ...['', '1', '0/2', '1/0', '-1/2', '1/1e1', '0x1/2', ' 1/2', '1/2/3', '1.0/2'].map((shard): [string[], RegExp] => [
      ['sweep', 'short.weft.json', ...OVER, `--shard=${shard}`],
      /--shard .* is not valid. Write I\/N/,
    ]),
    [['sweep', 'merge', 'nowhere'], /holds no sweep/],
  ])('ends with 2 and a sentence: %j', (args, sentence) => {
    const { status, stderr } = call(...args);
    expect(stderr).toMatch(sentence);
    expect(status).toBe(2);
  });
});
