/** `weft models scan`, as a shell sees it; dist/ is built. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeSingleFile } from '../../support/smallModels';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-scan-')));
const models = path.join(root, 'models');
beforeAll(() => {
  writeSingleFile(path.join(models, 'Stable-diffusion/My Model.safetensors'), 'tiny', { precision: 'F16' });
  writeSingleFile(path.join(models, 'VAE/sharp.safetensors'), 'tiny', { parts: ['vae'] });
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const weft = (...args: string[]) =>
  spawnSync(process.execPath, [path.resolve('dist', 'weft.js'), 'models', ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, WEFT_HOME: path.join(root, 'home') },
  });

it('lists a folder, which is known from then on, until it is forgotten', () => {
  const scan = weft('scan', 'models');
  expect(scan.stdout).toMatch(/^checkpoint\tmy-model\tfp16 · .* MB\t.*My Model\.safetensors$/m);
  expect(scan.stdout).toMatch(/^vae\t\tfp32 · .*\t.*sharp\.safetensors$/m);
  expect(scan.stderr).toMatch(/1 checkpoint, 1 VAE, 0 LoRAs in .*models\n.*--checkpoint my-model/);
  expect(weft('list').stdout).toMatch(
    /^my-model\tMy Model\t512² · fp16 · .* · prepared at its first use, from .*My Model/m,
  );
  expect(weft('scan').stdout).toBe(scan.stdout);
  const removed = weft('remove', 'my-model', '--yes');
  expect([removed.status, removed.stderr]).toEqual([3, expect.stringContaining('nothing of it to remove')]);
  expect(weft('scan', '--forget', 'models').stderr).toContain('is no model folder any more');
  expect(weft('list').stdout).not.toContain('my-model');
  const none = weft('scan', 'nowhere');
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('nowhere is no folder')]);
});
