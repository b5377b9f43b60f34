/** Nodes folded to their titles: the page alone, with a fake host. */
import { expect, test } from 'vitest';
import { pageTest } from './support/pageTest';

const tested = pageTest('folding');
const { graph } = tested;
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const press = (key: string) => tested.studio.page.keyboard.press(key);
const heightOf = async (node: string) => (await part(`rf__node-${node}`).boundingBox())?.height ?? 0;
const zoomToFull = () => tested.studio.page.getByLabel(/^Zoom \d+ per cent/).click();
const added = (before: string) =>
  tested.studio.host.text.split('\n').filter((line) => !before.split('\n').includes(line));

test('E folds a node to its title: one line of the file, its wires stay, and undo takes it back', async () => {
  const { page, host } = tested.studio;
  const before = host.text;
  const wires = await page.locator('.react-flow__edge').count();
  const open = await heightOf('swap');
  await part('rf__node-swap').click({ position: { x: 40, y: 8 } });
  await press('e');
  await expect.poll(() => graph().nodes['swap']?.folded).toBe(true);
  expect(added(before)).toContain('      "folded": true');
  await expect.poll(() => heightOf('swap')).toBeLessThan(open / 2);
  expect(await page.locator('.react-flow__edge').count()).toBe(wires);
  expect(await part('rf__node-swap').locator('.row').count()).toBe(0);
  // Each port is there still, and inside the title.
  const box = await part('rf__node-swap').boundingBox();
  for (const port of ['structure', 'appearance', 'masks', 'sources', 'transfer']) {
    const at = await part(`port-swap-${port}`).boundingBox();
    if (!box || !at) throw new Error(`${port} is not there`);
    expect(at.y + at.height / 2).toBeGreaterThan(box.y);
    expect(at.y + at.height / 2).toBeLessThan(box.y + box.height);
  }
  await host.undo();
  expect(host.text).toBe(before);
  await expect.poll(() => heightOf('swap')).toBeCloseTo(open, 0);
});

test('several are folded at once, by the arrow and the menu, and Auto-run does not care', async () => {
  const { page, host } = tested.studio;
  await page.getByTestId('auto-run').click();
  await part('rf__node-adain').click({ position: { x: 40, y: 8 } });
  await part('rf__node-guidance').click({ position: { x: 40, y: 8 }, modifiers: ['Control'] });
  await part('canvas').focus();
  await press('E');
  await expect.poll(() => [graph().nodes['adain']?.folded, graph().nodes['guidance']?.folded]).toEqual([true, true]);
  expect(host.of('edit')).toHaveLength(1);
  await part('rf__node-adain').click({ button: 'right', position: { x: 40, y: 8 } });
  await part('context-menu').getByRole('menuitem', { name: 'Fold or unfold' }).click();
  await expect
    .poll(() => [graph().nodes['adain']?.folded, graph().nodes['guidance']?.folded])
    .toEqual([undefined, undefined]);
  await zoomToFull();
  await part('canvas').focus();
  await press('z');
  await part('fold-adain').click();
  await expect.poll(() => graph().nodes['adain']?.folded).toBe(true);
  await expect.poll(() => part('fold-adain').getAttribute('aria-expanded')).toBe('false');
  await host.settled();
  expect(host.of('autoRun')).toEqual([]);
});

test('a folded node shows its state and its problems, and a wire can be connected to it', async () => {
  const { page, host } = tested.studio;
  await part('rf__node-invert-structure').click({ position: { x: 40, y: 8 } });
  await press('e');
  await expect.poll(() => graph().nodes['invert-structure']?.folded).toBe(true);
  await zoomToFull();
  await part('canvas').focus();
  await press('z');
  await host.play();
  await expect.poll(() => part('status-invert-structure').innerText()).toContain('cached');
  await page
    .getByTestId('rf__edge-structure.image>invert-structure.image')
    .locator('.react-flow__edge-interaction')
    .dispatchEvent('click');
  await part('inspector-title').filter({ hasText: 'Wire' }).waitFor();
  await part('canvas').focus();
  await press('Delete');
  await part('badge-invert-structure').waitFor();
  await part('canvas').focus();
  await press('f');
  await host.settled();
  const [from, to] = [
    await part('port-structure-image').boundingBox(),
    await part('rf__node-invert-structure').boundingBox(),
  ];
  if (!from || !to) throw new Error('The ports are not there.');
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 6 });
  await page.mouse.up();
  await expect.poll(() => graph().nodes['invert-structure']?.inputs?.['image']).toBe('structure.image');
});
