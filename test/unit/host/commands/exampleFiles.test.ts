import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { copyExample, examples } from '../../../../extension/host/commands/exampleFiles';
import { parseGraph, pathsRead, validateGraph } from '../../../../extension/graph';

vi.mock('vscode', () => ({}));

const root = path.resolve(__dirname, '../../../..');
const source = path.join(root, 'examples');
let parent: string;
beforeEach(() => (parent = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-examples-'))));
afterEach(() => fs.rmSync(parent, { recursive: true }));

it('are offered, all of them, each with its thumbnail', () => {
  const names = fs.readdirSync(source).flatMap((file) => /^(.*)\.weft\.json$/.exec(file)?.[1] ?? []);
  expect(examples.map(({ name }) => name).sort()).toEqual(names.sort());
  for (const { name } of examples) expect(fs.existsSync(path.join(root, 'media/examples', `${name}.png`))).toBe(true);
});

it.each(examples)('$name is copied with all that it needs to run', async ({ name }) => {
  const graph = await copyExample(source, name, path.join(parent, 'not/there/yet'));
  const text = fs.readFileSync(graph, 'utf8');
  const there = (file: string): boolean => fs.existsSync(path.join(path.dirname(graph), file));
  expect(pathsRead(parseGraph(text).document).every(there)).toBe(true);
  expect(validateGraph(text, { fileExists: there }).filter(({ severity }) => severity !== 'info')).toEqual([]);
  expect(there('images/cow.png')).toBe(true);
});

it('opens the copy that is there, and never writes over one that was changed', async () => {
  const first = await copyExample(source, 'giraffe-zebra', parent);
  expect(path.relative(parent, first)).toBe(path.join('weft-examples', 'giraffe-zebra.weft.json'));
  expect(await copyExample(source, 'giraffe-zebra', parent)).toBe(first);
  // Another one goes to the same folder.
  expect(path.dirname(await copyExample(source, 'grid', parent))).toBe(path.dirname(first));

  fs.appendFileSync(first, '\n');
  const second = await copyExample(source, 'giraffe-zebra', parent);
  expect(path.relative(parent, second)).toBe(path.join('weft-examples-2', 'giraffe-zebra.weft.json'));
  expect(fs.readFileSync(first, 'utf8')).toMatch(/\n\n$/);
  fs.writeFileSync(path.join(path.dirname(second), 'images/zebra.png'), 'painted over');
  expect(await copyExample(source, 'grid', parent)).toContain('weft-examples' + path.sep);
  expect(await copyExample(source, 'tower-cottage', parent)).toContain('weft-examples' + path.sep);
});

it('goes around a file of the folder’s name, and says why it can not be written', async () => {
  fs.writeFileSync(path.join(parent, 'weft-examples'), 'mine');
  expect(await copyExample(source, 'grid', parent)).toContain('weft-examples-2');
  expect(fs.readFileSync(path.join(parent, 'weft-examples'), 'utf8')).toBe('mine');
  // Below a file there is no folder.
  await expect(copyExample(source, 'grid', path.join(parent, 'weft-examples'))).rejects.toThrow(
    /was not written: a part of its path is a file.*Choose another folder/,
  );
});

it('the walkthrough begins with one that runs, and ticks no step for a command that was only begun', () => {
  const { contributes } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    contributes: { walkthroughs: { title: string; steps: { description: string; completionEvents: string[] }[] }[] };
  };
  const [walkthrough] = contributes.walkthroughs;
  expect(walkthrough!.title).toContain('Weft');
  const [, query] = /\(command:weft\.openExample\?([^)]+)\)/.exec(walkthrough!.steps[0]!.description)!;
  expect(JSON.parse(decodeURIComponent(query!))).toEqual([{ name: 'giraffe-zebra', run: true }]);
  const events = walkthrough!.steps.flatMap(({ completionEvents }) => completionEvents);
  expect(events).toEqual(['run', 'transfer', 'graph', 'checkpoint'].map((step) => `onContext:weft.did.${step}`));
});
