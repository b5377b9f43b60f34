/** docs/tutorial.md, click by click, in a fresh profile: up to the download, which a server of this machine would answer. */
import path from 'node:path';
import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { FileServer } from '../support/fileServer';
import { writeDiffusersFolder, writeSingleFile } from '../support/smallModels';
import { environment } from './support/environment';
import { type Server, startServer } from './support/server';
import { eventually, Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

const RUN_MS = 180_000;
let hub: FileServer;
let server: Server;
let workbench: Workbench;
const workspace = new Workspace('tutorial');
/** A folder as ComfyUI has it, outside the workspace. */
const models = fs.mkdtempSync(path.join(environment.scratch(), 'models-'));
const tutorial = workspace.readRoot('docs/tutorial.md');

beforeAll(async () => {
  hub = await FileServer.start();
  writeSingleFile(path.join(models, 'checkpoints/Shared Model.safetensors'), 'tiny', { precision: 'F16' });
  writeSingleFile(path.join(models, 'vae/sharp.safetensors'), 'tiny', { parts: ['vae'] });
  const settings = { 'weft.mirror': hub.url, 'weft.modelFolders': [models] };
  server = await startServer('tutorial-server', { trust: 'always', settings });
  workbench = await Workbench.open(server.url, workspace);
});
afterAll(async () => {
  await workbench?.close();
  await server?.stop();
  await hub?.stop();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

const part = (id: string) => workbench.studio.getByTestId(id);
const stateOf = (node: string) => part(`status-${node}`).getAttribute('data-state');
const select = (node: string) => workbench.node(node).locator('.node-header').click();
const result = 'weft-out/giraffe-zebra.png';
const ended = () => expect.poll(() => stateOf('save'), { timeout: RUN_MS, interval: 50 }).toMatch(/^(done|cached)$/);
const pane = () =>
  workbench.page.locator('.pane', { has: workbench.page.locator('.pane-header', { hasText: 'Checkpoints' }) });
/** The words between stars and in bold are what the tutorial tells to click: they are there under that name. */
const named = (words: string) => {
  expect(tutorial).toContain(words);
  return words.replace(/^\W+|\W+$/g, '');
};

test('run the example', { timeout: RUN_MS * 2 }, async () => {
  await workbench.openStudio('giraffe-zebra.weft.json');
  expect(workspace.exists(result)).toBe(false);
  const run = part('run');
  expect(await run.innerText()).toContain(named('**Run**'));
  await run.click();
  // The image as it forms, before the run is done.
  await workbench.node('denoise').locator('img').first().waitFor({ timeout: RUN_MS });
  await ended();
  expect(workspace.exists(result)).toBe(true);
  expect(tutorial).toContain(`\`${result}\``);
});

test('change a number', { timeout: RUN_MS * 2 }, async () => {
  await select('swap');
  const contrast = part('param-contrast');
  expect(await contrast.locator('label').first().innerText()).toBe(named('*Contrast*'));
  const field = contrast.locator('input[type=number]').first();
  await field.fill('2');
  await field.press('Enter');
  const before = fs.statSync(workspace.path(result)).mtimeMs;
  await part('run').click();
  await eventually(
    () => fs.statSync(workspace.path(result)).mtimeMs > before,
    'the result was not written anew',
    RUN_MS,
  );
  await ended();
  const states: Record<string, string[]> = {};
  const ids = Object.keys((JSON.parse(workspace.read('giraffe-zebra.weft.json')) as { nodes: object }).nodes);
  for (const id of ids) {
    const state = (await part(`status-${id}`).count()) > 0 ? await stateOf(id) : null;
    (states[state ?? 'none'] ??= []).push(id);
  }
  expect(states['done']?.sort()).toEqual(['denoise', 'save']);
});

test('see why', { timeout: RUN_MS }, async () => {
  await select('denoise');
  await workbench.page.keyboard.press('i');
  await part('inspect-output').waitFor();
  await part('inspect-output').hover({ position: { x: 60, y: 40 } });
  await expect.poll(() => part('inspect-heat-source').getAttribute('data-shown')).toBe('true');
  await workbench.page.keyboard.press('Escape');
  await part('inspect-output').waitFor({ state: 'detached' });
  await workbench.node('denoise').waitFor();
});

test('two photographs, up to the download', { timeout: RUN_MS }, async () => {
  await workbench.page.locator('.activitybar .action-label[aria-label^="Weft"]').first().click();
  await pane().locator('.monaco-list-row', { hasText: 'Mini' }).first().waitFor({ timeout: 60_000 });
  await pane().hover();
  await pane().locator('.pane-header .action-label[aria-label*="Download Checkpoint"]').click();
  const first = workbench.page.locator('.quick-input-list .monaco-list-row').first();
  await first.waitFor({ timeout: 60_000 });
  expect(await first.innerText()).toContain(named('*Stable Diffusion 1.5*'));
  expect(await first.innerText()).toMatch(/2\.1\d* GB/);
  await workbench.take();
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  await dialog.getByRole('button', { name: named('*Accept and Download*'), exact: true }).waitFor();
  await workbench.screenshot('tutorial-licence');
  await dialog.getByRole('button', { name: 'Cancel', exact: true }).click();
  expect(hub.asked).toEqual([]);

  await workbench.command('View: Show Explorer');
  await workbench.expand('images');
  await workbench.select('cow.png', 'dog.png');
  await workbench.file('dog.png').click({ button: 'right' });
  await workbench.choose(named('**Transfer Appearance with Weft…**').replace('…', ''));
  await workbench.pick('Weft: Structure', 'cow.png');
  await workbench.pick('Weft: Checkpoint', 'Mini');
  await workbench.pick('Weft: Domain', 'animal');
  const done = workbench.notification(/is done in/);
  await done.waitFor({ timeout: RUN_MS });
  expect(await done.innerText()).toContain(named('**Open Graph**'));
  expect(fs.readdirSync(workspace.path('weft-out')).some((name) => /cow.*dog|dog.*cow/.test(name))).toBe(true);
});

test('an image that mini does not know is told before the run', { timeout: RUN_MS * 2 }, async () => {
  fs.copyFileSync(
    path.join(environment.root(), 'test', 'fixtures', 'photographs', 'cat.jpg'),
    workspace.path('cat.jpg'),
  );
  workspace.write(
    'photo.weft.json',
    workspace.read('giraffe-zebra.weft.json').replace('images/giraffe.png', 'cat.jpg'),
  );
  await workbench.openStudio('photo.weft.json');
  const dialog = workbench.page.locator('.monaco-dialog-box');
  const choose = (name: string) => dialog.getByRole('button', { name, exact: true }).click();
  await part('run').click();
  await dialog.waitFor({ timeout: RUN_MS });
  expect(await dialog.innerText()).toContain('does not look like what Mini');
  await workbench.screenshot('unfit-image');
  await choose('Use an Example Pair');
  await workbench.tab('Weft Examples').waitFor();
  await workbench.openStudio('photo.weft.json');
  await part('run').click();
  await choose('Download a Photo Model (2.1 GB)');
  await workbench.page
    .locator('.quick-input-list .monaco-list-row', { hasText: 'Stable Diffusion 1.5' })
    .first()
    .waitFor();
  await workbench.dismiss();
  expect(hub.asked).toEqual([]);
  await part('run').click();
  await choose('Try Anyway');
  await ended();
  // The answer holds while the window is open.
  await part('run').click();
  await ended();
  expect(await dialog.count()).toBe(0);
});

test('the models of weft.modelFolders are in the view, and a VAE of them is chosen by its name', async () => {
  await workbench.clearNotifications();
  await workbench.command('Weft: Focus on Checkpoints View');
  const row = (text: string | RegExp) => pane().locator('.monaco-list-row', { hasText: text }).first();
  await row(/^Shared Model/).waitFor();
  await row(/^sharp.*VAE/).waitFor();
  await workbench.screenshot('model-folders');
  await workbench.openStudio('giraffe-zebra.weft.json');
  await select('model');
  await part('param-vae').getByTestId('pick-file').click();
  await workbench.pick('Choose a file (VAE) for model', 'sharp');
  await expect.poll(() => part('param-vae').locator('input').inputValue()).toMatch(/vae\/sharp\.safetensors$/);
});

test('a diffusers folder is added by dropping it on the view', { timeout: RUN_MS }, async () => {
  writeDiffusersFolder(workspace.path('tiny-diffusers'), 'tiny', { precision: 'F16' });
  await workbench.clearNotifications();
  await workbench.command('Weft: Focus on Checkpoints View');
  await workbench.command('View: Move View');
  const asked = workbench.page.locator('.quick-input-titlebar', { hasText: /Move (View|Checkpoints)/ });
  await asked.waitFor();
  if (/Move View/.test(await asked.innerText())) await workbench.pick('Move View', 'Checkpoints');
  await workbench.pick('Move Checkpoints', 'New Secondary Side Bar Entry');
  await workbench.command('View: Show Explorer');
  await workbench.file('tiny-diffusers').waitFor();
  const mini = pane().locator('.monaco-list-row', { hasText: 'Mini' }).first();
  await workbench.dragFromExplorer('tiny-diffusers', mini);
  await workbench.notification(/choose "tiny-diffusers"/).waitFor({ timeout: RUN_MS });
  await pane()
    .locator('.monaco-list-row', { hasText: /^tiny-diffusers/ })
    .first()
    .waitFor();
  // Nothing was written into the folder.
  expect(fs.readdirSync(workspace.path('tiny-diffusers')).sort()).toEqual(['text_encoder', 'unet', 'vae']);
});
