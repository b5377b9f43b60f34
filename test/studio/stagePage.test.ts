/** A node's image as large as there is room for, in the page alone: what a person sees of it, and what it is compared with. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { environment } from './support/environment';
import { pageTest } from './support/pageTest';

const image = (name: string) => new Uint8Array(readFileSync(path.join(environment.root(), 'examples/images', name)));
const tested = pageTest('stage');

const part = (testId: string) => tested.studio.page.getByTestId(testId);
const press = (key: string) => tested.studio.page.keyboard.press(key);
const shows = () => part('stage-picture').getAttribute('data-shows');
const zoom = async () => Number((await part('stage-zoom').innerText()).replace(' %', ''));
const boxOf = async (testId: string) => {
  const box = await part(testId).boundingBox();
  if (!box) throw new Error(`${testId} is not there`);
  return box;
};

/** A run has made this image. */
async function result(runId: string, name: string, draft = false): Promise<void> {
  const run = { runId, state: 'done' as const, nodes: { denoise: { state: 'done' as const } } };
  await tested.studio.host.post({ type: 'run', run: { ...run, ...(draft && { draft }) } });
  await tested.studio.host.post({ type: 'picture', runId, node: 'denoise', port: 'image', png: image(name) });
  await tested.studio.host.settled();
}

test('a double click on an image opens it, Escape closes it and gives the focus back', async () => {
  await result('run-1', 'zebra.png');
  await part('node-denoise').locator('.picture').dblclick();
  await part('stage-picture').waitFor();
  expect(await part('canvas').isVisible()).toBe(false);
  await expect.poll(() => part('stage-where').innerText()).toMatch(/\d+ × \d+ · /);
  await press('Escape');
  await part('canvas').waitFor();
  const focused = () => tested.studio.page.evaluate(() => document.activeElement?.getAttribute('data-id'));
  await expect.poll(focused).toBe('denoise');
  await press('v');
  await part('stage-picture').waitFor();
  await part('stage-close').click();
  await part('canvas').waitFor();
});

test('zooms at the pointer, pans, and fits again', async () => {
  await result('run-1', 'zebra.png');
  await part('open-picture-denoise').click();
  await expect.poll(zoom).toBeGreaterThan(0);
  const fit = await zoom();
  const room = await boxOf('stage-room');
  const first = await boxOf('stage-picture');
  const at = { x: first.x + first.width / 4, y: first.y + first.height / 4 };
  await tested.studio.page.mouse.move(at.x, at.y);
  await tested.studio.page.mouse.wheel(0, -150);
  await expect.poll(zoom).toBeGreaterThan(fit);
  const zoomed = await boxOf('stage-picture');
  // The place under the pointer stays there.
  expect((at.x - zoomed.x) / zoomed.width).toBeCloseTo(1 / 4, 2);
  expect((at.y - zoomed.y) / zoomed.height).toBeCloseTo(1 / 4, 2);
  await tested.studio.page.mouse.down();
  await tested.studio.page.mouse.move(at.x + 40, at.y - 20, { steps: 3 });
  await tested.studio.page.mouse.up();
  const panned = await boxOf('stage-picture');
  expect([Math.round(panned.x - zoomed.x), Math.round(panned.y - zoomed.y)]).toEqual([40, -20]);
  await part('stage-room').focus();
  await press('1');
  await expect.poll(zoom).toBe(100);
  await press('ArrowLeft');
  await press('0');
  await expect.poll(zoom).toBe(fit);
  const again = await boxOf('stage-picture');
  expect(again).toEqual(first);
  expect(again.y).toBeGreaterThanOrEqual(room.y);
});

test('keeps the search of the canvas away, which it covers', async () => {
  await result('run-1', 'zebra.png');
  await part('open-picture-denoise').click();
  await part('stage-picture').waitFor();
  await press('Control+f');
  await tested.studio.host.settled();
  expect(await part('find').count()).toBe(0);
  await press('Escape');
  await expect.poll(() => part('stage-picture').count()).toBe(0);
  await press('Control+f');
  await part('find').waitFor();
});

