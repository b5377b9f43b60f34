/** Pins in the attention inspector, on the page alone: set, moved, resized, muted and deleted by pointer and by keys. */
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type Pin, pinsOf } from '../../extension/graph';
import { environment } from './support/environment';
import { example, pageTest } from './support/pageTest';

const tested = pageTest('inspector');

beforeEach(async () => {
  await tested.studio.host.play();
  await tested.studio.page.getByTestId('rf__node-denoise').click({ position: { x: 50, y: 12 } });
  await tested.studio.page.getByTestId('inspect-open').click();
  await part('inspect-source').locator('img').waitFor();
});

const part = (id: string) => tested.studio.page.getByTestId(id);
const shot = (name: string) =>
  tested.studio.page.screenshot({ path: path.join(environment.artifacts(), `inspector ${name}.png`) });
const sentence = () => part('inspect-sentence').innerText();
const edits = () => tested.studio.host.of('edit').length;
const pins = (): readonly Pin[] => pinsOf(tested.graph().nodes['swap']?.params?.['pins']);
const pinLines = () => tested.studio.host.text.split('\n').filter((line) => line.includes('"radius"')).length;

/** A place of a picture on the page, 0 … 1 of its width and height. */
async function place(side: 'output' | 'source', x: number, y: number): Promise<{ x: number; y: number }> {
  const box = await part(`inspect-${side}`).boundingBox();
  if (!box) throw new Error(`${side} does not show.`);
  return { x: box.x + x * box.width, y: box.y + y * box.height };
}

async function drag(from: { x: number; y: number }, to: { x: number; y: number }): Promise<void> {
  const { mouse } = tested.studio.page;
  await mouse.move(from.x, from.y);
  await mouse.down();
  await mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2, { steps: 4 });
  await mouse.move(to.x, to.y, { steps: 4 });
}

/** Watches a place of the output, and waits for the end of its line. */
async function watch(x: number, y: number): Promise<void> {
  const at = await place('output', x, y);
  await tested.studio.page.mouse.click(at.x, at.y);
  await tested.studio.page.locator('.pin-far-end').waitFor();
}

/** Sets a pin with the mouse: 0.28, 0.4 of the output takes its look from `from`. */
async function setPin(from: { x: number; y: number } = { x: 0.3, y: 0.7 }): Promise<void> {
  const before = pins().length;
  await watch(0.28, 0.4);
  // It attends to its mirror image.
  await drag(await place('source', 0.72, 0.4), await place('source', from.x, from.y));
  await tested.studio.page.mouse.up();
  await expect.poll(() => pins().length).toBe(before + 1);
}

test('the far end of a watched location is dragged elsewhere: one line of the file, and undo removes it', async () => {
  const { page, host } = tested.studio;
  await watch(0.28, 0.4);
  expect(await sentence()).toMatch(/Drag the ring to where its look should come from\./);
  await drag(await place('source', 0.72, 0.4), await place('source', 0.3, 0.7));
  // While it is dragged it shows, and the document is as it was.
  await part('pin-drawing-1').and(page.locator('.dragged')).waitFor();
  await host.settled();
  expect(edits()).toBe(0);
  await shot('dragging');
  await page.mouse.up();
  await expect.poll(pins).toMatchObject([{ to: { radius: 0.1 }, from: { radius: 0.1 } }]);
  const [pin] = pins();
  expect(pin!.to.x).toBeCloseTo(0.28, 1);
  expect(pin!.to.y).toBeCloseTo(0.4, 1);
  expect(pin!.from.x).toBeCloseTo(0.3, 1);
  expect(pin!.from.y).toBeCloseTo(0.7, 1);
  expect(edits()).toBe(1);
  expect(pinLines()).toBe(1);
  // The location is a pin now, and no longer watched.
  expect(await page.locator('.pin-far-end').count()).toBe(0);
  expect(await part('inspect-watch').count()).toBe(0);
  await host.undo();
  await expect.poll(() => part('pin-1-to').count()).toBe(0);
  expect(host.text).toBe(example);
});

