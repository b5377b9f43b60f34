/** `tsx test/unit/webview/preview/shots.ts [scene…]`: pictures of the studio in a browser, to look at. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { launch, openStudio, type Studio } from './studioPage';
import { type ThemeName } from './themes';

/** Run from the repository's root. */
const root = process.cwd();
const out = path.join(root, 'test-artifacts/webview');
const example = readFileSync(path.join(root, 'examples/giraffe-zebra.weft.json'), 'utf8');

interface Scene {
  text?: string;
  theme?: ThemeName;
  width?: number;
  height?: number;
  trusted?: boolean;
  readOnly?: string;
  act?: (studio: Studio) => Promise<void>;
}

const running: Scene['act'] = async ({ page, host }) => {
  await host.play(0.6);
  await page.getByTestId('rf__node-swap').click();
};

const scenes: Record<string, Scene> = {
  fresh: {},
  running: { act: running },
  close: {
    act: async ({ page, host }) => {
      await host.play(0.6);
      await page.getByTestId('rf__node-swap').click();
      await page.keyboard.press('z');
      await page.getByLabel(/^Zoom \d+ per cent/).click();
    },
  },
  'close-light': {
    theme: 'light',
    act: async ({ page, host }) => {
      await host.play(0.6);
      await page.getByTestId('rf__node-denoise').click();
      await page.keyboard.press('z');
      await page.getByLabel(/^Zoom \d+ per cent/).click();
    },
  },
  many: {
    act: async ({ page }) => {
      await page.getByTestId('canvas').focus();
      await page.keyboard.press('Control+a');
      await page.keyboard.press('g');
      await page.keyboard.press('Enter');
    },
  },
  light: { act: running, theme: 'light' },
  'high-contrast': { act: running, theme: 'high-contrast' },
  done: {
    act: async ({ page, host }) => {
      await host.play();
      await page.keyboard.press('Escape');
    },
  },
  failed: { act: ({ host }) => host.play(1, { fail: 'appearance' }) },
  image: {
    act: async ({ page }) => {
      await page.getByTestId('rf__node-appearance').click();
      await page.getByTestId('thumbnails').waitFor();
    },
  },
  domain: {
    act: async ({ page }) => {
      await page.getByTestId('rf__node-prompt').click();
      await page.getByTestId('param-domain').locator('input').click();
    },
  },
  schedule: {
    act: async ({ page }) => {
      await page.getByTestId('rf__node-schedule').click();
      await page.getByTestId('param-steps').locator('input[type=number]').fill('1');
    },
  },
  add: {
    act: async ({ page }) => {
      await page.getByTestId('canvas').press('n');
      await page.keyboard.type('in');
    },
  },
  menu: {
    act: async ({ page }) => {
      await page.getByTestId('rf__node-swap').click({ button: 'right', position: { x: 60, y: 20 } });
    },
  },
  refused: {
    act: async ({ page }) => {
      const from = await page.getByTestId('port-structure-image').boundingBox();
      const to = await page.getByTestId('port-swap-appearance').boundingBox();
      if (!from || !to) return;
      await page.mouse.move(from.x + 4, from.y + 4);
      await page.mouse.down();
      await page.mouse.move(to.x - 40, to.y, { steps: 5 });
      await page.mouse.move(to.x + 4, to.y + 4, { steps: 5 });
      await page.waitForTimeout(100);
    },
  },
  invalid: { text: example.replace('"type": "image"', '"type" "image"') },
  empty: { text: '{\n  "weft": 1,\n  "nodes": {}\n}\n' },
  untrusted: { trusted: false },
  later: {
    text: example.replace('"weft": 1', '"weft": 2'),
    readOnly: 'This file was written by a later version of Weft (format 2; this one knows 1). It is read-only here.',
  },
  narrow: { width: 760, height: 560, act: running },
  compared: {
    act: async ({ page, host }) => {
      await host.play();
      await page.getByTestId('rf__node-denoise').click();
      await page.getByTestId('timeline-strip').click({ position: { x: 200, y: 40 } });
      await page.getByTestId('timeline-compare').click();
      await page.getByTestId('timeline-strip').click({ position: { x: 500, y: 40 } });
    },
  },
};

async function main(): Promise<void> {
  mkdirSync(out, { recursive: true });
  const wanted = process.argv.slice(2);
  const browser = await launch();
  for (const [name, scene] of Object.entries(scenes)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const studio = await openStudio(browser, scene.text ?? example, {
      ...(scene.theme ? { theme: scene.theme } : {}),
      ...(scene.width ? { width: scene.width } : {}),
      ...(scene.height ? { height: scene.height } : {}),
      prepare: (host) => {
        host.trusted = scene.trusted ?? true;
        host.readOnly = scene.readOnly;
      },
    });
    try {
      await studio.page.waitForTimeout(700);
      await scene.act?.(studio);
      await studio.page.waitForTimeout(250);
    } catch (error) {
      console.error(`${name}: ${String(error).slice(0, 600)}`);
    }
    await studio.page.screenshot({ path: path.join(out, `${name}.png`) });
    const milestones = studio.host.of('milestone').map(({ name: what, ms }) => `${what} ${ms} ms`);
    console.log(
      `${name}: ${milestones.join(', ')}`,
      studio.complaints.length > 0 ? `\n  ${studio.complaints.join('\n  ')}` : '',
    );
    await studio.close();
  }
  await browser.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
