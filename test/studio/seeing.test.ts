/** Why a place looks as it does: the attention inspector, masks, sweeps and the sliders, used as a person uses them. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseGraph } from '../../extension/graph';
import { eventually } from './support/workbench';
import { inWorkbench, part, RUN_MS, workbench } from './support/workbenchTest';

const workspace = inWorkbench('seeing');
const text = (id: string) => part(id).innerText();
const attribute = (id: string, name: string) => part(id).getAttribute(name);
const finished = (node: string) =>
  expect
    .poll(() => attribute(`status-${node}`, 'data-state'), { timeout: RUN_MS, interval: 50 })
    .toMatch(/done|cached/);
const select = async (node: string) => {
  await workbench.node(node).locator('.node-header').click();
  await expect.poll(() => text('inspector-title')).toBe(node.replaceAll('-', ' '));
};
const paramsOf = (file: string, node: string) => parseGraph(workspace.read(file)).document?.nodes[node]?.params;

/** Puts the pointer on a place of a part, 0 … 1 of its width and height. */
async function point(id: string, x: number, y: number): Promise<void> {
  const box = await part(id).boundingBox();
  if (!box) throw new Error(`${id} does not show.`);
  await workbench.page.mouse.move(box.x + box.width * x, box.y + box.height * y, { steps: 3 });
}

/** The brightest place of a heat map that lies over a picture, 0 … 1 of width and height. */
const brightest = (id: string) =>
  part(id).evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
    let best = -1;
    let at = 0;
    for (let pixel = 0; pixel < width * height; pixel++) {
      const light = (data[4 * pixel]! + data[4 * pixel + 1]! + data[4 * pixel + 2]!) * data[4 * pixel + 3]!;
      if (light > best) [best, at] = [light, pixel];
    }
    return { x: (at % width) / width, y: Math.floor(at / width) / height };
  });

describe('the attention inspector', () => {
  test('points at a place and shows where it looks; a click pins it', { timeout: RUN_MS * 2 }, async () => {
    await workbench.openStudio('giraffe-zebra.weft.json');
    await part('run').click();
    await finished('denoise');
    await select('denoise');
    await part('inspect-open').click();
    await part('inspect-output').waitFor();
    await expect.poll(() => part('inspect-source').locator('img').count()).toBe(1);

    // The sky of the output comes from the sky of the appearance, its meadow from the meadow.
    await point('inspect-output', 0.9, 0.06);
    await expect.poll(() => attribute('inspect-heat-source', 'data-shown')).toBe('true');
    await expect.poll(async () => (await brightest('inspect-heat-source')).y).toBeLessThan(0.5);
    await point('inspect-output', 0.1, 0.95);
    await expect.poll(async () => (await brightest('inspect-heat-source')).y).toBeGreaterThan(0.6);
    await expect.poll(() => text('inspect-sentence')).toMatch(/ of its attention|attends/);

    // And the other way round.
    await point('inspect-source', 0.5, 0.5);
    await expect.poll(() => attribute('inspect-heat-output', 'data-shown')).toBe('true');
    await expect.poll(() => attribute('inspect-heat-source', 'data-shown')).toBe('false');

    // What is pinned stays when the pointer goes away; another step has another map.
    await point('inspect-output', 0.4, 0.55);
    await part('inspect-output').click({ position: await placeIn('inspect-output', 0.4, 0.55) });
    await workbench.page.mouse.move(4, 4);
    await expect.poll(() => text('inspect-sentence')).toMatch(/pin/i);
    await expect.poll(() => attribute('inspect-heat-source', 'data-shown')).toBe('true');
    await workbench.screenshot('inspector-pinned');

    await part('inspect-mode-map').click();
    await expect.poll(() => attribute('inspect-heat-output', 'data-shown')).toBe('true');
    await workbench.screenshot('inspector-correspondence');
    await part('inspect-mode-arrows').click();
    await workbench.studio.locator('.inspect-flow .arrow-line').first().waitFor();
    await part('inspect-mode-point').click();
    await part('inspect-close').click();
    await workbench.node('denoise').waitFor();
  });
});

const placeIn = async (id: string, x: number, y: number) => {
  const box = await part(id).boundingBox();
  return { x: (box?.width ?? 0) * x, y: (box?.height ?? 0) * y };
};

describe('a mask', () => {
  test(
    'is flipped and painted over; the correction is a file that the graph names and the run uses',
    {
      timeout: RUN_MS * 2,
    },
    async () => {
      await workbench.openStudio('giraffe-zebra.weft.json');
      await part('run').click();
      await finished('denoise');
      await select('mask-structure');
      await part('mask-open').click();
      await part('mask-pane').waitFor();
      const before = await text('mask-sentence');
      await part('mask-clusters').click();
      await workbench.screenshot('mask-clusters');
      // The sky in the corner is surroundings: a click puts its cluster in.
      await part('mask-cluster').click();
      await part('mask-pane').click({ position: await placeIn('mask-pane', 0.95, 0.05) });
      await expect.poll(() => text('mask-sentence')).toMatch(/cells are corrected.*Not saved yet/s);
      await part('mask-undo').click();
      await expect.poll(() => text('mask-sentence')).toBe(before);

      await part('mask-mask').click();
      await part('mask-paint').click();
      await point('mask-pane', 0.2, 0.9);
      await workbench.page.mouse.down();
      await point('mask-pane', 0.8, 0.9);
      await workbench.page.mouse.up();
      await expect.poll(() => text('mask-sentence')).toMatch(/(\d+) of 256 cells are corrected/);
      await workbench.screenshot('mask-painted');
      await part('mask-save').click();
      await expect.poll(() => text('mask-sentence')).toMatch(/Saved in /);
      const painted = await text('mask-sentence');
      await part('mask-run').click();
      await finished('denoise');
      await part('mask-close').click();
      const share = /covers (\d+) %/.exec(painted)?.[1];
      // The node on the canvas says what the run used.
      await workbench.node('mask-structure').locator(`img[alt="${share} % of the picture"]`).waitFor();
      await workbench.save();
      const override = String(paramsOf('giraffe-zebra.weft.json', 'mask-structure')?.['override']);
      expect(override).toMatch(/\.png$/);
      expect(fs.statSync(path.join(workspace.folder, override)).size).toBeLessThan(4096);
    },
  );
});

