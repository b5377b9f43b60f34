/** Turning the knobs, in a real workbench: what a person changes and compares without leaving the studio. */
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseGraph } from '../../extension/graph';
import { findings } from './support/axe';
import { inWorkbench, part, RUN_MS, workbench } from './support/workbenchTest';

const workspace = inWorkbench('knobs', 'quick.weft.json');
const select = async (node: string) => {
  await workbench.node(node).locator('.node-header').click();
  await expect.poll(() => part('inspector-title').innerText()).toBe(node.replaceAll('-', ' '));
};
const paramsOf = (file: string, node: string) => parseGraph(workspace.read(file)).document?.nodes[node]?.params ?? {};

describe('the inspector of an attention swap', () => {
  test('shows two sliders and contrast without scrolling, and the rest when asked', async () => {
    await select('swap');
    const [contrast, pane] = [await part('param-contrast').boundingBox(), await part('inspector').boundingBox()];
    expect(contrast!.y + contrast!.height).toBeLessThan(pane!.y + pane!.height / 2);
    expect(await part('param-higherRange').isVisible()).toBe(false);
    await part('simple-structure').locator('..').getByRole('button', { name: 'About Structure' }).focus();
    await workbench.studio.getByText(/^How long the structure's own attention/).waitFor();
    await workbench.screenshot('swap-simple');
    await part('advanced').locator('summary').press('Enter');
    await part('param-higherRange').waitFor();
    await workbench.screenshot('swap-advanced');
    await part('advanced').locator('summary').press('Enter');
  });
});

describe('vary ×4', () => {
  test('runs four seeds beside one another, and uses the one that is clicked', { timeout: RUN_MS * 2 }, async () => {
    const before = workspace.read('quick.weft.json');
    await select('denoise');
    await part('vary').click();
    for (const column of [0, 1, 2, 3]) await part(`variation-${column}`).waitFor({ timeout: RUN_MS });
    await expect.poll(() => workbench.studio.getByText(/^Click a result/).count(), { timeout: RUN_MS }).toBe(1);
    await workbench.screenshot('vary-4');
    expect(await findings(workbench)).toEqual([]);
    expect([workspace.read('quick.weft.json'), await workbench.dirtyTab.count()]).toEqual([before, 0]);
    await part('variation-2').click();
    await expect
      .poll(() => part('status-denoise').getAttribute('data-state'), { timeout: RUN_MS })
      .toMatch(/done|cached/);
    await workbench.save();
    expect(paramsOf('quick.weft.json', 'schedule')).toMatchObject({ seed: 8 });
    await workbench.screenshot('vary-taken');
    await select('schedule');
    await workbench.page.keyboard.press('Control+Z');
    await workbench.save();
    expect(workspace.read('quick.weft.json')).toBe(before);
  });
});

describe('a sweep', () => {
  test('begins at a parameter and ends in its value', { timeout: RUN_MS * 3 }, async () => {
    const before = workspace.read('quick.weft.json');
    await select('swap');
    await part('param-contrast').locator('label').click({ button: 'right' });
    await workbench.screenshot('param-menu');
    await workbench.studio.getByRole('menuitem', { name: 'Sweep this…' }).click();
    await expect.poll(() => part('inspector-title').innerText()).toBe('sweep');
    await part('run-to').click();
    await part('cell-sweep-0-4').waitFor({ timeout: RUN_MS });
    await expect.poll(() => part('run-state').innerText(), { timeout: RUN_MS }).toMatch(/^Done/);
    await workbench.screenshot('sweep-sheet');
    await part('cell-sweep-0-4').focus();
    await workbench.page.keyboard.press('Enter');
    await part('take-cell').waitFor();
    await workbench.screenshot('sweep-cell');
    expect(await findings(workbench)).toEqual([]);
    await part('take-cell').click();
    await workbench.save();
    expect(paramsOf('quick.weft.json', 'swap')).toEqual({ contrast: 5 });
    expect(paramsOf('quick.weft.json', 'sweep')).toEqual({ columns: 'swap.contrast=0,1.67,2.5,3.75,5' });
    await part('fit').click();
    await select('swap');
    for (let step = 0; step < 2; step++) await workbench.page.keyboard.press('Control+Z');
    await expect.poll(() => workbench.node('sweep').count()).toBe(0);
    await workbench.save();
    expect(workspace.read('quick.weft.json')).toBe(before);
  });
});

describe('images', () => {
  const pathOf = (node: string) => paramsOf('quick.weft.json', node)['path'];

  test('come from the shelf, without a key held', async () => {
    const before = workspace.read('quick.weft.json');
    await part('toggle-shelf').click();
    const cow = part('shelf').getByRole('button', { name: 'Add images/cow.png' });
    await cow.locator('img').waitFor();
    await workbench.screenshot('shelf');
    expect(await findings(workbench)).toEqual([]);
    await cow.dragTo(workbench.node('appearance').locator('.picture').first());
    await workbench.save();
    expect(pathOf('appearance')).toBe('images/cow.png');
    await cow.press('Enter');
    await expect.poll(() => part('inspector-title').innerText()).toBe('image');
    await workbench.save();
    expect(pathOf('image')).toBe('images/cow.png');
    await select('schedule');
    for (let step = 0; step < 2; step++) await workbench.page.keyboard.press('Control+Z');
    await part('toggle-shelf').click();
    await workbench.save();
    expect(workspace.read('quick.weft.json')).toBe(before);
  });

  test('come from the clipboard, as a file where one says', async () => {
    const before = workspace.read('quick.weft.json');
    const png = fs.readFileSync(workspace.path('images/fish.png')).toString('base64');
    await workbench.page.evaluate(async (data) => {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) })]);
    }, png);
    await part('canvas').focus();
    await workbench.page.keyboard.press('Control+V');
    await workbench.page.locator('.quick-input-titlebar', { hasText: 'Save image' }).waitFor();
    await workbench.screenshot('paste-image');
    await expect.poll(() => workbench.palette.inputValue()).toMatch(/pasted\.png$/);
    await workbench.take();
    await workbench.node('image').waitFor();
    await workbench.save();
    expect([pathOf('image'), workspace.exists('pasted.png')]).toEqual(['pasted.png', true]);
    await select('schedule');
    await workbench.page.keyboard.press('Control+Z');
    await workbench.save();
    expect(workspace.read('quick.weft.json')).toBe(before);
  });
});

