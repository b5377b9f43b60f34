/** The page alone, in a browser: what a person does to it, and what it tells the extension host, which a fake plays. */
import { expect, test } from 'vitest';
import { pageTest } from './support/pageTest';

const tested = pageTest('page');

const { graph } = tested;
const select = (node: string) =>
  tested.studio.page.getByTestId(`rf__node-${node}`).click({ position: { x: 50, y: 12 } });
const edits = () => tested.studio.host.of('edit').length;
const boxOf = async (testId: string) => {
  const box = await tested.studio.page.getByTestId(testId).boundingBox();
  if (!box) throw new Error(`${testId} is not there`);
  return box;
};

const middleOf = async (testId: string) => {
  const { x, y, width, height } = await boxOf(testId);
  return { x: x + width / 2, y: y + height / 2 };
};

interface Place {
  x: number;
  y: number;
}

/** Presses, drags and holds. */
async function drag(from: Place, to: Place): Promise<void> {
  const { mouse } = tested.studio.page;
  await mouse.move(from.x, from.y);
  await mouse.down();
  await mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2, { steps: 4 });
  await mouse.move(to.x, to.y, { steps: 4 });
}

async function dragPort(port: string, to: { testId: string } | { dx: number; dy: number }): Promise<void> {
  const from = await middleOf(port);
  await drag(from, 'testId' in to ? await middleOf(to.testId) : { x: from.x + to.dx, y: from.y + to.dy });
}

/** Notes the keys with Ctrl that come through the page and go on to VS Code. */
async function watchKeys(): Promise<void> {
  await tested.studio.page.evaluate(() => {
    const seen = ((window as unknown as { seen: string[] }).seen = [] as string[]);
    window.addEventListener('keydown', (event) => {
      if (event.ctrlKey && event.key.length === 1 && !event.defaultPrevented) seen.push(event.key);
    });
  });
}
const keysSeen = () => tested.studio.page.evaluate(() => (window as unknown as { seen: string[] }).seen);

test('a drag is one edit and moves one node', async () => {
  const { page, host } = tested.studio;
  const before = graph().layout?.['swap'] ?? [NaN, NaN];
  const box = await boxOf('rf__node-swap');
  await drag({ x: box.x + 40, y: box.y + 12 }, { x: box.x + 120, y: box.y + 72 });
  await page.mouse.up();
  await host.settled();
  expect(edits()).toBe(1);
  const after = graph().layout?.['swap'] ?? [NaN, NaN];
  expect(after[0]).toBeGreaterThan(before[0]);
  expect(after[1]).toBeGreaterThan(before[1]);
  await host.undo();
  await expect.poll(async () => Math.abs((await boxOf('rf__node-swap')).x - box.x)).toBeLessThan(2);
});

test('the first key in a field reaches the host, and Ctrl+Z there stays in the page', async () => {
  const { page } = tested.studio;
  await select('swap');
  const field = page.getByTestId('param-contrast').locator('input[type=number]');
  await field.press('Control+a');
  await field.press('2');
  await expect.poll(() => graph().nodes['swap']?.params?.['contrast']).toBe(2);
  await watchKeys();
  await field.press('Control+z');
  await field.press('Control+e');
  expect(await keysSeen()).toEqual(['e']);
  await expect.poll(() => graph().nodes['swap']?.params).toBeUndefined();
  await field.press('Control+a');
  await field.press('3');
  await page.getByTestId('reset-contrast').click();
  await expect.poll(() => graph().nodes['swap']?.params).toBeUndefined();
});

test('Ctrl+Z on the canvas goes on to the workbench', async () => {
  const { page } = tested.studio;
  await page.getByTestId('canvas').focus();
  await watchKeys();
  await page.keyboard.press('Control+z');
  expect(await keysSeen()).toEqual(['z']);
});

test('a slider drag is one edit, and the node shows it meanwhile', async () => {
  const { page, host } = tested.studio;
  await select('swap');
  const box = await boxOf('slider-contrast');
  const y = box.y + box.height / 2;
  await drag({ x: box.x + box.width * 0.17, y }, { x: box.x + box.width * 0.5, y });
  await expect.poll(() => page.getByTestId('node-swap').textContent()).not.toContain('Contrast1.67');
  await page.mouse.up();
  await host.settled();
  expect(edits()).toBe(1);
});