test('either circle is moved by the mouse and resized by the wheel, each in one step of undo', async () => {
  const { page, host } = tested.studio;
  await setPin();
  await drag(await place('output', 0.28, 0.4), await place('output', 0.6, 0.2));
  await page.mouse.up();
  await expect.poll(() => pins()[0]?.to.x).toBeCloseTo(0.6, 1);
  expect(edits()).toBe(2);
  const { x, y } = await place('source', 0.3, 0.7);
  await page.mouse.move(x, y);
  for (let notch = 0; notch < 4; notch++) await page.mouse.wheel(0, -100);
  await expect.poll(() => pins()[0]?.from.radius).toBeGreaterThan(0.15);
  expect(pins()[0]?.to.radius).toBe(0.1);
  expect(edits()).toBe(3);
  // A circle comes to the edge of its picture and no further.
  await drag(await place('output', 0.6, 0.2), await place('output', -0.4, 0.2));
  await page.mouse.up();
  await expect.poll(() => pins()[0]?.to.x).toBe(0);
  await host.undo();
  await host.undo();
  await host.undo();
  await expect.poll(() => pins()[0]?.from.radius).toBe(0.1);
  expect(pins()[0]?.to.x).toBeCloseTo(0.28, 1);
});

test('all of it works by keyboard, and a screen reader reads what it is', async () => {
  const { page } = tested.studio;
  await part('inspect-output').focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await page.locator('.pin-far-end').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expect.poll(() => page.evaluate(() => document.activeElement?.ariaLabel)).toMatch(/^Take it from here instead/);
  await page.keyboard.press('Enter');
  await expect.poll(() => pins().length).toBe(1);
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
  await expect.poll(focused).toBe('pin-1-from');
  const from = pins()[0]!.from;
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => pins()[0]?.from.x).toBeCloseTo(from.x + 0.01, 3);
  await page.keyboard.press('Shift+ArrowDown');
  await expect.poll(() => pins()[0]?.from.y).toBeCloseTo(from.y + 0.05, 3);
  await page.keyboard.press('+');
  await expect.poll(() => pins()[0]?.from.radius).toBeCloseTo(0.112, 4);
  await page.keyboard.press('-');
  await expect.poll(() => pins()[0]?.from.radius).toBeCloseTo(0.1, 4);
  expect(await part('pin-1-from').getAttribute('aria-label')).toMatch(
    /^Pin 1: place in the appearance that it takes from, \d+ % across, \d+ % down, radius 10 %\.$/,
  );
  expect(await sentence()).toMatch(/Arrow keys or dragging move it.*M mutes the pin, Delete deletes it/);
  await shot('keyboard');
  await page.keyboard.press('m');
  await expect.poll(() => pins()[0]?.muted).toBe(true);
  await part('announcer').filter({ hasText: 'Pin 1 muted.' }).waitFor();
  expect(await part('pin-1-from').getAttribute('aria-label')).toMatch(/^Pin 1, muted:/);
  await page.keyboard.press('m');
  await expect.poll(() => pins()[0]).not.toHaveProperty('muted');
  await page.keyboard.press('Shift+Tab');
  await expect.poll(focused).toBe('pin-1-to');
  await page.keyboard.press('Delete');
  await expect.poll(pins).toEqual([]);
  expect(tested.studio.host.text).toBe(example);
  // The focus is not lost with it.
  await expect.poll(focused).toBe('inspect-output');
});

test('keys that follow each other at once are one step of undo', async () => {
  await setPin();
  const from = pins()[0]!.from;
  const before = edits();
  await tested.studio.page.evaluate(() => {
    const circle = document.querySelector('[data-testid="pin-1-from"]')!;
    for (let press = 0; press < 10; press++)
      circle.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
  });
  await expect.poll(() => pins()[0]?.from.x).toBeCloseTo(from.x + 0.1, 3);
  expect(edits()).toBe(before + 1);
});

test('Escape takes back what is dragged, then leaves the pin, then the inspector', async () => {
  const { page, host } = tested.studio;
  await setPin();
  const text = host.text;
  await drag(await place('output', 0.28, 0.4), await place('output', 0.6, 0.2));
  await page.keyboard.press('Escape');
  await page.mouse.move(10, 10);
  await page.mouse.up();
  await host.settled();
  expect(host.text).toBe(text);
  await page.keyboard.press('Escape');
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-testid')))
    .toBe('inspect-output');
  await page.keyboard.press('Escape');
  await part('inspect').waitFor({ state: 'detached' });
});

test('Escape closes a dialog over the inspector first', async () => {
  const { page, host } = tested.studio;
  await page.keyboard.press('Escape');
  await part('inspect').waitFor({ state: 'detached' });
  await part('canvas').press('?');
  await part('keys').waitFor();
  await host.post({ type: 'command', command: 'inspect' });
  await part('inspect').waitFor();
  await page.keyboard.press('Escape');
  await part('keys').waitFor({ state: 'detached' });
  await host.settled();
  expect(await part('inspect').count()).toBe(1);
});

