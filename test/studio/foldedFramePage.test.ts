/** Frames folded into one box: the page alone, with a fake host. */
import { beforeEach, describe, expect, test } from 'vitest';
import { validateGraph } from '../../extension/graph';
import { pageTest } from './support/pageTest';

const tested = pageTest('folded frame');
const { graph } = tested;
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const press = (key: string) => tested.studio.page.keyboard.press(key);
const announced = (text: RegExp) => tested.studio.page.getByRole('status').filter({ hasText: text }).first().waitFor();
const folded = () => graph().frames?.['frame']?.folded;
const layout = () => graph().layout ?? {};
const shows = async (...nodes: string[]) => {
  for (const node of nodes) await part(`rf__node-${node}`).waitFor();
};
const hides = async (...nodes: string[]) => {
  for (const node of nodes) await part(`rf__node-${node}`).waitFor({ state: 'detached' });
};
const boxOf = async (testId: string) => {
  const box = await part(testId).boundingBox();
  if (!box) throw new Error(`${testId} is not there`);
  return box;
};
const INSIDE = ['adain', 'guidance', 'swap'];
const box = () => part('frame-frame');

/** The text of the file when the frame is there and not folded yet. */
let unfolded = '';

beforeEach(async () => {
  const { page, host } = tested.studio;
  for (const [index, node] of INSIDE.entries())
    await part(`rf__node-${node}`).click({ position: { x: 40, y: 8 }, modifiers: index > 0 ? ['Control'] : [] });
  await part('canvas').focus();
  await press('g');
  await part('frame-text').fill('The look');
  await press('Enter');
  await expect.poll(() => graph().frames?.['frame']?.text).toBe('The look');
  unfolded = host.text;
  await part('canvas').focus();
  await press('e');
  await expect.poll(folded).toEqual(INSIDE);
  await hides(...INSIDE);
  await part('canvas').focus();
  await press('f');
  await host.settled();
  await page.mouse.move(5, 5);
});

test('it is one box with the wires that cross its border, and one line of the file; the nodes stay as they are', async () => {
  const { page, host } = tested.studio;
  const lines = unfolded.split('\n');
  expect(host.text.split('\n').filter((line) => !lines.includes(line))).toEqual([
    '      "folded": ["adain", "guidance", "swap"],',
  ]);
  expect(validateGraph(host.text).filter(({ code }) => code === 'unknown-key')).toEqual([]);
  await part('rf__edge-invert-structure.inversion>swap.structure').waitFor();
  await part('rf__edge-guidance.transfer>denoise.transfer').waitFor();
  expect(await part('rf__edge-swap.transfer>adain.transfer').count()).toBe(0);
  // The wire ends at the box.
  const end = await page
    .getByTestId('rf__edge-guidance.transfer>denoise.transfer')
    .locator('path.wire')
    .evaluate((element) => {
      const line = element as SVGPathElement;
      const { x, y } = line.getPointAtLength(0).matrixTransform(line.getScreenCTM() ?? undefined);
      return { x, y };
    });
  const place = await boxOf('rf__node-frame:frame');
  expect(Math.abs(end.x - place.x - place.width)).toBeLessThan(10);
  expect(end.y).toBeGreaterThan(place.y);
  expect(end.y).toBeLessThan(place.y + place.height);
  await host.undo();
  await shows(...INSIDE);
});

test('a double click unfolds it, and so does E', async () => {
  const { host } = tested.studio;
  await box().dblclick({ position: { x: 60, y: 10 } });
  await shows(...INSIDE);
  await expect.poll(() => host.text).toBe(unfolded);
  await announced(/The look unfolded/);
  await part('canvas').focus();
  await press('e');
  await hides(...INSIDE);
  await press('e');
  await shows(...INSIDE);
  expect(host.text).toBe(unfolded);
});

test('dragged, it takes the nodes inside along, in one undo', async () => {
  const { page, host } = tested.studio;
  const before = { text: host.text, layout: layout(), rect: graph().frames?.['frame']?.rect ?? [] };
  const at = await boxOf('rf__node-frame:frame');
  await page.mouse.move(at.x + 50, at.y + 10);
  await page.mouse.down();
  await page.mouse.move(at.x + 50, at.y + 110, { steps: 5 });
  await page.mouse.up();
  await expect.poll(() => graph().frames?.['frame']?.rect[1]).toBeGreaterThan((before.rect[1] ?? 0) + 50);
  const down = (graph().frames?.['frame']?.rect[1] ?? 0) - (before.rect[1] ?? 0);
  for (const node of INSIDE) expect((layout()[node]?.[1] ?? 0) - (before.layout[node]?.[1] ?? 0)).toBe(down);
  expect(layout()['denoise']).toEqual(before.layout['denoise']);
  await host.undo();
  expect(host.text).toBe(before.text);
});

