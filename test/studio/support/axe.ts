import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { type Workbench } from './workbench';

/** What axe finds in the page of the studio that is serious or worse, as lines to read. */
export async function findings(workbench: Workbench): Promise<string[]> {
  const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const body = workbench.studio.locator('body');
  const handle = await body.elementHandle();
  const frame = await handle?.ownerFrame();
  if (!frame) throw new Error('The studio has no frame.');
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
