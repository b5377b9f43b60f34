/** Reroute points of wires: the page alone, with a fake host. */
import { expect, test } from 'vitest';
import { editText, type GraphEdit } from '../../extension/graph';
import { pageTest } from './support/pageTest';

const tested = pageTest('reroute');
const { graph } = tested;
const WIRE = 'denoise.image>save.image';
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const press = (key: string) => tested.studio.page.keyboard.press(key);
const dot = (index = 0) => part(`point-${WIRE}-${index}`);
const place = (number = 1) => graph().layout?.[number === 1 ? WIRE : `${WIRE}#${number}`];
const edits = () => tested.studio.host.of('edit').length;
const announced = (text: RegExp) => tested.studio.page.getByRole('status').filter({ hasText: text }).first().waitFor();
const focused = () =>
  tested.studio.page.evaluate(() => (document.activeElement?.getAttribute('aria-label') ?? '').replace(/\..*/, ''));
const added = (before: string) =>
  tested.studio.host.text.split('\n').filter((line) => !before.split('\n').includes(line));

async function centreOf(testId: string) {
  const box = await part(testId).boundingBox();
  if (!box) throw new Error(`${testId} is not there`);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}
const centreOfDot = (index = 0) => centreOf(`point-${WIRE}-${index}`);

/** The middle of the wire on the screen, and how far a place is from it. */
const wire = (from?: { x: number; y: number }) =>
  part(`rf__edge-${WIRE}`)
    .locator('path.wire')
    .evaluate((element, at) => {
      const line = element as SVGPathElement;
      const length = line.getTotalLength();
      const points = Array.from({ length: 401 }, (_, i) =>
        line.getPointAtLength((length * i) / 400).matrixTransform(line.getScreenCTM() ?? undefined),
      );
      const { x, y } = points[200]!;
      return { x, y, distance: at && Math.min(...points.map((one) => Math.hypot(one.x - at.x, one.y - at.y))) };
    }, from);
const distanceFromWire = async (index = 0) => (await wire(await centreOfDot(index))).distance;

async function addByHand(): Promise<void> {
  const middle = await wire();
  await tested.studio.page.mouse.dblclick(middle.x, middle.y);
  await dot().waitFor();
}

async function drag(from: { x: number; y: number }, dx: number, dy: number): Promise<void> {
  const { mouse } = tested.studio.page;
  await mouse.move(from.x, from.y);
  await mouse.down();
  await mouse.move(from.x + dx / 2, from.y + dy / 2, { steps: 3 });
  await mouse.move(from.x + dx, from.y + dy, { steps: 3 });
}

test('a double click adds a point, a drag moves it, a double click removes it: an undo and a line each', async () => {
  const { page, host } = tested.studio;
  const before = host.text;
  const middle = await wire();
  await addByHand();
  await expect.poll(place).toBeDefined();
  expect(added(before)).toEqual([`    "${WIRE}": [${place()!.join(', ')}],`]);
  const at = await centreOfDot();
  // Within the grid.
  expect(Math.hypot(at.x - middle.x, at.y - middle.y)).toBeLessThan(16);
  await expect.poll(distanceFromWire).toBeLessThan(2);
  await expect.poll(focused).toBe('Reroute point 1, wire from denoise to save');
  await part('inspector-title').filter({ hasText: 'Wire' }).waitFor();
  // No word was selected by it.
  expect(await page.evaluate(() => String(getSelection()))).toBe('');

  const [text, [x = NaN, y = NaN]] = [host.text, place()!];
  await drag(at, 0, 120);
  // In the hand the wire follows, and the file waits.
  await expect.poll(async () => (await centreOfDot()).y - at.y).toBeGreaterThan(100);
  await expect.poll(distanceFromWire).toBeLessThan(2);
  expect(edits()).toBe(1);
  await page.mouse.up();
  await expect.poll(() => place()?.[1]).toBeGreaterThan(y + 100);
  expect(place()?.[0]).toBe(x);
  expect(added(text)).toHaveLength(1);
  expect(edits()).toBe(2);
  await page.screenshot({ path: `${process.env['WEFT_STUDIO_ARTIFACTS'] ?? '/tmp'}/reroute-dragged.png` });

  // Escape lets go of it, where it was.
  const moved = host.text;
  await drag(await centreOfDot(), 60, 0);
  await press('Escape');
  await page.mouse.up();
  await host.settled();
  expect(host.text).toBe(moved);

  await host.undo();
  expect(host.text).toBe(text);
  await expect.poll(async () => Math.abs((await centreOfDot()).y - at.y)).toBeLessThan(2);
  await dot().dblclick();
  await dot().waitFor({ state: 'detached' });
  await expect.poll(() => host.text).toBe(before);
});

