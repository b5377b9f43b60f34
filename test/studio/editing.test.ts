import path from 'node:path';
import { parse } from 'jsonc-parser';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually, Workbench } from './support/workbench';
import { changedLines, Workspace } from './support/workspace';

let workbench: Workbench;
const workspace = new Workspace('editing');

/** The prompt's node has this value, also where it is too small for its values to show. */
const shown = (value: string) => workbench.node('prompt').getByText(value).waitFor({ state: 'attached' });

beforeAll(async () => {
  // Before the window opens: its search for files may not see what comes later.
  const graph: unknown = JSON.parse(workspace.read('fish-reef-fish.weft.json'));
  workspace.write('squeezed.weft.json', `${JSON.stringify(graph)}\n`);
  workbench = await Workbench.open(inject('url'), workspace);
});
afterAll(() => workbench?.close());
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

const field = (param: string) => workbench.studio.getByTestId(`param-${param}`).locator('input[type=number]').first();
const nodes = () => workbench.studio.locator('.react-flow__node');
const wires = () => workbench.studio.locator('.react-flow__edge');

/** A click on the empty canvas: keys go to the graph, and nothing is selected. */
async function focusCanvas(): Promise<void> {
  await workbench.studio.getByTestId('canvas').focus();
}

async function dragWire(from: [string, string], to: [string, string], release = true): Promise<void> {
  const handle = (node: string, port: string, side: 'source' | 'target') =>
    workbench.studio.locator(`.react-flow__handle.${side}[data-nodeid="${node}"][data-handleid="${port}"]`);
  const centre = async (locator: ReturnType<typeof handle>) => {
    const box = await locator.boundingBox();
    if (!box) throw new Error('The port does not show.');
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };
  const start = await centre(handle(...from, 'source'));
  const end = await centre(handle(...to, 'target'));
  const { mouse } = workbench.page;
  await mouse.move(start.x, start.y);
  await mouse.down();
  await mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2, { steps: 5 });
  await mouse.move(end.x, end.y, { steps: 5 });
  if (release) await mouse.up();
}

describe('a graph in the studio', () => {
  test('an example opens with its nodes, wires and pictures, and opening it writes and runs nothing', async () => {
    await workbench.openStudio('giraffe-zebra.weft.json');
    const graph = JSON.parse(workspace.read('giraffe-zebra.weft.json')) as { nodes: Record<string, unknown> };
    await expect.poll(() => nodes().count()).toBe(Object.keys(graph.nodes).length);
    await expect.poll(() => wires().count()).toBeGreaterThan(15);
    const picture = workbench.node('structure').locator('img');
    await expect
      .poll(() => picture.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth))
      .toBeGreaterThan(0);
    expect(await workbench.studio.getByTestId('status-denoise').getAttribute('data-state')).toBe('idle');
    expect(workspace.exists('weft-out')).toBe(false);
    expect(await workbench.dirtyTab.count()).toBe(0);
  });

  test('a changed parameter makes the file dirty; undo, redo and save do what they say; one line differs', async () => {
    const before = workspace.read('giraffe-zebra.weft.json');
    await workbench.node('prompt').click();
    const domain = workbench.studio.getByTestId('param-domain').locator('input').first();
    await domain.fill('creature');
    await domain.press('Enter');
    await workbench.dirtyTab.waitFor();
    await shown('creature');
    expect(workspace.read('giraffe-zebra.weft.json')).toBe(before);

    await focusCanvas();
    await workbench.page.keyboard.press('Control+Z');
    await workbench.dirtyTab.waitFor({ state: 'detached' });
    await shown('animal');

    await workbench.page.keyboard.press('Control+Y');
    await workbench.dirtyTab.waitFor();
    await shown('creature');

    await workbench.save();
    const { removed, added } = changedLines(before, workspace.read('giraffe-zebra.weft.json'));
    expect(removed.map((line) => line.trim())).toEqual(['"domain": "animal"']);
    expect(added.map((line) => line.trim())).toEqual(['"domain": "creature"']);
  });

  test('a number typed in the inspector reaches the document', async () => {
    await workbench.node('swap').click();
    await field('contrast').fill('2.5');
    await field('contrast').press('Enter');
    await workbench.dirtyTab.waitFor();
    await workbench.save();
    expect(workspace.read('giraffe-zebra.weft.json')).toContain('"contrast": 2.5');
  });

  test('a node that is dragged moves in one step of undo', async () => {
    const before = workspace.read('giraffe-zebra.weft.json');
    const head = workbench.node('save').locator('header');
    const box = await head.boundingBox();
    if (!box) throw new Error('save does not show');
    const { mouse, keyboard } = workbench.page;
    await mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await mouse.down();
    await mouse.move(box.x + 10, box.y + 90, { steps: 12 });
    await mouse.up();
    await workbench.dirtyTab.waitFor();
    await workbench.save();
    const { removed, added } = changedLines(before, workspace.read('giraffe-zebra.weft.json'));
    expect([removed.length, added.length]).toEqual([1, 1]);
    expect(added[0]).toMatch(/"save": \[-?\d+, -?\d+\]/);
    await focusCanvas();
    await keyboard.press('Control+Z');
    await workbench.dirtyTab.waitFor();
    await workbench.save();
    expect(workspace.read('giraffe-zebra.weft.json')).toBe(before);
  });
});

