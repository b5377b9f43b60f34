/** Editing a graph on its canvas, as people know it from other node editors: the page alone, with a fake host. */
import { describe, expect, test } from 'vitest';
import { editText, type GraphEdit } from '../../extension/graph';
import { pageTest } from './support/pageTest';

const tested = pageTest('editing');

const { graph } = tested;
const edits = () => tested.studio.host.of('edit').length;
const announced = (text: RegExp) => tested.studio.page.getByRole('status').filter({ hasText: text }).first().waitFor();
const change = (...list: GraphEdit[]) =>
  tested.studio.host.setText(editText(tested.studio.host.text, { kind: 'batch', edits: list }));

const boxOf = async (testId: string) => {
  const box = await tested.studio.page.getByTestId(testId).boundingBox();
  if (!box) throw new Error(`${testId} is not there`);
  return box;
};

/** Drags a node by its header until its middle lies on the middle of a wire, and holds it there. */
async function dragOnto(node: string, wire: string): Promise<void> {
  const box = await boxOf(`rf__node-${node}`);
  const path = tested.studio.page.getByTestId(`rf__edge-${wire}`).locator('path.wire');
  const middle = () =>
    path.evaluate((element) => {
      const line = element as SVGPathElement;
      const point = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM() ?? undefined);
      return { x: point.x, y: point.y };
    });
  const { mouse } = tested.studio.page;
  const hand = { x: box.x + 30, y: box.y + 8 };
  await mouse.move(hand.x, hand.y);
  await mouse.down();
  // A view that is still coming to rest moves what was measured: measure again.
  for (let i = 0; i < 4; i++) {
    const [to, now] = [await middle(), await boxOf(`rf__node-${node}`)];
    hand.x += to.x - now.x - now.width / 2;
    hand.y += to.y - now.y - now.height / 2;
    await mouse.move(hand.x, hand.y, { steps: 3 });
    await tested.studio.host.settled();
  }
  const [to, now] = [await middle(), await boxOf(`rf__node-${node}`)];
  expect(Math.abs(to.x - now.x - now.width / 2)).toBeLessThan(now.width / 4);
  expect(Math.abs(to.y - now.y - now.height / 2)).toBeLessThan(now.height / 4);
}

const selectWire = (wire: string) =>
  tested.studio.page.getByTestId(`rf__edge-${wire}`).locator('.react-flow__edge-interaction').dispatchEvent('click');
const lit = () => tested.studio.page.locator('.wire.lit').count();

