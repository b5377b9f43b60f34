/** The steps of a sweep's cells in a real workbench. */
import { expect, test } from 'vitest';
import { editText } from '../../extension/graph';
import { findings } from './support/axe';
import { fileName, THEMES } from './support/themes';
import { inWorkbench, part, RUN_MS, workbench } from './support/workbenchTest';

const workspace = inWorkbench('cells');
const press = (key: string) => workbench.page.keyboard.press(key);

/** The end of the steps that show, as bytes of their image: it tells cells apart. */
const lastStep = () =>
  part('timeline-strip')
    .locator('.cell.current')
    .locator('canvas, img')
    .evaluate((shown: HTMLCanvasElement | HTMLImageElement) => {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 32;
      canvas.getContext('2d')?.drawImage(shown, 0, 0, 32, 32);
      return canvas.toDataURL();
    });

test(
  'after a sweep the timeline shows the steps of one cell, also from the cache',
  { timeout: RUN_MS * 4 },
  async () => {
    const swept = editText(workspace.read('quick.weft.json'), {
      kind: 'batch',
      edits: [
        { kind: 'setParam', id: 'schedule', param: 'steps', value: 20 },
        { kind: 'setParam', id: 'schedule', param: 'skip', value: 8 },
        {
          kind: 'addNode',
          type: 'sweep',
          id: 'sweep',
          inputs: { image: 'denoise.image' },
          params: { columns: 'swap.contrast=0,1.67,5' },
          position: [1460, 760],
        },
      ],
    });
    workspace.write('cells.weft.json', swept);
    await workbench.openStudio('cells.weft.json');
    const choice = part('timeline-cell');
    const chosen = () => choice.evaluate((select: HTMLSelectElement) => select.selectedOptions[0]?.text);
    for (const time of ['cold', 'from the cache']) {
      await part('run').click();
      await expect.poll(() => part('run-state').innerText(), { timeout: RUN_MS }).toMatch(/^Done/);
      await workbench.node('denoise').locator('.node-header').click();
      await expect.poll(chosen, { message: time }).toBe('contrast 5');
      // The newest steps are sent first: those of the cells before may follow.
      await expect
        .poll(() => choice.getByRole('option').allInnerTexts())
        .toEqual(['the graph’s own values', 'contrast 0', 'contrast 1.67', 'contrast 5']);
      await expect.poll(() => part('timeline-where').innerText()).toMatch(/^step 12 of 12/);
      const last = await lastStep();
      // By keyboard, from the last cell to the first.
      await choice.focus();
      await press('ArrowUp');
      await press('ArrowUp');
      await expect.poll(chosen).toBe('contrast 0');
      await expect.poll(lastStep).not.toBe(last);
      await expect.poll(() => part('timeline-strip').locator('.thumb:not(.stand-in)').count()).toBeGreaterThan(8);
    }
    for (const [theme] of THEMES) {
      await workbench.theme(theme);
      await workbench.screenshot(`timeline-cells-${fileName(theme)}`);
      expect(await findings(workbench)).toEqual([]);
    }
    await workbench.theme('Light Modern');
  },
);
