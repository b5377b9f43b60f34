/** Numbers edited on the nodes themselves: the page alone, with a fake host. */
import { beforeEach, expect, test } from 'vitest';
import { editText } from '../../extension/graph';
import { pageTest } from './support/pageTest';

const tested = pageTest('numbers');
const { graph } = tested;
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const press = (key: string) => tested.studio.page.keyboard.press(key);
const contrast = () => graph().nodes['swap']?.params?.['contrast'];
const edits = () => tested.studio.host.of('edit').length;
const focused = () => tested.studio.page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
const fieldOf = (param: string) => part(`param-${param}`).locator('input[type=number]');

beforeEach(async () => {
  const { page, host } = tested.studio;
  await part('rf__node-swap').click({ position: { x: 40, y: 8 } });
  await page.getByLabel(/^Zoom \d+ per cent/).click();
  await page.getByTestId('canvas').focus();
  await press('z');
  await part('number-swap-contrast').waitFor();
  await host.settled();
});

/** Drags sideways from the middle of an element, and holds it there. */
async function hold(testId: string, pixels: number): Promise<void> {
  const box = await part(testId).boundingBox();
  if (!box) throw new Error(`${testId} is not there`);
  const { mouse } = tested.studio.page;
  await mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await mouse.down();
  await mouse.move(box.x + box.width / 2 + pixels, box.y + box.height / 2, { steps: 4 });
}

test('a drag on the number does what the same drag in the inspector does, in one undo, and the node stays', async () => {
  const { page, host } = tested.studio;
  const before = host.text;
  const place = await part('rf__node-swap').boundingBox();
  await hold('number-swap-contrast', 60);
  await expect.poll(() => part('number-swap-contrast').innerText()).not.toBe('1.67');
  const shown = await part('number-swap-contrast').innerText();
  expect(await fieldOf('contrast').inputValue()).toBe(shown);
  expect(edits()).toBe(0);
  await page.mouse.up();
  await expect.poll(contrast).toBe(Number(shown));
  expect(edits()).toBe(1);
  expect(await part('rf__node-swap').boundingBox()).toEqual(place);
  await host.undo();
  expect(host.text).toBe(before);
  await expect.poll(() => part('number-swap-contrast').innerText()).toBe('1.67');

  await part('param-contrast').locator('label').first().scrollIntoViewIfNeeded();
  const label = await part('param-contrast').locator('label').first().boundingBox();
  if (!label) throw new Error('The name of the parameter is not there.');
  await page.mouse.move(label.x + 5, label.y + 5);
  await page.mouse.down();
  await page.mouse.move(label.x + 65, label.y + 5, { steps: 4 });
  await page.mouse.up();
  await expect.poll(contrast).toBe(Number(shown));
  // A number that was dragged can be dragged again, and Escape takes it back.
  await hold('number-swap-contrast', 30);
  await press('Escape');
  await page.mouse.up();
  await host.settled();
  expect(contrast()).toBe(Number(shown));
});

test('a double click edits it: what is typed counts on Enter, in one undo, and the focus is back on the number', async () => {
  const { host, page } = tested.studio;
  const before = host.text;
  await part('number-swap-contrast').dblclick();
  await expect.poll(focused).toBe('number-field-swap-contrast');
  await page.keyboard.type('2.5');
  await expect.poll(() => fieldOf('contrast').inputValue()).toBe('2.5');
  expect(edits()).toBe(0);
  await press('Enter');
  await expect.poll(contrast).toBe(2.5);
  expect(edits()).toBe(1);
  await expect.poll(focused).toBe('number-swap-contrast');
  await host.undo();
  expect(host.text).toBe(before);
});

test('by keys alone: Tab from the node, Enter, Escape leaves the number as it was', async () => {
  const { host, page } = tested.studio;
  const before = host.text;
  await press('ArrowLeft');
  await press('ArrowRight');
  for (let i = 0; i < 12 && (await focused()) !== 'number-swap-contrast'; i++) await press('Tab');
  await press('Enter');
  await expect.poll(focused).toBe('number-field-swap-contrast');
  await page.keyboard.type('3');
  await press('Escape');
  await expect.poll(focused).toBe('number-swap-contrast');
  await expect.poll(() => part('number-swap-contrast').innerText()).toBe('1.67');
  await host.settled();
  expect(host.text).toBe(before);
  // Letters are the canvas's keys again.
  await press('m');
  await expect.poll(() => graph().nodes['swap']?.muted).toBe(true);
  await press('Enter');
  await page.keyboard.type('4');
  await press('Enter');
  await expect.poll(contrast).toBe(4);
});