describe('wires', () => {
  test('a wire that does not fit is refused in words that name both ends, and changes nothing', async () => {
    const before = workspace.read('giraffe-zebra.weft.json');
    await dragWire(['structure', 'image'], ['swap', 'structure'], false);
    const sentence = workbench.studio.getByTestId('refusal');
    await sentence.waitFor();
    expect(await sentence.innerText()).toMatch(/inversion/i);
    expect(await sentence.innerText()).toMatch(/image/i);
    await workbench.page.mouse.up();
    await sentence.waitFor({ state: 'detached' });
    expect(await workbench.dirtyTab.count()).toBe(0);
    expect(workspace.read('giraffe-zebra.weft.json')).toBe(before);
  });

  test('a wire is taken out and drawn again; the file is as before', async () => {
    const before = workspace.read('giraffe-zebra.weft.json');
    const count = await wires().count();
    const wire = workbench.studio.locator('.react-flow__edge[data-id*="save"]').first();
    // A straight wire has no height, and Playwright clicks no such thing.
    const box = await wire.locator('path').first().boundingBox();
    if (!box) throw new Error('The wire does not show.');
    await workbench.page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await workbench.page.keyboard.press('Delete');
    await expect.poll(() => wires().count()).toBe(count - 1);
    await workbench.save();
    expect(workspace.read('giraffe-zebra.weft.json')).not.toContain('"denoise.image"');

    await dragWire(['denoise', 'image'], ['save', 'image']);
    await expect.poll(() => wires().count()).toBe(count);
    await workbench.save();
    expect(workspace.read('giraffe-zebra.weft.json')).toBe(before);
  });
});

describe('copy and paste', () => {
  test('nodes go from one file to another as text, with the wires among them', async () => {
    const { keyboard } = workbench.page;
    await workbench.node('swap').locator('header').click();
    await keyboard.down('Control');
    await workbench.node('adain').locator('header').click();
    await keyboard.up('Control');
    await workbench.studio.getByTestId('inspector-title').getByText('2 items').waitFor();
    await keyboard.press('Control+C');
    await workbench.openStudio('tower-cottage.weft.json');
    const count = await nodes().count();
    await focusCanvas();
    await keyboard.press('Control+V');
    await expect.poll(() => nodes().count()).toBe(count + 2);
    await workbench.save();
    const text = workspace.read('tower-cottage.weft.json');
    expect(text).toContain('"swap-2": {');
    expect(text).toContain('"transfer": "swap-2.transfer"');
    expect(text).toContain('"contrast": 2.5');
  });
});

describe('several editors of one file', () => {
  test('what one changes the other shows', async () => {
    await workbench.openStudio('pair.weft.json');
    await workbench.command('View: Split Editor Right');
    await expect.poll(() => workbench.studios().count()).toBe(2);
    const [left, right] = [workbench.studioAt(0), workbench.studioAt(1)];
    for (const side of [left, right]) await side.locator('.react-flow__node[data-id="prompt"]').waitFor();
    await left.getByTestId('canvas').focus();
    await left.locator('.react-flow__node[data-id="prompt"]').click();
    const domain = left.getByTestId('param-domain').locator('input').first();
    await domain.fill('quadruped');
    await domain.press('Enter');
    // The other is too narrow to show the noun; the node follows all the same.
    await right.locator('.react-flow__node[data-id="prompt"]').getByText('quadruped').waitFor({ state: 'attached' });
    await workbench.page.keyboard.press('Control+S');
    await expect.poll(() => workspace.read('pair.weft.json')).toContain('quadruped');
    await workbench.closeEditors();
    await expect.poll(() => workbench.studios().count()).toBe(0);
  });

  test('an editor opened again shows the document as it is', async () => {
    await workbench.openStudio('pair.weft.json');
    await shown('quadruped');
  });
});

