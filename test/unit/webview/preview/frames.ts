/**
 * `tsx test/unit/webview/preview/frames.ts`: how fast the canvas paints a graph of 300 nodes and 400 wires, in a browser that
 * paints by software. Prints milestones, and median and 95th percentile of the frame times while a hand pans.
 */
import { type Page } from 'playwright-core';
import { largeGraph } from '../../../support/largeGraph';
import { panFrames } from '../../../support/panFrames';
import { launch, openStudio } from './studioPage';

/** What the machine gives a page that does nothing: the floor under the other numbers. */
async function idle(page: Page): Promise<string> {
  const deltas = await page.evaluate<number[]>(`new Promise((resolve) => {
    const deltas = [];
    let last = performance.now();
    requestAnimationFrame(function tick() {
      const now = performance.now();
      deltas.push(now - last);
      last = now;
      if (deltas.length < 120) requestAnimationFrame(tick);
      else resolve(deltas);
    });
  })`);
  const sorted = deltas.sort((a, b) => a - b);
  return `median ${sorted[60]?.toFixed(1)}, p95 ${sorted[114]?.toFixed(1)}`;
}

async function main(): Promise<void> {
  const browser = await launch();
  try {
    const { page, host, complaints, close } = await openStudio(browser, largeGraph());
    await page.waitForTimeout(3000);
    console.log(
      host
        .of('milestone')
        .map(({ name, ms }) => `${name} ${ms} ms`)
        .join(', '),
    );
    console.log('idle:', await idle(page));
    const nodes = await page.locator('.react-flow__node').count();
    const wires = await page.locator('.react-flow__edge').count();
    console.log(
      `all in view (${nodes} nodes, ${wires} wires):`,
      await panFrames(page, page.getByTestId('canvas'), 5000),
    );
    await page.getByLabel(/^Zoom \d+ per cent/).click();
    await page.waitForTimeout(1500);
    console.log('at 100 %:', await panFrames(page, page.getByTestId('canvas'), 5000));
    console.log(host.of('milestone').map(({ name, ms }) => `${name} ${ms} ms`));
    console.log(complaints.join('\n'));
    await close();
  } finally {
    await browser.close();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
