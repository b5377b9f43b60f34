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
  // Functions as text: the compiler's helpers are not in the page. A place where the hand grasps the canvas, not a node.
  const free: { x: number; y: number } = await canvas.evaluate(`(canvas) => {
    const rect = canvas.getBoundingClientRect();
    for (let dy = 0; dy < 200; dy += 4) {
      for (let dx = 0; dx < 300; dx += 4) {
        const [x, y] = [rect.width / 2 + dx, rect.height / 2 + dy];
        if (document.elementFromPoint(rect.left + x, rect.top + y)?.classList.contains('react-flow__pane')) return { x, y };
      }
    }
    throw new Error('Nowhere to grasp the canvas.');
  }`);
  const at = { x: box.x + free.x, y: box.y + free.y };
  await page.mouse.move(at.x, at.y);
  await page.mouse.down();
  await canvas.evaluate(`() => {
    const deltas = (window.frameTimes = []);
    let last = performance.now();
    requestAnimationFrame(function tick() {
      if (window.frameTimes !== deltas) return;
      const now = performance.now();
      deltas.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    });
  }`);
  const start = Date.now();
  for (let i = 0; Date.now() - start < ms; i++) {
    await page.mouse.move(at.x + 180 * Math.sin(i / 14), at.y + 90 * Math.sin(i / 9));
    await page.waitForTimeout(8);
  }
  const deltas: number[] = await canvas.evaluate(`() => {
    const deltas = window.frameTimes;
    window.frameTimes = undefined;
    return deltas;
  }`);
  await page.mouse.up();
  const sorted = deltas.slice(2).sort((a, b) => a - b);
  const share = (part: number): number => Math.round((sorted[Math.floor(part * sorted.length)] ?? 0) * 10) / 10;
  return { median: share(0.5), p95: share(0.95), frames: sorted.length };
}
