/** The inspector alone, in a browser: what a person does to it, and what it tells the extension host, which a fake plays. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { environment } from './support/environment';
import { example, pageTest } from './support/pageTest';

const tested = pageTest('inspector page');

const { graph } = tested;
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const select = (node: string) => part(`rf__node-${node}`).click({ position: { x: 50, y: 12 } });
const edits = () => tested.studio.host.of('edit').length;

/** Presses on something and moves sideways; the button stays down. */
async function pull(target: ReturnType<typeof part>, by: number): Promise<void> {
  const box = await target.boundingBox();
  if (!box) throw new Error('It is not there.');
  const { mouse } = tested.studio.page;
  const from = { x: box.x + Math.min(30, box.width / 2), y: box.y + box.height / 2 };
  await mouse.move(from.x, from.y);
  await mouse.down();
  await mouse.move(from.x + by, from.y, { steps: 5 });
}

test('the swap shows two sliders and contrast; its exact values are folded away, and stay unfolded', async () => {
  const { page } = tested.studio;
  const shown = (param: string) => part(`param-${param}`).isVisible();
  await select('swap');
  await part('simple-structure').waitFor();
  expect([await shown('contrast'), await shown('higherRange')]).toEqual([true, false]);
  await page.getByText('Advanced', { exact: true }).press('Enter');
  await expect.poll(() => shown('higherRange')).toBe(true);
  await select('adain');
  await select('swap');
  expect(await shown('higherRange')).toBe(true);
  await expect.poll(() => page.evaluate(() => sessionStorage.getItem('state'))).toContain('"advancedOpen":true');
});

test('an exact value that is wrong, or that something points at, is unfolded', async () => {
  const { page, host } = tested.studio;
  await host.post({ type: 'reveal', node: 'swap', param: 'structureEvery' });
  await expect.poll(() => part('param-structureEvery').isVisible()).toBe(true);
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.closest('[data-param]')?.getAttribute('data-param')))
    .toBe('structureEvery');
  await page.getByText('Advanced', { exact: true }).click();
  await expect.poll(() => part('param-structureEvery').isVisible()).toBe(false);
  await host.setText(
    example.replace('"type": "attention-swap",', '"type": "attention-swap", "params": {"structureEvery": 0},'),
  );
  await expect.poll(() => part('error-structureEvery').isVisible()).toBe(true);
});

test('help shows on its button, by pointer and by key, and describes its field to a screen reader', async () => {
  const { page } = tested.studio;
  await select('swap');
  const bubble = page.getByRole('tooltip', { name: /Sharpens the swapped attention maps/ });
  const text = page.getByText(/^Sharpens the swapped attention maps/);
  expect(await text.isVisible()).toBe(false);
  const button = part('param-contrast').getByRole('button', { name: 'About Contrast' });
  await button.hover();
  await expect.poll(() => text.isVisible()).toBe(true);
  await page.mouse.move(5, 5);
  await expect.poll(() => text.isVisible()).toBe(false);
  await button.focus();
  await expect.poll(() => text.isVisible()).toBe(true);
  await page.keyboard.press('Escape');
  await expect.poll(() => text.isVisible()).toBe(false);
  expect(await bubble.count()).toBe(0);
  const described = await part('param-contrast').locator('input[type=number]').getAttribute('aria-describedby');
  expect(await page.locator(`[id="${described}"]`).textContent()).toMatch(/^Sharpens .* Default: 1\.67/);
});

test('dragging a number or its name changes it in one step of undo; Shift is finer, Escape gives it back', async () => {
  const { page, host } = tested.studio;
  await select('swap');
  const contrast = () => graph().nodes['swap']?.params?.['contrast'] as number | undefined;
  const label = part('param-contrast').locator('label');
  const field = part('param-contrast').locator('input[type=number]');
  expect(await label.evaluate((element) => getComputedStyle(element).cursor)).toBe('ew-resize');
  await pull(label, 40);
  await expect.poll(() => field.inputValue()).toBe('2.67');
  expect(edits()).toBe(0);
  await page.mouse.up();
  await expect.poll(contrast).toBe(2.67);
  expect(edits()).toBe(1);
  await pull(field, -40);
  await page.mouse.up();
  await expect.poll(contrast).toBeUndefined();
  await page.keyboard.down('Shift');
  await pull(field, 40);
  await page.mouse.up();
  await page.keyboard.up('Shift');
  await expect.poll(contrast).toBe(1.77);
  await pull(field, 60);
  await page.keyboard.press('Escape');
  await page.mouse.up();
  await host.settled();
  expect([contrast(), edits()]).toEqual([1.77, 3]);
  // A click is still the way to type.
  await field.click();
  await page.keyboard.type('3');
  await expect.poll(contrast).toBe(3);
});