test('a range drag is one edit and writes two numbers; arrow keys move it, too', async () => {
  const { page, host } = tested.studio;
  await select('swap');
  await page.getByText('Advanced', { exact: true }).click();
  const thumb = page.getByRole('slider', { name: 'Higher resolution, to' });
  const box = await thumb.boundingBox();
  if (!box) throw new Error('There is no thumb.');
  await drag({ x: box.x + 6, y: box.y + 8 }, { x: box.x - 50, y: box.y + 8 });
  await page.mouse.up();
  await host.settled();
  expect(edits()).toBe(1);
  const [from, to] = graph().nodes['swap']?.params?.['higherRange'] as number[];
  expect(from).toBe(10);
  expect(to).toBeLessThan(85);
  await thumb.press('ArrowRight');
  await expect.poll(edits).toBe(2);
});

test('a refused wire says why while it hangs and after', async () => {
  const { page, host } = tested.studio;
  await dragPort('port-structure-image', { testId: 'port-swap-appearance' });
  await page.getByTestId('refusal').filter({ hasText: 'takes an inversion' }).waitFor();
  await page.mouse.up();
  await page.getByTestId('toast').filter({ hasText: 'takes an inversion' }).waitFor();
  await dragPort('port-structure-image', { testId: 'port-appearance-image' });
  await page.getByTestId('refusal').filter({ hasText: 'these are two outputs' }).waitFor();
  await page.mouse.up();
  await page.getByTestId('toast').filter({ hasText: 'these are two outputs' }).waitFor();
  await host.settled();
  expect(edits()).toBe(0);
});

test('a list port takes a second wire, and the inspector disconnects it', async () => {
  const { page } = tested.studio;
  const wires = () => graph().nodes['swap']?.inputs?.['appearance'];
  await dragPort('port-invert-structure-inversion', { testId: 'port-swap-appearance' });
  await page.mouse.up();
  await expect.poll(wires).toEqual(['invert-appearance.inversion', 'invert-structure.inversion']);
  await select('swap');
  await page.getByRole('button', { name: /^Disconnect Appearance from invert structure/ }).click();
  await expect.poll(wires).toBe('invert-appearance.inversion');
  expect(edits()).toBe(2);
});

test('a wire into the open offers what fits, and wires it', async () => {
  const { page } = tested.studio;
  await dragPort('port-denoise-timeline', { dx: 60, dy: 200 });
  await page.mouse.up();
  await page.getByTestId('add-menu').waitFor();
  const options = await page.getByTestId('add-menu').getByRole('option').allTextContents();
  expect(options).not.toEqual([]);
  for (const option of options) expect(option).toMatch(/Compare|Save/);
  await page.keyboard.type('comp');
  await page.keyboard.press('Enter');
  await expect.poll(() => graph().nodes['compare']?.inputs?.['a']).toBe('denoise.timeline');
});

test('a wire let go on a node takes its free port that fits', async () => {
  const { page } = tested.studio;
  const wire = () => graph().nodes['guidance']?.inputs?.['transfer'];
  await select('guidance');
  await page.getByRole('button', { name: /^Disconnect Transfer/ }).click();
  await expect.poll(wire).toBeUndefined();
  await dragPort('port-swap-transfer', { testId: 'status-guidance' });
  await page.mouse.up();
  await expect.poll(wire).toBe('swap.transfer');
});

test('a selected wire goes with Delete, and another’s end can be moved to its port', async () => {
  const { page } = tested.studio;
  const masks = () => [
    graph().nodes['adain']?.inputs?.['structureMask'],
    graph().nodes['adain']?.inputs?.['appearanceMask'],
  ];
  const wire = page.getByTestId('rf__edge-mask-structure.mask>adain.structureMask');
  await wire.locator('.react-flow__edge-interaction').dispatchEvent('click');
  await page.getByTestId('inspector-title').filter({ hasText: 'Wire' }).waitFor();
  await page.getByTestId('canvas').focus();
  await page.keyboard.press('Delete');
  await expect.poll(masks).toEqual([undefined, 'mask-appearance.mask']);
  const end = page
    .getByTestId('rf__edge-mask-appearance.mask>adain.appearanceMask')
    .locator('.react-flow__edgeupdater-target');
  const start = await end.boundingBox();
  if (!start) throw new Error('The wire has no end.');
  await drag(
    { x: start.x + start.width / 2 - 3, y: start.y + start.height / 2 },
    await middleOf('port-adain-structureMask'),
  );
  await page.mouse.up();
  await expect.poll(masks).toEqual(['mask-appearance.mask', undefined]);
  expect(edits()).toBe(2);
});