describe('a node inside', () => {
  test('is found by Ctrl+F: the frame opens for it, closes behind it, and the file stays', async () => {
    const { page, host } = tested.studio;
    const before = host.text;
    await part('canvas').focus();
    await press('Control+f');
    await page.keyboard.type('adain');
    await shows('adain');
    await part('inspector-title').filter({ hasText: 'adain' }).waitFor();
    await press('Escape');
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-id'))).toBe('adain');
    // Another node inside keeps it open, one outside closes it.
    await part('rf__node-swap').click({ position: { x: 40, y: 8 } });
    await shows('adain');
    await part('rf__node-denoise').click({ position: { x: 40, y: 8 } });
    await hides(...INSIDE);
    await host.settled();
    expect(host.text).toBe(before);
  });

  test('that fails or is wrong says so on the box, which leads to it', async () => {
    const { host } = tested.studio;
    await host.setText(host.text.replace('"type": "guidance"', '"type": "guidance", "params": { "scale": "high" }'));
    await expect.poll(() => part('badge-frame-frame').getAttribute('title')).toMatch(/^guidance: /);
    const nodes = {
      swap: { state: 'failed' as const, message: 'It did not work.' },
      adain: { state: 'done' as const },
    };
    await host.post({ type: 'run', run: { runId: 'run-1', state: 'failed', nodes } });
    await part('failure-frame-frame').filter({ hasText: 'swap: It did not work.' }).waitFor();
    await part('failure-frame-frame').getByRole('button').click();
    await part('failure-swap').waitFor();
    await part('inspector-title').filter({ hasText: 'swap' }).waitFor();
  });

  test('is wired through the box, and a port that does not fit is dimmed meanwhile', async () => {
    const { page, host } = tested.studio;
    const [from, to] = [await boxOf('port-structure-image'), await boxOf('port-swap-structure')];
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 6 });
    await expect.poll(() => part('port-swap-structure').getAttribute('class')).toContain('no-fit');
    await expect.poll(() => part('port-invert-structure-image').getAttribute('class')).toMatch(/ fits/);
    expect(await part('port-mask-structure-inversion').getAttribute('class')).toContain('no-fit');
    await part('refusal').waitFor();
    await page.mouse.up();
    const [mask, box] = [await boxOf('port-mask-structure-mask'), await boxOf('rf__node-frame:frame')];
    await part('rf__edge-mask-structure.mask>adain.structureMask')
      .locator('.react-flow__edge-interaction')
      .dispatchEvent('click');
    await part('canvas').focus();
    await press('Delete');
    await expect.poll(() => graph().nodes['adain']?.inputs?.['structureMask']).toBeUndefined();
    await page.mouse.move(mask.x + mask.width / 2, mask.y + mask.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 12, { steps: 6 });
    await page.mouse.up();
    // The only port of a mask that the box has left.
    const masks = ['mask-appearance.mask', 'mask-structure.mask'];
    await expect.poll(() => graph().nodes['adain']?.inputs?.['appearanceMask']).toEqual(masks);
    await host.settled();
  });
});

test('it copies, is muted and is deleted as one node', async () => {
  const { host } = tested.studio;
  const before = host.text;
  await box().click({ position: { x: 60, y: 10 } });
  await press('Control+d');
  await expect.poll(() => graph().frames?.['frame-2']?.folded).toEqual(['adain-2', 'guidance-2', 'swap-2']);
  await hides('swap-2');
  await host.undo();
  await expect.poll(() => host.text).toBe(before);
  await box().click({ position: { x: 60, y: 10 } });
  await press('m');
  await expect.poll(() => INSIDE.map((id) => graph().nodes[id]?.muted)).toEqual([true, true, true]);
  await host.undo();
  await box().click({ position: { x: 60, y: 10 } });
  await press('Delete');
  await expect.poll(() => graph().frames).toBeUndefined();
  expect(INSIDE.filter((id) => id in graph().nodes)).toEqual([]);
  await host.undo();
  expect(host.text).toBe(before);
});

test('Tidy lays it out as one box, arrows go to it, and nothing else is missing from the canvas', async () => {
  const { page, host } = tested.studio;
  const apart = () => INSIDE.map((id) => (layout()[id] ?? [0, 0]).map((at, i) => at - (layout()['swap']?.[i] ?? 0)));
  const [before, edits] = [apart(), host.of('edit').length];
  await part('canvas').focus();
  await press('Escape');
  await press('t');
  await expect.poll(() => host.of('edit').length).toBe(edits + 1);
  expect(apart()).toEqual(before);
  const boxes = await page.locator('.react-flow__node').evaluateAll((all) =>
    all.map((node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      return { id: node.getAttribute('data-id'), x, y, width, height };
    }),
  );
  expect(boxes).toHaveLength(Object.keys(graph().nodes).length - INSIDE.length + 1);
  for (const a of boxes)
    for (const b of boxes)
      if (a.id !== b.id)
        expect(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height).toBe(false);
  await part('rf__node-denoise').click({ position: { x: 40, y: 8 } });
  await press('ArrowLeft');
  await part('inspector-title').filter({ hasText: 'Comment frame' }).waitFor();
  await part('folded-nodes').getByRole('button', { name: 'guidance' }).click();
  await shows(...INSIDE);
});

test('a frame without nodes is not folded, and says why', async () => {
  const { host } = tested.studio;
  await part('canvas').focus();
  await press('Escape');
  await press('g');
  await press('Escape');
  await expect.poll(() => Object.keys(graph().frames ?? {})).toHaveLength(2);
  const before = host.text;
  await part('canvas').focus();
  await press('e');
  await part('toast').filter({ hasText: 'no nodes on this frame' }).waitFor();
  expect(host.text).toBe(before);
});