test('four seeds show side by side as they come; a click writes one, in one step of undo, and runs up to its image', async () => {
  const { page, host } = tested.studio;
  await select('denoise');
  await part('vary').click();
  await expect
    .poll(() => host.of('vary'))
    .toEqual([{ type: 'vary', sweep: 'sweep', image: 'denoise.image', columns: 'schedule.seed=43,44,45,46' }]);
  const run = { runId: 'varied', state: 'running', nodes: {} } as const;
  await host.post({ type: 'run', run });
  const columns = { title: 'schedule.seed', labels: ['43', '44', '45', '46'] };
  await host.post({ type: 'sweep', runId: 'varied', node: 'sweep', columns });
  const png = new Uint8Array(readFileSync(path.join(environment.root(), 'examples/images/giraffe.png')));
  await host.post({ type: 'cell', runId: 'varied', node: 'sweep', row: 0, column: 1, state: 'done', set: [], png });
  await part('variation-1').waitFor();
  expect(await part('variation-0').count()).toBe(0);
  await page.getByText('Running. Closing stops the run.').waitFor();
  await part('variation-1').press('Enter');
  await expect.poll(() => host.of('run')).toEqual([{ type: 'run', target: 'denoise' }]);
  expect(graph().nodes['schedule']?.params?.['seed']).toBe(44);
  expect([edits(), host.of('stop').length, await part('variations').count()]).toEqual([1, 1, 0]);
});

test('closing the four seeds stops their run and changes nothing', async () => {
  const { page, host } = tested.studio;
  await select('save');
  await part('rf__node-save').click({ button: 'right', position: { x: 50, y: 12 } });
  await page.getByRole('menuitem', { name: 'Vary ×4' }).click();
  await host.post({ type: 'run', run: { runId: 'varied', state: 'running', nodes: {} } });
  await part('variations').waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => host.of('stop').length).toBe(1);
  expect([edits(), await part('variations').count()]).toEqual([0, 0]);
});

test('a parameter is swept from its menu, by pointer and by key, in one step of undo', async () => {
  const { page } = tested.studio;
  await select('swap');
  await part('param-contrast').locator('label').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Sweep this…' }).click();
  await expect
    .poll(() => graph().nodes['sweep'])
    .toEqual({
      type: 'sweep',
      inputs: { image: 'denoise.image' },
      params: { columns: 'swap.contrast=0,1.67,2.5,3.75,5' },
    });
  await part('inspector-title').filter({ hasText: 'sweep' }).waitFor();
  expect(edits()).toBe(1);
  await part('fit').click();
  await select('adain');
  await page.getByRole('spinbutton', { name: /, to$/ }).press('Shift+F10');
  await part('param-menu').waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLInputElement).type)).toBe('number');
  await page.getByRole('spinbutton', { name: /, to$/ }).press('Shift+F10');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => graph().nodes['sweep-2']?.params?.['columns'])
    .toBe('adain.range=[[20,40],[20,55],[20,70],[20,85],[20,100]]');
  expect(edits()).toBe(2);
});

