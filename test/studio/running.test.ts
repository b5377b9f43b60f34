import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { readPngTexts } from '../../extension/platform/pngText';
import { engines, holdEngine, letEngineGo } from './support/engines';
import { environment } from './support/environment';
import { fileName } from './support/themes';
import { eventually, Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

let workbench: Workbench;
const workspace = new Workspace('running');
/** On a busy machine a run of the mini checkpoint may take this long. */
const RUN_MS = 120_000;

beforeAll(async () => {
  workbench = await Workbench.open(inject('url'), workspace);
});
afterAll(() => workbench?.close());
afterEach(async ({ task }) => {
  letEngineGo();
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

const status = (node: string) => workbench.studio.getByTestId(`status-${node}`);
const stateOf = (node: string) => status(node).getAttribute('data-state');
const runState = () => workbench.studio.getByTestId('run-state');
const run = () => workbench.studio.getByTestId('run').click();
const waitForState = (node: string, state: string | RegExp, timeout = RUN_MS) =>
  expect.poll(() => stateOf(node), { timeout, interval: 50 }).toMatch(state);
/** The run is at a step of some node. */
const waitForSteps = () => expect.poll(() => runState().innerText(), { timeout: RUN_MS }).toMatch(/\d+ \/ \d+/);

/** Notes every text that the parts of the page with a test id show from now on. Asking from outside would miss some. */
async function observe(): Promise<() => Promise<Record<string, string[] | undefined>>> {
  const body = workbench.studio.locator('body');
  await body.evaluate((element) => {
    const seen: Record<string, string[]> = {};
    new MutationObserver(() => {
      for (const part of element.querySelectorAll('[data-testid^="status-"], [data-testid="timeline-where"]')) {
        const texts = (seen[part.getAttribute('data-testid') ?? ''] ??= []);
        if (!texts.includes(part.textContent ?? '')) texts.push(part.textContent ?? '');
      }
    }).observe(element, { subtree: true, childList: true, characterData: true });
    Object.assign(window, { weftSeen: seen });
  });
  return () => body.evaluate(() => (window as unknown as { weftSeen: Record<string, string[]> }).weftSeen);
}

describe('a run', () => {
  test(
    'goes through the nodes, shows every step as it is made, and ends with the picture',
    { timeout: RUN_MS * 2 },
    async () => {
      // A seed of its own: another file's run of this graph would have filled the cache.
      workspace.write('quick.weft.json', workspace.read('quick.weft.json').replace('"seed": 5', '"seed": 6'));
      await workbench.openStudio('quick.weft.json');
      expect(workspace.exists('weft-out')).toBe(false);
      const seen = await observe();
      // Looked for by the page itself: asked from outside, a short run may be missed.
      const inStatusBar = workbench.page.locator('.statusbar-item', { hasText: 'Weft:' }).waitFor({ timeout: RUN_MS });
      await run();
      await inStatusBar;
      await workbench.node('denoise').locator('.picture img, .picture canvas').first().waitFor({ timeout: RUN_MS });
      await workbench.screenshot('running');
      await waitForState('save', /^done$/);
      await expect.poll(() => runState().innerText()).toMatch(/Done in/);
      const {
        'status-invert-structure': inverted,
        'status-denoise': denoised,
        'timeline-where': previews,
      } = await seen();
      const steps = (texts: string[] | undefined) => texts?.filter((text) => /step \d+/.test(text)).length;
      // Steps of an inversion come in batches, as large as is fastest: one may hold nearly all of them.
      expect(steps(inverted)).toBeGreaterThan(0);
      expect(steps(denoised)).toBeGreaterThan(1);
      expect(steps(previews)).toBeGreaterThan(2);
      // The picture itself, not the sign of a broken one.
      const picture = workbench.node('denoise').locator('.picture img');
      await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(128);
      const file = workspace.path('weft-out/quick.png');
      expect(readPngTexts(fs.readFileSync(file)).get('weft.graph')).toContain('"attention-swap"');
      await expect.poll(() => workbench.page.locator('.statusbar-item', { hasText: 'Weft:' }).count()).toBe(0);
      await workbench.screenshot('done');
      expect(await workbench.dirtyTab.count()).toBe(0);
    },
  );

  test('the timeline keeps the steps of the run', async () => {
    await workbench.node('denoise').locator('header').click();
    const timeline = workbench.studio.getByTestId('timeline');
    await expect.poll(() => timeline.locator('img, canvas').count()).toBeGreaterThan(3);
    await workbench.screenshot('timeline');
  });

  test('a step opens as a picture in VS Code; one that was looked at long ago is forgotten', async () => {
    const kept = path.join(environment.scratch(), 'server', 'ud', 'User', 'globalStorage', 'weft.weft', 'pictures');
    const old = path.join(kept, 'old');
    fs.mkdirSync(old, { recursive: true });
    fs.utimesSync(old, 1, 1);
    await workbench.studio.getByTestId('timeline-open').click();
    await workbench.tab('denoise-step-70.png').waitFor();
    const shown = workbench.page.frameLocator('iframe.webview.ready >> nth=1').frameLocator('iframe#active-frame');
    await expect
      .poll(() => shown.locator('img').evaluate((image: HTMLImageElement) => image.naturalWidth))
      .toBeGreaterThan(0);
    await workbench.screenshot('step-opened');
    await eventually(() => !fs.existsSync(old), 'the old picture is still there');
    expect(fs.readdirSync(kept)).toHaveLength(1);
    await workbench.command('View: Close Editor');
    await expect.poll(() => workbench.studios().count()).toBe(1);
  });

  test('again takes the inversions from the cache', { timeout: RUN_MS }, async () => {
    await run();
    await waitForState('invert-structure', /^cached$/);
    await waitForState('save', /^(done|cached)$/);
    // Its timeline has the one step that it shows: the others were not made, and nothing is said of it.
    await workbench.node('invert-structure').locator('header').click();
    const timeline = workbench.studio.getByTestId('timeline');
    await expect.poll(() => timeline.locator('.cell').count()).toBe(1);
    expect(await workbench.studio.getByTestId('toast').count()).toBe(0);
  });

  test('to a node computes what that node needs and no more', { timeout: RUN_MS }, async () => {
    await workbench.openStudio('cake-berry-cake.weft.json');
    await workbench.node('invert-structure').locator('header').click();
    await workbench.studio.getByTestId('run-to').click();
    await waitForState('invert-structure', /^done$/);
    await expect.poll(() => runState().innerText()).toMatch(/Done/);
    for (const node of ['invert-appearance', 'denoise', 'save']) expect(await stateOf(node)).toBe('idle');
    expect(workspace.exists('weft-out/cake-berry-cake.png')).toBe(false);
  });

  test('as a draft takes the few steps of its checkpoint, into a file of its own', { timeout: RUN_MS }, async () => {
    const draft = workbench.studio.getByTestId('draft');
    const written = workspace.read('cake-berry-cake.weft.json');
    await draft.click();
    expect(await draft.getAttribute('aria-pressed')).toBe('true');
    // The command of VS Code runs what the switch says, too.
    await workbench.command('Weft: Run Graph');
    await expect.poll(() => runState().innerText(), { timeout: RUN_MS }).toMatch(/^Draft done in /);
    await expect.poll(() => workspace.exists('weft-out/cake-berry-cake-draft.png')).toBe(true);
    expect(workspace.exists('weft-out/cake-berry-cake.png')).toBe(false);
    const graph = [
      ...readPngTexts(fs.readFileSync(workspace.path('weft-out/cake-berry-cake-draft.png'))).values(),
    ].join('\n');
    expect(graph).toMatch(/"steps": 16/);
    await workbench.node('denoise').locator('header').click();
    await workbench.studio.getByTestId('timeline-where').filter({ hasText: 'of 8' }).waitFor();
    await workbench.screenshot('draft');
    // It is a way to run, and nothing of the file.
    expect(workspace.read('cake-berry-cake.weft.json')).toBe(written);
    await draft.click();
    await run();
    await expect.poll(() => runState().innerText(), { timeout: RUN_MS }).toMatch(/^Done in /);
    expect(workspace.exists('weft-out/cake-berry-cake.png')).toBe(true);
  });
});

describe('a run that does not reach its end', () => {
  test('is stopped within a step, and its engine lives on', { timeout: RUN_MS }, async () => {
    await workbench.openStudio('long.weft.json');
    await run();
    await waitForSteps();
    holdEngine();
    const [engine] = engines();
    await workbench.studio.getByTestId('stop').click();
    letEngineGo();
    await expect.poll(() => runState().innerText()).toBe('Stopped');
    // It ended within a step: one that does not is ended itself.
    expect(engines()).toEqual([engine]);
    expect(workspace.exists('weft-out/long.png')).toBe(false);
  });

  test(
    'says at the node that its engine died, and the next run starts a new one',
    { timeout: RUN_MS * 2 },
    async () => {
      await run();
      await waitForSteps();
      const [engine] = engines();
      if (engine === undefined) throw new Error('no engine runs');
      process.kill(engine, 'SIGKILL');
      await workbench.studio.locator('[data-testid^="status-"][data-state="failed"]').waitFor();
      const note = workbench.studio.locator('[data-testid^="failure-"]');
      expect(await note.innerText()).toMatch(/engine ended unexpectedly/i);
      await workbench.screenshot('engine-died');
      await run();
      await waitForSteps();
      expect(engines()).toHaveLength(1);
      expect(engines()).not.toContain(engine);
    },
  );

  test(
    'shows its state in an editor that is closed and opened again, and stops from there',
    { timeout: RUN_MS },
    async () => {
      const preview = workbench.studio.locator('.react-flow__node[data-id^="invert-"] .picture canvas').first();
      await waitForSteps();
      // A step is counted before its preview is drawn, an engine that is held draws none, and a node keeps an earlier run's until then.
      await workbench.studio.locator('[data-testid="timeline"][data-current="true"]').waitFor();
      holdEngine();
      await workbench.command('View: Close Editor');
      await expect.poll(() => workbench.tab('long.weft.json').count()).toBe(0);
      await workbench.openStudio('long.weft.json');
      await waitForSteps();
      const before = await runState().innerText();
      await preview.waitFor();
      letEngineGo();
      await expect.poll(() => runState().innerText(), { timeout: RUN_MS }).not.toBe(before);
      holdEngine();
      await workbench.command('Weft: Stop');
      letEngineGo();
      await expect.poll(() => runState().innerText()).toBe('Stopped');
    },
  );

  test('waits its turn while another runs', { timeout: RUN_MS * 2 }, async () => {
    await run();
    await waitForSteps();
    holdEngine();
    await workbench.openStudio('fish-reef-fish.weft.json');
    await run();
    await expect.poll(() => runState().innerText()).toMatch(/Waiting/);
    await workbench.openStudio('long.weft.json');
    await workbench.studio.getByTestId('stop').click();
    letEngineGo();
    await expect.poll(() => runState().innerText()).toBe('Stopped');
    await workbench.openStudio('fish-reef-fish.weft.json');
    await waitForState('save', /^done$/);
    expect(workspace.exists('weft-out/fish-reef-fish.png')).toBe(true);
  });
});

describe('without a graph', () => {
  test('two pictures and the palette give a result, which opens', { timeout: RUN_MS * 2 }, async () => {
    await workbench.closeEditors();
    await workbench.command('Transfer Appearance with Weft');
    await workbench.pick('Weft: Structure', 'giraffe.png');
    await workbench.pick('Weft: Appearance', 'cow.png');
    await workbench.pick('Weft: Domain', 'animal');
    await workbench.notification('Weft: giraffe-cow').waitFor();
    await workbench.tab('giraffe-cow.png').waitFor({ timeout: RUN_MS });
    expect(workspace.exists('weft-out/giraffe-cow.png')).toBe(true);
    await workbench.notification(/giraffe-cow\.png is done/).waitFor();
    await workbench.screenshot('transfer');
  });

  test('the menu of an image offers its graph, if it carries one', async () => {
    // In the Explorer: an image that is just being opened takes the focus, which closes a menu.
    const menu = workbench.page.locator('.monaco-menu');
    const offered = async (name: string): Promise<number> => {
      await workbench.file(name).click({ button: 'right' });
      await menu.getByText('Copy Relative Path').waitFor();
      const count = await menu.getByText('Open Graph of This Image').count();
      await workbench.page.keyboard.press('Escape');
      await menu.waitFor({ state: 'detached' });
      return count;
    };
    await workbench.expand('images');
    expect(await offered('zebra.png')).toBe(0);
    await workbench.expand('weft-out');
    await expect.poll(() => offered('giraffe-cow.png')).toBe(1);
  });

  test('a picture made by Weft opens as the graph that made it', async () => {
    await workbench.command('Weft: Open Graph of This Image');
    await workbench.tab('giraffe-cow.weft.json').waitFor();
    await workbench.node('denoise').waitFor();
    const picture = workbench.node('appearance').locator('img');
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    // It is no file yet: nothing was written by opening it.
    expect(workspace.exists('giraffe-cow.weft.json')).toBe(false);
    await workbench.save();
    expect(workspace.exists('giraffe-cow.weft.json')).toBe(true);
  });

  test('a picture without a graph says so', async () => {
    await workbench.openFile('zebra.png');
    await workbench.command('Weft: Open Graph of This Image');
    await workbench.notification(/zebra\.png contains no graph/).waitFor();
  });
});

describe('the run history', () => {
  const historyRows = () =>
    workbench.page
      .locator('.pane', { has: workbench.page.locator('.pane-header', { hasText: 'Run History' }) })
      .locator('.monaco-list-row');
  /** The file that VS Code's image viewer shows. */
  const shown = async (): Promise<Buffer> => {
    const image = workbench.studio.locator('img');
    await image.waitFor();
    const { pathname } = new URL(await image.evaluate((element: HTMLImageElement) => element.src));
    return fs.readFileSync(decodeURIComponent(pathname));
  };

  test('lists the runs with their results; one opens, one is forgotten, one gives back its graph', async () => {
    await workbench.closeEditors();
    await workbench.command('View: Show Weft');
    const history = workbench.page.locator('.pane', {
      has: workbench.page.locator('.pane-header', { hasText: 'Run History' }),
    });
    const row = (text: string) => history.locator('.monaco-list-row', { hasText: text }).first();
    await row('giraffe-cow').click();
    await workbench.tab('giraffe-cow.png').waitFor();
    await workbench.screenshot('history');
    await row('giraffe-cow').hover();
    await row('giraffe-cow').locator('.action-label[aria-label*="Restore Graph"]').click();
    await workbench.tab('giraffe-cow-restored.weft.json').waitFor();
    await workbench.node('denoise').waitFor();
    const count = await history.locator('.monaco-list-row').count();
    await row('giraffe-cow').hover();
    await row('giraffe-cow').locator('.action-label[aria-label*="Remove from History"]').click();
    await expect.poll(() => history.locator('.monaco-list-row').count()).toBe(count - 1);
    expect(workspace.exists('weft-out/giraffe-cow.png')).toBe(true);
  });

  test(
    'opens for each of two runs of one graph its own image, although both wrote the same file',
    { timeout: RUN_MS * 2 },
    async () => {
      await workbench.closeAll();
      await workbench.command('View: Show Weft');
      const file = workspace.path('weft-out/quick.png');
      const images: Buffer[] = [];
      for (const seed of [7, 8]) {
        workspace.write('quick.weft.json', workspace.read('quick.weft.json').replace(/"seed": \d+/, `"seed": ${seed}`));
        await workbench.openStudio('quick.weft.json');
        const count = await historyRows().count();
        await run();
        await expect.poll(() => historyRows().count(), { timeout: RUN_MS }).toBe(count + 1);
        images.push(fs.readFileSync(file));
        await workbench.closeEditors();
      }
      expect(images[0]!.equals(images[1]!)).toBe(false);
      // The later run says what was changed for it, before everything else.
      expect(await historyRows().nth(0).locator('.label-name').innerText()).toBe('seed 7 → 8');
      for (const theme of ['Light Modern', 'Dark High Contrast', 'Dark Modern']) {
        await workbench.theme(theme);
        await workbench.screenshot(`history-labels-${fileName(theme)}`);
      }
      for (const [row, image] of [
        [0, images[1]!],
        [1, images[0]!],
      ] as const) {
        await historyRows().nth(row).click();
        await workbench.tab('quick.png').waitFor();
        await expect.poll(async () => (await shown()).equals(image)).toBe(true);
        if (row === 1) {
          await workbench.screenshot('history-older');
          // The copy lies elsewhere; its graph opens where its paths hold.
          await workbench.command('Weft: Open Graph of This Image');
          const picture = workbench.node('structure').locator('img');
          await expect.poll(() => picture.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBe(128);
          await workbench.command('View: Revert and Close Editor');
        }
        await workbench.closeEditors();
      }
      // Also when the file is gone.
      fs.rmSync(file);
      await historyRows().nth(0).click();
      await workbench.tab('quick.png').waitFor();
      await expect.poll(async () => (await shown()).equals(images[1]!)).toBe(true);
      await workbench.closeEditors();
    },
  );

  test('lists each image of a run that wrote several', { timeout: RUN_MS * 2 }, async () => {
    const graph = JSON.parse(workspace.read('quick.weft.json')) as { nodes: Record<string, unknown> };
    graph.nodes.copy = { type: 'save', inputs: { image: 'structure.image' }, params: { path: 'copies/second.png' } };
    workspace.write('several.weft.json', JSON.stringify(graph));
    await workbench.openStudio('several.weft.json');
    const count = await historyRows().count();
    await run();
    await expect.poll(() => historyRows().count(), { timeout: RUN_MS }).toBe(count + 1);
    await historyRows().nth(0).locator('.monaco-tl-twistie').click();
    const second = historyRows().filter({ hasText: 'second.png' });
    await second.waitFor();
    await workbench.screenshot('history-several');
    const file = workspace.path('weft-out/copies/second.png');
    const image = fs.readFileSync(file);
    fs.rmSync(file);
    await second.click();
    await workbench.tab('second.png').waitFor();
    await expect.poll(async () => (await shown()).equals(image)).toBe(true);
    await workbench.closeAll();
  });

  test('keeps runs of other workspaces apart', { timeout: RUN_MS }, async () => {
    // In the same browser, which keeps what the extension remembers.
    const { page } = workbench;
    const other = new Workspace('running-other');
    await page.goto(`${inject('url')}/?folder=${encodeURIComponent(other.folder)}`);
    await page.locator('.explorer-folders-view').waitFor({ timeout: RUN_MS });
    await workbench.command('View: Show Weft');
    const group = historyRows().filter({ hasText: 'Other workspaces' });
    await group.waitFor({ timeout: RUN_MS });
    expect(await historyRows().count()).toBe(1);
    await group.locator('.monaco-tl-twistie').click();
    await historyRows().filter({ hasText: 'seed 7 → 8' }).waitFor();
    await workbench.screenshot('history-workspaces');
  });

  test('nothing of it all broke the content security policy', () => {
    expect(workbench.violations).toEqual([]);
  });
});