describe('a sweep', () => {
  test(
    'shows cells with their numbers as they finish, and each opens as its own graph',
    { timeout: RUN_MS * 2 },
    async () => {
      await workbench.openStudio('measured-sweep.weft.json');
      await part('run').click();
      await part('cell-settings-0-0').waitFor({ timeout: RUN_MS });
      await part('cell-settings-1-3').waitFor({ timeout: RUN_MS });
      await finished('settings');
      const sheet = part('sweep-settings');
      await expect.poll(() => sheet.innerText()).toMatch(/Structure\s+[01]\.\d{3}/);
      await expect.poll(() => sheet.locator('.cell-numbers').count()).toBe(8);
      await workbench.screenshot('sweep-cells');
      await part('cell-settings-0-2').click();
      await part('cell-as-graph').click();
      await workbench.tab('measured-sweep-1-3').waitFor();
      await workbench.node('swap').waitFor();
      await workbench.node('swap').locator('.node-header').click();
      await expect.poll(() => workbench.node('swap').textContent()).toMatch(/Contrast\s*2\.5/);
      // A cell is a graph without the sweep.
      expect(await workbench.node('settings').count()).toBe(0);
      await workbench.closeAll();
    },
  );
});

describe('Auto-run', () => {
  test('the image follows the slider while it moves, and nothing is written', { timeout: RUN_MS * 2 }, async () => {
    await workbench.openStudio('quick.weft.json');
    const text = workspace.read('quick.weft.json');
    const image = workbench.node('denoise').locator('.picture').first();
    const done = () =>
      expect.poll(() => part('run-state').innerText(), { timeout: RUN_MS, interval: 20 }).toMatch(/^Done/);
    await part('auto-run').click();
    expect(await part('auto-run').getAttribute('aria-pressed')).toBe('true');
    await done();
    await select('swap');
    const slider = part('slider-contrast');
    await slider.scrollIntoViewIfNeeded();
    const written = () => fs.statSync(workspace.path('weft-out/quick.png')).mtimeMs;
    const before = { image: await image.screenshot(), written: written() };
    const box = (await slider.boundingBox())!;
    const { mouse } = workbench.page;
    await mouse.move(box.x + box.width * 0.33, box.y + box.height / 2);
    await mouse.down();
    const from = Date.now();
    await mouse.move(box.x + box.width * 0.95, box.y + box.height / 2, { steps: 3 });
    await eventually(async () => !(await image.screenshot()).equals(before.image), 'the image does not follow');
    console.log(`Auto-run: the image changed ${Date.now() - from} ms after the slider moved`);
    await workbench.screenshot('auto-run');
    // The hand still holds the slider: the document is as it was.
    expect(await workbench.dirtyTab.count()).toBe(0);
    await mouse.up();
    await workbench.dirtyTab.waitFor();
    await done();
    expect(written()).toBe(before.written);
    await part('auto-run').click();
    // Once the inspector was scrolled, another selection begins at its top.
    const scrolled = () => workbench.studio.locator('.inspector-scroll').evaluate((element) => element.scrollTop);
    await workbench.studio.getByTestId('advanced').locator('summary').click();
    await workbench.studio.getByTestId('wires').locator('li').last().scrollIntoViewIfNeeded();
    expect(await scrolled()).toBeGreaterThan(0);
    await select('schedule');
    await expect.poll(scrolled).toBe(0);
    await workbench.page.keyboard.press('Control+Z');
    await workbench.dirtyTab.waitFor({ state: 'detached' });
    expect(workspace.read('quick.weft.json')).toBe(text);
  });
});

describe('the two sliders of an attention swap', () => {
  test('write its exact parameters, one step of undo each', { timeout: RUN_MS }, async () => {
    await workbench.openStudio('quick.weft.json');
    await select('swap');
    const slider = part('simple-appearance');
    await slider.focus();
    const before = await text('simple-appearance-value');
    await workbench.page.keyboard.press('Home');
    await expect.poll(() => text('simple-appearance-value')).toBe('0.00');
    await workbench.save();
    const written = paramsOf('quick.weft.json', 'swap');
    expect(written).toMatchObject({ higherRange: expect.anything() as unknown });
    await workbench.screenshot('sliders');
    await workbench.node('swap').locator('.node-header').click();
    await workbench.page.keyboard.press('Control+Z');
    await expect.poll(() => text('simple-appearance-value')).toBe(before);
    await eventually(
      async () => ((await workbench.dirtyTab.count()) > 0 ? true : undefined),
      'Undo did not reach the document.',
      10_000,
    );
    await workbench.page.keyboard.press('Control+S');
  });
});