test('a cell is enlarged, its neighbours are an arrow away, the best is marked, and its values go into the graph', async () => {
  const { page, host } = tested.studio;
  await select('swap');
  await part('param-contrast').locator('label').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Sweep this…' }).click();
  await expect.poll(() => graph().nodes['sweep']).toBeDefined();
  await host.post({ type: 'run', run: { runId: 'swept', state: 'running', nodes: {} } });
  const columns = { title: 'swap.contrast', labels: ['1', '4'] };
  const rows = { title: 'adain', labels: ['with adain', 'without adain'] };
  await host.post({ type: 'sweep', runId: 'swept', node: 'sweep', columns, rows });
  const png = new Uint8Array(readFileSync(path.join(environment.root(), 'examples/images/giraffe.png')));
  for (const [row, column, structure] of [
    [0, 0, 0.7],
    [0, 1, 0.9],
    [1, 0, 0.8],
    [1, 1, 0.6],
  ] as const) {
    const set = [
      { node: 'adain', param: 'muted', value: row === 1 },
      { node: 'swap', param: 'contrast', value: column === 0 ? 1 : 4 },
    ];
    const metrics = { structure };
    await host.post({ type: 'cell', runId: 'swept', node: 'sweep', row, column, state: 'done', set, png, metrics });
  }
  await expect
    .poll(() => part('sweep-sweep').locator('.best').allInnerTexts())
    .toEqual([expect.stringMatching(/0\.900/)]);
  await part('cell-sweep-0-0').click();
  const dialog = part('cell-dialog');
  await dialog.getByRole('heading', { name: 'sweep: adain with adain, swap.contrast 1' }).waitFor();
  await page.keyboard.press('ArrowRight');
  await dialog.getByText('best of the sweep').waitFor();
  await page.keyboard.press('ArrowDown');
  await dialog.getByRole('heading', { name: 'sweep: adain without adain, swap.contrast 4' }).waitFor();
  const before = edits();
  await part('take-cell').click();
  await expect.poll(() => graph().nodes['swap']?.params?.['contrast']).toBe(4);
  expect([graph().nodes['adain']?.muted, edits(), await dialog.count()]).toEqual([true, before + 1, 0]);
  await part('cell-sweep-0-0').click();
  await part('cell-as-graph').click();
  await expect.poll(() => host.of('openCell')).toEqual([{ type: 'openCell', node: 'sweep', row: 0, column: 0 }]);
});

test('the shelf adds an image by key, and by a drag onto the canvas or onto an image node', async () => {
  const { page } = tested.studio;
  await part('toggle-shelf').click();
  const cow = part('shelf').getByRole('button', { name: 'Add images/cow.png' });
  await cow.locator('img').waitFor();
  const added = () => graph().nodes['image']?.params?.['path'];
  await part('shelf').getByRole('button').first().focus();
  await page.keyboard.press('End');
  const last = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  await page.keyboard.press('Enter');
  await expect.poll(added).toBe(last?.replace('Add ', ''));
  await cow.dragTo(part('rf__node-appearance').locator('.picture'));
  await expect.poll(() => graph().nodes['appearance']?.params?.['path']).toBe('images/cow.png');
  await cow.dragTo(part('canvas'), { targetPosition: { x: 700, y: 60 } });
  await expect.poll(() => graph().nodes['image-2']?.params?.['path']).toBe('images/cow.png');
  expect(edits()).toBe(3);
  const [x = NaN] = graph().layout?.['image-2'] ?? [];
  expect(x).toBeGreaterThan(graph().layout?.['adain']?.[0] ?? NaN);
});

test('a pasted image goes to the host as a PNG, whatever it was', async () => {
  const { page, host } = tested.studio;
  await part('canvas').focus();
  for (const type of ['image/png', 'image/jpeg']) {
    await page.evaluate(async (kind) => {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 4;
      const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, kind));
      const data = new DataTransfer();
      data.items.add(new File([blob!], 'image', { type: kind }));
      document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
    }, type);
    const count = type === 'image/png' ? 1 : 2;
    await expect.poll(() => host.of('pasteImage').length).toBe(count);
  }
  expect(edits()).toBe(0);
});

test('Escape leaves nothing that looks selected, and a rename changes nothing of the view', async () => {
  const { page } = tested.studio;
  await select('swap');
  await page.keyboard.press('Escape');
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('canvas');
  expect(await page.locator('.node.selected').count()).toBe(0);
  for (let times = 0; times < 3; times++) await page.getByLabel('Zoom out').click();
  await expect.poll(async () => parseInt((await page.locator('.zoom-level').textContent()) ?? '', 10)).toBeLessThan(40);
  const view = () => page.locator('.react-flow__viewport').getAttribute('style');
  await part('canvas').focus();
  await page.keyboard.press('Home');
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-id'));
  await expect.poll(focused).toBe('structure');
  const before = await view();
  await page.keyboard.press('F2');
  const field = part('rename');
  await expect.poll(async () => (await field.boundingBox())?.height).toBeGreaterThanOrEqual(24);
  await field.fill('the shape');
  await page.keyboard.press('Enter');
  await expect.poll(() => graph().nodes['the-shape']).toBeDefined();
  expect(await view()).toBe(before);
});

