/** Matching parts, in the page alone: the colours, a corrected match as nodes and wires of the graph, and the way back. */
import { expect, test } from 'vitest';
import { editText, type GraphEdit, wiresOf } from '../../extension/graph';
import { example, pageTest } from './support/pageTest';

const tested = pageTest('parts');
const { graph } = tested;
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const sentence = () => part('parts-sentence').textContent();

async function open(): Promise<void> {
  await part('rf__node-swap').click({ position: { x: 50, y: 12 } });
  await part('parts-open').click();
}
/** The numbers of the structure's parts, from the left: the parts of the appearance that they take their look from. */
const numbers = (side = 'structure') =>
  part(`parts-${side}`)
    .locator('.parts-badge')
    .evaluateAll((badges) => badges.map((badge) => badge.getAttribute('data-colour')));
/** The colour of a picture's parts at a fraction of the width. */
const colourAt = (side: string, x: number) =>
  part(`parts-cells-${side}`).evaluate((element, at) => {
    const from = element as HTMLCanvasElement;
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    context.drawImage(from, 0, 0);
    return [...context.getImageData(Math.floor(at * from.width), 3, 1, 1).data];
  }, x);
const wires = (node: string, port: string) => wiresOf(graph().nodes[node]?.inputs?.[port]);

test('without a run it says so and offers one; then matched parts have one colour and one number', async () => {
  const { page, host } = tested.studio;
  await page.keyboard.press('Escape');
  await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
  await page.keyboard.press('p');
  await part('parts-view').waitFor();
  expect(await part('inspect-nothing').textContent()).toContain('This graph has not run in this window yet.');
  await part('inspect-run').click();
  await expect.poll(() => host.of('run').at(-1)?.target).toBe('denoise');
  await host.play();
  await expect.poll(() => numbers()).toEqual(['5', '4', '3', '2', '1']);
  expect(await numbers('appearance')).toEqual(['1', '2', '3', '4', '5']);
  expect(await colourAt('structure', 0.05)).toEqual(await colourAt('appearance', 0.95));
  expect(await colourAt('structure', 0.05)).not.toEqual(await colourAt('structure', 0.95));

  await part('parts-structure-1').hover();
  await expect.poll(sentence).toContain('It takes its look from part 5, which gets 69 % of its attention.');
  await part('parts-appearance-2').hover();
  await expect.poll(sentence).toContain('One part of the structure takes its look from part 2.');
  expect(host.of('edit')).toEqual([]);
  await page.keyboard.press('Escape');
  await part('parts-view').waitFor({ state: 'detached' });
});

test('a match is corrected by a click on each side: nodes and wires as a person would make them, in one step of undo', async () => {
  const { page, host } = tested.studio;
  await host.play();
  await open();
  await expect.poll(() => numbers()).toEqual(['5', '4', '3', '2', '1']);
  await part('parts-structure-2').click();
  await expect.poll(sentence).toContain('Click the part of the appearance that it should take its look from.');
  await page.keyboard.press('Escape');
  await expect.poll(() => part('parts-structure-2').getAttribute('aria-pressed')).toBe('false');

  await part('parts-structure-2').click();
  // Anywhere in the part, not only on its number.
  await part('parts-appearance').click({ position: { x: 12, y: 20 } });
  await expect.poll(() => numbers()).toEqual(['5', '1', '3', '2', '1']);
  expect(await part('parts-structure-2').getAttribute('aria-label')).toContain('as you chose');
  await host.settled();
  expect(wires('swap', 'appearance')).toEqual(['invert-appearance.inversion', 'invert-appearance.inversion']);
  expect(wires('swap', 'masks')).toEqual(['structure-part.mask']);
  expect(wires('swap', 'sources')).toEqual(['appearance-part.mask']);
  expect(wires('adain', 'appearanceMask')).toEqual(['appearance-part.mask', 'mask-appearance.mask']);
  const places = ['structure-part', 'appearance-part'].map((id) => String(graph().nodes[id]?.params?.['part']));
  expect(places.map((place) => Math.floor(5 * Number(place.split(',')[0])))).toEqual([1, 0]);
  expect(host.of('edit')).toHaveLength(1);
  expect(await sentence()).not.toContain('as you chose');

  // The result is from before, until it has run.
  await page.mouse.move(5, 5);
  await expect.poll(sentence).toContain('The matches were changed since the last run.');
  await part('parts-run').click();
  await host.play();
  await expect.poll(() => part('parts-run').isDisabled()).toBe(true);
  await expect.poll(sentence).toContain('Parts with one number are matched');

  // Once more for the same part changes one line.
  await part('parts-appearance-4').click();
  await part('parts-structure-2').click();
  await expect.poll(() => numbers()).toEqual(['5', '4', '3', '2', '1']);
  await host.settled();
  expect(Object.keys(graph().nodes).filter((id) => id.includes('part'))).toHaveLength(2);
  await host.undo();
  await host.undo();
  expect(host.text).toBe(example);
  // What attention would find there, the run with the region does not tell.
  await expect.poll(() => numbers()).toEqual(['5', 'none', '3', '2', '1']);
  await expect.poll(() => part('parts-structure-2').getAttribute('class')).not.toContain('corrected');
});