describe('files that are not whole', () => {
  test('problems stand in the Problems panel at their lines', async () => {
    await workbench.openStudio('problems.weft.json');
    await workbench.command('Problems: Focus on Problems View');
    const panel = workbench.page.locator('.markers-panel');
    const lines = workspace.read('problems.weft.json').split('\n');
    const at = (text: string) => lines.findIndex((line) => line.includes(text)) + 1;
    await panel.getByText(new RegExp(`swap.*invert-structur`)).first().waitFor();
    await panel
      .getByText(`[Ln ${at('"invert-structur.')}, Col`)
      .first()
      .waitFor();
    await panel
      .getByText(/nowhere\.png/)
      .first()
      .waitFor();
    await panel
      .getByText(`[Ln ${at('nowhere.png')}, Col`)
      .first()
      .waitFor();
    await workbench.screenshot('problems');
    await workbench.command('View: Hide Panel');
  });

  test('problems are fixed from the Problems panel, and no more of the file changes', async () => {
    const good = workspace.read('quick.weft.json');
    const [, image] = /"(images\/[^"]+)"/.exec(good)!;
    workspace.write(
      'fixable.weft.json',
      good.replace(`"${image}"`, `"gone/${path.basename(image!)}"`).replace('"attention-swap"', '"atention-swap"'),
    );
    await workbench.openStudio('fixable.weft.json');
    await workbench.command('Problems: Focus on Problems View');
    const fix = async (problem: RegExp, title: string): Promise<void> => {
      const row = workbench.page.locator('.markers-panel .monaco-list-row', { hasText: problem }).first();
      await row.click();
      await row.locator('.markers-panel-action-quickfix:not(.disabled)').waitFor();
      await workbench.page.keyboard.press('Control+.');
      await workbench.page.locator('.monaco-menu .action-item', { hasText: title }).waitFor();
      await workbench.screenshot(`fix-${title.replaceAll(/\W+/g, '-')}`);
      await workbench.choose(title);
      await row.waitFor({ state: 'detached' });
    };
    await fix(/does not know the type/, 'Change to "attention-swap"');
    // Of this file: others have problems, too.
    await fix(/There is no file "gone/, `Use ${image}`);
    await workbench.save();
    expect(workspace.read('fixable.weft.json')).toBe(good);
    await workbench.command('View: Hide Panel');
  });

  test('invalid JSON opens, says where it breaks, and leads to the text', async () => {
    await workbench.openFile('broken.weft.json');
    const page = workbench.studio.getByTestId('invalid');
    await page.waitFor();
    const line =
      workspace
        .read('broken.weft.json')
        .split('\n')
        .findIndex((text) => text.includes('"type": "denoise"')) + 2;
    expect(await page.innerText()).toMatch(new RegExp(`(line|Line) (${line - 1}|${line})\\b`));
    await workbench.screenshot('invalid-json');
    await workbench.studio.getByTestId('open-as-text').click();
    await workbench.page.locator('.editor-group-container.active .monaco-editor .view-lines').waitFor();
    await expect
      .poll(() => workbench.page.locator('.editor-group-container.active .monaco-editor .view-lines').innerText())
      .toContain('denoise');
    await workbench.closeEditors();
  });

  test('a file of a later version opens read-only and says so', async () => {
    await workbench.openStudio('later.weft.json');
    const banner = workbench.studio.getByTestId('read-only');
    await banner.waitFor();
    expect(await banner.innerText()).toMatch(/version 99/);
    await workbench.node('prompt').click();
    await focusCanvas();
    await workbench.page.keyboard.press('Delete');
    await workbench.node('swap').waitFor();
    expect(await workbench.dirtyTab.count()).toBe(0);
  });

  test('the comparison of a graph with its saved text is a comparison of text', async () => {
    await workbench.openStudio('giraffe-zebra.weft.json');
    await workbench.node('swap').click();
    await field('contrast').fill('3');
    await field('contrast').press('Enter');
    await workbench.dirtyTab.waitFor();
    await workbench.command('File: Compare Active File with Saved');
    await workbench.page.locator('.monaco-diff-editor').waitFor();
    await workbench.tab('giraffe-zebra.weft.json').click();
    await focusCanvas();
    await workbench.page.keyboard.press('Control+Z');
    await workbench.dirtyTab.waitFor({ state: 'detached' });
    await workbench.closeEditors();
  });
});

