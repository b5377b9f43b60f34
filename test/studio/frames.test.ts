/** Frames, folding and numbers on the nodes, in the workbench: what is in the file afterwards. */
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { findings } from './support/axe';
import { fileName, THEMES } from './support/themes';
import { Workbench } from './support/workbench';
import { changedLines, Workspace } from './support/workspace';

let workbench: Workbench;
const workspace = new Workspace('frames');
const FILE = 'giraffe-zebra.weft.json';
const part = (testId: string) => workbench.studio.getByTestId(testId);
const press = (key: string) => workbench.page.keyboard.press(key);
const canvas = () => part('canvas').focus();
let original = '';

beforeAll(async () => {
  original = workspace.read(FILE);
  workbench = await Workbench.open(inject('url'), workspace);
  await workbench.openStudio(FILE);
});
afterAll(async () => {
  await workbench?.theme('Light Modern').catch(() => undefined);
  await workbench?.close();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

test('a number is edited on its node', async () => {
  await workbench.node('schedule').click({ position: { x: 40, y: 8 } });
  await workbench.studio.getByLabel(/^Zoom \d+ per cent/).click();
  await canvas();
  await press('z');
  await part('number-schedule-steps').dblclick();
  await part('number-field-schedule-steps').fill('40');
  await press('Enter');
  await expect.poll(() => part('number-schedule-steps').innerText()).toBe('40');
  await workbench.save();
  expect(changedLines(original, workspace.read(FILE)).added).toEqual(expect.arrayContaining(['        "steps": 40']));
  await press('Control+Z');
  await workbench.save();
  expect(workspace.read(FILE)).toBe(original);
});

test('a wire is led through a point: one line of the file, which a drag and a key change', async () => {
  await canvas();
  await press('f');
  await press('Escape');
  const wire = workbench.studio.getByTestId('rf__edge-denoise.image>save.image').locator('path.wire');
  const box = await wire.boundingBox();
  if (!box) throw new Error('The wire does not show.');
  const { mouse } = workbench.page;
  await mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
  const point = part('point-denoise.image>save.image-0');
  const line = (text: string) => changedLines(original, text);
  const placeIn = (text: string) => {
    const { added, removed } = line(text);
    expect([added.length, removed.length]).toEqual([1, 0]);
    const [, x, y] = /^ {4}"denoise\.image>save\.image": \[(-?\d+), (-?\d+)\],$/.exec(added[0] ?? '') ?? [];
    return { x: Number(x), y: Number(y) };
  };
  const at = await point.boundingBox();
  if (!at) throw new Error('The point does not show.');
  await workbench.save();
  const first = placeIn(workspace.read(FILE));

  await mouse.move(at.x + at.width / 2, at.y + at.height / 2);
  await mouse.down();
  await mouse.move(at.x + at.width / 2, at.y + at.height / 2 + 90, { steps: 6 });
  await mouse.up();
  await workbench.dirtyTab.waitFor();
  await workbench.save();
  const dragged = placeIn(workspace.read(FILE));
  expect(dragged.x).toBe(first.x);
  expect(dragged.y).toBeGreaterThan(first.y + 60);

  await press('ArrowDown');
  await workbench.dirtyTab.waitFor();
  await workbench.save();
  expect(placeIn(workspace.read(FILE))).toEqual({ x: dragged.x, y: dragged.y + 10 });
  await press('Control+Z');
  await workbench.save();
  expect(placeIn(workspace.read(FILE))).toEqual(dragged);
});

test('nodes are put on a coloured frame and folded into one box, and a node to its title, in a line each', async () => {
  await canvas();
  await press('f');
  await press('Escape');
  for (const [index, id] of ['swap', 'adain', 'guidance'].entries())
    await workbench.node(id).click({ position: { x: 40, y: 8 }, modifiers: index > 0 ? ['Control'] : [] });
  await canvas();
  await press('g');
  await part('frame-text').fill('The look');
  await press('Enter');
  const frame = part('frame-frame');
  await frame.locator('.frame-title').click({ button: 'right', position: { x: 60, y: 8 } });
  await part('context-menu').getByRole('menuitemradio', { name: 'Green' }).click();
  await expect.poll(() => frame.getAttribute('data-colour')).toBe('green');
  await workbench.save();
  const framed = workspace.read(FILE);

  await canvas();
  await press('e');
  await workbench.node('swap').waitFor({ state: 'detached' });
  await workbench.node('prompt').click({ position: { x: 40, y: 8 } });
  await press('e');
  await expect.poll(() => workbench.node('prompt').locator('.row').count()).toBe(0);
  await workbench.save();
  const { added, removed } = changedLines(framed, workspace.read(FILE));
  expect(added.filter((line) => line.includes('folded'))).toEqual([
    '      "folded": true',
    '      "folded": ["adain", "guidance", "swap"],',
  ]);
  // Beside them only the comma of the line before.
  expect(added.length - removed.length).toBe(2);
  const { nodes, frames } = JSON.parse(workspace.read(FILE)) as {
    nodes: Record<string, { folded?: true }>;
    frames: Record<string, object>;
  };
  delete nodes['prompt']?.folded;
  expect(nodes).toEqual((JSON.parse(original) as { nodes: unknown }).nodes);
  expect(frames['frame']).toMatchObject({ text: 'The look', colour: 'green' });
});

test('the folded graph runs as before, and the file is left alone', async () => {
  const before = workspace.read(FILE);
  await part('run').click();
  await workbench.studio
    .locator('[data-testid="status-denoise"]:is([data-state="done"], [data-state="cached"])')
    .waitFor({ state: 'attached', timeout: 120_000 });
  await expect.poll(() => part('frame-frame').getAttribute('class')).toMatch(/is-(done|cached)/);
  expect(workspace.read(FILE)).toBe(before);
});

test.each(THEMES)('what is folded and coloured can be read in the theme %s', async (theme) => {
  await workbench.theme(theme);
  await part('frame-frame').click({ position: { x: 60, y: 10 } });
  await workbench.screenshot(`folded-${fileName(theme)}`);
  expect(await findings(workbench)).toEqual([]);
});

test('Ctrl+F opens the box for a node inside, and a double click for good', async () => {
  await canvas();
  await press('Control+f');
  await workbench.page.keyboard.type('adain');
  await workbench.node('adain').waitFor();
  await press('Escape');
  await workbench.node('denoise').click({ position: { x: 40, y: 8 } });
  await workbench.node('adain').waitFor({ state: 'detached' });
  await part('frame-frame').dblclick({ position: { x: 60, y: 10 } });
  await workbench.node('adain').waitFor();
  await workbench.save();
  expect(workspace.read(FILE)).not.toContain('"folded": [');
});