test('a double click adds a node by search and selects it', async () => {
  const { page } = tested.studio;
  const box = await boxOf('canvas');
  await page.mouse.dblclick(box.x + box.width * 0.75, box.y + box.height * 0.15);
  await page.keyboard.type('freeu');
  await page.keyboard.press('Enter');
  await expect.poll(() => graph().nodes['freeu']).toBeDefined();
  await page.getByTestId('inspector-title').filter({ hasText: 'freeu' }).waitFor();
});

test('the keyboard suffices: arrows, rename, edit, mute, delete, connect', async () => {
  const { page, host } = tested.studio;
  const focused = (attribute: string) =>
    page.evaluate((name) => document.activeElement?.closest(`[${name}]`)?.getAttribute(name), attribute);
  await page.getByTestId('canvas').focus();
  await page.keyboard.press('Home');
  await expect.poll(() => focused('data-id')).toBe('structure');
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => focused('data-id')).toBe('invert-structure');
  await page.keyboard.press('F2');
  await page.getByTestId('rename').fill('the inversion');
  await page.keyboard.press('Enter');
  await expect.poll(() => graph().nodes['swap']?.inputs?.['structure']).toBe('the-inversion.inversion');
  await expect.poll(() => focused('data-id')).toBe('the-inversion');
  await page.keyboard.press('Enter');
  await expect.poll(() => focused('data-param')).toBe('guidanceScale');
  await select('adain');
  await page.keyboard.press('m');
  await expect.poll(() => graph().nodes['adain']?.muted).toBe(true);
  await page.keyboard.press('Delete');
  await expect.poll(() => graph().nodes['adain']).toBeUndefined();
  await select('guidance');
  await page.keyboard.press('c');
  await page.getByTestId('connect-menu').waitFor();
  await page.keyboard.type('swap');
  await page.keyboard.press('Enter');
  await expect.poll(() => graph().nodes['guidance']?.inputs?.['transfer']).toBe('swap.transfer');
  expect(host.of('edit').map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test('a field or a menu that is opened right behind an arrow key keeps the focus', async () => {
  const { page } = tested.studio;
  await page.getByTestId('canvas').focus();
  await page.keyboard.press('Home');
  for (const [key, opened] of [
    ['F2', 'rename'],
    ['ContextMenu', 'context-menu'],
  ] as const) {
    // Both keys reach the page before it paints again.
    await page.evaluate(
      (keys) => {
        for (const name of keys)
          document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
      },
      ['ArrowRight', key],
    );
    await page.getByTestId(opened).waitFor();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    expect(await page.evaluate((id) => document.activeElement?.closest(`[data-testid="${id}"]`) !== null, opened)).toBe(
      true,
    );
    await page.keyboard.press('Escape');
    await page.getByTestId(opened).waitFor({ state: 'detached' });
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.closest('[data-testid="canvas"]') !== null))
      .toBe(true);
  }
});

test('copies, duplicates, cuts and pastes nodes with the wires among them', async () => {
  const { page } = tested.studio;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await select('swap');
  await page.getByTestId('rf__node-adain').click({ position: { x: 50, y: 12 }, modifiers: ['Shift'] });
  await page.keyboard.press('Control+c');
  await page.keyboard.press('Control+v');
  await expect.poll(() => graph().nodes['adain-2']?.inputs?.['transfer']).toBe('swap-2.transfer');
  await page.keyboard.press('Control+d');
  await expect.poll(() => graph().nodes['swap-3']).toBeDefined();
  await page.keyboard.press('Control+x');
  await expect.poll(() => graph().nodes['swap-3']).toBeUndefined();
  await page.keyboard.press('Control+v');
  await expect.poll(() => graph().nodes['swap-3']).toBeDefined();
});

