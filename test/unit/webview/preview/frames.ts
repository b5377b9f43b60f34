/**
 * `tsx test/unit/webview/preview/frames.ts`: how fast the canvas paints a graph of 300 nodes and 400 wires, in a browser that
 * paints by software. Prints milestones, and median and 95th percentile of the frame times while a hand pans.
 */
import { type Page } from 'playwright-core';
import { launch, openStudio } from './studioPage';

/** Rows of a chain (image, inversion, mask, swap, guidance, denoising) with wires across. */
export function largeGraph(nodeCount = 300, wireCount = 400): string {
  const nodes: Record<
    string,
    { type: string; inputs?: Record<string, string | string[]>; params?: Record<string, unknown> }
  > = {};
  const layout: Record<string, [number, number]> = {};
  const types = ['image', 'invert', 'segment', 'attention-swap', 'guidance', 'denoise'];
  const pictures = ['giraffe', 'zebra', 'cow', 'dog', 'fish', 'cake'];
  let wires = 0;
  for (let i = 0; i < nodeCount; i++) {
    const row = Math.floor(i / types.length);
    const column = i % types.length;
    const type = types[column] ?? 'image';
    const id = `${type}-${row}`;
    nodes[id] = { type };
    layout[id] = [(Math.floor(row / 10) * types.length + column) * 340, (row % 10) * 460];
    const inputs: Record<string, string | string[]> = {};
    if (type === 'image') nodes[id].params = { path: `images/${pictures[row % pictures.length] ?? 'cow'}.png` };
    if (type === 'invert') inputs['image'] = `image-${row}.image`;
    if (type === 'segment') inputs['inversion'] = `invert-${row}.inversion`;
    if (type === 'attention-swap') inputs['structure'] = `invert-${row}.inversion`;
    if (type === 'guidance') inputs['transfer'] = `attention-swap-${row}.transfer`;
    if (type === 'denoise') inputs['transfer'] = `guidance-${row}.transfer`;
    wires += Object.keys(inputs).length;
    if (Object.keys(inputs).length > 0) nodes[id].inputs = inputs;
  }
  const rows = Math.floor(nodeCount / types.length);
  for (let k = 0; wires < wireCount; k++) {
    const swap = nodes[`attention-swap-${k % rows}`];
    if (!swap?.inputs) continue;
    const list = (swap.inputs['appearance'] ??= []);
    if (Array.isArray(list)) list.push(`invert-${(k * 7 + Math.floor(k / rows) + 1) % rows}.inversion`);
    wires += 1;
  }
  return `${JSON.stringify({ weft: 1, nodes, layout }, null, 2)}\n`;
}

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

async function pan(page: Page, ms: number): Promise<{ median: number; p95: number; frames: number }> {
  const box = await page.getByTestId('canvas').boundingBox();
  if (!box) throw new Error('There is no canvas.');
  const centre = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  // A place where the hand grasps the canvas, not a node.
  const free = await page.evaluate(({ x, y }) => {
    for (let dy = 0; dy < 200; dy += 4) {
      for (let dx = 0; dx < 300; dx += 4) {
        if (document.elementFromPoint(x + dx, y + dy)?.classList.contains('react-flow__pane'))
          return { x: x + dx, y: y + dy };
      }
    }
    return { x, y };
  }, centre);
  await page.mouse.move(free.x, free.y);
  await page.mouse.down();
  // As text: the compiler's helpers are not in the page.
  await page.evaluate(`(() => {
    window.deltas = [];
    let last = performance.now();
    requestAnimationFrame(function tick() {
      const now = performance.now();
      window.deltas.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    });
  })()`);
  const start = Date.now();
  for (let i = 0; Date.now() - start < ms; i++) {
    await page.mouse.move(free.x + 180 * Math.sin(i / 14), free.y + 90 * Math.sin(i / 9));
    await page.waitForTimeout(8);
  }
  const deltas = await page.evaluate(() => [...(window as unknown as { deltas: number[] }).deltas]);
  await page.mouse.up();
  const sorted = deltas.slice(2).sort((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(share * sorted.length)] ?? 0) * 10) / 10;
  return { median: at(0.5), p95: at(0.95), frames: sorted.length };
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
    console.log(`all in view (${nodes} nodes, ${wires} wires):`, await pan(page, 5000));
    await page.getByLabel(/^Zoom \d+ per cent/).click();
    await page.waitForTimeout(1500);
    console.log('at 100 %:', await pan(page, 5000));
    console.log(host.of('milestone').map(({ name, ms }) => `${name} ${ms} ms`));
    console.log(complaints.join('\n'));
    await close();
  } finally {
    await browser.close();
  }
}

if (process.argv[1]?.endsWith('frames.ts'))
  main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
