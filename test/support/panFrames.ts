import { type Locator, type Page } from 'playwright-core';

/** Milliseconds between frames. */
export interface FrameTimes {
  median: number;
  p95: number;
  frames: number;
}

/** Grasps the open canvas, pans it for `ms` and says how the frames came meanwhile. The canvas may lie in frames of the page. */
export async function panFrames(page: Page, canvas: Locator, ms: number): Promise<FrameTimes> {
  const box = await canvas.boundingBox();
  if (!box) throw new Error('There is no canvas.');
  // What tsx wraps around named functions is not in the page.
  await canvas.evaluate('globalThis.__name ??= (named) => named');
  // A place where the hand grasps the canvas, not a node.
  const free = await canvas.evaluate((element) => {
    const rect = element.getBoundingClientRect();
    for (let dy = 0; dy < 200; dy += 4) {
      for (let dx = 0; dx < 300; dx += 4) {
        const [x, y] = [rect.width / 2 + dx, rect.height / 2 + dy];
        const under = document.elementFromPoint(rect.left + x, rect.top + y);
        if (under?.classList.contains('react-flow__pane')) return { x, y };
      }
    }
    throw new Error('Nowhere to grasp the canvas.');
  });
  const at = { x: box.x + free.x, y: box.y + free.y };
  await page.mouse.move(at.x, at.y);
  await page.mouse.down();
  await canvas.evaluate(() => {
    const deltas: number[] = [];
    Object.assign(window, { frameTimes: deltas });
    let last = performance.now();
    requestAnimationFrame(function tick() {
      const now = performance.now();
      deltas.push(now - last);
      last = now;
      if ((window as { frameTimes?: number[] }).frameTimes === deltas) requestAnimationFrame(tick);
    });
  });
  const start = Date.now();
  for (let i = 0; Date.now() - start < ms; i++) {
    await page.mouse.move(at.x + 180 * Math.sin(i / 14), at.y + 90 * Math.sin(i / 9));
    await page.waitForTimeout(8);
  }
  const deltas = await canvas.evaluate(() => {
    const { frameTimes = [] } = window as { frameTimes?: number[] };
    Object.assign(window, { frameTimes: undefined });
    return frameTimes;
  });
  await page.mouse.up();
  const sorted = deltas.slice(2).sort((a, b) => a - b);
  const share = (part: number): number => Math.round((sorted[Math.floor(part * sorted.length)] ?? 0) * 10) / 10;
  return { median: share(0.5), p95: share(0.95), frames: sorted.length };
}
