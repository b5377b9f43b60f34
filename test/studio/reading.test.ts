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

/** What of the page the canvas has, without what lies over it. */
const share = () =>
  studio.page.evaluate(() => {
    const box = document.querySelector('.canvas')!.getBoundingClientRect();
    const over = document.querySelector('.inspector-place.over')?.getBoundingClientRect();
    return ((box.width - (over?.width ?? 0)) * box.height) / (window.innerWidth * window.innerHeight);
  });

test.each([
  // Editors beside the side bar: in a window of 1024 × 700, and in one of 1440 × 900 at 200 %, where a pixel is two.
  ['1024 × 700', { width: 676, height: 560 }],
  ['1440 × 900 at 200 %', { width: 660, height: 340 }],
])(
  'in a window of %s the canvas keeps 60 per cent of the editor, and the panels come when they are wanted',
  async (name, size) => {
    await open('giraffe-zebra', size);
    const { page } = studio;
    expect(await share()).toBeGreaterThanOrEqual(0.6);
    await page.screenshot({ path: path.join(environment.artifacts(), `reading ${name}.png`) });

    const inspector = page.getByTestId('inspector');
    await page.getByTestId('rf__node-adain').click();
    await expect.poll(() => inspector.isVisible()).toBe(true);
    await page.screenshot({ path: path.join(environment.artifacts(), `reading ${name} inspector.png`) });
    await inspector.locator('input').first().focus();
    await page.keyboard.press('Escape');
    await expect.poll(() => inspector.isVisible()).toBe(false);
    // The canvas has the keys again.
    await page.keyboard.press('Enter');
    await expect.poll(() => inspector.isVisible()).toBe(true);
    expect(await inspector.getByRole('heading').first().textContent()).toContain('adain');
    await page.getByTestId('toggle-inspector').click();
    await expect.poll(() => inspector.isVisible()).toBe(false);

    // No button is pushed out of the toolbar.
    const bar = await page.getByRole('toolbar', { name: 'Graph' }).boundingBox();
    const last = await page.getByTestId('toggle-inspector').boundingBox();
    expect(last!.x + last!.width).toBeLessThanOrEqual(bar!.x + bar!.width);
    if (size.height < 480) {
      expect(await page.locator('#timeline').count()).toBe(0);
      await page.getByTestId('toggle-timeline').click();
      await expect.poll(() => page.locator('#timeline').isVisible()).toBe(true);
    }
    // In a wide window they are where they were.
    await page.setViewportSize(USUAL);
    await expect.poll(async () => (await inspector.isVisible()) && page.locator('#timeline').isVisible()).toBe(true);
  },
);
