/** From a wrong look to the right one, in a real workbench: a pin is dragged, the graph runs with it, and the result has the pinned colour. */
import { expect, test } from 'vitest';
import { colourAt } from './support/colourAt';
import { inWorkbench, part, RUN_MS, workbench } from './support/workbenchTest';
import { changedLines } from './support/workspace';

const GRAPH = 'giraffe-zebra.weft.json';
const workspace = inWorkbench('pins');
// With parameters before and behind the pins in the file, so that the lines beside them stay as they are.
const written = JSON.parse(workspace.read(GRAPH)) as { nodes: Record<string, { params?: unknown }> };
written.nodes['swap']!.params = { contrast: 1.6, structureEvery: 5 };
workspace.write(GRAPH, `${JSON.stringify(written, undefined, 2)}\n`);

const finished = () =>
  expect
    .poll(() => part('status-denoise').getAttribute('data-state'), { timeout: RUN_MS, interval: 50 })
    .toMatch(/done|cached/);

const place = async (side: 'output' | 'source', x: number, y: number) => {
  const box = await part(`inspect-${side}`).boundingBox();
  if (!box) throw new Error(`${side} does not show.`);
  return { x: box.x + x * box.width, y: box.y + y * box.height };
};

/** The colour of the output where the pin is set. */
const outputAt = (x: number, y: number) => colourAt(part('inspect-output').locator('img').first(), x, y);

test(
  'a pin is dragged, the run takes its colour from there, and undo removes it',
  { timeout: RUN_MS * 3 },
  async () => {
    await workbench.openStudio(GRAPH);
    const before = workspace.read(GRAPH);
    await part('run').click();
    await finished();
    await workbench.node('denoise').locator('.node-header').click();
    await part('inspect-open').click();
    await part('inspect-source').locator('img').waitFor();
    // The sky is orange.
    const sky = await outputAt(0.2, 0.3);
    expect(sky.red).toBeGreaterThan(sky.green);

    const { mouse, keyboard } = workbench.page;
    const to = await place('output', 0.2, 0.3);
    await mouse.click(to.x, to.y);
    const ring = await workbench.studio.locator('.pin-far-end').boundingBox();
    if (!ring) throw new Error('The watched location has no far end.');
    const meadow = await place('source', 0.5, 0.9);
    await mouse.move(ring.x + ring.width / 2, ring.y + ring.height / 2);
    await mouse.down();
    await mouse.move(meadow.x, meadow.y, { steps: 6 });
    await workbench.screenshot('pin-dragged');
    await mouse.up();
    await part('pin-1-from').waitFor();
    await workbench.studio.getByText('Output, before the pins were changed').waitFor();
    await workbench.save();
    const { removed, added } = changedLines(before, workspace.read(GRAPH));
    expect(removed).toEqual([]);
    expect(added).toEqual([expect.stringMatching(/^ *"pins": \[\{ "to": .* "radius": 0\.1 \} \}\],?$/)]);

    await part('inspect-run-pins').click();
    await workbench.studio.getByText('Output, before the pins were changed').waitFor({ state: 'detached' });
    await expect
      .poll(async () => {
        const { red, green } = await outputAt(0.2, 0.3);
        return green - red;
      })
      .toBeGreaterThan(10);
    // The rest of the sky is as it was.
    expect((await outputAt(0.85, 0.3)).red).toBeGreaterThan((await outputAt(0.85, 0.3)).green);
    await workbench.screenshot('pin-ran');
    // What the location attends to now is what it was told to.
    await mouse.move(to.x + 1, to.y + 1);
    await workbench.screenshot('pin-attends');

    await part('pin-1-to').focus();
    await keyboard.press('Control+Z');
    await part('pin-1-to').waitFor({ state: 'detached' });
    await workbench.save();
    expect(workspace.read(GRAPH)).toBe(before);
  },
);
