/** `tsx test/unit/webview/preview/behaviour.ts [word]`: what a person does in the studio, in a browser, against a fake host. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser } from 'playwright-core';
import { parseGraph } from '../../../../extension/graph';
import { launch, openStudio, type Studio } from './studioPage';
import { type ThemeName } from './themes';

const example = readFileSync(path.join(process.cwd(), 'examples/giraffe-zebra.weft.json'), 'utf8');

function expect(condition: unknown, what: string): void {
  if (!condition) throw new Error(what);
}

const graphOf = ({ host }: Studio) => {
  const { document } = parseGraph(host.text);
  if (!document) throw new Error('The text is no graph any more.');
  return document;
};

/** Waits for something to become true, as a person would. */
async function until(check: () => unknown, what: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(what);
}

async function dragPort(
  studio: Studio,
  from: string,
  to: { testId: string } | { dx: number; dy: number },
): Promise<void> {
  const { page } = studio;
  const start = await page.getByTestId(from).boundingBox();
  if (!start) throw new Error(`${from} is not there`);
  const a = { x: start.x + start.width / 2, y: start.y + start.height / 2 };
  const end = 'testId' in to ? await page.getByTestId(to.testId).boundingBox() : null;
  if ('testId' in to && !end) throw new Error(`${to.testId} is not there`);
  const b =
    'dx' in to
      ? { x: a.x + to.dx, y: a.y + to.dy }
      : { x: (end?.x ?? 0) + (end?.width ?? 0) / 2, y: (end?.y ?? 0) + (end?.height ?? 0) / 2 };
  await page.mouse.move(a.x, a.y);
  await page.mouse.down();
  await page.mouse.move((a.x + b.x) / 2, (a.y + b.y) / 2, { steps: 4 });
  await page.mouse.move(b.x, b.y, { steps: 4 });
  await page.waitForTimeout(60);
}

