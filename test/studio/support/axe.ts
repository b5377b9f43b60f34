import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { type Frame } from 'playwright-core';
import { type Workbench } from './workbench';

/** What axe finds in the page of the studio that is serious or worse, as lines to read. */
export async function findings(workbench: Workbench): Promise<string[]> {
  const body = workbench.studio.locator('body');
  const handle = await body.elementHandle();
  const frame = await handle?.ownerFrame();
  if (!frame) throw new Error('The studio has no frame.');
  return findingsIn(frame);
}

/** The same of a page that allows no scripts, axe's included: of a copy of what it shows, on a page of its own. */
export async function findingsOfCopy(workbench: Workbench): Promise<string[]> {
  const html = await workbench.studio.locator('html').evaluate((root) => root.outerHTML);
  const page = await workbench.page.context().browser()!.newPage();
  try {
    await page.setContent(html.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, ''));
    // What lies behind it in the workbench.
    await page.addStyleTag({ content: 'html { background: var(--vscode-editor-background); }' });
    return await findingsIn(page.mainFrame());
  } finally {
    await page.close();
  }
}

async function findingsIn(frame: Frame): Promise<string[]> {
  const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // Run in the page itself: the page's own rules would not let a script of a stranger in.
  await frame.evaluate(axe);
  const { violations } = await frame.evaluate(() =>
    (window as unknown as { axe: { run(options: unknown): Promise<AxeResults> } }).axe.run({
      resultTypes: ['violations'],
    }),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary?.split('\n')[1] ?? ''}`),
    );
}
