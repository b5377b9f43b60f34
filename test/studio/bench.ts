/**
 * `npm run bench:studio`: the studio's speed in the real workbench, whose browser paints by software.
 * - a key pressed in the inspector until VS Code's document has it;
 * - 300 nodes and 400 wires: from the editor's resolve call to the painted graph, and frames while a hand pans;
 * - what previews cost: runs that show every step against runs that show none, in turn.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { largeGraph } from '../support/largeGraph';
import { panFrames } from '../support/panFrames';
import { environment } from './support/environment';
import { eventually, Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

const KEYS = 20;
const PAIRS = Number(process.env.WEFT_BENCH_PAIRS ?? 5);
let workbench: Workbench;
const workspace = new Workspace('bench');

beforeAll(async () => {
  workspace.write('large.weft.json', largeGraph());
  workspace.write('.vscode/settings.json', '{ "weft.previewEvery": 1 }\n');
  workbench = await Workbench.open(inject('url'), workspace);
});
afterAll(() => workbench?.close());

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
const percentile = (numbers: readonly number[], share: number): number =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(share * numbers.length))] ?? NaN;

/** The extension's log, newest last. */
function log(): string {
  const folder = path.join(environment.scratch(), 'server', 'ud', 'logs');
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('Weft.log'));
  return files.map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('\n');
}

test('a key in the inspector', { timeout: 300_000 }, async () => {
  await workbench.openStudio('giraffe-zebra.weft.json');
  await workbench.node('swap').locator('header').click();
  const field = workbench.studio.getByTestId('param-contrast').locator('input[type=number]').first();
  await field.click();
  await workbench.studio.locator('body').evaluate(() => {
    addEventListener(
      'keydown',
      () => Object.assign(window, { keyAt: performance.timeOrigin + performance.now() }),
      true,
    );
  });
  await workbench.page.evaluate(() => {
    new MutationObserver(() => {
      const noted = window as { dirtyAt?: number };
      if (document.querySelector('.tab.active.dirty')) noted.dirtyAt ??= performance.timeOrigin + performance.now();
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const took: number[] = [];
  for (let round = 0; round < KEYS; round++) {
    await field.press('Control+A');
    await workbench.page.evaluate(() => Object.assign(window, { dirtyAt: undefined }) && undefined);
    await workbench.page.keyboard.press(String(2 + (round % 3)));
    await workbench.dirtyTab.waitFor();
    const dirty = await workbench.page.evaluate(() => (window as { dirtyAt?: number }).dirtyAt ?? NaN);
    const pressed = await workbench.studio.locator('body').evaluate(() => (window as { keyAt?: number }).keyAt ?? NaN);
    took.push(dirty - pressed);
    await workbench.save();
    await workbench.page.waitForTimeout(500);
  }
  console.log(
    `key to document: median ${median(took).toFixed(0)} ms, worst ${Math.max(...took).toFixed(0)} ms of ${KEYS} keys`,
  );
});

test('300 nodes and 400 wires', { timeout: 300_000 }, async () => {
  await workbench.openStudio('large.weft.json');
  const shown = await eventually(
    () => [...log().matchAll(/graph-shown: .* (\d+) ms after its editor was resolved/g)].at(-1)?.[1],
    'the log says nothing of a graph that is shown',
  );
  console.log(`first paint of the graph: ${shown} ms after the resolve call`);
  await workbench.page.waitForTimeout(3000);
  const canvas = workbench.studio.getByTestId('canvas');
  console.log('all in view:', await panFrames(workbench.page, canvas, 5000));
  await workbench.studio.locator('.zoom-level').click();
  await workbench.page.waitForTimeout(2000);
  console.log('at 100 %:', await panFrames(workbench.page, canvas, 5000));
});

test('previews', { timeout: 1_200_000 }, async () => {
  const name = 'fish-reef-fish.weft.json';
  const text = workspace.read(name);
  let seed = 0;
  const run = async (previewEvery: number): Promise<number> => {
    workspace.write('.vscode/settings.json', `{ "weft.previewEvery": ${previewEvery} }\n`);
    const graph = JSON.parse(text) as { nodes: Record<string, { params?: Record<string, unknown> }> };
    // A seed of its own: nothing of the run before is of use.
    graph.nodes.schedule!.params = { seed: ++seed };
    workspace.write(name, `${JSON.stringify(graph, null, 2)}\n`);
    await workbench.page.waitForTimeout(2500);
    const words = () => workbench.studio.getByTestId('run-state').innerText();
    await workbench.studio.getByTestId('run').click();
    await eventually(async () => !(await words()).startsWith('Done'), 'the run does not begin');
    const seconds = await eventually(
      async () => /^Done in ([\d.]+) s/.exec(await words())?.[1],
      'the run does not end',
      120_000,
    );
    await workbench.page.waitForTimeout(1000);
    return Number(seconds);
  };
  await workbench.openStudio(name);
  await workbench.studio.getByTestId('canvas').focus();
  await run(1);
  const [withPreviews, without]: [number[], number[]] = [[], []];
  for (let pair = 0; pair < PAIRS; pair++) {
    withPreviews.push(await run(1));
    without.push(await run(0));
  }
  const ratio = median(withPreviews.map((seconds, index) => seconds / without[index]!));
  console.log(
    `a run with a preview of every step ${median(withPreviews).toFixed(2)} s, with none ${median(without).toFixed(2)} s: ` +
      `${((ratio - 1) * 100).toFixed(1)} % (median of ${PAIRS} pairs; quartiles ${[0.25, 0.75]
        .map((share) =>
          (
            (percentile(
              withPreviews.map((seconds, index) => seconds / without[index]!),
              share,
            ) -
              1) *
            100
          ).toFixed(1),
        )
        .join(' … ')} %)`,
  );
});