test('what is shown says that it is from before a change until the graph has run', async () => {
  const { host } = tested.studio;
  await setPin();
  await tested.studio.page.keyboard.press('Escape');
  await tested.studio.page.mouse.move(4, 4);
  await part('inspect-output').evaluate((pane) => (pane as HTMLElement).blur());
  await expect.poll(sentence).toMatch(/from before the pins were changed/);
  await tested.studio.page.getByText('Output, before the pins were changed').waitFor();
  const ran = host.of('run').length;
  expect(await part('inspect-where').innerText()).toMatch(/step 14 of 26/);
  await part('inspect-run-pins').click();
  await expect.poll(() => host.of('run').at(-1)).toMatchObject({ target: 'denoise' });
  expect(host.of('run')).toHaveLength(ran + 1);
  await host.play();
  await tested.studio.page.getByText('Output, before the pins were changed').waitFor({ state: 'detached' });
  expect(await part('inspect-run-pins').isDisabled()).toBe(true);
  // A run shows its newest step; now it is the one that was looked at.
  await expect.poll(() => part('inspect-where').innerText()).toMatch(/step 14 of 26/);
  // A muted pin is a change as well; what is not needed to run is not offered.
  await part('pin-1-to').press('m');
  await expect.poll(() => part('inspect-run-pins').isEnabled()).toBe(true);
});

test('with Auto-run the result follows while a pin is dragged', async () => {
  const { host, page } = tested.studio;
  await part('auto-run').click();
  await watch(0.28, 0.4);
  await drag(await place('source', 0.72, 0.4), await place('source', 0.3, 0.7));
  await expect.poll(() => host.of('autoRun').at(-1)?.set).toMatchObject([['swap', 'pins', [{ from: {} }]]]);
  expect(edits()).toBe(0);
  await page.mouse.up();
  await expect.poll(edits).toBe(1);
  await expect.poll(() => host.of('autoRun').at(-1)?.set).toEqual([]);
});

test('of several appearances a pin belongs to the one that shows', async () => {
  const { page, host } = tested.studio;
  const graph = JSON.parse(example) as { nodes: Record<string, { inputs: Record<string, unknown> }> };
  graph.nodes['swap']!.inputs['appearance'] = ['invert-appearance.inversion', 'invert-structure.inversion'];
  await host.setText(JSON.stringify(graph, undefined, 2));
  await host.play();
  await part('inspect-look').selectOption({ index: 1 });
  await setPin();
  expect(pins()).toMatchObject([{ appearance: 2 }]);
  await part('pin-1-to').waitFor();
  await part('inspect-look').selectOption({ index: 0 });
  await part('pin-1-to').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
});

test('every watched location gets its map, also at another step and where the pointer rests elsewhere', async () => {
  const { page } = tested.studio;
  for (const x of [0.1, 0.35, 0.6]) {
    const at = await place('output', x, 0.3);
    await page.mouse.click(at.x, at.y);
  }
  await expect.poll(() => page.locator('.pin-far-end').count()).toBe(3);
  await part('inspect-steps').press('End');
  await expect.poll(sentence).toBeTruthy();
  await expect.poll(() => page.locator('.pin-far-end').count()).toBe(3);
});

test('images keep their place whatever the sentence says, and the toolbar has one row at every width', async () => {
  const { page } = tested.studio;
  await page.setViewportSize({ width: 1024, height: 700 });
  const frame = async () => JSON.stringify(await part('inspect-output').boundingBox());
  await page.mouse.move(4, 4);
  const before = await frame();
  await watch(0.28, 0.4);
  expect(await frame()).toBe(before);
  await drag(await place('source', 0.72, 0.4), await place('source', 0.5, 0.5));
  await page.mouse.up();
  await expect.poll(() => pins().length).toBe(1);
  expect(await frame()).toBe(before);
  await shot('1024');
  for (const width of [1430, 1024, 760, 620]) {
    await page.setViewportSize({ width, height: 700 });
    const height = await page.locator('.inspect-head').evaluate((head) => head.getBoundingClientRect().height);
    expect(height, `at ${width}`).toBe(42);
  }
  await page.setViewportSize({ width: 1430, height: 840 });
  await part('inspect-mode-arrows').click();
  await page.locator('.inspect-flow .arrow-line').nth(35).waitFor();
  await shot('arrows');
});
