import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { split } from '../../bench/gpu/pack';
import { root } from '../../support/mini';

const program = path.join(root, 'test', 'bench', 'gpu', 'run.py');
const hasPython = spawnSync('python3', ['--version']).status === 0;

interface Result {
  measured: Record<string, Record<string, number>>;
  failures: string[];
}

/** The kit's second command, with programs in place of Node and PyTorch that say what they would measure. */
describe.runIf(hasPython)('the kit for a machine with a graphics card', () => {
  let folder: string;
  let work: string;
  beforeEach(() => {
    const all = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-kit-test-'));
    [folder, work] = [path.join(all, 'kit'), path.join(all, 'work')];
    const staged = path.join(all, 'staged');
    for (const each of [folder, staged]) fs.mkdirSync(each);
    const node = [
      '#!/bin/sh',
      'what=$2 home=$4 provider=$6',
      'if [ $what = step ] && [ $provider = cuda ]; then echo "No card was found." >&2; exit 1; fi',
      'echo "{\\"${what}Seen\\": 1, \\"plainRow\\": 0.25}"',
      // Two numbers of float32: 1 and 2; the other provider's second one is 0.
      "printf '\\000\\000\\200\\077' > $home/$what.$provider.f32",
      "if [ $provider = cpu ]; then printf '\\000\\000\\000\\100'; else printf '\\000\\000\\000\\000'; fi >> $home/$what.$provider.f32",
      'if [ $what = latents ]; then kill -9 $$; fi',
    ];
    fs.writeFileSync(path.join(staged, 'node'), node.join('\n'), { mode: 0o755 });
    fs.writeFileSync(path.join(staged, 'peer.py'), 'print(\'{"precision": "float16", "swappedStep": 0.5}\')\n');
    const archive = path.join(all, 'kit.tar.gz');
    spawnSync('tar', ['-czf', archive, '-C', staged, '.']);
    fs.copyFileSync(program, path.join(folder, 'run.py'));
    expect(split(archive, folder, 100).length).toBeGreaterThan(2);
  });
  afterEach(() => fs.rmSync(path.dirname(folder), { recursive: true, force: true }));

  const run = (): { status: number | null; stdout: string; stderr: string; result: Result } => {
    const python = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
    const args = [path.join(folder, 'run.py'), '--work', work];
    const { status, stdout, stderr } = spawnSync(python.stdout.trim(), args, { encoding: 'utf8', env: { PATH: '' } });
    const result = JSON.parse(fs.readFileSync(path.join(work, 'result.json'), 'utf8')) as Result;
    return { status, stdout, stderr, result };
  };

  test('it unpacks the pieces and measures; what fails is a sentence and stops nothing else', () => {
    const { status, stdout, result } = run();
    expect(status).toBe(0);
    expect(result.measured['cpu']).toMatchObject({ stepSeen: 1, latentsSeen: 1 });
    expect(result.measured['webgpu']).toMatchObject({ stepSeen: 1, transferSeen: 1, batchesSeen: 1 });
    expect(result.measured['webgpu']!['stepDifference']).toBeCloseTo(Math.sqrt(4 / 5));
    expect(result.failures).toContain('cuda, step: failed (exit code 1): No card was found.');
    expect(result.failures).toContain('webgpu, latents: failed (signal 9): it said nothing');
    expect(stdout).toContain('|  | `cpu` | `webgpu` | PyTorch float16 |');
    expect(stdout).toContain('| plain row | 0.25 s | 0.25 s | – |');
    expect(stdout).toContain('| swapped step | – | – | 0.5 s |');
  });

  test('a piece that was damaged on the way is named, and nothing is measured', () => {
    fs.appendFileSync(path.join(folder, 'kit.tar.gz.001'), 'x');
    const { status, result } = run();
    expect(status).toBe(1);
    expect(result.failures).toEqual(['The piece kit.tar.gz.001 is damaged. Copy it again.']);
    expect(result.measured).toEqual({});
  });

  test('a piece that is missing is named', () => {
    fs.rmSync(path.join(folder, 'kit.tar.gz.002'));
    expect(run().result.failures[0]).toMatch(/^The piece kit\.tar\.gz\.002 cannot be read: .* Copy it again\.$/);
  });
});