describe('a problem', () => {
  test('is mended in the inspector, in one step of undo', async () => {
    const text = workspace.read('quick.weft.json').replace('"guidance.transfer"', '"guidanc.transfer"');
    workspace.write('mend.weft.json', text);
    await workbench.openStudio('mend.weft.json');
    const fix = workbench.studio.getByRole('button', { name: 'Change to "guidance.transfer"' }).first();
    await fix.waitFor();
    await workbench.screenshot('fix-in-the-studio');
    await fix.click();
    await workbench.save();
    expect(workspace.read('mend.weft.json')).toBe(workspace.read('quick.weft.json'));
  });
});

describe('the small things', () => {
  test('Escape, one Run button, a rename that does not zoom, and a list of all keys', async () => {
    await workbench.openStudio('quick.weft.json');
    await select('swap');
    await workbench.page.keyboard.press('Escape');
    await expect.poll(() => workbench.studio.locator('.node.selected').count()).toBe(0);
    await workbench.screenshot('nothing-selected');
    // The toolbar's; VS Code's bar above the editor has none.
    expect(await workbench.page.locator('.editor-actions [aria-label^="Run"]').count()).toBe(0);
    const zoom = () => workbench.studio.locator('.zoom-level').innerText();
    await part('fit').click();
    const before = await zoom();
    await select('swap');
    await workbench.page.keyboard.press('F2');
    await part('rename').waitFor();
    await workbench.screenshot('rename');
    expect(await zoom()).toBe(before);
    await workbench.page.keyboard.press('Escape');
    await part('canvas').focus();
    await workbench.page.keyboard.press('?');
    await part('keys').waitFor();
    await workbench.screenshot('keys');
    expect(await findings(workbench)).toEqual([]);
    await workbench.page.keyboard.press('Escape');
    await part('keys').waitFor({ state: 'detached' });
  });
});

describe('a number', () => {
  test('changes as it is dragged, in one step of undo', async () => {
    await select('swap');
    const label = part('param-contrast').locator('label');
    const box = (await label.boundingBox())!;
    const { mouse, keyboard } = workbench.page;
    await mouse.move(box.x + 10, box.y + 10);
    await mouse.down();
    await mouse.move(box.x + 50, box.y + 10, { steps: 5 });
    const field = part('param-contrast').locator('input[type=number]');
    await expect.poll(() => field.inputValue()).toBe('2.67');
    await mouse.up();
    await workbench.save();
    expect(paramsOf('quick.weft.json', 'swap')).toEqual({ contrast: 2.67 });
    await select('swap');
    await keyboard.press('Control+Z');
    await expect.poll(() => field.inputValue()).toBe('1.67');
    await workbench.save();
  });
});