describe('a node into a wire', () => {
  test('dropped on a wire that fits, it is inserted, in one undo', async () => {
    const { page, host } = tested.studio;
    await change({ kind: 'addNode', type: 'freeu', id: 'gains', position: [0, -260] });
    await page.getByTestId('rf__node-gains').waitFor();
    await page.getByLabel('Fit').first().click();
    await host.settled();
    const before = host.text;
    await dragOnto('gains', 'model.checkpoint>invert-structure.checkpoint');
    await expect.poll(lit).toBe(1);
    await page.mouse.up();
    await expect.poll(() => graph().nodes['gains']?.inputs?.['checkpoint']).toBe('model.checkpoint');
    expect(graph().nodes['invert-structure']?.inputs?.['checkpoint']).toBe('gains.checkpoint');
    expect(graph().nodes['invert-appearance']?.inputs?.['checkpoint']).toBe('model.checkpoint');
    expect(edits()).toBe(1);
    expect(await lit()).toBe(0);
    await announced(/Inserted gains between model and invert structure/);
    await host.undo();
    expect(host.text).toBe(before);
  });

  test('a long wire does not run around the node that is held over it', async () => {
    const { page, host } = tested.studio;
    await change(
      { kind: 'addNode', type: 'freeu', id: 'gains', position: [0, -260] },
      { kind: 'moveNodes', positions: { 'invert-structure': [1000, -900] } },
    );
    await page.getByTestId('rf__node-gains').waitFor();
    await page.getByLabel('Fit').first().click();
    await host.settled();
    await dragOnto('gains', 'model.checkpoint>invert-structure.checkpoint');
    await expect.poll(lit).toBe(1);
    await page.mouse.up();
    await expect.poll(() => graph().nodes['invert-structure']?.inputs?.['checkpoint']).toBe('gains.checkpoint');
  });

  test('a wire of another type stays unlit, and so does every wire under a node that has wires', async () => {
    const { page, host } = tested.studio;
    await change({ kind: 'addNode', type: 'freeu', id: 'gains', position: [0, -260] });
    await page.getByTestId('rf__node-gains').waitFor();
    await page.getByLabel('Fit').first().click();
    await host.settled();
    await dragOnto('gains', 'swap.transfer>adain.transfer');
    await host.settled();
    expect(await lit()).toBe(0);
    await page.mouse.up();
    await dragOnto('guidance', 'swap.transfer>adain.transfer');
    await host.settled();
    expect(await lit()).toBe(0);
    await page.mouse.up();
    await host.settled();
    expect(graph().nodes['gains']?.inputs).toBeUndefined();
    expect(graph().nodes['adain']?.inputs?.['transfer']).toBe('swap.transfer');
  });

  test('N with a wire selected offers what fits and inserts it', async () => {
    const { page, host } = tested.studio;
    await selectWire('model.checkpoint>invert-structure.checkpoint');
    await page.getByTestId('inspector-title').filter({ hasText: 'Wire' }).waitFor();
    await page.getByTestId('canvas').focus();
    await page.keyboard.press('n');
    const options = await page.getByTestId('add-menu').getByRole('option').allTextContents();
    expect(options).toHaveLength(2);
    for (const option of options) expect(option).toMatch(/FreeU|LoRA/);
    await page.keyboard.type('freeu');
    await page.keyboard.press('Enter');
    await expect.poll(() => graph().nodes['freeu']?.inputs?.['checkpoint']).toBe('model.checkpoint');
    expect(graph().nodes['invert-structure']?.inputs?.['checkpoint']).toBe('freeu.checkpoint');
    expect(edits()).toBe(1);
    await page.getByTestId('inspector-title').filter({ hasText: 'freeu' }).waitFor();
    await host.settled();
  });

  test('where no type of node fits, the list says so', async () => {
    const { page } = tested.studio;
    await selectWire('invert-appearance.inversion>swap.appearance');
    await page.getByTestId('canvas').focus();
    await page.keyboard.press('n');
    await page.getByTestId('add-menu').filter({ hasText: 'No type of node fits into this wire' }).waitFor();
  });
});

describe('the search for nodes', () => {
  const count = (text: string) => tested.studio.page.getByTestId('find-count').filter({ hasText: text }).waitFor();
  const title = (text: string) => tested.studio.page.getByTestId('inspector-title').filter({ hasText: text }).waitFor();

  test('finds by type, goes on and back, says where it is, and Escape leaves the focus on the match', async () => {
    const { page } = tested.studio;
    await page.getByTestId('canvas').focus();
    await page.keyboard.press('Control+f');
    await page.keyboard.type('invert');
    await count('1 of 2');
    await title('invert structure');
    await announced(/^invert structure, 1 of 2/);
    await page.keyboard.press('Enter');
    await count('2 of 2');
    await title('invert appearance');
    await page.keyboard.press('Enter');
    await count('1 of 2');
    await page.keyboard.press('Shift+Enter');
    await announced(/^invert appearance, 2 of 2/);
    await page.keyboard.press('Escape');
    await page.getByTestId('find').waitFor({ state: 'detached' });
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-id')))
      .toBe('invert-appearance');
    expect(edits()).toBe(0);
  });

  test('finds a value from the inspector and brings the node into view', async () => {
    const { page } = tested.studio;
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    for (let i = 0; i < 6; i++) await page.getByLabel('Zoom in').click();
    await page.getByTestId('param-contrast').locator('input[type=number]').focus();
    await page.keyboard.press('Control+f');
    await page.keyboard.type('images/zebra.png');
    await count('1 of 1');
    await title('appearance');
    await expect
      .poll(async () => {
        const [canvas, node] = [await boxOf('canvas'), await boxOf('rf__node-appearance')];
        return node.x < canvas.x + canvas.width && node.x + node.width > canvas.x;
      })
      .toBe(true);
    await page.keyboard.type('q');
    await count('Nothing found');
  });
});
