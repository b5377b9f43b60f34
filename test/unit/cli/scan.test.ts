/** `weft models scan`, as a shell sees it; dist/ is built. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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

const cli = (...args: string[]) =>
  spawnSync(process.execPath, [path.resolve('dist', 'weft.js'), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, WEFT_HOME: path.join(root, 'home') },
  });
const weft = (...args: string[]) => cli('models', ...args);

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
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('nowhere is not a folder')]);
});

it('a VAE of a model folder is used by its name, for a transfer and for a checkpoint that is added', () => {
  weft('scan', 'models');
  const from = (name: string) => path.resolve('examples', 'images', name);
  const transfer = (vae: string) =>
    cli(
      ...['transfer', '--structure', from('giraffe.png'), '--appearance', from('zebra.png'), '--domain', 'animal'],
      ...['--checkpoint', 'my-model', '--size', '64x64', '--steps', '4', '--skip', '1', '--no-masks'],
      ...['--vae', vae, '--out', path.join(root, 'out.png')],
    );
  const made = transfer('sharp');
  expect([made.status, made.stderr]).toEqual([0, expect.any(String)]);
  const report = JSON.parse(fs.readFileSync(path.join(root, 'out.run.json'), 'utf8')) as {
    checkpoint: { vae?: string };
  };
  expect(report.checkpoint.vae).toBe(
    createHash('sha256')
      .update(fs.readFileSync(path.join(models, 'VAE/sharp.safetensors')))
      .digest('hex'),
  );
  const file = path.join(models, 'Stable-diffusion/My Model.safetensors');
  const added = weft('add', file, '--id', 'sharper', '--vae', 'sharp.safetensors');
  expect([added.status, added.stdout.trim()]).toEqual([0, 'sharper']);
  expect(weft('show', 'sharper').stdout).toMatch(/^weights {6}.*VAE\/sharp\.safetensors, used where it is$/m);
  const unknown = transfer('sharpe');
  expect([unknown.status, unknown.stderr]).toEqual([
    2,
    expect.stringContaining(
      '--vae sharpe: there is no such file, and no VAE of that name in the model folders (they have sharp). Give the path of a .safetensors file.',
    ),
  ]);
});
