import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { engines, holdEngine, letEngineGo } from './support/engines';
import { environment } from './support/environment';
import { holdClock } from './support/frameClock';
import { eventually, Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

/** What goes on around a graph: the Explorer, saving, git, windows that close. */
let workbench: Workbench;
const workspace = new Workspace('around');
const RUN_MS = 120_000;

beforeAll(async () => {
  // A repository, as far as anyone here looks.
  fs.mkdirSync(workspace.path('.git'));
  workspace.write('.git/HEAD', 'ref: refs/heads/main\n');
  // The Explorer shows what a test selects there, not the file that opened last.
  workspace.write('.vscode/settings.json', '{ "explorer.autoReveal": false }\n');
  workbench = await Workbench.open(inject('url'), workspace);
  await workbench.expand('images');
});
afterAll(() => workbench?.close());
afterEach(async ({ task }) => {
  letEngineGo();
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

const stateOf = (node: string) => workbench.studio.getByTestId(`status-${node}`).getAttribute('data-state');
const paramsOf = (file: string, node: string) =>
  (JSON.parse(workspace.read(file)) as { nodes: Record<string, { type: string; params?: Record<string, unknown> }> })
    .nodes[node]?.params;

describe('the Explorer', () => {
  test('a picture dropped on a field of the inspector is the value of that field', async () => {
    await workbench.openStudio('pair.weft.json');
    await workbench.node('appearance').locator('header').click();
    await workbench.dropFromExplorer('cow.png', workbench.studio.getByTestId('param-path').locator('.drop-target'));
    await workbench.dirtyTab.waitFor();
    await workbench.save();
    expect(paramsOf('pair.weft.json', 'appearance')?.path).toBe('images/cow.png');
    const picture = workbench.node('appearance').locator('img');
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  });

  test('a picture dropped on a node replaces its picture, one dropped on the open canvas becomes a node', async () => {
    await workbench.dropFromExplorer('dog.png', workbench.node('structure').locator('.picture'));
    await workbench.dirtyTab.waitFor();
    await workbench.save();
    expect(paramsOf('pair.weft.json', 'structure')?.path).toBe('images/dog.png');

    const count = await workbench.studio.locator('.react-flow__node').count();
    await workbench.dropFromExplorer('tower.png', workbench.studio.locator('.react-flow__pane'), { x: 0.7, y: 0.12 });
    await expect.poll(() => workbench.studio.locator('.react-flow__node').count()).toBe(count + 1);
    await workbench.save();
    expect(paramsOf('pair.weft.json', 'image')?.path).toBe('images/tower.png');
  });

  test('a picture from outside the workspace is taken only when VS Code itself was told so', async () => {
    const folder = fs.mkdtempSync(path.join(environment.scratch(), 'elsewhere-'));
    fs.copyFileSync(workspace.path('images/zebra.png'), path.join(folder, 'striped.png'));
    const count = await workbench.studio.locator('.react-flow__node').count();
    // What a page can say by itself, without anybody's hand.
    const say = () =>
      workbench.studio.locator('.react-flow__pane').evaluate((pane, uri) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.setData('text/uri-list', uri);
        const { x, y } = pane.getBoundingClientRect();
        const at = { clientX: x + 120, clientY: y + 60 };
        pane.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer, ...at }));
      }, `file://${folder}/striped.png`);
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await say();
    await dialog.waitFor();
    expect(await dialog.innerText()).toMatch(/read striped\.png\?[\s\S]*outside the workspace[\s\S]*striped\.png/);
    await workbench.screenshot('drop-from-outside');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await workbench.studio
      .getByTestId('toast')
      .getByText(/striped\.png was not added/)
      .waitFor();
    expect(await workbench.studio.locator('.react-flow__node').count()).toBe(count);
    expect(await workbench.dirtyTab.count()).toBe(0);

    await say();
    await dialog.getByRole('button', { name: 'Allow' }).click();
    await expect.poll(() => workbench.studio.locator('.react-flow__node').count()).toBe(count + 1);
    await workbench.save();
    const picture = workbench.node('image-2').locator('img');
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  });

  test('a file’s name is text in a notification, whatever it says', async () => {
    const name = '[Press here](command:weft.newGraph).png';
    fs.copyFileSync(workspace.path('images/zebra.png'), workspace.path(`images/${name}`));
    await workbench.file('[Press here]').click();
    await workbench.tab('[Press here]').waitFor();
    await workbench.command('Weft: Open Graph of This Image');
    const notification = workbench.notification(/contains no graph/);
    await notification.waitFor();
    expect(await notification.innerText()).toContain('[Press here]');
    expect(await notification.locator('a[href], .notification-list-item-message a').count()).toBe(0);
    await workbench.screenshot('name-in-notification');
    workspace.remove(`images/${name}`);
    await workbench.clearNotifications();
  });

  test('two selected pictures are transferred from the context menu; cancelling the notification stops the run', async () => {
    // A pair that nothing else here runs: one from the cache would be done before a hand is at the button.
    await workbench.select('cottage.png', 'tower.png');
    await workbench.file('tower.png').click({ button: 'right' });
    await workbench.choose('Transfer Appearance with Weft');
    await workbench.pick('Weft: Structure', 'cottage.png');
    await workbench.pick('Weft: Domain', 'house');
    const progress = workbench.notification('Weft: cottage-tower');
    await progress.waitFor();
    await expect.poll(() => engines().length).toBe(1);
    holdEngine();
    await progress.hover();
    await progress.getByRole('button', { name: 'Cancel' }).click();
    letEngineGo();
    await progress.waitFor({ state: 'detached' });
    await expect.poll(() => workbench.page.locator('.statusbar-item', { hasText: 'Weft:' }).count()).toBe(0);
    expect(workspace.exists('weft-out/cottage-tower.png')).toBe(false);
  });
});

