/** `weft inspect` as a person uses it: the built program, a process of its own. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import sharp from 'sharp';
import { writeGraph } from '../../../extension/graph';
import { pictures, root, shortGraph, withParam } from '../../support/mini';

const weft = path.join(root, 'dist', 'weft.js');
let home: string;
let folder: string;
const call = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [weft, ...args], {
    cwd: folder,
    env: { ...process.env, WEFT_HOME: home },
    encoding: 'utf8',
  });

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-cli-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  const graph = withParam(shortGraph(), 'swap', 'higherRange', [20, 80]);
  fs.writeFileSync(path.join(folder, 'short.weft.json'), writeGraph(graph));
  const run = call('run', 'short.weft.json');
  expect(run.status, run.stderr).toBe(0);
});
afterAll(() => {
  for (const created of [home, folder]) fs.rmSync(created, { recursive: true, force: true });
});

it('draws where a place took its look from, out of run.json and out of the picture alike', async () => {
  const report = path.join('weft-out', 'run.json');
  const one = call('inspect', report, '--at', '64,60', '--step', '5', '--out', 'heat.png');
  expect(one.stderr).toMatch(
    /^\(64, 60\) of the output, step 5 of 8, 16 × 16: it attends most to \(\d+, \d+\) of the app/m,
  );
  expect(one.stderr).not.toMatch(/cached/);
  expect(one).toMatchObject({ status: 0, stdout: 'heat.png\n' });
  const two = call('inspect', path.join('weft-out', 'result.png'), '--at', '64,60', '--step', '5');
  expect(two.stdout).toBe(`${path.join('weft-out', 'result.heat.png')}\n`);
  const [first, second] = await Promise.all(
    ['heat.png', path.join('weft-out', 'result.heat.png')].map((name) =>
      sharp(path.join(folder, name)).raw().toBuffer(),
    ),
  );
  expect(second!.equals(first!)).toBe(true);
  expect(await sharp(path.join(folder, 'heat.png')).metadata()).toMatchObject({ width: 512, height: 512 });
});

it('draws the matched parts side by side, and says where they are', async () => {
  const parts = call('inspect', 'short.weft.json', '--map', 'parts', '--parts', '4', '--out', 'parts.png');
  expect(parts).toMatchObject({ status: 0, stdout: 'parts.png\n' });
  const lines = parts.stderr.match(/^part at .*$/gm)!;
  expect(lines).toHaveLength(4);
  for (const line of lines)
    expect(line).toMatch(
      /^part at 0\.\d+, 0\.\d+ of the structure: \d+(\.\d)? % of its attention on part \d of the appearance, at 0\.\d+, 0\.\d+\.$/,
    );
  const { data, info } = await sharp(path.join(folder, 'parts.png')).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([1024, 512]);
  // Sky and sky in one hue: both are tinted by the same colour.
  const plain = async (name: string, x: number) =>
    sharp(path.join(folder, name))
      .resize(512)
      .extract({ left: x, top: 40, width: 1, height: 1 })
      .removeAlpha()
      .raw()
      .toBuffer();
  const tint = async (name: string, left: number, x: number) => {
    const below = await plain(name, x);
    const start = (40 * info.width + left + x) * info.channels;
    return [0, 1, 2].map((c) => Math.round((data[start + c]! - 0.45 * below[c]!) / 0.55));
  };
  const [one, other] = [await tint('giraffe.png', 0, 60), await tint('zebra.png', 512, 60)];
  for (const c of [0, 1, 2]) expect(Math.abs(one[c]! - other[c]!)).toBeLessThan(8);
});

it('draws the way back and the correspondences, and computes what the cache has lost', () => {
  const back = call('inspect', 'short.weft.json', '--at', '60,60', '--from', 'appearance', '--out', 'back.png');
  expect(back.stderr).toMatch(/\(60, 60\) of the appearance.*it is used most at/);
  fs.rmSync(home, { recursive: true, force: true });
  const map = call('inspect', 'short.weft.json', '--map', 'correspondence', '--resolution', '8', '--out', 'map.png');
  expect(map.stderr).toMatch(/8 × 8: each location of the output/);
  expect([back.status, map.status]).toEqual([0, 0]);
  expect(fs.existsSync(path.join(folder, 'map.png'))).toBe(true);
});

it('draws the pins that acted: where they look in the appearance, and what they change in the output', async () => {
  // A pin whose circles are far from each other, and one that does nothing.
  const circle = (x: number, y: number, radius = 0.1) => ({ x, y, radius });
  const pins = [
    { to: circle(0.25, 0.25), from: circle(0.75, 0.5) },
    { to: circle(0.75, 0.75), from: circle(0.25, 0.75), muted: true },
  ];
  const set = call('run', 'short.weft.json', '--out', 'pinned', '--set', `swap.pins=${JSON.stringify(pins)}`);
  expect(set.status, set.stderr).toBe(0);
  expect(set.stderr).toMatch(/UNet passes: \d+ encoder, \d+ decoder, [1-9]\d* masked/);
  const report = path.join('pinned', 'run.json');
  const { unet } = JSON.parse(fs.readFileSync(path.join(folder, report), 'utf8')) as { unet: { masked: number } };
  expect(unet.masked).toBeGreaterThan(0);

  // White dots on a circle: its line is drawn over everything.
  const white = async (name: string, { x, y, radius }: ReturnType<typeof circle>): Promise<number> => {
    const { data, info } = await sharp(path.join(folder, name))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const around = Array.from({ length: 64 }, (_, angle) => {
      const [u, v] = [x + radius * Math.cos((angle * Math.PI) / 32), y + radius * Math.sin((angle * Math.PI) / 32)];
      const at = 3 * (Math.floor(v * info.height) * info.width + Math.floor(u * info.width));
      return data.subarray(at, at + 3).every((value) => value === 255) ? 1 : 0;
    });
    return around.reduce<number>((sum, one) => sum + one, 0) / around.length;
  };
  const look = call('inspect', report, '--at', '32,32', '--out', 'from.png');
  expect(look.status, look.stderr).toBe(0);
  expect(await white('from.png', pins[0]!.from)).toBeGreaterThan(0.9);
  expect(await white('from.png', pins[0]!.to)).toBeLessThan(0.1);
  expect(await white('from.png', pins[1]!.from)).toBeLessThan(0.1);
  // The pinned location attends to what lies in the circle.
  const [, x, y] = /attends most to \((\d+), (\d+)\)/.exec(look.stderr)!.map(Number) as [number, number, number];
  expect(Math.hypot(x - 0.75 * 128, y - 0.5 * 128)).toBeLessThan(0.1 * 128 + 8);
  for (const [name, ...args] of [
    ['to.png', '--from', 'appearance', '--at', '96,64'],
    ['all.png', '--map', 'correspondence'],
  ] as [string, ...string[]][]) {
    expect(call('inspect', report, ...args, '--out', name).status).toBe(0);
    expect(await white(name, pins[0]!.to)).toBeGreaterThan(0.9);
    expect(await white(name, pins[0]!.from)).toBeLessThan(0.1);
  }
});

it('says what to do about a wrong question, and ends with 2', () => {
  const wrong: [string[], RegExp][] = [
    [['nowhere.png', '--at', '1,1'], /no such file/],
    [['zebra.png', '--at', '1,1'], /contains no graph/],
    [['short.weft.json'], /--at x,y/],
    [['short.weft.json', '--at', 'middle'], /--at 64,40/],
    [['short.weft.json', '--at', '128,0'], /128 × 128 pixels/],
    [['short.weft.json', '--at', '1,1', '--step', '99'], /8 steps: there is no step 99/],
    [['short.weft.json', '--at', '1,1', '--step', '1'], /off at step 1.*on from step 5/],
    [['short.weft.json', '--at', '1,1', '--resolution', '12'], /16 \(16 × 16\) or 8/],
    [['short.weft.json', '--at', '1,1', '--head', '99'], /no head 99/],
    [['short.weft.json', '--at', '1,1', '--out', 'heat.jpg'], /\.png/],
  ];
  for (const [args, sentence] of wrong) {
    const refused = call('inspect', ...args);
    expect(refused.status, args.join(' ')).toBe(2);
    expect(refused.stderr).toMatch(sentence);
  }
  fs.mkdirSync(path.join(folder, 'far'), { recursive: true });
  const lost = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-lost-'));
  fs.copyFileSync(path.join(folder, 'weft-out', 'result.png'), path.join(lost, 'result.png'));
  const away = spawnSync(process.execPath, [weft, 'inspect', 'result.png', '--at', '1,1'], {
    cwd: lost,
    encoding: 'utf8',
  });
  expect(away).toMatchObject({ status: 2, stderr: expect.stringContaining('--folder') as string });
  fs.rmSync(lost, { recursive: true });
});
