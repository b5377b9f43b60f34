/** What can be read of a graph: the page alone at the sizes that an editor has in windows of 1440 × 900 and 1024 × 700. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { environment } from './support/environment';
import { openPage, type StudioPage } from './support/studioPage';
import { FLAGS } from './support/workbench';

let browser: Browser;
let studio: StudioPage;

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: environment.chromium(), args: FLAGS });
});
afterAll(() => browser?.close());
afterEach(async () => {
  expect(studio.complaints).toEqual([]);
  await studio.close();
});

/** Opens an example in an editor of this size. */
async function open(name: string, size: { width: number; height: number }): Promise<void> {
  const text = readFileSync(path.join(environment.root(), `examples/${name}.weft.json`), 'utf8');
  studio = await openPage(browser, text, size);
  await studio.page.locator('.react-flow__node').first().waitFor();
  await studio.host.settled();
}

/** Of each node: how high its name's letters are on the screen, and its image. */
const seen = () =>
  studio.page.$$eval('.node', (nodes) =>
    nodes.map((node) => {
      const scale = node.getBoundingClientRect().width / (node as HTMLElement).offsetWidth;
      const title = node.querySelector('.node-name');
      const image = node.querySelector('.picture')?.getBoundingClientRect();
      return {
        name: title?.textContent ?? '',
        letters: title ? parseFloat(getComputedStyle(title).fontSize) * scale : 0,
        // A name that does not fit would be cut off.
        whole:
          title !== null && title.scrollHeight <= title.clientHeight + 2 && title.scrollWidth <= title.clientWidth + 1,
        image: image ? Math.min(image.width, image.height) : undefined,
      };
    }),
  );

/** The editor beside the side bar of a window of 1440 × 900. */
const USUAL = { width: 1090, height: 735 };

test('every name of the standard graph is at least 10 pixels high, and every image 48, with both panels open', async () => {
  await open('giraffe-zebra', USUAL);
  await expect.poll(async () => (await seen()).every(({ letters }) => letters >= 10)).toBe(true);
  await studio.page.screenshot({ path: path.join(environment.artifacts(), 'reading standard.png') });
  const nodes = await seen();
  expect(nodes).toHaveLength(14);
  for (const { name, whole, image } of nodes) {
    expect(whole, name).toBe(true);
    if (image !== undefined) expect(image, name).toBeGreaterThanOrEqual(48);
  }
});