describe('saving', () => {
  // Also where the node is too small for its values to show.
  const shownDomain = () => workbench.node('prompt').locator('.value').first().textContent();

  test('writes what was typed last, without waiting for the hand to rest', async () => {
    await workbench.openStudio('long.weft.json');
    await workbench.node('prompt').locator('header').click();
    const domain = workbench.studio.getByTestId('param-domain').locator('input').first();
    await domain.click();
    await domain.press('Control+A');
    // No hand rests while the page's clock stands, however slow this machine is.
    const clock = await holdClock(workbench.studio);
    await domain.pressSequentially('quadrupedal');
    await workbench.page.keyboard.press('Control+S');
    await expect.poll(() => paramsOf('long.weft.json', 'prompt')?.domain).toBe('quadrupedal');
    await workbench.dirtyTab.waitFor({ state: 'detached' });
    await clock.release();
  });

  test('a burst of typing is not a step of undo for each key', async () => {
    const canvas = workbench.studio.getByTestId('canvas');
    await canvas.focus();
    // The first key went out at once, the others together.
    for (const value of ['q', 'animal']) {
      await workbench.page.keyboard.press('Control+Z');
      await expect.poll(shownDomain).toBe(value);
    }
    await workbench.save();
    expect(paramsOf('long.weft.json', 'prompt')?.domain).toBe('animal');
  });

  test('what was typed reaches the document when the hand rests', async () => {
    await workbench.node('prompt').locator('header').click();
    const domain = workbench.studio.getByTestId('param-domain').locator('input').first();
    await domain.click();
    await domain.press('Control+A');
    const clock = await holdClock(workbench.studio);
    const undone = workbench.studio.getByTestId('canvas');
    const page = workbench.studio.locator('body');
    await page.evaluate(() =>
      window.addEventListener('message', ({ data }: MessageEvent<{ type?: string; text?: string }>) => {
        if (data.type === 'document') document.body.dataset['told'] = data.text;
      }),
    );
    await domain.pressSequentially('dog');
    await clock.pass(1000);
    // The page shows at once what it sends; an undo before the document has it would undo what came before.
    await expect.poll(() => page.getAttribute('data-told')).toContain('"domain": "dog"');
    await clock.release();
    await undone.focus();
    for (const value of ['d', 'animal']) {
      await workbench.page.keyboard.press('Control+Z');
      await expect.poll(shownDomain).toBe(value);
    }
    await workbench.dirtyTab.waitFor({ state: 'detached' });
  });

  test(
    'runs the graph where the setting says so, and git is told to leave results alone after asking',
    { timeout: RUN_MS * 2 },
    async () => {
      await workbench.openStudio('quick.weft.json');
      const overview = workbench.studio.locator('.react-flow__minimap');
      await overview.waitFor();
      // The window has taken in both settings when the page follows the one that shows.
      workspace.write('.vscode/settings.json', '{ "weft.runOnSave": true, "weft.showMinimap": false }\n');
      await overview.waitFor({ state: 'detached' });
      await workbench.node('swap').locator('header').click();
      const number = workbench.studio.getByTestId('param-contrast').locator('input[type=number]').first();
      await number.fill('1.9');
      await number.press('Enter');
      await workbench.save();
      await expect.poll(() => stateOf('save'), { timeout: RUN_MS }).toMatch(/^done$/);
      const question = workbench.notification(/weft-out\/.*out of git/);
      await question.waitFor();
      await question.getByRole('button', { name: 'Add to .gitignore' }).click();
      await eventually(
        () => workspace.exists('.gitignore') && /^\/?weft-out\/$/m.test(workspace.read('.gitignore')),
        '.gitignore says nothing of weft-out',
      );
      workspace.write('.vscode/settings.json', '{}\n');
      await overview.waitFor();
    },
  );
});