test('compares a result with the one before it: by flipping, under a slider, and by the mean difference', async () => {
  await result('run-1', 'zebra.png', true);
  await part('open-picture-denoise').click();
  await part('stage-picture').waitFor();
  expect(await part('stage-foot').count()).toBe(0);
  await result('run-2', 'cow.png');
  await expect.poll(() => part('stage-name').innerText()).toBe('Final');
  const named = /^Mean difference between Draft and Final: (\d+\.\d) of 255$/;
  await expect.poll(() => part('stage-mean').innerText()).toMatch(named);
  expect(Number(named.exec(await part('stage-mean').innerText())?.[1])).toBeGreaterThan(1);
  await part('stage-room').focus();
  await tested.studio.page.keyboard.down(' ');
  await expect.poll(shows).toBe('other');
  expect(await part('stage-name').innerText()).toBe('Draft');
  await tested.studio.page.keyboard.up(' ');
  await expect.poll(shows).toBe('now');
  await part('stage-mode-slider').click();
  const line = async () => (await boxOf('stage-line')).x;
  const middle = await line();
  await part('stage-slider').press('End');
  await expect.poll(line).toBeGreaterThan(middle + 50);
  await part('stage-mode-difference').click();
  await expect.poll(shows).toBe('difference');
  // The same image anew is no other result.
  await result('run-3', 'cow.png');
  expect(await part('stage-mean').innerText()).toMatch(/^Mean difference between Draft and Final/);
  // Against what it was made from.
  await part('stage-against').selectOption({ label: 'Structure' });
  await expect.poll(() => part('stage-mean').innerText()).toMatch(/between Structure and Final: \d/);
});

test('keeps what it is compared with when asked, whatever runs', async () => {
  await result('run-1', 'zebra.png');
  await result('run-2', 'cow.png');
  await part('open-picture-denoise').click();
  await part('stage-keep').click();
  const other = () => part('stage-picture').locator('[data-layer="other"] img').getAttribute('src');
  const kept = await other();
  await result('run-3', 'giraffe.png');
  expect(await other()).toBe(kept);
  await part('stage-keep').click();
  await result('run-4', 'zebra.png');
  await expect.poll(other).not.toBe(kept);
});

test('the save node shows its image; copying and revealing say what they did', async () => {
  await tested.studio.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await result('run-1', 'zebra.png');
  await part('node-save').locator('.picture img').waitFor();
  await part('open-picture-save').click();
  await expect.poll(() => part('stage-where').innerText()).toMatch(/\.png$/);
  await part('stage-reveal').click();
  await expect.poll(() => tested.studio.host.of('revealFile')).toEqual([{ type: 'revealFile', node: 'save' }]);
  await part('stage-copy').click();
  await tested.studio.page.getByText('Copied the image.').first().waitFor();
  const types = await tested.studio.page.evaluate(async () =>
    (await navigator.clipboard.read()).flatMap(({ types }) => types),
  );
  expect(types).toContain('image/png');
});

