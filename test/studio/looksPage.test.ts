/** That nothing is pushed out of its bar, cut off or laid over its neighbour: the page alone, at the sizes that editors have. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { editText } from '../../extension/graph';
import { environment } from './support/environment';
import { pageTest } from './support/pageTest';

const tested = pageTest('looks');
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const press = (key: string) => tested.studio.page.keyboard.press(key);
const zebra = new Uint8Array(readFileSync(path.join(environment.root(), 'examples/images/zebra.png')));

/** Editors beside the side bar in windows of 1440 × 900 and 1024 × 700, alone and beside a second one. */
const SIZES = [
  [1090, 735],
  [676, 560],
  [546, 735],
  [338, 560],
] as const;

/** The controls of a bar that reach beyond it, by name. */
const pushedOut = (bar: string) =>
  tested.studio.page.locator(bar).evaluate((element) => {
    const { left, right } = element.getBoundingClientRect();
    return [...element.querySelectorAll('button, select, input')]
      .filter((control) => {
        const box = control.getBoundingClientRect();
        return box.width > 0 && (box.left < left - 0.5 || box.right > right + 0.5);
      })
      .map((control) => control.getAttribute('aria-label') ?? control.textContent);
  });

/** Checks at every size; what is checked gives what is wrong. */
async function sized(check: () => Promise<unknown>): Promise<void> {
  const { page, host } = tested.studio;
  const before = page.viewportSize()!;
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await host.settled();
    await expect.poll(check, { message: `${width} × ${height}` }).toEqual([]);
  }
  await page.setViewportSize(before);
}

test('every control of a bar shows at every size, and a view can always be closed', async () => {
  const { page, host } = tested.studio;
  await host.play();
  await sized(() => pushedOut('.toolbar'));
  await sized(() => pushedOut('.timeline-head'));
  await part('rf__node-denoise').click({ position: { x: 50, y: 12 } });
  await press('v');
  await part('stage-picture').waitFor();
  await part('stage-against').selectOption({ label: 'Structure' });
  const closes = (testId: string) => async () => {
    const close = await part(testId).boundingBox();
    return close && close.x >= 0 && close.x + close.width <= page.viewportSize()!.width ? [] : [testId];
  };
  await sized(closes('stage-close'));
  await press('Escape');
  await part('stage').waitFor({ state: 'detached' });
  await part('canvas').focus();
  await press('i');
  await part('inspect-source').locator('img').waitFor();
  await sized(closes('inspect-close'));
});

test('the numbers on a node and their fields keep clear of each other and inside the node', async () => {
  const { page } = tested.studio;
  await part('rf__node-swap').click({ position: { x: 40, y: 8 } });
  await page.getByLabel(/^Zoom \d+ per cent/).click();
  await part('canvas').focus();
  await press('z');
  await part('number-swap-higherRange-from').waitFor();
  /** What overlaps of the texts of labels and values, and what leaves the node. */
  const overlaps = () =>
    part('node-swap').evaluate((node) => {
      const outer = node.getBoundingClientRect();
      return [...node.querySelectorAll('.row')].flatMap((row) => {
        const [label, ...parts] = [...row.querySelectorAll('.label, .value, .number, .number-field')].map((element) => {
          const range = document.createRange();
          range.selectNodeContents(element);
          const box = element.matches('.value') ? range.getBoundingClientRect() : element.getBoundingClientRect();
          return { name: element.textContent, left: box.left, right: box.right };
        });
        return parts
          .filter(({ left, right }) => left < (label?.right ?? 0) || right > outer.right)
          .map(({ name }) => `${name} beside ${label?.name}`);
      });
    });
  await expect.poll(overlaps).toEqual([]);
  for (const number of ['higherRange-from', 'higherRange-to', 'contrast']) {
    await part(`number-swap-${number}`).dblclick();
    await part(`number-field-swap-${number}`).waitFor();
    await expect.poll(overlaps, { message: number }).toEqual([]);
    await press('Escape');
  }
});

