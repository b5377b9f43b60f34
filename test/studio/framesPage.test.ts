/** Comment frames on the canvas: the page alone, with a fake host. */
import { expect, test } from 'vitest';
import { editText, type FrameColour, type GraphEdit } from '../../extension/graph';
import { pageTest } from './support/pageTest';

const tested = pageTest('frames');
const { graph } = tested;
const part = (testId: string) => tested.studio.page.getByTestId(testId);
const change = (...list: GraphEdit[]) =>
  tested.studio.host.setText(editText(tested.studio.host.text, { kind: 'batch', edits: list }));
const titleOf = (frame: string) => part(`frame-${frame}`).locator('.frame-title');
const colourOf = (frame: string): FrameColour | undefined => graph().frames?.[frame]?.colour;

async function withFrames(...ids: string[]): Promise<void> {
  await change(
    ...ids.map((id, index): GraphEdit => ({
      kind: 'addFrame',
      id,
      text: id,
      rect: [index * 400, -300, 300, 200],
    })),
  );
  await part(`frame-${ids[0]}`).waitFor();
  await part('canvas').focus();
  await tested.studio.page.keyboard.press('f');
  await tested.studio.host.settled();
}

test('a frame is coloured by its menu and by the inspector, each one change of the file', async () => {
  const { page, host } = tested.studio;
  await withFrames('note');
  // The page alone has no theme.
  await page.evaluate(() => document.documentElement.style.setProperty('--vscode-charts-blue', 'rgb(0, 0, 255)'));
  const band = () => titleOf('note').evaluate((title) => getComputedStyle(title).backgroundColor);
  const grey = await band();
  const before = host.text;
  await titleOf('note').click({ button: 'right' });
  await part('context-menu').getByRole('menuitemradio', { name: 'Blue' }).click();
  await expect.poll(() => colourOf('note')).toBe('blue');
  expect(host.of('edit')).toHaveLength(1);
  expect(host.text.split('\n').filter((line) => !before.includes(line))).toEqual(['      "colour": "blue",']);
  await expect.poll(band).not.toBe(grey);

  const colours = part('inspector').getByRole('radiogroup', { name: 'Colour' });
  expect(await colours.getByRole('radio', { name: 'Blue' }).getAttribute('aria-checked')).toBe('true');
  await colours.getByRole('radio', { name: 'Red' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => colourOf('note')).toBe('red');
  await host.undo();
  await expect.poll(() => part('frame-note').getAttribute('data-colour')).toBe('blue');
  await colours.getByRole('radio', { name: 'No colour' }).click();
  await expect.poll(() => host.text).toBe(before);
});

test('several frames are coloured at once, by keys alone, in one undo', async () => {
  const { page, host } = tested.studio;
  await withFrames('first', 'second');
  const before = host.text;
  await titleOf('first').click();
  await titleOf('second').click({ modifiers: ['Control'] });
  await part('canvas').focus();
  await page.keyboard.press('Shift+F10');
  await part('context-menu').waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
  for (let i = 0; i < 30 && (await focused()) !== 'colour-green'; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect.poll(() => [colourOf('first'), colourOf('second')]).toEqual(['green', 'green']);
  await host.undo();
  expect(host.text).toBe(before);
});

test('a frame is pasted with the nodes on it as far from the originals as they are', async () => {
  const { page } = tested.studio;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await change({ kind: 'addFrame', id: 'around', text: 'around', rect: [-60, -80, 300, 300] });
  await part('frame-around').waitFor();
  await part('canvas').focus();
  await page.keyboard.press('f');
  await tested.studio.host.settled();
  const before = graph();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+c');
  await page.keyboard.press('Control+v');
  await expect.poll(() => Object.keys(graph().frames ?? {}).length).toBe(2);
  const [[, copy] = [], [, original] = []] = Object.entries(graph().frames ?? {}).sort(([a]) =>
    a === 'around' ? 1 : -1,
  );
  expect(copy?.rect.slice(0, 2)).toEqual(original?.rect.slice(0, 2).map((side) => side + 40));
  const [node] = Object.keys(graph().nodes).filter((id) => !(id in before.nodes) && id.startsWith('structure'));
  const [x = 0, y = 0] = before.layout?.['structure'] ?? [];
  expect(graph().layout?.[node ?? '']).toEqual([x + 40, y + 40]);
});

test('the menu of a frame offers what does something for it; of a folded one, what does it for the nodes inside', async () => {
  const { page } = tested.studio;
  await withFrames('note', 'around');
  await change({ kind: 'updateFrame', id: 'around', rect: [-60, -80, 300, 400] });
  await part('canvas').focus();
  await page.keyboard.press('f');
  await tested.studio.host.settled();
  const offered = async (testId: string) => {
    await part(testId).click({ button: 'right', position: { x: 60, y: 8 } });
    const labels = await part('context-menu')
      .getByRole('menuitem')
      .evaluateAll((items) =>
        items.map(({ childNodes }) => [...childNodes].find(({ nodeType }) => nodeType === 3)?.textContent),
      );
    await page.keyboard.press('Escape');
    await part('context-menu').waitFor({ state: 'detached' });
    return labels;
  };
  expect(await offered('frame-note')).toEqual(['Rename', 'Copy', 'Cut', 'Zoom to selection', 'Delete']);
  expect(await offered('frame-around')).toEqual([
    'Rename',
    'Fold or unfold',
    'Copy',
    'Cut',
    'Zoom to selection',
    'Delete',
  ]);
  await change({ kind: 'updateFrame', id: 'note', folded: ['adain'] });
  await part('rf__node-adain').waitFor({ state: 'detached' });
  expect(await offered('frame-note')).toEqual([
    'Rename',
    'Mute or unmute',
    'Fold or unfold',
    'Duplicate',
    'Copy',
    'Cut',
    'Add frame around selection',
    'Zoom to selection',
    'Delete',
  ]);
  // A node that can't be muted, and one without an image.
  expect(await offered('rf__node-structure')).not.toContain('Mute or unmute');
  expect(await offered('rf__node-structure')).toContain('View image');
  expect(await offered('rf__node-schedule')).not.toContain('View image');
});
