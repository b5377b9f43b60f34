import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Locator } from 'playwright-core';
import { standardGraph, writeGraph } from '../../extension/graph';
import { FileServer } from '../support/fileServer';
import { fillHub, hubManifest, writeManifest } from '../support/hub';
import { writeReference } from '../support/referenceFolder';
import { writeSingleFile } from '../support/smallModels';
import { environment } from './support/environment';
import { type Server, startServer } from './support/server';
import { fileName } from './support/themes';
import { eventually, Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

/** On a busy machine an import or a run of the small checkpoint may take this long. */
const WORK_MS = 120_000;
let hub: FileServer;
let server: Server;
let workbench: Workbench;
const workspace = new Workspace('checkpoints');

beforeAll(async () => {
  hub = await FileServer.start();
  fillHub(hub);
  server = await startServer('checkpoints-server', { trust: 'always', settings: { 'weft.mirror': hub.url } });
  // The publisher can't be reached: only through the mirror is there a download.
  writeManifest(
    path.join(environment.scratch(), 'checkpoints-server', 'weft-home'),
    hubManifest('https://hub.invalid'),
  );
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

const pane = () =>
  workbench.page.locator('.pane', { has: workbench.page.locator('.pane-header', { hasText: 'Checkpoints' }) });
const row = (text: string | RegExp) => pane().locator('.monaco-list-row', { hasText: text }).first();
/** With a capital: the embedded checkpoint's title has the words too. */
const DRAWN = /Drawn animals/;
const dialog = () => workbench.page.locator('.monaco-dialog-box');
const press = (name: string) => dialog().getByRole('button', { name, exact: true }).click();
const act = async (text: string | RegExp, action: string) => {
  await row(text).hover();
  await row(text).locator(`.action-label[aria-label*="${action}"]`).first().click();
};

test('the view lists what there is, and nothing is downloaded before the licence is accepted', async () => {
  await workbench.command('Weft: Focus on Checkpoints View');
  await row('Mini (drawn pictures)').waitFor({ timeout: 60_000 });
  // What can be downloaded is a group of its own, closed at first.
  const group = row('Available downloads');
  await group.waitFor();
  expect(await row('DreamShaper 8').count()).toBe(0);
  await group.locator('.monaco-tl-twistie').click();
  await row(/DreamShaper 8.*2\.13 GB/).waitFor();
  for (const theme of ['Light Modern', 'Dark High Contrast', 'Dark Modern']) {
    await workbench.theme(theme);
    await workbench.screenshot(`downloads-${fileName(theme)}`);
  }
  await act('DreamShaper 8', 'Download Checkpoint');
  await dialog().waitFor();
  await press('Cancel');
  await group.locator('.monaco-tl-twistie').click();
  await workbench.command('Weft: Download Checkpoint');
  await workbench.row('DreamShaper 8').waitFor({ timeout: 60_000 });
  await workbench.screenshot('download-picker');
  await workbench.pick('Download Checkpoint', 'Drawn animals');
  await dialog().waitFor();
  expect(await dialog().innerText()).toMatch(/under the CreativeML Open RAIL-M[\s\S]*You must not use it to harm/);
  await workbench.screenshot('licence');
  await press('Cancel');
  expect(hub.asked).toEqual([]);
});

test('a graph that names a checkpoint which can be downloaded offers that, as a quick fix and after its run', async () => {
  workspace.write(
    'lacking.weft.json',
    workspace
      .read('quick.weft.json')
      .replace('"type": "checkpoint"', '"type": "checkpoint", "params": { "id": "drawn" }'),
  );
  await workbench.openStudio('lacking.weft.json');
  await workbench.command('Problems: Focus on Problems View');
  const problem = workbench.page.locator('.markers-panel .monaco-list-row', { hasText: 'no checkpoint "drawn"' });
  await problem.click();
  await problem.locator('.markers-panel-action-quickfix:not(.disabled)').waitFor();
  await workbench.page.keyboard.press('Control+.');
  await workbench.page.locator('.monaco-menu .action-item', { hasText: 'Download Drawn animals (' }).waitFor();
  await workbench.screenshot('download-fix');
  await workbench.choose('Download Drawn animals (');
  await dialog().waitFor();
  await press('Cancel');
  await workbench.command('View: Hide Panel');

  await workbench.studio.getByTestId('run').click();
  const offer = workbench.notification('The graph needs Drawn animals');
  await offer.waitFor({ timeout: WORK_MS });
  await workbench.screenshot('download-after-run');
  await offer.getByRole('button', { name: /^Download Drawn animals/ }).click();
  await dialog().waitFor();
  await press('Cancel');
  await workbench.clearNotifications();
  expect(hub.asked).toEqual([]);
});

test('a download shows how far it is, and ends in the view', { timeout: WORK_MS * 2 }, async () => {
  hub.mischief = ({ url }) => (url.endsWith('unet/model.onnx') ? { rate: 700_000 } : undefined);
  await workbench.command('Weft: Download Checkpoint');
  await workbench.pick('Download Checkpoint', 'Drawn animals');
  await press('Accept and Download');
  const notification = workbench.notification(/downloading Drawn animals/);
  await notification.waitFor();
  await expect.poll(() => notification.innerText(), { timeout: WORK_MS }).toMatch(/\d+ % of \d+\.\d MB, .* left/);
  await expect.poll(() => row(DRAWN).innerText(), { timeout: WORK_MS }).toMatch(/drawn · 128²/);
  await workbench.screenshot('downloaded');
});

test('a graph runs with it', { timeout: WORK_MS * 2 }, async () => {
  const graph = workspace
    .read('quick.weft.json')
    .replace('"type": "checkpoint"', '"type": "checkpoint", "params": { "id": "drawn" }');
  workspace.write('drawn.weft.json', graph.replace('quick.png', 'drawn.png').replace('"steps": 80', '"steps": 14'));
  await workbench.openStudio('drawn.weft.json');
  await workbench.studio.getByTestId('run').click();
  await eventually(() => workspace.exists('weft-out/drawn.png'), 'the run wrote no picture', WORK_MS);
  // The file may be there before the page has heard of it.
  const state = () => workbench.studio.getByTestId('status-denoise').getAttribute('data-state');
  await expect.poll(state, { timeout: WORK_MS }).toBe('done');
});

test('removing asks, says what it frees, and the download can be made again', { timeout: WORK_MS }, async () => {
  await workbench.command('Weft: Focus on Checkpoints View');
  await act(DRAWN, 'Remove Checkpoint');
  await dialog().waitFor();
  expect(await dialog().innerText()).toMatch(/Remove Drawn animals[\s\S]*frees \d+\.\d MB/);
  await press('Remove');
  await workbench.notification(/Drawn animals was removed/).waitFor();
  await expect.poll(() => row(DRAWN).count()).toBe(0);
  await row('Mini (drawn pictures)').waitFor();
});

test('a paused download is kept until it is discarded', { timeout: WORK_MS * 2 }, async () => {
  hub.mischief = ({ url }) => (url.endsWith('unet/model.onnx') ? { rate: 300_000 } : undefined);
  await workbench.command('Weft: Download Checkpoint');
  await workbench.pick('Download Checkpoint', 'Drawn animals');
  await press('Accept and Download');
  await expect.poll(() => row(DRAWN).innerText(), { timeout: WORK_MS }).toMatch(/[1-9]\d? % of/);
  await act(DRAWN, 'Pause');
  await workbench.notification(/paused at \d+ %/).waitFor();
  await expect.poll(() => row(DRAWN).innerText()).toMatch(/paused/i);
  const downloads = path.join(server.weftHome, 'downloads', 'drawn');
  expect(fs.existsSync(downloads)).toBe(true);
  await workbench.screenshot('download-paused');

  await workbench.clearNotifications();
  await row(DRAWN).click({ button: 'right' });
  await workbench.choose('Discard');
  await dialog().waitFor();
  expect(await dialog().innerText()).toMatch(
    /Discard the partial download of Drawn animals\?[\s\S]*This frees [\d.]+ MB/,
  );
  await workbench.screenshot('download-discard');
  await press('Discard');
  await expect.poll(() => row(DRAWN).count()).toBe(0);
  expect(fs.existsSync(downloads)).toBe(false);
  hub.mischief = () => undefined;
});

test('the files of a checkpoint are added by the command', { timeout: WORK_MS * 2 }, async () => {
  writeReference(workspace.path('loose'), true);
  await workbench.command('Weft: Add Checkpoint…');
  // The dialog writes the folder that it opens with into its field: what is typed before is lost in it.
  await expect.poll(() => workbench.palette.inputValue()).toContain(workspace.folder);
  await workbench.palette.fill(workspace.path('loose/unet.onnx'));
  await workbench.screenshot('add-files');
  await workbench.take();
  await workbench.notification(/loose is ready|choose "loose"/).waitFor({ timeout: WORK_MS });
  await row(/^loose/).waitFor();
  await workbench.screenshot('files-added');
});

test('a folder is added by dragging it from the Explorer onto the view', { timeout: WORK_MS * 2 }, async () => {
  writeReference(workspace.path('dragged'));
  await workbench.clearNotifications();
  // In one side bar, Explorer and view take each other's place.
  await workbench.command('Weft: Focus on Checkpoints View');
  await workbench.command('View: Move View');
  // It asks which, unless VS Code still knows what had the focus before the palette.
  const asked = workbench.page.locator('.quick-input-titlebar', { hasText: /Move (View|Checkpoints)/ });
  await asked.waitFor();
  if (/Move View/.test(await asked.innerText())) await workbench.pick('Move View', 'Checkpoints');
  await workbench.pick('Move Checkpoints', 'New Secondary Side Bar Entry');
  await workbench.command('View: Show Explorer');
  await workbench.file('dragged').waitFor();
  await workbench.dragFromExplorer('dragged', row('Mini (drawn pictures)'));
  await workbench.notification(/dragged is ready|choose "dragged"/).waitFor({ timeout: WORK_MS });
  await row(/^dragged/).waitFor();
  await workbench.screenshot('folder-dragged');
});

test(
  'a .safetensors file is dropped on the view, used, and removed; it stays as it was',
  {
    timeout: WORK_MS * 3,
  },
  async () => {
    const file = writeSingleFile(workspace.path('Small Model.safetensors'), 'tiny', { precision: 'F16' });
    const stamp = () => {
      const { size, mtimeMs, ctimeMs, ino, nlink } = fs.statSync(file);
      return { size, mtimeMs, ctimeMs, ino, nlink };
    };
    const before = stamp();
    await workbench.clearNotifications();
    await workbench.file('Small Model.safetensors').waitFor();
    await workbench.dragFromExplorer('Small Model.safetensors', row('Mini (drawn pictures)'));
    await workbench.notification(/choose "small-model"/).waitFor({ timeout: WORK_MS });
    await row(/^Small Model/).waitFor();
    await workbench.screenshot('safetensors-dropped');
    expect(stamp()).toEqual(before);

    const pictures = { structure: 'images/giraffe.png', appearance: 'images/zebra.png', domain: 'animal' };
    const size = { width: 64, height: 64, steps: 5, skip: 1 };
    workspace.write('small.weft.json', writeGraph(standardGraph({ ...pictures, ...size, checkpoint: 'small-model' })));
    await workbench.openStudio('small.weft.json');
    await workbench.studio.getByTestId('run').click();
    const state = () => workbench.studio.getByTestId('status-save').getAttribute('data-state');
    await expect.poll(state, { timeout: WORK_MS, interval: 100 }).toBe('done');

    await workbench.clearNotifications();
    await workbench.command('View: Reset View Locations');
    await workbench.command('Weft: Focus on Checkpoints View');
    await row(/^Small Model/).waitFor();
    await act(/^Small Model/, 'Remove Checkpoint');
    await dialog().waitFor();
    expect(await dialog().innerText()).toMatch(/does not change .*Small Model\.safetensors/);
    await workbench.screenshot('safetensors-remove');
    await press('Remove');
    await expect.poll(() => row(/^Small Model/).count()).toBe(0);
    expect(stamp()).toEqual(before);
  },
);

test('a tall picture is tall in the inspector and in the mask', { timeout: WORK_MS * 2 }, async () => {
  const pictures = { structure: 'images/giraffe.png', appearance: 'images/zebra.png', domain: 'dog' };
  const size = { width: 64, height: 192, steps: 5, skip: 1 };
  workspace.write('tall.weft.json', writeGraph(standardGraph({ ...pictures, ...size, checkpoint: 'dragged' })));
  await workbench.openStudio('tall.weft.json');
  const part = (id: string) => workbench.studio.getByTestId(id);
  const select = (node: string) => workbench.node(node).locator('.node-header').click();
  /** Height over width as shown. */
  const tallness = async (locator: Locator) => {
    const { width, height } = (await locator.boundingBox())!;
    return height / width;
  };
  await part('run').click();
  await expect
    .poll(() => part('status-save').getAttribute('data-state'), { timeout: WORK_MS, interval: 100 })
    .toBe('done');
  await select('denoise');
  await workbench.screenshot('tall-graph');

  await part('inspect-open').click();
  await part('inspect-source').locator('img').waitFor();
  const output = (await part('inspect-output').boundingBox())!;
  await part('inspect-output').click({ position: { x: output.width / 2, y: output.height * 0.9 } });
  await expect.poll(() => part('inspect-heat-source').getAttribute('data-shown')).toBe('true');
  await workbench.screenshot('tall-inspector');
  for (const id of ['inspect-output', 'inspect-source', 'inspect-heat-source'])
    expect(await tallness(part(id)), id).toBeCloseTo(3, 0);
  await part('inspect-close').click();

  await select('mask-structure');
  await part('mask-open').click();
  await part('mask-pane').waitFor();
  await workbench.screenshot('tall-mask');
  expect(await tallness(part('mask-pane'))).toBeCloseTo(3, 0);
  await part('mask-paint').click();
  const mask = (await part('mask-pane').boundingBox())!;
  await workbench.page.mouse.move(mask.x + mask.width * 0.2, mask.y + mask.height * 0.98);
  await workbench.page.mouse.down();
  await workbench.page.mouse.move(mask.x + mask.width * 0.8, mask.y + mask.height * 0.98, { steps: 4 });
  await workbench.page.mouse.up();
  await expect.poll(() => part('mask-sentence').innerText()).toMatch(/\d+ of 192 cells are corrected/);
  await workbench.screenshot('tall-mask-painted');
});

test(
  'Show Devices says what there is, why something is not, and sets the provider',
  { timeout: WORK_MS * 2 },
  async () => {
    await workbench.clearNotifications();
    await workbench.command('Weft: Show Devices');
    const list = workbench.page.locator('.quick-input-list');
    await workbench.row(/cpu/).waitFor({ timeout: WORK_MS });
    await workbench.screenshot('devices');
    const text = await list.innerText();
    expect(text).toMatch(/auto\s*now cpu/);
    expect(text).toMatch(/The processor \(.*\), with \d+ threads: always works/);
    // Whatever the machine has, a device that can't be used says so in a sentence.
    expect(text).toMatch(/webgpu[\s\S]*(works|not installed|No Vulkan driver|No graphics card)/);
    expect(text).toContain('Probe Again');
    // A page that takes the focus late, or a look at another place, does not close the question.
    await workbench.page.locator('.part.editor').click({ force: true });
    await workbench.pick('Weft: Devices', 'cpu');
    const written = ['User', 'Machine'].map((scope) =>
      path.join(environment.scratch(), 'checkpoints-server', 'ud', scope, 'settings.json'),
    );
    await eventually(
      () => written.some((file) => /"weft\.provider": "cpu"/.test(fs.readFileSync(file, 'utf8'))),
      'the setting was not written',
    );
  },
);
