/** Wires of the examples in the page alone: none runs under a node. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environment } from './support/environment';
import { openPage, type StudioPage } from './support/studioPage';
import { FLAGS } from './support/workbench';

const folder = path.join(environment.root(), 'examples');
const names = readdirSync(folder).filter((name) => name.endsWith('.weft.json'));
let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: environment.chromium(), args: FLAGS });
});
afterAll(() => browser?.close());

/** "wire under node" for each wire that is drawn behind one. */
const hidden = (studio: StudioPage): Promise<string[]> =>
  studio.page.evaluate(() => {
    const boxes = [...document.querySelectorAll('.react-flow__node-weft')].map((node) => ({
      id: node.getAttribute('data-id'),
      box: node.getBoundingClientRect(),
    }));
    return [...document.querySelectorAll('.react-flow__edge')].flatMap((edge) => {
      const wire = edge.querySelector<SVGPathElement>('path.wire');
      const matrix = wire?.getScreenCTM();
      if (!wire || !matrix) throw new Error('A wire has no path.');
      const length = wire.getTotalLength();
      const points = Array.from({ length: 191 }, (_, i) =>
        wire.getPointAtLength((length * (i + 5)) / 200).matrixTransform(matrix),
      );
      return boxes
        .filter(({ box }) =>
          points.some(({ x, y }) => x > box.left + 1 && x < box.right - 1 && y > box.top + 1 && y < box.bottom - 1),
        )
        .map(({ id }) => `${edge.getAttribute('data-id')} under ${id}`);
    });
  });

test.each(names)('no wire of %s runs under a node, as it is and tidied', async (name) => {
  const studio = await openPage(browser, readFileSync(path.join(folder, name), 'utf8'));
  await studio.page.locator('.react-flow__edge path.wire').first().waitFor();
  await studio.host.settled();
  await expect.poll(() => hidden(studio)).toEqual([]);
  await studio.page.getByTestId('canvas').focus();
  await studio.page.keyboard.press('t');
  await expect.poll(() => hidden(studio)).toEqual([]);
  await studio.page.screenshot({ path: path.join(environment.artifacts(), `wires ${name}.png`) });
  await studio.close();
});