test('several matches, one taken back by key and all by a button; pins stay with their image', async () => {
  const { page, host } = tested.studio;
  const pin = (appearance?: number) => ({
    to: { x: 0.2, y: 0.2, radius: 0.1 },
    from: { x: 0.8, y: 0.2, radius: 0.1 },
    ...(appearance ? { appearance } : {}),
  });
  const text = example.replace(
    '"type": "attention-swap",',
    `"type": "attention-swap", "params": {"pins": [${JSON.stringify(pin())}]},`,
  );
  await host.setText(text);
  await host.play();
  await open();
  const choose = async (structure: number, appearance: number) => {
    await part(`parts-structure-${structure}`).press('Enter');
    await part(`parts-appearance-${appearance}`).press('Enter');
    await host.settled();
  };
  await choose(1, 3);
  await choose(3, 1);
  expect(await numbers()).toEqual(['3', '4', '1', '2', '1']);
  expect(wires('swap', 'masks')).toEqual(['structure-part-2.mask', 'structure-part.mask']);
  expect(wires('swap', 'sources')).toEqual(['appearance-part-2.mask', 'appearance-part.mask']);
  expect(graph().nodes['swap']?.params?.['pins']).toEqual([pin(3)]);

  await part('parts-structure-1').press('Delete');
  await host.settled();
  expect(await numbers()).toEqual(['5', '4', '1', '2', '1']);
  expect(wires('swap', 'masks')).toEqual(['structure-part-2.mask']);
  expect(graph().nodes['swap']?.params?.['pins']).toEqual([pin(2)]);
  await part('parts-reset').click();
  await host.settled();
  expect(await numbers()).toEqual(['5', '4', '3', '2', '1']);
  expect(graph().nodes['swap']?.inputs?.['appearance']).toBe('invert-appearance.inversion');
  expect([wires('swap', 'masks'), wires('adain', 'appearanceMask')]).toEqual([[], ['mask-appearance.mask']]);
  expect(graph().nodes['swap']?.params?.['pins']).toEqual([pin()]);
  expect(await page.getByText('invalid').count()).toBe(0);
});

test('with several appearances a part may take its look from any of them, and one that takes it from another has no number', async () => {
  const { host } = tested.studio;
  const edits: GraphEdit[] = [
    { kind: 'duplicate', ids: ['invert-appearance'] },
    {
      ...{ kind: 'connect', from: { node: 'invert-appearance-2', port: 'inversion' } },
      to: { node: 'swap', port: 'appearance' },
    },
  ];
  await host.setText(editText(example, { kind: 'batch', edits }));
  const before = host.text;
  await host.play();
  await open();
  await part('parts-count').waitFor();
  // In this run the second appearance gives more to every part.
  expect(await numbers()).toEqual(['none', 'none', 'none', 'none', 'none']);
  await part('parts-structure-1').hover();
  await expect.poll(sentence).toContain('It takes its look from invert appearance 2');
  await part('parts-look').selectOption({ label: 'invert appearance 2' });
  await expect.poll(() => numbers()).toEqual(['5', '4', '3', '2', '1']);
  await part('parts-look').selectOption({ label: 'invert appearance' });
  await part('parts-structure-1').click();
  await part('parts-appearance-2').click();
  await host.settled();
  expect(await numbers()).toEqual(['2', 'none', 'none', 'none', 'none']);
  expect(wires('swap', 'appearance').map((wire) => wire.split('.')[0])).toEqual([
    'invert-appearance',
    'invert-appearance',
    'invert-appearance-2',
  ]);
  // The same part from the other image: the old region goes, a new one comes, in one step.
  await part('parts-look').selectOption({ label: 'invert appearance 2' });
  await part('parts-structure-1').click();
  await part('parts-appearance-3').click();
  await host.settled();
  expect(await numbers()).toEqual(['3', '4', '3', '2', '1']);
  expect(wires('swap', 'masks')).toHaveLength(1);
  expect(wires('swap', 'appearance')[0]).toBe('invert-appearance-2.inversion');
  await part('parts-reset').click();
  await host.settled();
  expect(host.text).toBe(before);
});

test('masks that are wired by hand are left alone, with a sentence', async () => {
  const { host } = tested.studio;
  const [before, after] = example.split('"structure": "invert-structure.inversion"');
  await host.setText(
    `${before}"masks": "mask-structure.mask",\n        "structure": "invert-structure.inversion"${after}`,
  );
  await host.play();
  await open();
  await expect.poll(sentence).toContain('Masks are connected already (mask structure)');
  await part('parts-structure-1').click();
  await expect.poll(() => part('announcer').textContent()).toContain('swap has masks of its own');
  expect(host.of('edit')).toEqual([]);
});

test('there may be more parts, and the colours are found by screen readers and by keys alone', async () => {
  const { host } = tested.studio;
  await host.play();
  await open();
  await part('parts-count').selectOption({ label: '8 parts' });
  await expect.poll(() => numbers()).toEqual(['8', '7', '6', '5', '4', '3', '2', '1']);
  await part('parts-structure-1').press('Enter');
  await part('parts-appearance-1').press('Enter');
  await host.settled();
  expect(graph().nodes['structure-part']?.params?.['clusters']).toBe(8);
  expect(await part('parts-count').locator('option').count()).toBe(1);
  expect(await part('parts-structure-1').getAttribute('aria-label')).toBe(
    'Part of the structure at 3 % across, 47 % down: it takes its look from part 1 of the appearance, as you chose',
  );
});
