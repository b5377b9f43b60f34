/** A draft through the engine: fewer rows, and a file of its own that carries the graph it was made with. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parseGraph, planGraph, standardGraph } from '../../../../extension/graph';
import { readPngTexts } from '../../../../extension/platform/pngText';
import { makeEngine, withParam } from '../../../support/mini';

const graph = standardGraph({ structure: 'giraffe.png', appearance: 'zebra.png', domain: 'animal' });

it('runs mini with 8 of its 26 steps, beside the result', async () => {
  const bench = makeEngine();
  const final = await bench.run(graph);
  const whole = fs.readFileSync(final.result.files[0]!);
  const draft = await bench.run(graph, { draft: true });
  const [file] = draft.result.files;
  expect(path.basename(file!)).toBe('result-draft.png');
  expect(fs.readFileSync(final.result.files[0]!).equals(whole)).toBe(true);
  expect([final.result.report.draft, draft.result.report.draft]).toEqual([undefined, true]);

  const carried = [...readPngTexts(fs.readFileSync(file!)).values()].find((text) => text.includes('"nodes"'))!;
  const { params } = planGraph(parseGraph(carried).document!).byId.get('schedule')!;
  expect(params).toMatchObject({ steps: 16, skip: 8 });
  const [long, short] = [final, draft].map(({ result }) => result.report.unet.decoder);
  expect(short! / long!).toBeLessThan(0.4);
  // What the picture carries makes the same picture again.
  const again = await makeEngine().run(carried);
  expect(fs.readFileSync(again.result.files[0]!).equals(fs.readFileSync(file!))).toBe(true);
});

it('lets the schedule that is set for the run count', async () => {
  const set: [string, string, unknown][] = [['schedule', 'steps', 12]];
  const { result } = await makeEngine().run(withParam(graph, 'schedule', 'steps', 60), { draft: true, set });
  const whole = await makeEngine().run(withParam(withParam(graph, 'schedule', 'steps', 12), 'schedule', 'skip', 8));
  expect(result.report.unet).toEqual(whole.result.report.unet);
});