const tests: Record<string, (studio: Studio) => Promise<void>> = {
  'a drag is one edit and moves one node': async (studio) => {
    const { page, host } = studio;
    const before = graphOf(studio).layout?.['swap'];
    const box = await page.getByTestId('rf__node-swap').boundingBox();
    if (!box) throw new Error('no swap');
    await page.mouse.move(box.x + 40, box.y + 12);
    await page.mouse.down();
    for (let i = 1; i <= 10; i++) await page.mouse.move(box.x + 40 + i * 8, box.y + 12 + i * 6);
    await page.mouse.up();
    await until(() => host.of('edit').length > 0, 'no edit came');
    await page.waitForTimeout(200);
    expect(host.of('edit').length === 1, `one edit, not ${host.of('edit').length}`);
    const after = graphOf(studio).layout?.['swap'];
    expect(before && after && after[0] > before[0] && after[1] > before[1], 'swap moved right and down');
    await host.undo();
    await page.waitForTimeout(150);
    const back = await page.getByTestId('rf__node-swap').boundingBox();
    expect(back && Math.abs(back.x - box.x) < 2, 'undo puts it back');
  },
  'typing reaches the host within 100 ms, and Ctrl+Z in a field stays there': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    const field = page.getByTestId('param-contrast').locator('input[type=number]');
    await field.click();
    await field.press('Control+a');
    await page.evaluate(`(() => {
      const toHost = window.toHost;
      window.addEventListener('input', () => (window.typedAt = performance.now()), true);
      window.toHost = (text) => {
        if (text.includes('"type":"edit"')) window.took = performance.now() - window.typedAt;
        return toHost(text);
      };
    })()`);
    await field.press('2');
    await until(() => host.of('edit').length > 0, 'no edit');
    const took = Number(await page.evaluate('window.took'));
    expect(took < 100, `a keystroke took ${took} ms to leave the page`);
    expect(graphOf(studio).nodes['swap']?.params?.['contrast'] === 2, 'contrast is 2');
    const reached = await page.evaluate(`new Promise((resolve) => {
      window.addEventListener('keydown', () => resolve(true), { once: true });
      setTimeout(() => resolve(false), 400);
      setTimeout(() => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'z', ctrlKey: true, bubbles: true })), 50);
    })`);
    expect(reached === false, 'the workbench must not see Ctrl+Z of a field');
    await page.getByTestId('reset-contrast').click();
    await until(() => graphOf(studio).nodes['swap']?.params === undefined, 'reset takes it out of the file');
  },
  'Ctrl+Z on the canvas goes on to the workbench': async ({ page }) => {
    await page.getByTestId('canvas').focus();
    const reached = page.evaluate(`new Promise((resolve) => {
      window.addEventListener('keydown', (event) => event.key === 'z' && resolve(event.key + event.defaultPrevented));
      setTimeout(() => resolve('never'), 1500);
    })`);
    await page.waitForTimeout(100);
    await page.keyboard.press('Control+z');
    expect((await reached) !== 'never' && String(await reached).includes('false'), `it was ${String(await reached)}`);
  },
  'a slider drag is one edit': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    const box = await page.getByTestId('slider-contrast').boundingBox();
    if (!box) throw new Error('no slider');
    await page.mouse.move(box.x + box.width * 0.17, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 12 });
    const face = await page.getByTestId('node-swap').textContent();
    expect(!face?.includes('Contrast1.67'), 'the face follows the hand');
    await page.mouse.up();
    await until(() => host.of('edit').length > 0, 'no edit');
    await page.waitForTimeout(150);
    expect(host.of('edit').length === 1, `one edit, not ${host.of('edit').length}`);
  },
  'a range drag is one edit and writes two numbers': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    const thumb = page.getByRole('slider', { name: 'Higher resolution, to' });
    const box = await thumb.boundingBox();
    if (!box) throw new Error('no thumb');
    await page.mouse.move(box.x + 6, box.y + 8);
    await page.mouse.down();
    await page.mouse.move(box.x - 50, box.y + 8, { steps: 8 });
    await page.mouse.up();
    await until(() => host.of('edit').length > 0, 'no edit');
    const range = graphOf(studio).nodes['swap']?.params?.['higherRange'];
    expect(Array.isArray(range) && range[0] === 10 && Number(range[1]) < 85, `range is ${JSON.stringify(range)}`);
    await thumb.focus();
    await page.keyboard.press('ArrowRight');
    await until(() => host.of('edit').length === 2, 'arrow keys move it too');
  },
  'a refused wire says why while it hangs and after': async (studio) => {
    const { page, host } = studio;
    await dragPort(studio, 'port-structure-image', { testId: 'port-swap-appearance' });
    const note = await page.getByTestId('refusal').textContent();
    expect(note?.includes('takes an inversion'), `the note says: ${note}`);
    await page.mouse.up();
    await page.getByTestId('toast').waitFor();
    expect(host.of('edit').length === 0, 'nothing was changed');
  },
  'wire and unwire': async (studio) => {
    const { page, host } = studio;
    await dragPort(studio, 'port-invert-structure-inversion', { testId: 'port-swap-appearance' });
    await page.mouse.up();
    await until(
      () => Array.isArray(graphOf(studio).nodes['swap']?.inputs?.['appearance']),
      'a list port takes a second wire',
    );
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    await page.getByRole('button', { name: /^Disconnect Appearance from invert structure/ }).click();
    await until(
      () => graphOf(studio).nodes['swap']?.inputs?.['appearance'] === 'invert-appearance.inversion',
      'unwired again',
    );
    expect(host.of('edit').length === 2, 'two edits');
  },
  'a wire into the open offers what fits, and wires it': async (studio) => {
    const { page } = studio;
    await dragPort(studio, 'port-denoise-timeline', { dx: 60, dy: 200 });
    await page.mouse.up();
    await page.getByTestId('add-menu').waitFor();
    const options = await page.getByTestId('add-menu').getByRole('option').allTextContents();
    expect(options.length > 0 && options.every((text) => /Compare|Save/.test(text)), `offers ${options.join(' | ')}`);
    await page.keyboard.type('comp');
    await page.keyboard.press('Enter');
    await until(
      () => graphOf(studio).nodes['compare']?.inputs?.['a'] === 'denoise.timeline',
      'compare is there and wired',
    );
  },
  'double-click adds by search': async (studio) => {
    const { page } = studio;
    const box = await page.getByTestId('canvas').boundingBox();
    if (!box) throw new Error('no canvas');
    await page.mouse.dblclick(box.x + box.width * 0.75, box.y + box.height * 0.15);
    await page.keyboard.type('freeu');
    await page.keyboard.press('Enter');
    await until(() => graphOf(studio).nodes['freeu'], 'freeu is there');
    expect((await page.getByTestId('inspector-title').textContent()) === 'freeu', 'it is selected');
  },
  'the keyboard suffices: arrows, connect, rename, mute, delete': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('canvas').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.waitForTimeout(100);
    const focused = await page.evaluate(() => document.activeElement?.getAttribute('data-id'));
    expect(focused === 'invert-structure', `the right neighbour has the focus, not ${focused}`);
    await page.keyboard.press('F2');
    await page.keyboard.type('the inversion');
    await page.keyboard.press('Enter');
    await until(() => graphOf(studio).nodes['the-inversion'], 'renamed');
    expect(graphOf(studio).nodes['swap']?.inputs?.['structure'] === 'the-inversion.inversion', 'its wires follow');
    await page.waitForTimeout(150);
    await page.keyboard.press('Enter');
    await page.waitForTimeout(150);
    const field = await page.evaluate(() =>
      document.activeElement?.closest('[data-param]')?.getAttribute('data-param'),
    );
    expect(field === 'guidanceScale', `Enter goes to its first field, not ${field}`);
    await page.getByTestId('rf__node-adain').click({ position: { x: 50, y: 12 } });
    await page.keyboard.press('m');
    await until(() => graphOf(studio).nodes['adain']?.muted === true, 'muted');
    await page.keyboard.press('Delete');
    await until(() => !graphOf(studio).nodes['adain'], 'deleted');
    await page.getByTestId('rf__node-guidance').click({ position: { x: 50, y: 12 } });
    await page.keyboard.press('c');
    await page.getByTestId('connect-menu').waitFor();
    await page.keyboard.type('swap');
    await page.keyboard.press('Enter');
    await until(() => graphOf(studio).nodes['guidance']?.inputs?.['transfer'] === 'swap.transfer', 'connected by keys');
    expect(
      host.of('edit').every((edit) => edit.seq !== undefined),
      'every edit has its number',
    );
  },
  'copy and paste with wires': async (studio) => {
    const { page } = studio;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    await page.getByTestId('rf__node-adain').click({ position: { x: 50, y: 12 }, modifiers: ['Shift'] });
    await page.keyboard.press('Control+c');
    await page.keyboard.press('Control+v');
    await until(() => graphOf(studio).nodes['swap-2'], 'pasted');
    expect(
      graphOf(studio).nodes['adain-2']?.inputs?.['transfer'] === 'swap-2.transfer',
      'the wire among them came along',
    );
    await page.keyboard.press('Control+d');
    await until(() => graphOf(studio).nodes['swap-3'], 'duplicated');
    await page.keyboard.press('Control+x');
    await until(() => !graphOf(studio).nodes['swap-3'], 'cut');
    await page.keyboard.press('Control+v');
    await until(() => graphOf(studio).nodes['swap-3'], 'and pasted again');
  },
  'a frame takes its nodes along in one edit': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('rf__node-denoise').click({ position: { x: 50, y: 12 } });
    await page.keyboard.press('g');
    await page.getByTestId('frame-text').fill('The result');
    await page.keyboard.press('Enter');
    await until(() => Object.values(graphOf(studio).frames ?? {})[0]?.text === 'The result', 'named');
    const before = graphOf(studio).layout?.['denoise'];
    const count = host.of('edit').length;
    const title = await page.locator('.frame-title').boundingBox();
    if (!title) throw new Error('no frame');
    await page.mouse.move(title.x + 30, title.y + 8);
    await page.mouse.down();
    await page.mouse.move(title.x + 30, title.y + 108, { steps: 8 });
    await page.mouse.up();
    await until(() => host.of('edit').length > count, 'an edit');
    await page.waitForTimeout(150);
    const after = graphOf(studio).layout?.['denoise'];
    expect(before && after && after[1] > before[1] + 80, `the node came along: ${String(before)} ${String(after)}`);
    expect(host.of('edit').length === count + 1, 'one edit');
  },
  'box selection, align, tidy, select all': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('canvas').focus();
    await page.keyboard.press('Control+a');
    await until(
      async () => (await page.getByTestId('inspector-title').textContent())?.includes('14 items'),
      'all selected',
    );
    await page.getByRole('button', { name: 'Align left' }).click();
    await until(() => host.of('edit').length === 1, 'aligned');
    await page.getByTestId('canvas').focus();
    await page.keyboard.press('Escape');
    await page.getByTestId('tidy').click();
    await until(() => host.of('edit').length === 2, 'tidied');
  },
  'a run begins with what was typed last': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    const contrast = page.getByTestId('param-contrast').locator('input[type=number]');
    await contrast.press('ControlOrMeta+A');
    await contrast.pressSequentially('2.5', { delay: 20 });
    await page.keyboard.press('Escape');
    await host.post({ type: 'flush', id: 7 });
    await until(() => host.of('flushed').length === 1, 'what is held is sent when the host asks');
    expect(JSON.stringify(host.of('edit').at(-1)?.edits).includes('2.5'), 'with the last key');
    expect(host.of('edit').length <= 2, 'a burst of keys is no edit a key');
    await page.getByTestId('run').click();
    await until(() => host.of('run').length === 1, 'asks to run');
    expect(
      host.received.findLastIndex(({ type }) => type === 'edit') <
        host.received.findIndex(({ type }) => type === 'run'),
      'after the edit',
    );
  },
  'a selected wire goes with Delete, and its end can be moved to another port': async (studio) => {
    const { page, host } = studio;
    await page
      .getByTestId('rf__edge-mask-structure.mask>adain.structureMask')
      .locator('.react-flow__edge-interaction')
      .dispatchEvent('click');
    await until(
      async () => (await page.getByTestId('inspector-title').textContent()) === 'Wire',
      'the wire is selected',
    );
    await page.getByTestId('canvas').focus();
    await page.keyboard.press('Delete');
    await until(() => graphOf(studio).nodes['adain']?.inputs?.['structureMask'] === undefined, 'the wire is gone');
    // The other mask's wire is pulled from its end to the port that is free now.
    await dragPort(studio, 'port-adain-appearanceMask', { testId: 'port-adain-appearanceMask' });
    await page.mouse.up();
    await page.keyboard.press('Escape');
    const updater = page
      .getByTestId('rf__edge-mask-appearance.mask>adain.appearanceMask')
      .locator('.react-flow__edgeupdater-target');
    const start = await updater.boundingBox();
    const end = await page.getByTestId('port-adain-structureMask').boundingBox();
    if (!start || !end) throw new Error('no ends');
    await page.mouse.move(start.x + start.width / 2 - 3, start.y + start.height / 2);
    await page.mouse.down();
    await page.mouse.move(end.x - 30, end.y, { steps: 4 });
    await page.mouse.move(end.x + end.width / 2, end.y + end.height / 2, { steps: 4 });
    await page.mouse.up();
    await until(
      () => graphOf(studio).nodes['adain']?.inputs?.['structureMask'] === 'mask-appearance.mask',
      'the wire moved',
    );
    expect(graphOf(studio).nodes['adain']?.inputs?.['appearanceMask'] === undefined, 'and left its old port');
    expect(host.of('edit').length === 2, `two edits, not ${host.of('edit').length}`);
  },
  'a box selects, and what it selected is dragged in one edit': async (studio) => {
    const { page, host } = studio;
    const first = await page.getByTestId('rf__node-adain').boundingBox();
    const last = await page.getByTestId('rf__node-guidance').boundingBox();
    if (!first || !last) throw new Error('no nodes');
    await page.keyboard.down('Shift');
    await page.mouse.move(first.x - 12, first.y - 12);
    await page.mouse.down();
    await page.mouse.move(last.x + last.width + 12, last.y + last.height + 12, { steps: 6 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await until(
      async () => (await page.getByTestId('inspector-title').textContent()) === '2 items selected',
      'two are selected',
    );
    const before = graphOf(studio).layout;
    await page.mouse.move(first.x + 40, first.y + 12);
    await page.mouse.down();
    await page.mouse.move(first.x + 40, first.y + 92, { steps: 6 });
    await page.mouse.up();
    await until(() => host.of('edit').length === 1, 'one edit');
    for (const id of ['adain', 'guidance']) {
      expect((graphOf(studio).layout?.[id]?.[1] ?? 0) > (before?.[id]?.[1] ?? 0) + 80, `${id} moved`);
    }
  },
  'two pictures from the Explorer are handed to the host': async ({ page, host }) => {
    await page.evaluate(`(() => {
      const data = new DataTransfer();
      data.setData('text/uri-list', 'file:///ws/images/cow.png');
      const node = document.querySelector('[data-id="appearance"] .node');
      for (const type of ['dragover', 'drop']) node.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    })()`);
    await until(() => host.of('dropped').length === 1, 'dropped');
    const [drop] = host.of('dropped');
    expect(
      drop?.node === 'appearance' && drop.param === 'path' && drop.uris[0]?.endsWith('cow.png'),
      JSON.stringify(drop),
    );
  },
  'a wire let go on a node takes its free port that fits': async (studio) => {
    const { page } = studio;
    await page.getByTestId('rf__node-guidance').click({ position: { x: 50, y: 12 } });
    await page.getByRole('button', { name: /^Disconnect Transfer/ }).click();
    await until(() => graphOf(studio).nodes['guidance']?.inputs === undefined, 'unwired');
    await dragPort(studio, 'port-swap-transfer', { testId: 'status-guidance' });
    await page.mouse.up();
    await until(() => graphOf(studio).nodes['guidance']?.inputs?.['transfer'] === 'swap.transfer', 'wired');
  },
  'a run: frames, states, timeline, result': async (studio) => {
    const { page, host } = studio;
    await page.getByTestId('run').click();
    await until(() => host.of('run').length === 1, 'asks to run');
    await host.play(0.5);
    expect((await page.getByTestId('status-denoise').textContent())?.includes('step 13 / 26'), 'says its step');
    expect((await page.getByTestId('timeline-where').textContent())?.includes('step 13 of 26'), 'the strip follows');
    await page.getByTestId('timeline-strip').focus();
    await page.keyboard.press('Home');
    await page.getByTestId('timeline-kind').selectOption('xt');
    await until(() => host.of('timelineFrame').length > 0, 'asks for what it lacks');
    await page.getByTestId('timeline-open').click();
    await until(() => host.of('openPng').length === 1, 'opens the step in VS Code');
    const cell = page.getByTestId('timeline-strip').locator('.cell').nth(4);
    await cell.click();
    expect(await cell.evaluate((element) => element.classList.contains('current')), 'a click goes to the step');
    expect(host.of('openPng').length === 1, 'and only goes there');
    await cell.click();
    await until(() => host.of('openPng').length === 2, 'a second click opens it');
    await page.getByTestId('stop').click();
    await until(() => host.of('stop').length === 1, 'asks to stop');
    await page.getByTestId('next-step').getByRole('button', { name: 'Stop' }).click();
    await until(() => host.of('stop').length === 2, 'the summary of the graph stops it, too');
    await host.play(1);
    await until(async () => (await page.getByTestId('run-state').textContent()) === 'Done in 14 s', 'done');
  },
  'steps that the engine no longer has are missed once': async ({ page, host }) => {
    await host.play(1);
    await page.getByTestId('timeline-kind').selectOption('xt');
    await until(() => host.of('timelineFrame').length > 0, 'asks');
    await host.post({ type: 'error', message: 'This step is no longer in memory: run the graph again to see it.' });
    await page.waitForTimeout(200);
    const asked = host.of('timelineFrame').length;
    await page.getByTestId('timeline-strip').focus();
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowLeft');
    await page.waitForTimeout(100);
    expect(host.of('timelineFrame').length === asked, 'and asks no more');
    expect((await page.getByTestId('toast').count()) === 1, 'it is said once');
  },
  'a restored page comes back as it was': async (studio) => {
    const { page } = studio;
    await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
    await page.getByLabel('Zoom in').click();
    await page.waitForTimeout(600);
    const zoom = await page.locator('.zoom-level').textContent();
    await page.reload();
    await page.getByTestId('inspector-title').waitFor();
    await until(
      async () => (await page.getByTestId('inspector-title').textContent()) === 'swap',
      'swap is selected again',
    );
    expect((await page.locator('.zoom-level').textContent()) === zoom, 'the zoom is the same');
  },
  'the empty graph gets the whole method in one click': async (studio) => {
    const { page, host } = studio;
    await host.setText('{\n  "weft": 1,\n  "nodes": {}\n}\n');
    await page.getByRole('button', { name: 'Insert the standard graph' }).click();
    await until(() => graphOf(studio).nodes['denoise'], 'it is there');
    expect((await page.getByTestId('next-step').textContent())?.includes('Choose an image'), 'and says what is next');
  },
};

async function scan(browser: Browser, theme: ThemeName): Promise<string[]> {
  const studio = await openStudio(browser, example, { theme });
  const { page, host } = studio;
  await page.getByTestId('rf__node-swap').waitFor();
  await host.play(1);
  const found: string[] = [];
  const look = async (where: string): Promise<void> => {
    await page.waitForTimeout(150);
    const { violations } = await new AxeBuilder({ page }).analyze();
    for (const { id, impact, nodes } of violations) {
      const examples = nodes
        .slice(0, 3)
        .map((node) => `${String(node.target)} ${node.failureSummary?.split('\n')[1]?.trim().slice(0, 160) ?? ''}`);
      found.push(`${theme}, ${where}: ${impact ?? ''} ${id} (${nodes.length})\n      ${examples.join('\n      ')}`);
    }
  };
  await look('summary');
  await page.getByTestId('rf__node-swap').click({ position: { x: 50, y: 12 } });
  await look('swap');
  await page.getByTestId('rf__node-appearance').click({ position: { x: 50, y: 12 } });
  await page.getByTestId('thumbnails').waitFor();
  await look('image');
  await page.getByTestId('rf__node-prompt').click({ position: { x: 50, y: 12 } });
  await page.getByTestId('param-domain').locator('input').click();
  await look('combobox');
  await page.getByTestId('canvas').focus();
  await page.keyboard.press('n');
  await look('add menu');
  await page.keyboard.press('Escape');
  await page.getByTestId('rf__node-swap').click({ button: 'right', position: { x: 50, y: 12 } });
  await look('context menu');
  await page.keyboard.press('Escape');
  await host.setText(example.replace('"weft": 1', '"weft" 1'));
  await page.getByTestId('invalid').waitFor();
  await look('invalid');
  await studio.close();
  return found;
}

async function main(): Promise<void> {
  const wanted = process.argv[2];
  const browser = await launch();
  let failed = 0;
  try {
    for (const [name, test] of Object.entries(tests)) {
      if (wanted && !name.includes(wanted)) continue;
      const studio = await openStudio(browser, example);
      studio.page.setDefaultTimeout(6000);
      try {
        await studio.page.getByTestId('rf__node-swap').waitFor();
        await studio.page.waitForTimeout(250);
        await test(studio);
        if (studio.complaints.length > 0) throw new Error(studio.complaints.join('\n'));
        console.log(`ok    ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL  ${name}\n      ${error instanceof Error ? error.message.slice(0, 900) : String(error)}`);
        await studio.page.screenshot({ path: `test-artifacts/webview/fail-${failed}.png` }).catch(() => undefined);
      }
      await studio.close();
    }
    for (const theme of ['dark', 'light', 'high-contrast'] as const) {
      if (wanted && wanted !== 'axe') continue;
      const found = await scan(browser, theme);
      console.log(found.length === 0 ? `ok    axe, ${theme}` : found.map((line) => `AXE   ${line}`).join('\n'));
    }
  } finally {
    await browser.close();
  }
  process.exitCode = failed > 0 ? 1 : 0;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