test('a frame takes its nodes along in one edit', async () => {
  const { page, host } = tested.studio;
  await select('denoise');
  await page.keyboard.press('g');
  await page.getByTestId('frame-text').fill('The result');
  await page.keyboard.press('Enter');
  await expect.poll(() => Object.values(graph().frames ?? {})[0]?.text).toBe('The result');
  const before = graph().layout?.['denoise']?.[1] ?? NaN;
  const count = edits();
  const title = await page.locator('.frame-title').boundingBox();
  if (!title) throw new Error('There is no frame.');
  await drag({ x: title.x + 30, y: title.y + 8 }, { x: title.x + 30, y: title.y + 108 });
  await page.mouse.up();
  await host.settled();
  expect(graph().layout?.['denoise']?.[1]).toBeGreaterThan(before + 80);
  expect(edits()).toBe(count + 1);
});

test('all are selected, aligned and tidied, one edit each', async () => {
  const { page } = tested.studio;
  await page.getByTestId('canvas').focus();
  await page.keyboard.press('Control+a');
  await page.getByTestId('inspector-title').filter({ hasText: '14 items' }).waitFor();
  await page.getByRole('button', { name: 'Align left' }).click();
  await expect.poll(edits).toBe(1);
  expect(new Set(Object.values(graph().layout ?? {}).map(([x]) => x)).size).toBe(1);
  await page.getByTestId('canvas').focus();
  await page.keyboard.press('Escape');
  await page.getByTestId('tidy').click();
  await expect.poll(edits).toBe(2);
  expect(new Set(Object.values(graph().layout ?? {}).map(([x]) => x)).size).toBeGreaterThan(4);
});

test('a box selects, and what it selected is dragged in one edit', async () => {
  const { page, host } = tested.studio;
  const [first, last] = [await boxOf('rf__node-adain'), await boxOf('rf__node-guidance')];
  await page.keyboard.down('Shift');
  await drag({ x: first.x - 12, y: first.y - 12 }, { x: last.x + last.width + 12, y: last.y + last.height + 12 });
  await page.mouse.up();
  await page.keyboard.up('Shift');
  await page.getByTestId('inspector-title').filter({ hasText: '2 items selected' }).waitFor();
  const before = graph().layout;
  await drag({ x: first.x + 40, y: first.y + 12 }, { x: first.x + 40, y: first.y + 92 });
  await page.mouse.up();
  await host.settled();
  expect(edits()).toBe(1);
  for (const id of ['adain', 'guidance'])
    expect(graph().layout?.[id]?.[1]).toBeGreaterThan((before?.[id]?.[1] ?? NaN) + 80);
});

test('a run begins with what was typed last', async () => {
  const { page, host } = tested.studio;
  await select('swap');
  const contrast = page.getByTestId('param-contrast').locator('input[type=number]');
  await contrast.press('Control+a');
  await contrast.pressSequentially('2.5');
  await host.settled();
  expect(graph().nodes['swap']?.params?.['contrast']).toBe(2.5);
  await contrast.press('Control+a');
  await contrast.pressSequentially('1.25');
  await page.getByTestId('run').click();
  await expect.poll(() => host.of('run').length).toBe(1);
  expect(graph().nodes['swap']?.params?.['contrast']).toBe(1.25);
});

test('an image from the Explorer is handed to the host with the parameter it is for', async () => {
  const { page, host } = tested.studio;
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/uri-list', 'file:///ws/images/cow.png');
    const node = document.querySelector('[data-id="appearance"] .node');
    for (const type of ['dragover', 'drop'])
      node?.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  await expect
    .poll(() => host.of('dropped'))
    .toMatchObject([{ node: 'appearance', param: 'path', uris: ['file:///ws/images/cow.png'] }]);
});

