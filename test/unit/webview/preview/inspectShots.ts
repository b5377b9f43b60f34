/** `tsx test/unit/webview/preview/inspectShots.ts`: the attention inspector over a real run, to look at. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Page } from 'playwright-core';
import { attachEngine } from './realRun';
import { launch, openStudio } from './studioPage';
import { type ThemeName } from './themes';

const root = process.cwd();
const out = path.join(root, 'test-artifacts/webview');
const text = fs.readFileSync(path.join(root, 'examples/giraffe-zebra.weft.json'), 'utf8');

async function at(page: Page, pane: 'output' | 'source', x: number, y: number): Promise<void> {
  const box = await page.getByTestId(`inspect-${pane}`).boundingBox();
  if (!box) throw new Error('no pane');
  await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 3 });
}

async function main(): Promise<void> {
  const browser = await launch();
  fs.mkdirSync(out, { recursive: true });
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-shots-'));

  for (const theme of ['dark', 'light', 'high-contrast'] as ThemeName[]) {
    const { page, host, complaints, close } = await openStudio(browser, text, { theme });
    const engine = attachEngine(host, home);
    await page.getByTestId('rf__node-denoise').click();
    await page.getByTestId('run').click();
    await page
      .getByTestId('status-save')
      .filter({ hasText: /done|saved|cached|Done/ })
      .waitFor({ timeout: 120_000 })
      .catch(() => {});
    await Promise.all(engine.runs);
    await page.getByTestId('inspect-open').click();
    await page.getByTestId('inspect-output').waitFor();
    const shoot = async (name: string): Promise<void> => {
      await page.waitForTimeout(400);
      await page.screenshot({ path: path.join(out, `inspect-${name}-${theme}.png`) });
    };
    await shoot('open');
    await at(page, 'output', 0.55, 0.47);
    await shoot('point');
    console.log(
      'latency',
      await page.getByTestId('inspect').getAttribute('data-latency'),
      await page.getByTestId('inspect-sentence').innerText(),
    );
    if (theme === 'dark') {
      for (const [x, y] of [
        [0.55, 0.47],
        [0.33, 0.92],
        [0.72, 0.3],
      ] as const) {
        await at(page, 'output', x, y);
        await page.mouse.down();
        await page.mouse.up();
      }
      await page.mouse.move(5, 5);
      await shoot('pins');
      await at(page, 'source', 0.5, 0.6);
      await shoot('back');
      await page.getByTestId('inspect-mode-arrows').click();
      await page.mouse.move(5, 5);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await shoot('arrows');
      await page.getByTestId('inspect-steps').press('Home');
      await shoot('off');
      await page.getByTestId('inspect-steps').press('End');
    }
    await page.getByTestId('inspect-mode-map').click();
    await shoot('map');
    console.log(theme, complaints);
    await close();
  }
  fs.rmSync(home, { recursive: true, force: true });
  await browser.close();
  process.exit(0);
}

void main();