test('in a narrow editor what is zoomed to lies beside the inspector, not under it', async () => {
  const { page, host } = tested.studio;
  await page.setViewportSize({ width: 676, height: 560 });
  await part('rf__node-swap').click({ position: { x: 20, y: 8 } });
  await part('inspector').waitFor();
  await part('canvas').focus();
  await press('z');
  await host.settled();
  const right = async (testId: string) => {
    const box = await part(testId).boundingBox();
    return (box?.x ?? NaN) + (box?.width ?? NaN);
  };
  const inspector = await part('inspector').boundingBox();
  await expect.poll(() => right('rf__node-swap')).toBeLessThanOrEqual(inspector?.x ?? NaN);
  // So do nodes that are gone to.
  await host.post({ type: 'reveal', node: 'save' });
  await part('inspector-title').filter({ hasText: 'save' }).waitFor();
  await expect.poll(() => right('rf__node-save')).toBeLessThanOrEqual(inspector?.x ?? NaN);
});

test('a title that does not fit its frame ends in dots, and is whole in its tooltip', async () => {
  const { host } = tested.studio;
  const text = 'What the giraffe takes from the zebra, and how much of it';
  await host.setText(editText(host.text, { kind: 'addFrame', id: 'long', text, rect: [0, -300, 260, 160] }));
  const name = part('frame-long').locator('.frame-name');
  await name.waitFor();
  const cut = () =>
    name.evaluate((shown) => shown.scrollWidth > shown.clientWidth && getComputedStyle(shown).textOverflow);
  await expect.poll(cut).toBe('ellipsis');
  expect(await name.getAttribute('title')).toBe(text);
});

test('the cells of a sweep and their numbers fit the node', async () => {
  const { host } = tested.studio;
  const runId = 'swept';
  await host.setText(
    editText(host.text, {
      kind: 'addNode',
      type: 'sweep',
      id: 'sweep',
      inputs: { image: 'denoise.image' },
      params: { columns: 'swap.contrast=1,1.67,2.5', rows: 'swap.structureEvery=1,5' },
      position: [1940, 400],
    }),
  );
  await host.post({ type: 'run', run: { runId, state: 'running', nodes: {} } });
  await host.post({
    type: 'sweep',
    runId,
    node: 'sweep',
    columns: { title: 'swap.contrast', labels: ['1', '1.67', '2.5'] },
    rows: { title: 'swap.structureEvery', labels: ['1', '5'] },
  });
  for (const row of [0, 1])
    for (const column of [0, 1, 2]) {
      // The marks of the best make their lines longer.
      const metrics = { structure: 0.912 - row / 10 - column / 100, iou: 0.801 - row / 10 };
      await host.post({ type: 'cell', runId, node: 'sweep', row, column, state: 'done', set: [], png: zebra, metrics });
    }
  await part('cell-sweep-1-2').waitFor();
  await part('rf__node-sweep').click({ position: { x: 40, y: 8 } });
  await part('canvas').focus();
  await press('z');
  await host.settled();
  const cut = await part('sweep-sweep').evaluate((sheet) => {
    const out = sheet.scrollWidth > sheet.clientWidth + 1 ? ['the table'] : [];
    const texts = [...sheet.querySelectorAll('th, .cell-numbers div')];
    return [
      ...out,
      ...texts
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1)
        .map(({ textContent }) => textContent),
    ];
  });
  expect(cut).toEqual([]);
  // With the choice of a cell the timeline's bar is fullest.
  const step = { index: 0, total: 1, timestep: 900, kind: 'x0' as const, width: 1, height: 1 };
  const rgba = Uint8Array.of(90, 128, 128, 255);
  for (const node of ['invert-structure', 'denoise'])
    await host.post({
      type: 'frame',
      frame: { runId, node, cell: { sweep: 'sweep', row: 1, column: 2 }, ...step, rgba },
    });
  await part('timeline-cell').waitFor();
  await sized(() => pushedOut('.timeline-head'));
  // The images of a row are level.
  for (const row of [0, 1]) {
    const tops = await Promise.all(
      [0, 1, 2].map(async (column) => (await part(`cell-sweep-${row}-${column}`).boundingBox())?.y),
    );
    expect(new Set(tops).size).toBe(1);
  }
});
