/**
 * `npm run bench:consistency -- [DIR] [--limit N] [--only NAME]... [--set NODE.PARAM=VALUE]...`: does a dual softmax of the attention, or
 * smoothing between neighbours, improve a transfer? Over drawn pairs with part maps, for each way below: the share of the attention in the same
 * part of the appearance, how often its maximum lies there, and the scores of `npm run eval`, as differences from the transfer without
 * it. Figures: docs/inspect.md.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { psnr, score, type Score } from '../../extension/engine/evaluate/truth';
import { strongest } from '../../extension/engine/inspect/attention';
import { standardGraph, writeGraph } from '../../extension/graph';
import { type Adjustment, adjustedSessions, UNADJUSTED } from './adjustedSessions';
import { benchEngine, type DrawnPair, drawnPairs, partsOf, partsOnGrid, promptFor, rgbOf } from './drawnPairs';

/** By name. A dual softmax also multiplies the scores, which makes maps sharper: `sharper` does only that, `over queries` all but that. */
const WAYS: Record<string, Adjustment> = {
  'as it is': UNADJUSTED,
  'dual softmax 0.25': { own: 1, dual: 0.25, smooth: 0 },
  'dual softmax 0.5': { own: 1, dual: 0.5, smooth: 0 },
  'dual softmax 1': { own: 1, dual: 1, smooth: 0 },
  'sharper 1.25': { own: 1.25, dual: 0, smooth: 0 },
  'sharper 1.5': { own: 1.5, dual: 0, smooth: 0 },
  'over queries 0.25': { own: 0.75, dual: 0.25, smooth: 0 },
  'over queries 0.5': { own: 0.5, dual: 0.5, smooth: 0 },
  'smooth 0.05': { own: 1, dual: 0, smooth: 0.05 },
  'smooth 0.1': { own: 1, dual: 0, smooth: 0.1 },
  'smooth 0.1, dual 0.5': { own: 1, dual: 0.5, smooth: 0.1 },
};
/** The drawn pairs' side in pixels. */
const SIDE = 128;
/** Parts with fewer tokens on either side say nothing. */
const FEWEST_TOKENS = 3;
/** Parts of the object have these ids. */
const OBJECT = { first: 1, last: 14 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    limit: { type: 'string' },
    only: { type: 'string', multiple: true },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const { folder, pairs, fileOf } = drawnPairs(positionals[0], values.limit);
const unknown = values.only?.find((name) => !WAYS[name]);
if (unknown !== undefined) {
  console.error(`--only ${unknown}: choose from ${Object.keys(WAYS).join('; ')}.`);
  process.exit(2);
}
const settings = values.set.map((text): [string, string, unknown] => {
  const [, node, param, value] = /^([^.]+)\.([^=]+)=(.*)$/.exec(text)!;
  return [node!, param!, JSON.parse(value!)];
});
const contrast = Number(settings.find(([node, param]) => node === 'swap' && param === 'contrast')?.[2] ?? 1.67);
const names = Object.keys(WAYS).filter((name, at) => at === 0 || !values.only || values.only.includes(name));

const COLUMNS = {
  mass: 'mass %',
  hit: 'hit %',
  partColour: 'part colour',
  psnr: 'PSNR',
  objectPsnr: 'object PSNR',
  aroundPsnr: 'around PSNR',
  objectIou: 'IoU',
  pattern: 'pattern',
  edges: 'edges',
};
type Measures = Score & { mass: number; hit: number; aroundPsnr: number };

const { sessions, adjust } = adjustedSessions();
const { engine, work } = benchEngine('consistency', sessions);

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;
async function transfer(pair: DrawnPair, way: number): Promise<Measures> {
  const { id, domain, parts } = pair;
  const shares: { mass: number; hit: number }[] = [];
  adjust(WAYS[names[way]!]!, (map) => {
    const side = Math.round(map.length ** 0.25);
    const tokens = side * side;
    const [mine, theirs] = ['structure', 'appearance'].map((which) =>
      partsOnGrid(fileOf(pair, `${which}_parts`), side),
    ) as [number[], number[]];
    for (const label of Object.keys(parts).map(Number)) {
      const points = mine.flatMap((of, token) => (of === label ? [token] : []));
      if (points.length < FEWEST_TOKENS || theirs.filter((of) => of === label).length < FEWEST_TOKENS) continue;
      const looks = points.map((token) => map.subarray(token * tokens, (token + 1) * tokens));
      const inPart = (row: Float32Array): number =>
        row.reduce((sum, weight, key) => sum + (theirs[key] === label ? weight : 0), 0);
      shares.push({
        mass: mean(looks.map((row) => inPart(row) / row.reduce((a, b) => a + b, 0))),
        hit: mean(looks.map((row) => Number(theirs[strongest(row)] === label))),
      });
    }
  });
  const graph = standardGraph({ structure: `${id}_structure.png`, appearance: `${id}_appearance.png`, domain });
  graph.nodes['prompt']!.params = promptFor(domain);
  for (const side of ['structure', 'appearance'])
    graph.nodes[`mask-${side}`] = { type: 'mask-image', params: { path: `${id}_${side}_mask.png` } };
  const run = await engine.run({
    runId: `${id}-${way}`,
    graphText: writeGraph(graph),
    graphPath: path.join(folder, 'bench.weft.json'),
    outDir: path.join(work, 'out'),
    // The engine does not know of the adjustment: a contrast that is the same number in float32 gives each its own results.
    set: [...settings, ['swap', 'contrast', contrast + 1e-9 * way]],
  });
  const [result, truth] = await Promise.all([rgbOf(run.result.files[0]!), rgbOf(fileOf(pair, 'ground_truth'))]);
  const labels = partsOf(fileOf(pair, 'structure_parts'));
  return {
    ...score(result, truth, labels, SIDE, SIDE),
    aroundPsnr: psnr(result, truth, (p) => labels[p]! < OBJECT.first || labels[p]! > OBJECT.last),
    mass: 100 * mean(shares.map(({ mass }) => mass)),
    hit: 100 * mean(shares.map(({ hit }) => hit)),
  };
}

/** A mean; of differences with its sign and, behind ±, its standard error where there is one. */
function summary(numbers: readonly number[], digits: number, differences: boolean): string {
  const middle = mean(numbers);
  const error = Math.sqrt(mean(numbers.map((value) => (value - middle) ** 2)) / (numbers.length - 1));
  const text = `${differences && middle >= 0 ? '+' : ''}${middle.toFixed(digits)}`;
  return differences && numbers.length > 1 ? `${text} ±${error.toFixed(digits)}` : text;
}

async function main(): Promise<void> {
  const found: Measures[][] = names.map(() => []);
  for (const pair of pairs) for (const way of names.keys()) found[way]!.push(await transfer(pair, way));
  console.log(`${pairs.length} pairs of ${folder}; differences from the first line, ± their standard errors`);
  console.log(
    ''.padEnd(24) +
      Object.values(COLUMNS)
        .map((title) => title.padStart(15))
        .join(''),
  );
  for (const [way, name] of names.entries()) {
    const texts = (Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]).map((field) => {
      const differences = found[way]!.flatMap((one, pair) => {
        const [value, before] = [one[field], found[0]![pair]![field]];
        return value === undefined || before === undefined ? [] : [way === 0 ? value : value - before];
      });
      return summary(differences, field === 'mass' || field === 'hit' || field === 'partColour' ? 2 : 3, way > 0);
    });
    console.log(name.padEnd(24) + texts.map((text) => text.padStart(15)).join(''));
  }
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(0);
}

void main();
