/** Turning the knobs, in a real workbench: what a person changes and compares without leaving the studio. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseGraph } from '../../extension/graph';
import { Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

let workbench: Workbench;
const workspace = new Workspace('knobs');

beforeAll(async () => {
  workbench = await Workbench.open(inject('url'), workspace);
  await workbench.openStudio('quick.weft.json');
});
afterAll(() => workbench?.close());
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

const part = (id: string) => workbench.studio.getByTestId(id);
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
    await expect.poll(() => workbench.node('swap').innerText()).toMatch(/Contrast\s+2\.67/);
    await mouse.up();
    await workbench.save();
    expect(paramsOf('quick.weft.json', 'swap')).toEqual({ contrast: 2.67 });
    await select('swap');
    await keyboard.press('Control+Z');
    await expect.poll(() => field.inputValue()).toBe('1.67');
    await workbench.save();
  });
});
