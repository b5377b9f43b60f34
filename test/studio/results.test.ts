/** Looking at results, in a real workbench: a node's image large, beside the result before it, and the timeline that drives it. */
import { expect, test } from 'vitest';
import { findings } from './support/axe';
import { inWorkbench, part, RUN_MS, workbench } from './support/workbenchTest';

inWorkbench('results', 'quick.weft.json');

const press = (key: string) => workbench.page.keyboard.press(key);
async function run(ends: RegExp): Promise<void> {
  await part('run').click();
  await expect.poll(() => part('run-state').innerText(), { timeout: RUN_MS }).toMatch(ends);
}

test('a draft and a final run are seen side by side, with their mean difference', { timeout: RUN_MS * 3 }, async () => {
  await part('draft').click();
  await run(/^Draft done/);
  await part('draft').click();
  await run(/^Done/);
  await workbench.node('denoise').locator('.picture').first().dblclick();
  await expect
    .poll(() => part('stage-mean').innerText())
    .toMatch(/^Mean difference between Draft and Final: \d+\.\d+ of 255/);
  for (const mode of ['flip', 'slider', 'difference']) {
    await part(`stage-mode-${mode}`).click();
    await workbench.screenshot(`stage-${mode}`);
  }
  await part('stage-against').selectOption({ label: 'Structure' });
  await expect.poll(() => part('stage-mean').innerText()).toMatch(/between Structure and Final: \d/);
  expect(await findings(workbench)).toEqual([]);
  await part('stage-copy').click();
  await workbench.studio.getByText('Copied the image.').first().waitFor();
  await press('Escape');
  await part('canvas').waitFor();
});

test('the save node shows its image, and the file that it wrote is in the Explorer', { timeout: RUN_MS }, async () => {
  await workbench.node('save').locator('.picture img').waitFor();
  await workbench.node('save').locator('.node-header').click();
  await press('v');
  await expect.poll(() => part('stage-where').innerText()).toMatch(/\d+ × \d+ · quick\.png$/);
  await part('stage-reveal').click();
  await workbench.page.locator('.explorer-folders-view .monaco-list-row.selected', { hasText: 'quick.png' }).waitFor();
  await part('stage-close').click();
  await part('canvas').waitFor();
});

test('scrubbing drives the image on the node and in the large view', { timeout: RUN_MS }, async () => {
  await workbench.node('denoise').locator('.node-header').click();
  await part('timeline-strip').press('Home');
  const step = /^Image of denoise, step 1$/;
  await workbench.node('denoise').getByRole('img', { name: step }).waitFor();
  await workbench.screenshot('scrub-canvas');
  await workbench.node('denoise').locator('.picture').first().dblclick();
  await part('stage-picture').getByRole('img', { name: step }).waitFor();
  await part('timeline-strip').press('ArrowRight');
  await part('stage-picture')
    .getByRole('img', { name: /^Image of denoise, step 2$/ })
    .waitFor();
  await workbench.screenshot('scrub-stage');
  await part('timeline-strip').press('End');
  await expect
    .poll(() =>
      part('stage-picture')
        .getByRole('img', { name: /, step/ })
        .count(),
    )
    .toBe(0);
  await part('stage-close').click();
});
