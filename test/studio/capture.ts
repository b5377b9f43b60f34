/**
 * `npm run capture`: runs an example in the real workbench and keeps the pictures of README and docs in docs/images: studio.png after the
 * run, run.webp, the run itself and Auto-run at a slider, before-after.png, inspector.png, parts.png and mask.png; and the walkthrough's of the graph and of the run in media.
 */
import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { environment } from './support/environment';
import { Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

const WIDTH = 1000;
const WALKTHROUGH_WIDTH = 900;
let workbench: Workbench;

beforeAll(async () => {
  workbench = await Workbench.open(inject('url'), new Workspace('capture'));
});
afterAll(() => workbench?.close());

test('the README shows a run', { timeout: 300_000 }, async () => {
  const images = path.join(environment.root(), 'docs', 'images');
  fs.mkdirSync(images, { recursive: true });
  await workbench.theme('Dark Modern');
  await workbench.openStudio('giraffe-zebra.weft.json');
  await workbench.command('View: Toggle Primary Side Bar Visibility');
  await workbench.studio.getByTestId('canvas').focus();
  await workbench.page.keyboard.press('f');

  const walkthrough = async (name: string, picture: Buffer): Promise<void> => {
    const file = path.join(environment.root(), 'media', `walkthrough-${name}.png`);
    await sharp(picture).resize(WALKTHROUGH_WIDTH).png({ palette: true }).toFile(file);
  };
  await workbench.page.mouse.move(0, 0);
  await walkthrough('graph', await workbench.studio.getByTestId('canvas').screenshot());

  const frames: { at: number; png: Buffer }[] = [];
  const state = workbench.studio.getByTestId('status-save');
  const shoot = async (): Promise<void> => {
    frames.push({ at: Date.now(), png: await workbench.page.screenshot() });
  };
  await shoot();
  await workbench.studio.getByTestId('run').click();
  while ((await state.getAttribute('data-state')) !== 'done') await shoot();
  await workbench.node('denoise').locator('header').click();
  await workbench.page.mouse.move(0, 0);
  await expect.poll(() => workbench.studio.getByTestId('timeline-where').innerText()).toContain('of');
  await shoot();
  const last = frames.at(-1)!.png;
  await walkthrough('run', await workbench.studios().first().screenshot());
  await sharp(last).png({ palette: true }).toFile(path.join(images, 'studio.png'));
  const { studio } = workbench;

  // Auto-run: the image follows the slider.
  await studio.getByTestId('auto-run').click();
  await workbench.node('swap').locator('header').click();
  const contrast = studio.getByTestId('slider-contrast');
  await contrast.scrollIntoViewIfNeeded();
  const box = (await contrast.boundingBox())!;
  const at = (share: number) => [box.x + box.width * share, box.y + box.height / 2] as const;
  await workbench.page.mouse.move(...at(0.33));
  await shoot();
  await workbench.page.mouse.down();
  for (const share of [0.2, 0.05, 0.2, 0.45]) {
    await workbench.page.mouse.move(...at(share));
    await shoot();
    await expect.poll(() => studio.getByTestId('run-state').innerText()).toMatch(/^Done/);
    await shoot();
  }
  await workbench.page.mouse.up();
  await expect.poll(() => studio.getByTestId('run-state').innerText()).toMatch(/^Done/);
  await shoot();

  // Before and after.
  await workbench.node('denoise').locator('.picture').dblclick();
  await studio.getByTestId('stage-picture').waitFor();
  await studio.getByTestId('stage-mode-slider').click();
  await workbench.page.mouse.move(0, 0);
  await expect.poll(() => studio.getByTestId('stage-mean').innerText()).toMatch(/\d/);
  await shoot();
  const compared = await workbench.studios().first().screenshot();
  await sharp(compared).resize(WIDTH).png({ palette: true }).toFile(path.join(images, 'before-after.png'));
  await studio.getByTestId('stage-close').click();
  await studio.getByTestId('auto-run').click();
  await workbench.node('denoise').locator('header').click();

  const small = await Promise.all(frames.map(({ png }) => sharp(png).resize(WIDTH).png().toBuffer()));
  const delay = frames.map(({ at }, index) =>
    index === frames.length - 1 ? 2500 : Math.min(800, frames[index + 1]!.at - at),
  );
  await sharp(small, { join: { animated: true } })
    .webp({ delay, loop: 0, quality: 70, effort: 4 })
    .toFile(path.join(images, 'run.webp'));

  const page = async (name: string): Promise<void> => {
    const whole = await workbench.studios().first().screenshot();
    await sharp(whole)
      .resize(WIDTH)
      .png({ palette: true })
      .toFile(path.join(images, `${name}.png`));
  };
  const place = async (id: string, x: number, y: number) => {
    const { width, height } = (await studio.getByTestId(id).boundingBox())!;
    return { x: width * x, y: height * y };
  };
  await studio.getByTestId('inspect-open').click();
  await studio.getByTestId('inspect-source').locator('img').waitFor();
  for (const [x, y] of [
    [0.4, 0.55],
    [0.68, 0.33],
  ] as const) {
    await studio.getByTestId('inspect-output').click({ position: await place('inspect-output', x, y) });
  }
  await workbench.page.mouse.move(0, 0);
  await expect.poll(() => studio.getByTestId('inspect-sentence').innerText()).toMatch(/You watch/);
  await expect.poll(() => studio.getByTestId('inspect-heat-source').getAttribute('data-shown')).toBe('true');
  await page('inspector');
  await studio.getByTestId('inspect-close').click();
  await workbench.node('mask-structure').locator('header').click();
  await studio.getByTestId('mask-open').click();
  await studio.getByTestId('mask-clusters').click();
  await workbench.page.mouse.move(0, 0);
  await page('mask');
  await studio.getByTestId('mask-close').click();
  await workbench.node('swap').locator('header').click();
  await studio.getByTestId('parts-open').click();
  await studio.getByTestId('parts-structure').waitFor();
  await studio.getByTestId('parts-structure').hover({ position: await place('parts-structure', 0.45, 0.6) });
  await expect.poll(() => studio.getByTestId('parts-sentence').innerText()).toMatch(/takes its look from part/);
  await page('parts');
});
