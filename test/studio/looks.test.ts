import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { FRAME_COLOURS } from '../../extension/graph/schema';
import { findings } from './support/axe';
import { fileName, THEMES } from './support/themes';
import { Workbench } from './support/workbench';
import { Workspace } from './support/workspace';

let workbench: Workbench;
const workspace = new Workspace('looks');

beforeAll(async () => {
  workbench = await Workbench.open(inject('url'), workspace);
  await workbench.openStudio('giraffe-zebra.weft.json');
});
afterAll(async () => {
  await workbench?.theme('Light Modern').catch(() => undefined);
  await workbench?.close();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

describe.each(THEMES)('in the theme %s', (theme, bodyClass) => {
  test('the studio follows, and nothing serious stands in the way of access', async () => {
    await workbench.theme(theme);
    await workbench.studio.locator(`body.${bodyClass}`).waitFor();
    await workbench.node('swap').locator('header').click();
    await workbench.screenshot(`theme-${fileName(theme)}`);
    expect(await findings(workbench)).toEqual([]);
    await workbench.studio.getByTestId('canvas').focus();
    await workbench.page.keyboard.press('Escape');
    expect(await findings(workbench)).toEqual([]);
  });
});

test('an empty graph says what to do next', async () => {
  await workbench.theme('Dark Modern');
  await workbench.openFile('empty.weft.json');
  await workbench.studio.getByTestId('empty-hint').waitFor();
  await workbench.screenshot('empty');
  expect(await findings(workbench)).toEqual([]);
});

describe('the views of a run', () => {
  const part = (id: string) => workbench.studio.getByTestId(id);
  const open = async (node: string, button: string, pane: string) => {
    await workbench.node(node).locator('.node-header').click();
    await part(button).click();
    await part(pane).waitFor();
  };

  beforeAll(async () => {
    const graph = JSON.parse(workspace.read('giraffe-zebra.weft.json')) as {
      nodes: Record<string, { params?: unknown; folded?: boolean }>;
      frames?: Record<string, unknown>;
    };
    const pin = (x: number, y: number) => ({ to: { x, y, radius: 0.1 }, from: { x: 1 - x, y: 0.8, radius: 0.08 } });
    graph.nodes['swap']!.params = { pins: [pin(0.2, 0.25), { ...pin(0.9, 0.9), muted: true }] };
    graph.nodes['guidance']!.folded = true;
    graph.frames = Object.fromEntries(
      FRAME_COLOURS.map((colour, i) => [
        `frame-${i}`,
        { text: `A frame in ${colour}`, rect: [360 * (i % 3), -420 + 190 * Math.floor(i / 3), 330, 160], colour },
      ]),
    );
    workspace.write('pinned.weft.json', JSON.stringify(graph, undefined, 2));
    await workbench.theme('Light Modern');
    await workbench.openStudio('pinned.weft.json');
    await part('run').click();
    await workbench.studio
      .locator('[data-testid="status-denoise"]:is([data-state="done"], [data-state="cached"])')
      .waitFor({ state: 'attached', timeout: 120_000 });
  });

  test.each(THEMES)('attention and masks can be read in the theme %s', async (theme, bodyClass) => {
    await workbench.theme(theme);
    await workbench.studio.locator(`body.${bodyClass}`).waitFor();
    await open('denoise', 'inspect-open', 'inspect-output');
    const output = await part('inspect-output').boundingBox();
    await part('inspect-output').click({
      position: { x: (output?.width ?? 0) * 0.45, y: (output?.height ?? 0) * 0.6 },
    });
    await expect.poll(() => part('inspect-heat-source').getAttribute('data-shown')).toBe('true');
    await workbench.screenshot(`inspector-${fileName(theme)}`);
    expect(await findings(workbench)).toEqual([]);
    await part('inspect-close').click();

    await open('mask-structure', 'mask-open', 'mask-pane');
    await part('mask-clusters').click();
    await workbench.screenshot(`mask-${fileName(theme)}`);
    expect(await findings(workbench)).toEqual([]);
    await part('mask-close').click();
  });

  test.each(THEMES)(
    'numbers, frames, the large view and the keys can be read in the theme %s',
    async (theme, bodyClass) => {
      await workbench.theme(theme);
      await workbench.studio.locator(`body.${bodyClass}`).waitFor();
      await part('canvas').focus();
      await workbench.page.keyboard.press('Escape');
      await workbench.page.keyboard.press('f');
      await workbench.screenshot(`graph-${fileName(theme)}`);
      expect(await findings(workbench)).toEqual([]);
      await workbench.studio.getByLabel(/^Zoom \d+ per cent/).click();
      await workbench.screenshot(`numbers-${fileName(theme)}`);
      expect(await findings(workbench)).toEqual([]);

      // At 100 % the image is beside what shows.
      await part('canvas').focus();
      await workbench.page.keyboard.press('f');
      await workbench.node('denoise').locator('.picture').first().dblclick();
      await part('stage-picture').waitFor();
      await part('stage-against').selectOption({ label: 'Structure' });
      for (const mode of ['slider', 'difference']) {
        await part(`stage-mode-${mode}`).click();
        await workbench.screenshot(`stage-${mode}-${fileName(theme)}`);
        expect(await findings(workbench)).toEqual([]);
      }
      await part('stage-close').click();

      await part('canvas').focus();
      await workbench.page.keyboard.press('?');
      await part('keys').waitFor();
      await workbench.screenshot(`keys-${fileName(theme)}`);
      expect(await findings(workbench)).toEqual([]);
      await workbench.page.keyboard.press('Escape');
    },
  );
});