test('without a pointer: W, R, arrows, Tab, Delete and Escape', async () => {
  const { host } = tested.studio;
  const before = host.text;
  await part('rf__node-denoise').click({ position: { x: 40, y: 8 } });
  await part('canvas').focus();
  await press('w');
  await announced(/Wire from guidance, transfer, to denoise, transfer/);
  await press('w');
  await announced(/Wire from denoise, image, to save, image/);
  await press('r');
  await expect.poll(focused).toBe('Reroute point 1, wire from denoise to save');
  await announced(/Added a reroute point/);
  const [x = NaN, y = NaN] = place()!;
  await press('ArrowDown');
  await press('ArrowDown');
  await press('ArrowRight');
  await expect.poll(place).toEqual([x + 20, y + 40]);
  await expect.poll(focused).toBe('Reroute point 1, wire from denoise to save');

  await press('r');
  await expect.poll(() => place(2)).toBeDefined();
  await expect.poll(focused).toMatch(/^Reroute point [12] of 2, wire/);
  for (const index of [0, 1]) await expect.poll(() => distanceFromWire(index)).toBeLessThan(2);
  await press('Delete');
  await announced(/Removed the reroute point/);
  await expect.poll(() => place(2)).toBeUndefined();
  await expect.poll(focused).toMatch(/^Graph/);
  await press('Tab');
  await expect.poll(focused).toBe('Reroute point 1, wire from denoise to save');
  await press('Escape');
  await expect.poll(focused).toMatch(/^Graph/);
  // The wire is selected still: with it goes its point, and one undo brings both back.
  const led = host.text;
  await press('Delete');
  await expect.poll(() => graph().nodes['save']?.inputs).toBeUndefined();
  expect(place()).toBeUndefined();
  await host.undo();
  expect(host.text).toBe(led);
  await dot().waitFor();
  for (let i = edits(); i > 0; i--) await host.undo();
  expect(host.text).toBe(before);
  // From a wire on to its nodes.
  await part('rf__node-denoise').click({ position: { x: 40, y: 8 } });
  await press('w');
  await press('w');
  await press('ArrowRight');
  await part('inspector-title').filter({ hasText: 'save' }).waitFor();
});

test('points go with both nodes of their wire, stay when one moves, and Tidy removes them', async () => {
  const { page, host } = tested.studio;
  await addByHand();
  await expect.poll(place).toBeDefined();
  const [x = NaN, y = NaN] = place()!;
  const at = await centreOfDot();
  await part('rf__node-denoise').click({ position: { x: 40, y: 8 } });
  await part('rf__node-save').click({ position: { x: 40, y: 8 }, modifiers: ['Control'] });
  const head = await part('rf__node-denoise').boundingBox();
  await drag({ x: head!.x + 40, y: head!.y + 8 }, 0, 100);
  await expect.poll(async () => (await centreOfDot()).y - at.y).toBeGreaterThan(60);
  await expect.poll(distanceFromWire).toBeLessThan(2);
  await page.mouse.up();
  await expect.poll(() => place()?.[1]).toBeGreaterThan(y + 60);
  expect(place()?.[0]).toBe(x);
  expect(edits()).toBe(2);

  await press('Escape');
  await part('rf__node-save').click({ position: { x: 40, y: 8 } });
  const [moved, [, down = NaN] = []] = [place(), graph().layout?.['save']];
  await press('Shift+ArrowDown');
  await expect.poll(() => graph().layout?.['save']?.[1]).toBe(down + 20);
  expect(place()).toEqual(moved);
  await expect.poll(distanceFromWire).toBeLessThan(2);

  await press('Escape');
  await press('t');
  await expect.poll(place).toBeUndefined();
  await dot().waitFor({ state: 'detached' });
  await expect.poll(edits).toBe(4);
  await host.undo();
  await dot().waitFor();
});

test('by the menu; and a wire to a folded frame goes there the short way', async () => {
  const { host, page } = tested.studio;
  const before = host.text;
  const middle = await wire();
  const item = (name: string) => part('context-menu').getByRole('menuitem', { name, exact: false });
  await page.mouse.click(middle.x, middle.y, { button: 'right' });
  await item('Add reroute point').click();
  await dot().waitFor();
  await dot().click({ button: 'right' });
  await item('Remove reroute point').click();
  await dot().waitFor({ state: 'detached' });
  await expect.poll(() => host.text).toBe(before);

  await addByHand();
  const fold: GraphEdit[] = [
    { kind: 'addFrame', id: 'end', text: 'End', rect: [1620, 300, 600, 600] },
    { kind: 'updateFrame', id: 'end', folded: ['save'] },
  ];
  await press('Escape');
  await part('canvas').focus();
  await press('Escape');
  await host.setText(editText(host.text, { kind: 'batch', edits: fold }));
  await dot().waitFor({ state: 'detached' });
  await part(`rf__edge-${WIRE}`).waitFor();
  await host.setText(editText(host.text, { kind: 'updateFrame', id: 'end', folded: null }));
  await dot().waitFor();
});
