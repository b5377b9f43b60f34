/** The first ten minutes of somebody who has just installed Weft: an empty profile, no folder, nothing learnt yet. */
import fs from 'node:fs';
import path from 'node:path';
import { type FrameLocator, type Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findingsOfCopy } from './support/axe';
import { type Server, startServer } from './support/server';
import { fileName, THEMES } from './support/themes';
import { Workbench } from './support/workbench';

const RUN_MS = 180_000;
let server: Server;
let workbench: Workbench;

beforeAll(async () => {
  // Trust is as VS Code has it: nobody trusted anything yet.
  server = await startServer('first-server', { trust: 'ask' });
  workbench = await Workbench.openEmpty(server.url);
});
afterAll(async () => {
  await workbench?.close();
  await server?.stop();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

const copy = (name: string): string => path.join(server.home, 'weft-examples', name);
const walkthrough = (): Locator => workbench.page.locator('.gettingStartedContainer');
const step = (title: string): Locator => walkthrough().locator('.getting-started-step', { hasText: title });
const ticked = (title: string): Locator => step(title).locator('[role=checkbox][aria-checked="true"]');

test('from an empty profile, two clicks run an example', { timeout: RUN_MS * 2 }, async () => {
  await workbench.page.locator('.activitybar .action-label[aria-label^="Weft"]').first().click();
  const run = workbench.page.getByRole('button', { name: 'Run Example' }).first();
  await run.waitFor();
  await workbench.screenshot('first-view');
  await run.click();
  await workbench.tab('giraffe-zebra.weft.json').waitFor({ timeout: 60_000 });
  const state = workbench.studio.getByTestId('status-save');
  await expect.poll(() => state.getAttribute('data-state'), { timeout: RUN_MS }).toBe('done');
  expect(fs.existsSync(copy('weft-out/giraffe-zebra.png'))).toBe(true);
  await workbench.notification(/The example is in .*weft-examples/).waitFor();
  await workbench.screenshot('first-example');
  await workbench.clearNotifications();
});

test('the walkthrough ticks what was done, and nothing that was cancelled', { timeout: RUN_MS }, async () => {
  await workbench.closeAll();
  await workbench.command('Weft: Open Walkthrough');
  await walkthrough().getByText('Your first transfer with Weft').first().waitFor();
  await ticked('Run an example').waitFor();
  await step('Choose two images').click();
  const begin = walkthrough().getByRole('button', { name: 'Transfer Appearance' });
  await begin.click();
  await workbench.page.locator('.quick-input-titlebar', { hasText: 'Weft: Structure' }).waitFor();
  await workbench.page.keyboard.press('Escape');
  await workbench.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  await step('Add a checkpoint').click();
  await walkthrough().getByRole('button', { name: 'Download Checkpoint' }).click();
  await workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Stable Diffusion' }).first().waitFor();
  await workbench.page.keyboard.press('Escape');
  await workbench.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  for (const title of ['Choose two images', 'See how it works', 'Add a checkpoint'])
    expect(await ticked(title).count()).toBe(0);
  await workbench.screenshot('walkthrough');
  await step('See how it works').click();
});

test('all examples are there to choose from, with their results', { timeout: RUN_MS }, async () => {
  await workbench.closeAll();
  await workbench.command('Weft: Open Example');
  const gallery: FrameLocator = workbench.studio;
  const card = (title: string): Locator => gallery.locator('a.card', { hasText: title });
  await card('Cake → berry cake').waitFor();
  expect(await gallery.locator('a.card').count()).toBe(7);
  const images = gallery.locator('a.card img');
  await expect
    .poll(() => images.evaluateAll((all) => all.every((image) => (image as HTMLImageElement).naturalWidth > 0)))
    .toBe(true);
  for (const [theme] of THEMES) {
    await workbench.theme(theme);
    await workbench.screenshot(`examples-${fileName(theme)}`);
    expect(await findingsOfCopy(workbench)).toEqual([]);
  }
  // By the keyboard, too.
  await card('Cake → berry cake').focus();
  await workbench.page.keyboard.press('Enter');
  await workbench.tab('cake-berry-cake.weft.json').waitFor();
  await workbench.node('denoise').waitFor();
  expect(fs.existsSync(copy('cake-berry-cake.weft.json'))).toBe(true);
});
