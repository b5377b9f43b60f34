/** Match parts, in a real workbench: the matched parts of a run, a corrected match, the run with it, and undo. */
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { findings } from './support/axe';
import { colourAt } from './support/colourAt';
import { fileName, THEMES } from './support/themes';
import { Workbench } from './support/workbench';
import { changedLines, Workspace } from './support/workspace';

let workbench: Workbench;
const workspace = new Workspace('match-parts');
const RUN_MS = 120_000;
const GRAPH = 'giraffe-zebra.weft.json';

beforeAll(async () => {
  workbench = await Workbench.open(inject('url'), workspace);
});
afterAll(async () => {
  await workbench?.theme('Light Modern').catch(() => undefined);
  await workbench?.close();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await workbench.failed(task.name);
});

type Place = [x: number, y: number];
const SKY: Place = [0.2, 0.25];
const MEADOW: Place = [0.5, 0.93];
const part = (id: string) => workbench.studio.getByTestId(id);
const numberOf = (badge: string) => part(badge).getAttribute('data-colour');

async function click(side: 'structure' | 'appearance', [x, y]: Place): Promise<void> {
  const box = await part(`parts-${side}`).boundingBox();
  if (!box) throw new Error(`${side} does not show.`);
  await part(`parts-${side}`).click({ position: { x: x * box.width, y: y * box.height } });
}

/** The badges of one image, each with its number and where it lies. */
const badges = (side: 'structure' | 'appearance') =>
  part(`parts-${side}`)
    .locator('.parts-badge')
    .evaluateAll((all) =>
      all.map((badge) => ({
        id: badge.getAttribute('data-testid')!,
        number: badge.getAttribute('data-colour'),
        colour: getComputedStyle(badge).backgroundColor,
        y: parseFloat((badge as HTMLElement).style.top),
      })),
    );

/** The result under the parts, at a place. */
const resultAt = (place: Place) => colourAt(part('parts-structure').locator('.inspect-picture img'), ...place);

test(
  'a match is corrected, the run takes the colour from there, and undo gives the file back',
  { timeout: RUN_MS * 3 },
  async () => {
    await workbench.openStudio(GRAPH);
    const before = workspace.read(GRAPH);
    await workbench.node('swap').locator('.node-header').click();
    await part('parts-open').click();
    await part('inspect-run').click();
    await part('parts-structure').waitFor({ timeout: RUN_MS });
    // Sky is matched with sky and meadow with meadow: the top and the bottom of both images have one number, and one colour.
    const [structure, appearance] = [await badges('structure'), await badges('appearance')];
    const upper = (all: typeof structure) => all.reduce((best, one) => (one.y < best.y ? one : best));
    const lower = (all: typeof structure) => all.reduce((best, one) => (one.y > best.y ? one : best));
    for (const end of [upper, lower]) {
      expect(end(structure).number).toBe(end(appearance).number);
      expect(end(structure).colour).toBe(end(appearance).colour);
    }
    expect(upper(structure).colour).not.toBe(lower(structure).colour);

    // The sky of the zebra is orange.
    await part('parts-on-result').click();
    await part('parts-structure').locator('.inspect-picture img').waitFor();
    const sky = await resultAt(SKY);
    expect(sky.red).toBeGreaterThan(sky.green);

    await click('structure', SKY);
    await workbench.screenshot('parts-chosen');
    await click('appearance', MEADOW);
    await expect.poll(() => numberOf(upper(structure).id)).toBe(lower(appearance).number);
    await workbench.save();
    const { removed, added } = changedLines(before, workspace.read(GRAPH));
    expect(added.filter((line) => line.includes('"part":'))).toHaveLength(2);
    expect(added.filter((line) => /"(masks|sources)": "(structure|appearance)-part\.mask"/.test(line))).toHaveLength(2);
    expect(removed.filter((line) => !/"(appearance|appearanceMask)":|-part/.test(line))).toEqual([]);

    await part('parts-run').click();
    await expect
      .poll(
        async () => {
          const { red, green } = await resultAt(SKY);
          return green - red;
        },
        { timeout: RUN_MS },
      )
      .toBeGreaterThan(10);
    await expect.poll(() => part('parts-run').isDisabled(), { timeout: RUN_MS }).toBe(true);
    await workbench.screenshot('parts-ran');

    await part(upper(structure).id).focus();
    await workbench.page.keyboard.press('Control+Z');
    await expect.poll(() => part('parts-sentence').textContent()).not.toContain('as you chose');
    await expect.poll(() => part(upper(structure).id).getAttribute('class')).not.toContain('corrected');
    await workbench.save();
    expect(workspace.read(GRAPH)).toBe(before);
  },
);

test.each(THEMES)('parts can be read in the theme %s', async (theme, bodyClass) => {
  await workbench.theme(theme);
  await workbench.studio.locator(`body.${bodyClass}`).waitFor();
  await part('parts-structure-1').focus();
  await workbench.screenshot(`parts-${fileName(theme)}`);
  expect(await findings(workbench)).toEqual([]);
});
