/** The manifests of docs/sweeps.md are what a cluster is given: they must say what they mean. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parseShard } from '../../../extension/cli/sweep';
import { root } from '../../support/mini';

const text = fs.readFileSync(path.join(root, 'docs', 'sweeps.md'), 'utf8');
const block = (language: string): string => new RegExp('```' + language + '\n([^]*?)```').exec(text)![1]!;

/** Runs a script whose `npx` prints its arguments. */
function argumentsOf(script: string, env: Record<string, string>): string[] {
  const { stdout, stderr, status } = spawnSync(
    'bash',
    ['-c', `npx() { printf '%s\\n' "$@"; }; exec() { "$@"; }; ${script}`],
    {
      encoding: 'utf8',
      env: { PATH: process.env.PATH!, HOME: os.tmpdir(), ...env },
    },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.trim().split('\n');
}

it('the Slurm script gives each task its shard', () => {
  const args = argumentsOf(block('bash'), { SLURM_ARRAY_TASK_ID: '3', SLURM_SUBMIT_DIR: root });
  expect(args.slice(0, 3)).toEqual(['weft', 'sweep', 'grid.weft.json']);
  expect(parseShard(args[args.indexOf('--shard') + 1]!)).toEqual({ index: 3, count: 4 });
  expect(args).toContain('appearance.path=looks/*.png');
});

it('the Kubernetes Job is indexed, and its last pod has the last shard', () => {
  const yaml = block('yaml');
  expect(yaml).toMatch(/completionMode: Indexed\n {2}completions: 4\n/);
  const script = /- >-\n((?: {14}.*\n)+)/.exec(yaml)![1]!.replace(/\s*\n\s*/g, ' ');
  const args = argumentsOf(script.trim(), {
    JOB_COMPLETION_INDEX: '3',
    SHARDS: /SHARDS\n\s+value: "(\d+)"/.exec(yaml)![1]!,
  });
  expect(parseShard(args[args.indexOf('--shard') + 1]!)).toEqual({ index: 4, count: 4 });
  expect(args).toContain('structure.path=shapes/*.png');
});
