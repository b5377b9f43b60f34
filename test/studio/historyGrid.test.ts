/** Past results in a real workbench: as a grid of images, and beside the present one. */
import fs from 'node:fs';
import { expect, test } from 'vitest';
import { findings, findingsOfCopy } from './support/axe';
import { fileName, THEMES } from './support/themes';
import { eventually } from './support/workbench';
import { inWorkbench, part, RUN_MS, workbench } from './support/workbenchTest';

const workspace = inWorkbench('history-grid');
// Seeds that no other file runs: an image from the cache does not say how long one takes.
const LABEL = 'seed 7107 → 7108';

const historyPane = () =>
  workbench.page.locator('.pane', { has: workbench.page.locator('.pane-header', { hasText: 'Run History' }) });
const card = (label: string) => workbench.studio.locator('.card', { hasText: label }).first();

async function run(seed: number): Promise<void> {
  workspace.write('quick.weft.json', workspace.read('quick.weft.json').replace(/"seed": \d+/, `"seed": ${seed}`));
  await workbench.openStudio('quick.weft.json');
  await part('run').click();
  await expect.poll(() => part('run-state').innerText(), { timeout: RUN_MS }).toMatch(/^Done/);
}

test('the grid shows what each run made and says what changed; a click opens it', { timeout: RUN_MS * 3 }, async () => {
  await workbench.command('View: Show Weft');
  await run(7107);
  await workbench.command('View: Close All Editors');
  await run(7108);
  await workbench.command('View: Close All Editors');
  const rows = historyPane().locator('.monaco-list-row');
  await rows.filter({ hasText: LABEL }).waitFor();
  // What the runs took is what an image takes.
  const checkpoints = workbench.page.locator('.pane', {
    has: workbench.page.locator('.pane-header', { hasText: 'Checkpoints' }),
  });
  await checkpoints
    .locator('.monaco-list-row', { hasText: /mini · about \d.* s an image/ })
    .first()
    .waitFor();
  await historyPane().hover();
  await historyPane().locator('.action-label[aria-label*="Show Run History as Grid"]').click();
  await card(LABEL).waitFor();
  const image = card(LABEL).locator('img');
  await expect.poll(() => image.evaluate((shown: HTMLImageElement) => shown.naturalWidth)).toBeGreaterThan(0);
  for (const [theme] of THEMES) {
    await workbench.theme(theme);
    await workbench.screenshot(`history-grid-${fileName(theme)}`);
    expect(await findingsOfCopy(workbench)).toEqual([]);
  }
  await workbench.theme('Light Modern');
  // By keyboard: the first card is the newest run's.
  await card(LABEL).focus();
  await workbench.page.keyboard.press('Enter');
  await workbench.tab('quick.png').waitFor();
  await workbench.command('View: Close All Editors');
});

test('a past result is compared with the present one in the studio', { timeout: RUN_MS * 2 }, async () => {
  await run(7109);
  await workbench.command('View: Close All Editors');
  await workbench.command('Weft: Show Run History as Grid');
  await workbench.studio.locator('li', { hasText: LABEL }).getByText('Compare in Studio').click();
  await part('stage-picture').waitFor();
  await expect
    .poll(() => part('stage-mean').innerText())
    .toMatch(/^Mean difference between seed 7107 → 7108 and Now: (?!0\.0 )/);
  await workbench.screenshot('history-compared');
  expect(await findings(workbench)).toEqual([]);
  await workbench.command('View: Close All Editors');
  // From the list, by its menu; the graph's file is gone: another studio takes the result.
  fs.renameSync(workspace.path('quick.weft.json'), workspace.path('renamed.weft.json'));
  await workbench.openStudio('renamed.weft.json');
  await historyPane().locator('.monaco-list-row', { hasText: LABEL }).first().click({ button: 'right' });
  await workbench.choose('Compare in Studio');
  await workbench.studio.getByText(`Run the graph to compare its image with: ${LABEL}`).waitFor();
});

test('a run that ends leaves the grid where it was scrolled to', { timeout: RUN_MS * 2 }, async () => {
  await workbench.command('View: Close All Editors');
  await workbench.openStudio('renamed.weft.json');
  await workbench.command('Weft: Show Run History as Grid');
  await workbench.studio.locator('.card').first().waitFor();
  await workbench.command('View: Move Editor into Right Group');
  const showing = (what: string) =>
    eventually(async () => {
      for (const page of [workbench.studioAt(0), workbench.studioAt(1)])
        if ((await page.locator(what).count()) > 0) return page;
      return undefined;
    }, `${what} does not show.`);
  const [studio, grid] = [await showing('.react-flow__node'), await showing('.card')];
  const before = await grid.locator('.card').count();
  const { page } = workbench;
  const size = page.viewportSize()!;
  // Low enough for the first row to be scrolled away.
  await page.setViewportSize({ width: size.width, height: 480 });
  const scrolled = () => grid.locator('html').evaluate(() => window.scrollY);
  await grid.locator('html').evaluate(() => window.scrollTo(0, 150));
  await expect.poll(scrolled).toBe(150);
  await studio.getByTestId('run').click();
  await expect.poll(() => grid.locator('.card').count(), { timeout: RUN_MS }).toBe(before + 1);
  await expect.poll(scrolled).toBe(150);
  await page.setViewportSize(size);
});
