import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
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
  workspace.write('.vscode/settings.json', '{ "weft.runOnSave": false }\n');
  workbench = await Workbench.open(inject('url'), workspace);
  await workbench.expand('images');
});
afterAll(() => workbench?.close());
afterEach(async ({ task }) => {
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

  test('two selected pictures are transferred from the context menu; cancelling the notification stops the run', async () => {
    // A pair that nothing else here runs: one from the cache would be done before a hand is at the button.
    await workbench.file('cottage.png').click();
    // The opened picture is revealed in the Explorer, which sets the selection anew.
    await workbench.tab('cottage.png').waitFor();
    await workbench.page.waitForTimeout(500);
    await workbench.file('tower.png').click({ modifiers: ['Control'] });
    const selected = workbench.page.locator('.explorer-folders-view .monaco-list-row[aria-selected="true"]');
    await expect.poll(() => selected.count()).toBe(2);
    await workbench.file('tower.png').click({ button: 'right' });
    await workbench.choose('Run Transfer');
    await workbench.pick('Weft: Structure', 'cottage.png');
    await workbench.pick('Weft: Domain', 'house');
    const progress = workbench.notification('Weft: cottage-tower');
    await progress.waitFor();
    await progress.hover();
    await progress.getByRole('button', { name: 'Cancel' }).click();
    await progress.waitFor({ state: 'detached' });
    await expect.poll(() => workbench.page.locator('.statusbar-item', { hasText: 'Weft:' }).count()).toBe(0);
    expect(workspace.exists('weft-out/cottage-tower.png')).toBe(false);
  });
});

describe('saving', () => {
  test('writes what was typed last, without waiting for the hand to rest', async () => {
    await workbench.openStudio('long.weft.json');
    await workbench.node('prompt').locator('header').click();
    const domain = workbench.studio.getByTestId('param-domain').locator('input').first();
    await domain.click();
    await domain.press('Control+A');
    await domain.pressSequentially('quadrupedal', { delay: 30 });
    await workbench.page.keyboard.press('Control+S');
    await workbench.dirtyTab.waitFor({ state: 'detached' });
    expect(paramsOf('long.weft.json', 'prompt')?.domain).toBe('quadrupedal');
  });

  test('a burst of typing is not a step of undo for each key', async () => {
    const canvas = workbench.studio.getByTestId('canvas');
    await canvas.focus();
    for (let steps = 1; steps <= 3; steps++) {
      await workbench.page.keyboard.press('Control+Z');
      const value = await eventually(
        async () => (await workbench.node('prompt').innerText()).match(/Domain\s+(\S+)/)?.[1],
        'the node shows no domain',
      );
      if (value === 'animal') {
        expect(steps).toBeLessThanOrEqual(3);
        await workbench.save();
        return;
      }
      expect(steps).toBeLessThan(3);
    }
  });

  test(
    'runs the graph where the setting says so, and git is told to leave results alone after asking',
    { timeout: RUN_MS * 2 },
    async () => {
      workspace.write('.vscode/settings.json', '{ "weft.runOnSave": true }\n');
      await workbench.openStudio('quick.weft.json');
      const number = workbench.studio.getByTestId('param-contrast').locator('input[type=number]').first();
      // The window takes in changed settings when it sees the file change.
      for (const value of ['1.9', '2', '2.1', '2.2']) {
        await workbench.node('swap').locator('header').click();
        await number.fill(value);
        await number.press('Enter');
        await workbench.save();
        const started = await expect
          .poll(() => stateOf('denoise'), { timeout: 5_000 })
          .not.toBe('idle')
          .then(
            () => true,
            () => false,
          );
        if (started) break;
      }
      await expect.poll(() => stateOf('save'), { timeout: RUN_MS }).toMatch(/^done$/);
      const question = workbench.notification(/weft-out\/.*out of git/);
      await question.waitFor();
      await question.getByRole('button', { name: 'Add to .gitignore' }).click();
      await eventually(
        () => workspace.exists('.gitignore') && /^\/?weft-out\/$/m.test(workspace.read('.gitignore')),
        '.gitignore says nothing of weft-out',
      );
      workspace.write('.vscode/settings.json', '{ "weft.runOnSave": false }\n');
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
    await workbench.page.waitForTimeout(3_000);
    await workbench.reload();
    // Where the browser had not written yet which editors were open, the old ones come back beside this one, and in front of it.
    await workbench.tab('fish-reef-fish.weft.json').click();
    // Nor which editor this was: VS Code then takes the text editor, unless ours is registered by now.
    const text = workbench.page.locator('.editor-instance .monaco-editor');
    await text.or(workbench.studios()).first().waitFor({ timeout: 60_000 });
    if ((await text.count()) > 0) await workbench.command('Weft: Open in Studio');
    await workbench.node('prompt').getByText('whale').waitFor({ timeout: 60_000 });
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