describe('commands', () => {
  test('a new graph comes from a template, named and with its pictures', async () => {
    await workbench.command('Weft: New Graph');
    await workbench.pick('Weft: New Graph', 'Transfer without masks');
    await workbench.answer('Name of the graph', 'fresh');
    await workbench.pick('Weft: Structure', 'cake.png');
    await workbench.pick('Weft: Appearance', 'berry-cake.png');
    await workbench.tab('fresh.weft.json').waitFor();
    await workbench.node('denoise').waitFor();
    const graph = JSON.parse(workspace.read('fresh.weft.json')) as {
      nodes: Record<string, { params?: Record<string, unknown> }>;
    };
    expect(graph.nodes.structure?.params?.path).toBe('images/cake.png');
    expect(graph.nodes.appearance?.params?.path).toBe('images/berry-cake.png');
    expect(graph.nodes.prompt?.params?.domain).toBe('cake');
  });

  test('formatting gives a graph its canonical text as one step of undo', async () => {
    const canonical = workspace.read('fish-reef-fish.weft.json');
    const squeezed = workspace.read('squeezed.weft.json');
    await workbench.openStudio('squeezed.weft.json');
    await workbench.command('Weft: Format Graph');
    await workbench.dirtyTab.waitFor();
    await workbench.save();
    expect(workspace.read('squeezed.weft.json')).toBe(canonical);
    await focusCanvas();
    await workbench.page.keyboard.press('Control+Z');
    await workbench.dirtyTab.waitFor();
    await workbench.save();
    expect(workspace.read('squeezed.weft.json')).toBe(squeezed);
  });

  test('the outline lists nodes and wires, and a click there selects on the canvas', async () => {
    await workbench.openStudio('fish-reef-fish.weft.json');
    await workbench.command('View: Show Weft');
    const outline = workbench.page.locator('.pane', {
      has: workbench.page.locator('.pane-header', { hasText: 'Graph' }),
    });
    const row = (text: string) => outline.locator('.monaco-list-row', { hasText: text }).first();
    await row('swap').click();
    await workbench.studio.locator('.react-flow__node.selected[data-id="swap"]').waitFor();
    // The focus stayed in the tree.
    await workbench.page.keyboard.press('ArrowRight');
    await row('structure ← invert-structure.inversion').waitFor();
    await workbench.node('prompt').click();
    await outline.locator('.monaco-list-row.selected', { hasText: 'prompt' }).waitFor();
    await workbench.command('View: Show Explorer');
  });

  test('the page breaks no rule of its content security policy', () => {
    expect(workbench.violations).toEqual([]);
  });

  test('no key of ours has a command behind it that could be meant on the canvas', async () => {
    await workbench.command('Preferences: Open Default Keyboard Shortcuts (JSON)');
    await workbench.page.locator('.editor-group-container.active .monaco-editor .view-lines').first().click();
    await workbench.page.keyboard.press('Control+A');
    await workbench.page.keyboard.press('Control+C');
    const text = await eventually(async () => {
      const copied = await workbench.page.evaluate(() => navigator.clipboard.readText());
      return copied.includes('workbench.action') ? copied : undefined;
    }, 'the shortcuts were not copied');
    const all = parse(text) as { key: string; command: string; when?: string }[];
    expect(all.length).toBeGreaterThan(500);
    const ours = all.filter(({ command }) => command.startsWith('weft.'));
    expect(ours.length).toBe(3);
    const clashes = all.filter(
      ({ key, command, when }) =>
        !command.startsWith('weft.') && ours.some((own) => own.key === key) && !needsOtherFocus.test(when ?? ''),
    );
    expect(clashes).toEqual([]);
  });
});

/** Conditions that never hold while a custom editor has the focus. */
const needsOtherFocus =
  /(^|&& |\()(editorFocus|editorTextFocus|textInputFocus|inChat|inInteractive|interactive|notebook|terminal|chat)/i;