test('a run shows its step, its timeline and how long it took', async () => {
  const { page, host } = tested.studio;
  await page.getByTestId('run').click();
  await expect.poll(() => host.of('run').length).toBe(1);
  await host.play(0.5);
  await page.getByTestId('status-denoise').filter({ hasText: 'step 13 / 26' }).waitFor();
  await page.getByTestId('timeline-where').filter({ hasText: 'step 13 of 26' }).waitFor();
  await page.getByTestId('timeline-strip').press('Home');
  await page.getByTestId('timeline-kind').selectOption('xt');
  await expect.poll(() => host.of('timelineFrame').length).toBeGreaterThan(0);
  await page.getByTestId('timeline-open').click();
  await expect.poll(() => host.of('openPng').length).toBe(1);
  const cell = page.getByTestId('timeline-strip').locator('.cell').nth(4);
  await cell.click();
  await page.locator('[data-testid=timeline-strip] .cell.current').waitFor();
  await host.settled();
  expect(host.of('openPng')).toHaveLength(1);
  await cell.click();
  await expect.poll(() => host.of('openPng').length).toBe(2);
  await page.getByTestId('stop').click();
  await expect.poll(() => host.of('stop').length).toBe(1);
  await host.play();
  await page
    .getByTestId('run-state')
    .filter({ hasText: /^Done in 14 s$/ })
    .waitFor();
});

test('steps that the engine no longer has are missed once', async () => {
  const { page, host } = tested.studio;
  await host.play();
  await page.getByTestId('timeline-kind').selectOption('xt');
  await expect.poll(() => host.of('timelineFrame').length).toBeGreaterThan(0);
  await host.post({ type: 'error', message: 'This step is no longer in memory: run the graph again to see it.' });
  await host.settled();
  const asked = host.of('timelineFrame').length;
  for (let i = 0; i < 5; i++) await page.getByTestId('timeline-strip').press('ArrowLeft');
  await host.settled();
  expect(host.of('timelineFrame')).toHaveLength(asked);
  expect(await page.getByTestId('toast').count()).toBe(1);
});

test('a mask is corrected by cluster and by brush, undone, and saved', async () => {
  const { page, host } = tested.studio;
  await host.segment('mask-structure');
  await select('mask-structure');
  await page.getByTestId('mask-open').click();
  const covers = (share: string) =>
    page
      .getByTestId('mask-sentence')
      .filter({ hasText: `covers ${share} of the picture` })
      .waitFor();
  await covers('50 %');
  const pane = await boxOf('mask-pane');
  const y = pane.y + pane.height / 2;
  await page.mouse.click(pane.x + pane.width * 0.75, y);
  await covers('100 %');
  await page.getByTestId('mask-pane').press('Control+z');
  await covers('50 %');
  await page.getByTestId('mask-pane').press('e');
  await drag({ x: pane.x + pane.width * 0.05, y }, { x: pane.x + pane.width * 0.2, y });
  await page.mouse.up();
  await page
    .getByTestId('mask-sentence')
    .filter({ hasText: /; \d+ of 64 cells are corrected\. Not saved yet/ })
    .waitFor();
  await page.getByTestId('mask-save').click();
  await expect.poll(() => host.of('saveCorrection')).toMatchObject([{ node: 'mask-structure', param: 'override' }]);
  // The button is disabled by now, so the focus is nowhere.
  await page.keyboard.press('Escape');
  await page.getByTestId('mask-view').waitFor({ state: 'detached' });
});

test('a restored page comes back with its selection and its view', async () => {
  const { page, host } = tested.studio;
  await select('swap');
  await page.getByLabel('Zoom in').click();
  const stored = () => page.evaluate(() => sessionStorage.getItem('state') ?? '');
  await expect.poll(stored).toMatch(/"selection":\["swap"\]/);
  await expect.poll(stored).toMatch(/"viewport":\{/);
  const zoom = await page.locator('.zoom-level').textContent();
  await page.reload();
  await page
    .getByTestId('inspector-title')
    .filter({ hasText: /^swap$/ })
    .waitFor();
  await host.settled();
  expect(await page.locator('.zoom-level').textContent()).toBe(zoom);
});

test('the empty graph gets the whole method in one click', async () => {
  const { page, host } = tested.studio;
  await host.setText('{\n  "weft": 1,\n  "nodes": {}\n}\n');
  await page.getByRole('button', { name: 'Insert the standard graph' }).click();
  await expect.poll(() => graph().nodes['denoise']).toBeDefined();
  await page.getByTestId('next-step').filter({ hasText: 'Choose an image' }).waitFor();
});