test('scrubbing the timeline changes the image on the node and in the viewer; a click is that tile, and no text is selected', async () => {
  const { page, host } = tested.studio;
  await host.play();
  const tile = (index: number) => part('timeline-strip').locator(`.cell[data-index="${index}"]`);
  const image = part('node-denoise').locator('.picture').first();
  await image.locator('img').waitFor();
  const indices = await part('timeline-strip')
    .locator('.cell')
    .evaluateAll((cells) => cells.map((cell) => Number((cell as HTMLElement).dataset['index'])));
  for (const index of [indices[1]!, indices[3]!]) {
    // At its edge, too.
    await tile(index).click({ position: { x: 3, y: 20 } });
    await expect.poll(() => tile(index).getAttribute('class')).toMatch(/current/);
    await image.getByLabel(`Image of denoise, step ${index + 1}`).waitFor();
  }
  // The first pixel of a step's drawing is its number.
  const red = (selector: string) =>
    page
      .locator(selector)
      .evaluate((canvas) => (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, 1, 1).data[0]);
  expect(await red('[data-testid=node-denoise] .picture canvas')).toBe(indices[3]);
  const [from, to] = [await tile(indices[3]!).boundingBox(), await tile(indices[5]!).boundingBox()];
  await page.mouse.move(from!.x + from!.width / 2, from!.y + 20);
  await page.mouse.down();
  await page.mouse.move(to!.x + to!.width / 2, to!.y + 20, { steps: 5 });
  await page.mouse.up();
  await image.getByLabel(`Image of denoise, step ${indices[5]! + 1}`).waitFor();
  expect(await page.evaluate(() => window.getSelection()?.toString())).toBe('');
  await part('open-picture-denoise').click();
  await part('stage-picture').locator('canvas').first().waitFor();
  await part('timeline-strip').press('Home');
  await expect.poll(() => red('[data-testid=stage-picture] canvas')).toBe(0);
  await part('timeline-strip').press('End');
  await part('stage-picture').locator('img').first().waitFor();
});

test('a past result becomes what the image is compared with, and stays so whatever runs', async () => {
  await result('run-1', 'zebra.png');
  const past = {
    type: 'compare',
    node: 'denoise',
    title: 'contrast 1.67 → 5.13',
    image: image('giraffe.png'),
  } as const;
  await tested.studio.host.post(past);
  await part('stage-picture').waitFor();
  await expect.poll(() => part('stage-foot').innerText()).toContain('Hold to see: contrast 1.67 → 5.13');
  await expect
    .poll(() => part('stage-mean').innerText())
    .toMatch(/^Mean difference between contrast 1\.67 → 5\.13 and Now: [1-9]/);
  await result('run-2', 'cow.png');
  expect(await part('stage-against').locator('option:checked').innerText()).toBe('contrast 1.67 → 5.13');
  // Another one takes its place; a node that shows no single image has none.
  await tested.studio.host.post({ ...past, title: 'seed 7 → 8', image: image('tower.png') });
  await expect.poll(() => part('stage-foot').innerText()).toContain('Hold to see: seed 7 → 8');
  await tested.studio.host.post({ ...past, node: 'swap' });
  await tested.studio.page.getByText('swap shows no single image to compare with.').first().waitFor();
});

test('a past result waits for the first run of a graph', async () => {
  await tested.studio.host.post({
    type: 'compare',
    node: 'denoise',
    title: 'Same settings',
    image: image('zebra.png'),
  });
  await tested.studio.page.getByText('Run the graph to compare its image with: Same settings').waitFor();
  await result('run-1', 'giraffe.png');
  await expect.poll(() => part('stage-mean').innerText()).toMatch(/^Mean difference between Same settings and Now/);
});

test('without an image it says why, and runs what would give one', async () => {
  const { host } = tested.studio;
  await part('rf__node-denoise').click({ position: { x: 50, y: 12 } });
  await press('v');
  await part('stage-nothing').filter({ hasText: 'Run the graph to see this image.' }).waitFor();
  await part('stage-run').click();
  await expect.poll(() => host.of('run').at(-1)?.target).toBe('denoise');
  await host.post({ type: 'run', run: { runId: 'run-1', state: 'running', nodes: {} } });
  await part('stage-nothing').filter({ hasText: 'appears as soon as' }).waitFor();
  await press('Escape');
  await host.setText(host.text.replace('images/giraffe.png', 'images/none.png'));
  const place = { offset: 0, length: 0, line: 1, column: 1, node: 'structure', param: 'path' };
  const missing = {
    code: 'missing-file',
    severity: 'error',
    message: 'images/none.png is missing.',
    ...place,
  } as const;
  await host.post({ type: 'problems', problems: [missing] });
  await part('rf__node-structure').click({ position: { x: 50, y: 12 } });
  await press('v');
  await part('stage-nothing').filter({ hasText: 'images/none.png is missing.' }).waitFor();
  expect(await part('stage-run').count()).toBe(0);
});