test('a number that it can not have is refused with the reason, and leaves the file alone', async () => {
  const { host, page } = tested.studio;
  const before = host.text;
  await part('number-swap-contrast').dblclick();
  await page.keyboard.type('-7');
  await part('rf__node-swap').getByTestId('error-contrast').waitFor();
  await press('Enter');
  await host.settled();
  expect(host.text).toBe(before);
  expect(await part('number-swap-contrast').innerText()).toBe('1.67');
});

test('what is typed is in the file when it is saved, and a file that is read-only has no fields on its nodes', async () => {
  const { host, page } = tested.studio;
  await part('number-swap-contrast').dblclick();
  await page.keyboard.type('2');
  await host.post({ type: 'flush', id: 99 });
  await expect.poll(contrast).toBe(2);
  await press('Enter');
  await host.post({
    type: 'document',
    text: editText(host.text, { kind: 'setParam', id: 'swap', param: 'contrast', value: 3 }),
    version: 99,
    readOnly: true,
    reason: 'It is read-only.',
    fileName: 'giraffe-zebra.weft.json',
    trusted: true,
    acknowledged: 0,
  });
  await expect.poll(() => part('number-swap-contrast').count()).toBe(0);
  expect(await part('number-swap-higherRange-from').count()).toBe(0);
  expect(await part('node-swap').locator('.number').allInnerTexts()).toEqual(['10', '90', '10', '70', '3']);
});

test('both ends of a curve are numbers of their own', async () => {
  const { page } = tested.studio;
  await part('canvas').focus();
  await part('rf__node-guidance').click({ position: { x: 40, y: 8 }, force: true });
  await press('z');
  await part('number-guidance-endScale').dblclick();
  await page.keyboard.type('2');
  await press('Enter');
  await expect.poll(() => graph().nodes['guidance']?.params?.['endScale']).toBe(2);
});

test('both ends of a range are numbers of their own: dragged and typed as in the inspector, one undo each', async () => {
  const { host, page } = tested.studio;
  const before = host.text;
  const range = () => graph().nodes['swap']?.params?.['higherRange'];
  const shown = (end: 'from' | 'to') => part(`number-swap-higherRange-${end}`).innerText();
  const inInspector = () =>
    fieldOf('higherRange').evaluateAll((all) => all.map((field) => (field as HTMLInputElement).value));
  await hold('number-swap-higherRange-to', -40);
  await expect.poll(() => shown('to')).toBe('70');
  expect(await inInspector()).toEqual(['10', '70']);
  expect(edits()).toBe(0);
  await page.mouse.up();
  await expect.poll(range).toEqual([10, 70]);
  expect(edits()).toBe(1);
  await host.undo();
  expect(host.text).toBe(before);
  await expect.poll(() => shown('to')).toBe('90');

  // It goes as far as the other end.
  await hold('number-swap-higherRange-from', 400);
  await expect.poll(() => shown('from')).toBe('90');
  await press('Escape');
  await page.mouse.up();
  await expect.poll(() => shown('from')).toBe('10');

  await part('number-swap-higherRange-from').focus();
  await press('Enter');
  await expect.poll(focused).toBe('number-field-swap-higherRange-from');
  await page.keyboard.type('30');
  await expect.poll(inInspector).toEqual(['30', '90']);
  await press('Enter');
  await expect.poll(range).toEqual([30, 90]);
  await expect.poll(focused).toBe('number-swap-higherRange-from');
  expect(edits()).toBe(2);
});

test('an end beyond the other is refused with the reason, on the node and in the inspector', async () => {
  const { host, page } = tested.studio;
  const before = host.text;
  await part('number-swap-higherRange-to').dblclick();
  await page.keyboard.type('5');
  await part('rf__node-swap').getByTestId('error-higherRange-to').filter({ hasText: 'it starts at 10' }).waitFor();
  await press('Enter');
  await host.settled();
  expect(await part('number-swap-higherRange-to').innerText()).toBe('90');

  await part('canvas').focus();
  await part('rf__node-adain').click({ position: { x: 40, y: 8 }, force: true });
  await fieldOf('range').last().fill('5');
  await part('inspector').getByTestId('error-range-to').filter({ hasText: 'it starts at 20' }).waitFor();
  await fieldOf('range').last().press('Tab');
  await host.settled();
  expect(await fieldOf('range').last().inputValue()).toBe('100');
  expect(host.text).toBe(before);
});
