/** The steps of a sweep in the page alone: the timeline shows those of one cell, and says which. */
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { editText } from '../../extension/graph';
import { environment } from './support/environment';
import { pageTest } from './support/pageTest';

const tested = pageTest('cells');
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const post = (message: Parameters<typeof tested.studio.host.post>[0]) => tested.studio.host.post(message);
const runId = 'swept';
const TOTAL = 8;
const CONTRASTS = ['1', '1.67', '2.5'];

/** A step of a node; its colour tells the cell. */
async function frame(node: string, index: number, column?: number): Promise<void> {
  const cell = column === undefined ? {} : { cell: { sweep: 'sweep', column } };
  const rgba = Uint8Array.of(index * 30, 80 * (column ?? 0), 128, 255);
  const step = { index, total: TOTAL, timestep: 900 - index * 100, kind: 'x0' as const, width: 1, height: 1, rgba };
  await post({ type: 'frame', frame: { runId, node, ...cell, ...step } });
}
async function cell(column: number, state: 'running' | 'done'): Promise<void> {
  const set = [{ node: 'swap', param: 'contrast', value: Number(CONTRASTS[column]) }];
  await post({ type: 'cell', runId, node: 'sweep', row: 0, column, state, set });
}
const run = (state: 'running' | 'done') =>
  post({ type: 'run', run: { runId, state, nodes: { denoise: { state: state === 'done' ? 'done' : 'running' } } } });
const chosen = () => part('timeline-cell').evaluate((select: HTMLSelectElement) => select.selectedOptions[0]?.text);
/** The cells that the shown steps are of, by their colour. */
const cellsOf = (tiles: string) =>
  part('timeline-strip')
    .locator(`${tiles} canvas`)
    .evaluateAll((all) =>
      all.map((tile) => {
        const canvas = document.createElement('canvas');
        const context = canvas.getContext('2d', { willReadFrequently: true });
        context?.drawImage(tile as HTMLCanvasElement, 0, 0);
        return (context?.getImageData(0, 0, 1, 1).data[1] ?? NaN) / 80;
      }),
    );
const shownCell = async () => (await cellsOf('.cell.current'))[0];

beforeEach(async () => {
  const { host } = tested.studio;
  await host.setText(
    editText(host.text, {
      kind: 'addNode',
      type: 'sweep',
      id: 'sweep',
      inputs: { image: 'denoise.image' },
      params: { columns: 'swap.contrast=1,1.67,2.5' },
      position: [1200, 500],
    }),
  );
  await run('running');
  await frame('invert-structure', TOTAL - 1);
  await post({ type: 'sweep', runId, node: 'sweep', columns: { title: 'swap.contrast', labels: CONTRASTS } });
});

async function runCells(): Promise<void> {
  for (const column of [0, 1, 2]) {
    await cell(column, 'running');
    for (let index = 0; index < TOTAL; index++) await frame('denoise', index, column);
    await cell(column, 'done');
  }
  await run('done');
}

test('the timeline follows the cell that runs, until one is chosen by hand', async () => {
  await cell(0, 'running');
  await frame('denoise', 0, 0);
  await expect.poll(chosen).toBe('contrast 1');
  await cell(0, 'done');
  await cell(1, 'running');
  await frame('denoise', 0, 1);
  await expect.poll(chosen).toBe('contrast 1.67');
  await expect.poll(shownCell).toBe(1);
  // By keyboard; the next cell then no longer takes its place.
  await part('timeline-cell').focus();
  await tested.studio.page.keyboard.press('ArrowUp');
  await expect.poll(chosen).toBe('contrast 1');
  await cell(2, 'running');
  await frame('denoise', 0, 2);
  await tested.studio.host.settled();
  expect(await chosen()).toBe('contrast 1');
  expect(await shownCell()).toBe(0);
  expect(await part('timeline-cell').evaluate((select) => select === document.activeElement)).toBe(true);
  expect(await part('timeline-cell').getByRole('option').allInnerTexts()).toEqual([
    'contrast 1',
    'contrast 1.67',
    'contrast 2.5',
  ]);
  // A new run is followed again.
  await post({ type: 'run', run: { runId: 'next', state: 'running', nodes: {} } });
  await expect.poll(chosen).toBe('contrast 2.5');
});

test('frames of cells are not mixed, and what is missing is asked for of its cell', async () => {
  await runCells();
  await part('timeline-cell').selectOption('contrast 1');
  await expect.poll(() => part('timeline-where').innerText()).toMatch(/^step 8 of 8/);
  expect(new Set(await cellsOf('.cell'))).toEqual(new Set([0]));
  await part('timeline-kind').selectOption('xt');
  const asked = () => tested.studio.host.of('timelineFrame').at(-1);
  await expect.poll(asked).toMatchObject({ runId, node: 'denoise', cell: { sweep: 'sweep', column: 0 }, kind: 'xt' });
  await part('timeline-cell').selectOption('contrast 2.5');
  await expect.poll(asked).toMatchObject({ cell: { sweep: 'sweep', column: 2 }, kind: 'xt' });
  // An inversion is the same in all cells.
  await part('node-invert-structure').locator('.node-header').click();
  await expect.poll(() => part('timeline-cell').count()).toBe(0);
});

test('a click on a cell of the table shows its steps, and its last one on the node', async () => {
  await runCells();
  await part('cell-sweep-0-0').click();
  await part('cell-dialog').waitFor();
  await tested.studio.page.keyboard.press('Escape');
  await expect.poll(chosen).toBe('contrast 1');
  await part('node-denoise')
    .getByRole('img', { name: /^Image of denoise, step 8$/ })
    .waitFor();
  await tested.studio.page.screenshot({ path: path.join(environment.artifacts(), 'timeline-cells.png') });
});

test('beside a second editor the choice of a cell takes no button’s place', async () => {
  await runCells();
  await tested.studio.page.setViewportSize({ width: 600, height: 700 });
  await expect.poll(chosen).toBe('contrast 2.5');
  const hide = part('timeline').getByRole('button', { name: 'Hide the timeline' });
  await expect
    .poll(async () => {
      const box = await hide.boundingBox();
      return box && box.x + box.width;
    })
    .toBeLessThanOrEqual(600);
  expect(await part('timeline-where').isVisible()).toBe(true);
  await tested.studio.page.screenshot({ path: path.join(environment.artifacts(), 'timeline-cells-narrow.png') });
});
