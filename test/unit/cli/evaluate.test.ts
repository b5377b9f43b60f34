/** `weft eval` as a person uses it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pictures, root } from '../../support/mini';

const weft = path.join(root, 'dist', 'weft.js');
let home: string;
let folder: string;
const call = (...args: string[]) =>
  spawnSync(process.execPath, [weft, ...args], {
    cwd: folder,
    env: { ...process.env, WEFT_HOME: home },
    encoding: 'utf8',
  });

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-eval-'));
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
});
afterAll(() => {
  for (const created of [home, folder]) fs.rmSync(created, { recursive: true, force: true });
});

describe('weft eval', () => {
  it('measures a result by the graph it carries: nearer to the zebra in look, near the giraffe in shape', () => {
    const made = call(
      'transfer',
      '--structure',
      'giraffe.png',
      '--appearance',
      'zebra.png',
      '--domain',
      'animal',
      '--out',
      'coat.png',
    );
    expect(made.status).toBe(0);
    const { stdout, status, stderr } = call('eval', 'coat.png', '--json');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const [coat] = JSON.parse(stdout) as { picture: string; structure: string; metrics: Record<string, number> }[];
    expect(coat).toMatchObject({ picture: 'coat.png', structure: 'giraffe.png', appearance: 'zebra.png' });
    const against = ['--structure', 'giraffe.png', '--appearance', 'zebra.png', '--domain', 'animal'];
    const table = call('eval', 'giraffe.png', 'coat.png', ...against);
    expect(table.status).toBe(0);
    const [head, giraffe, again] = table.stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ +Structure ↑ +Appearance ↓ +Colour ↓$/);
    const numbers = (line: string | undefined): number[] => line!.trim().split(/ +/).slice(1).map(Number);
    expect(numbers(giraffe)[0]).toBe(1);
    expect(numbers(again)[0]).toBeCloseTo(coat!.metrics['structure']!, 3);
    expect(numbers(again)[0]).toBeGreaterThan(0.6);
    expect(numbers(again)[1]).toBeLessThan(numbers(giraffe)[1]!);
    expect(numbers(again)[2]).toBeLessThan(numbers(giraffe)[2]!);
  });

  it('says what to do when nothing tells what to measure against', () => {
    const { status, stderr } = call('eval', 'giraffe.png');
    expect(status).toBe(2);
    expect(stderr).toMatch(/giraffe\.png contains no graph.*--structure and --appearance/);
    expect(call('eval', 'none.png', '--structure', 'giraffe.png', '--appearance', 'zebra.png').stderr).toMatch(
      /none\.png can't be read: there is no such file/,
    );
  });
});
