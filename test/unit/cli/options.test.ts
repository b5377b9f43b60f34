/** What options and variables take for a number, and how the command line refuses the rest. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlace } from '../../../extension/cli/inspect';
import { positive, seed, size, whole } from '../../../extension/cli/options';
import { parseShard } from '../../../extension/cli/sweep';
import { readVariables } from '../../../extension/engine/variables';
import { root } from '../../support/mini';

const NOT_WHOLE = [
  '',
  ' ',
  ' 1',
  '1 ',
  '0x10',
  '0b1',
  '1e1',
  '1.5',
  '1.',
  '-1',
  '+1',
  'NaN',
  'Infinity',
  '１',
  '1_000',
];
const TOO_LARGE = '99999999999999999999';

describe('numbers of options', () => {
  it('are digits and nothing else', () => {
    for (const text of [...NOT_WHOLE, TOO_LARGE])
      for (const parse of [whole, positive, seed]) expect(() => parse(text), `"${text}"`).toThrow();
    expect([whole('0'), whole('042'), seed('4294967295'), positive('7')]).toEqual([0, 42, 4294967295, 7]);
    expect(() => positive('0')).toThrow('1 or more');
  });

  it('stand without spaces where there are two of them', () => {
    for (const text of ['512 x 512', ' 512x512', '0x10x512', '5e2x512', 'x', '512', ''])
      expect(() => size(text), text).toThrow('512x768');
    for (const text of ['1, 2', ' 1,2', '0x1,2', '1e1,2', ',', '', '-1,2'])
      expect(() => parsePlace(text), text).toThrow('--at');
    for (const text of ['1 / 2', '', '0x1/2', '1e0/2', '0/2', '3/2'])
      expect(() => parseShard(text), text).toThrow('--shard');
    expect([size('512x768'), parsePlace('64,40.5'), parseShard('1/4')]).toEqual([
      { width: 512, height: 768 },
      [64, 40.5],
      { index: 1, count: 4 },
    ]);
  });

  const call = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [path.join(root, 'dist', 'weft.js'), ...args], { encoding: 'utf8' });
  const transfer = ['transfer', '--structure', 'a.png', '--appearance', 'b.png', '--domain', 'animal'];

  it('are refused by the option that has them', () => {
    for (const option of ['--seed', '--skip', '--steps'])
      expect(call(...transfer, option, '')).toMatchObject({
        status: 2,
        stderr: expect.stringContaining(`${option} <n>`) as string,
      });
  });

  it('a negative seed is answered with how to get a random one', () => {
    expect(call(...transfer, '--seed', '-1')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--seed $RANDOM') as string,
    });
  });
});

describe('variables of the environment', () => {
  it('that are set and not understood are errors which name them', () => {
    const wrong: Record<string, string[]> = {
      WEFT_CACHE_GB: ['20GB', '', 'abc', '-1', '1e3', 'Infinity', '0x10', ' 2', '1,5'],
      WEFT_MEMORY_GB: ['2GB', '', 'abc', '-1'],
      WEFT_THREADS: ['2.5', '0', '', 'all', '1e1', '100000'],
      WEFT_LOW_MEMORY: ['2GB', '', '2'],
      WEFT_OFFLINE: ['maybe', '', '2'],
      WEFT_MIRROR: ['hub.example.org', '', 'file:///etc'],
      WEFT_NUGET_INDEX: ['', 'nuget'],
      WEFT_MODEL_FOLDERS: ['', path.delimiter],
      WEFT_ONNXRUNTIME: ['', '/nowhere/at/all'],
      WEFT_HOME: ['', ' '],
    };
    for (const [name, values] of Object.entries(wrong))
      for (const value of values)
        expect(() => readVariables({ [name]: value }), value).toThrow(`The environment variable ${name} is `);
  });

  it('have defaults, and are read as they are written', () => {
    expect(readVariables({})).toEqual({ cacheGb: 20, memoryGb: 0, modelFolders: [] });
    const env = {
      WEFT_CACHE_GB: '0.5',
      WEFT_MEMORY_GB: '.25',
      WEFT_THREADS: '4',
      WEFT_OFFLINE: 'yes',
      WEFT_LOW_MEMORY: 'off',
      WEFT_MODEL_FOLDERS: ['/a', '/b c', ''].join(path.delimiter),
    };
    expect(readVariables({ ...env, WEFT_MIRROR: 'https://hub.example.org' })).toEqual({
      cacheGb: 0.5,
      memoryGb: 0.25,
      lowMemory: false,
      modelFolders: ['/a', '/b c'],
      threads: 4,
    });
  });
});