test('the question mark shows every key that the canvas knows', async () => {
  const { page } = tested.studio;
  await part('canvas').focus();
  await page.keyboard.press('?');
  const text = await part('keys').innerText();
  for (const key of ['N', 'C', 'Enter', 'F2', 'M', 'I', 'G', 'Delete', 'F', 'Z', 'T', 'Escape', 'Home'])
    expect(text).toContain(key);
  await page.keyboard.press('Escape');
  await expect.poll(() => part('keys').count()).toBe(0);
  await page.getByRole('button', { name: 'All keys' }).click();
  await part('keys').waitFor();
});

test('there is one Run button', async () => {
  const { page } = tested.studio;
  expect(await page.getByRole('button', { name: /^Run\b(?! to)/ }).count()).toBe(1);
});

test('the picker of a correction offers what a mask editor wrote', async () => {
  const { page, host } = tested.studio;
  await select('mask-structure');
  await expect.poll(() => host.of('requestPictures').length).toBeGreaterThan(0);
  const picture = (name: string) => ({ path: name, name, uri: '/images/cow.png' });
  await host.post({ type: 'pictures', pictures: ['cow.png', 'giraffe-zebra.mask-structure.png'].map(picture) });
  const offered = part('param-override').getByTestId('thumbnails').getByRole('button');
  await expect.poll(() => offered.allInnerTexts()).toEqual(['giraffe-zebra.mask-structure.png']);
  await select('structure');
  await expect.poll(() => page.getByTestId('thumbnails').getByRole('button').count()).toBe(2);
});

test('a toast stays while the pointer or the focus is on it', async () => {
  const { page, host } = tested.studio;
  await page.clock.install();
  await host.post({ type: 'error', message: 'The engine has stopped.' });
  const toast = part('toast');
  await toast.hover();
  await page.clock.runFor(60_000);
  expect(await toast.count()).toBe(1);
  await page.mouse.move(5, 5);
  await toast.getByRole('button', { name: 'Dismiss' }).focus();
  await page.clock.runFor(60_000);
  expect(await toast.count()).toBe(1);
  await part('canvas').focus();
  await page.clock.runFor(3000);
  await expect.poll(() => toast.count()).toBe(0);
});

test('a problem in the inspector offers the fixes of the Problems panel', async () => {
  const { page, host } = tested.studio;
  await host.setText(example.replace('"invert-structure.inversion"', '"invert-structur.inversion"'));
  await part('canvas').focus();
  await page.keyboard.press('Escape');
  const asked = () => host.of('requestFixes').find(({ code }) => code === 'unknown-node');
  await expect.poll(asked).toBeDefined();
  const { code, offset } = asked()!;
  const title = 'Change to "invert-structure.inversion"';
  await host.post({ type: 'fixes', code, offset, titles: [title] });
  await page.getByRole('button', { name: title }).first().press('Enter');
  await expect.poll(() => host.of('applyFix')).toEqual([{ type: 'applyFix', code, offset, title }]);
});

test('whole numbers, ends of ranges and seeds can be dragged, within what is allowed', async () => {
  const { page } = tested.studio;
  await select('schedule');
  const params = (node: string) => graph().nodes[node]?.params ?? {};
  await pull(part('param-seed').locator('label'), 12);
  await page.mouse.up();
  await expect.poll(() => params('schedule')['seed']).toBe(54);
  await pull(part('param-steps').locator('label'), -400);
  await page.mouse.up();
  await expect.poll(() => Number.isInteger(params('schedule')['steps'])).toBe(true);
  await select('adain');
  await pull(page.getByRole('spinbutton', { name: /, to$/ }), -20);
  await page.mouse.up();
  await expect.poll(() => (params('adain')['range'] as number[] | undefined)?.[1]).toBe(90);
});