describe('a window that closes', () => {
  test('keeps what was not saved, and shows it in the studio when it opens again', { timeout: 240_000 }, async () => {
    await workbench.closeAll();
    await workbench.openStudio('fish-reef-fish.weft.json');
    const before = workspace.read('fish-reef-fish.weft.json');
    await workbench.node('prompt').locator('header').click();
    const domain = workbench.studio.getByTestId('param-domain').locator('input').first();
    await domain.fill('whale');
    await domain.press('Enter');
    await workbench.dirtyTab.waitFor();
    // VS Code backs up a second after the last change.
    const backups = path.join(environment.scratch(), 'server', 'ud', 'User', 'Backups');
    const backedUp = () =>
      fs
        .readdirSync(backups, { recursive: true, withFileTypes: true, encoding: 'utf8' })
        .some(
          (file) => file.isFile() && fs.readFileSync(path.join(file.parentPath, file.name), 'utf8').includes('whale'),
        );
    await eventually(backedUp, 'VS Code kept nothing of what was not saved');
    await workbench.reload();
    // Where the browser had not written yet which editors were open, the old ones come back beside this one, and in front of it.
    await workbench.tab('fish-reef-fish.weft.json').click();
    // Nor which editor this was: VS Code then takes the text editor, unless ours is registered by now.
    const text = workbench.page.locator('.editor-instance .monaco-editor');
    await text.or(workbench.studios()).first().waitFor({ timeout: 60_000 });
    if ((await text.count()) > 0) await workbench.command('Weft: Open in Studio');
    await workbench.node('prompt').getByText('whale').waitFor({ state: 'attached', timeout: 60_000 });
    await workbench.dirtyTab.waitFor();
    expect(workspace.read('fish-reef-fish.weft.json')).toBe(before);
    await workbench.studio.getByTestId('canvas').focus();
    await workbench.save();
    expect(paramsOf('fish-reef-fish.weft.json', 'prompt')?.domain).toBe('whale');
  });
});

describe('several nodes', () => {
  test('are selected with a box, lined up and spread by commands, and zoomed to', async () => {
    await workbench.openStudio('cake-berry-cake.weft.json');
    const box = await workbench.studio.getByTestId('canvas').boundingBox();
    const [first, last] = [await workbench.node('adain').boundingBox(), await workbench.node('denoise').boundingBox()];
    if (!box || !first || !last) throw new Error('The graph does not show.');
    const { mouse, keyboard } = workbench.page;
    await keyboard.down('Shift');
    await mouse.move(first.x - 8, first.y - 8);
    await mouse.down();
    await mouse.move(last.x + last.width + 8, last.y + last.height + 8, { steps: 8 });
    await mouse.up();
    await keyboard.up('Shift');
    await workbench.studio.getByTestId('inspector-title').getByText('3 items').waitFor();
    const zoom = () => workbench.studio.locator('.zoom-level').innerText();
    const whole = await zoom();
    await workbench.command('Weft: Zoom to Selection');
    await expect.poll(zoom).not.toBe(whole);
    await workbench.command('Weft: Align Bottom');
    await workbench.save();
    const layout = () =>
      (JSON.parse(workspace.read('cake-berry-cake.weft.json')) as { layout: Record<string, number[]> }).layout;
    expect(layout().guidance?.[1]).toBeGreaterThan(layout().denoise?.[1] ?? Infinity);
    await workbench.command('Weft: Align Top');
    await workbench.save();
    expect(layout().adain?.[1]).toBe(layout().denoise?.[1]);
  });
});
