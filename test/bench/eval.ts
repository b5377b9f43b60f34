/**
 * `npm run eval -- [DIR] [--masks given|self|both] [--seeds N] [--sheet FILE]`: transfers every pair of a folder of drawn pairs
 * (NN_structure.png, NN_appearance.png, NN_ground_truth.png, NN_*_parts.png, examples.json) through Weft and scores the results against
 * the truth: PSNR, object PSNR, part-colour error, object IoU, pattern and edges, beside the baselines.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type GraphDocument, standardGraph, writeGraph } from '../../extension/graph';
import { contactSheet } from './sheet';
import { score, type Score } from '../../extension/engine/evaluate/truth';
import { meanScore } from './meanScore';
import { benchEngine, type DrawnPair, drawnPairs, partsOf, promptFor, rgbOf } from './drawnPairs';

/** The drawn pairs' side in pixels. */
const SIDE = 128;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    masks: { type: 'string', default: 'both' },
    seeds: { type: 'string', default: '1' },
    sheet: { type: 'string' },
    limit: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const { folder, pairs, fileOf } = drawnPairs(positionals[0], values.limit);
const { engine, work } = benchEngine('eval');

const scorePair = async (pair: DrawnPair, result: Uint8Array): Promise<Score> =>
  score(result, await rgbOf(fileOf(pair, 'ground_truth')), partsOf(fileOf(pair, 'structure_parts')), SIDE, SIDE);

/** The standard graph of a pair, with its object masks given or found. */
function graphOf(pair: DrawnPair, given: boolean, seed: number): GraphDocument {
  const graph = standardGraph({
    structure: `${pair.id}_structure.png`,
    appearance: `${pair.id}_appearance.png`,
    domain: pair.domain,
    seed,
    output: `${pair.id}.png`,
  });
  graph.nodes['prompt']!.params = promptFor(pair.domain);
  if (given) {
    for (const side of ['structure', 'appearance']) {
      graph.nodes[`mask-${side}`] = { type: 'mask-image', params: { path: `${pair.id}_${side}_mask.png` } };
    }
  }
  return graph;
}

async function transfer(pair: DrawnPair, given: boolean, seed: number): Promise<Uint8Array> {
  const run = await engine.run({
    runId: `${pair.id}-${given}-${seed}`,
    graphText: writeGraph(graphOf(pair, given, seed)),
    graphPath: path.join(folder, 'eval.weft.json'),
    outDir: path.join(work, given ? 'given' : 'self', String(seed)),
    useCache: false,
    set: values.set.map((text) => {
      const [, node, param, value] = /^([^.]+)\.([^=]+)=(.*)$/.exec(text)!;
      return [node!, param!, JSON.parse(value!)];
    }),
  });
  return rgbOf(run.result.files[0]!);
}

const columns: [title: string, field: keyof Score, digits: number][] = [
  ['PSNR', 'psnr', 2],
  ['object PSNR', 'objectPsnr', 2],
  ['part colour', 'partColour', 1],
  ['IoU', 'objectIou', 3],
  ['pattern', 'pattern', 3],
  ['edges', 'edges', 3],
];
const cells = (name: string, texts: string[]): string =>
  name.padEnd(34) + texts.map((text, column) => text.padStart(columns[column]![0].length + 4)).join('');
const line = (name: string, score: Partial<Score>): string =>
  cells(
    name,
    columns.map(([, field, digits]) => score[field]?.toFixed(digits) ?? '–'),
  );

async function main(): Promise<void> {
  console.log(`${pairs.length} pairs of ${folder}`);
  console.log(
    cells(
      '',
      columns.map(([title]) => title),
    ),
  );
  const baseline = async (picture: string): Promise<Score> => {
    const scores = [];
    for (const pair of pairs) {
      scores.push(await scorePair(pair, await rgbOf(fileOf(pair, picture))));
    }
    return meanScore(scores);
  };
  console.log(line('structure unchanged', await baseline('structure')));
  console.log(line('the truth itself', await baseline('ground_truth')));

  const results = new Map<string, Uint8Array>();
  for (const kind of values.masks === 'both' ? ['given', 'self'] : [values.masks]) {
    const perSeed: Score[] = [];
    for (let seed = 42; seed < 42 + Number(values.seeds); seed++) {
      const scores: Score[] = [];
      for (const pair of pairs) {
        const result = await transfer(pair, kind === 'given', seed);
        results.set(`${pair.id} ${kind}`, result);
        scores.push(await scorePair(pair, result));
      }
      perSeed.push(meanScore(scores));
    }
    console.log(line(`Weft, ${kind === 'given' ? 'given masks' : 'self-segmented'}`, meanScore(perSeed)));
  }
  console.log(
    line('Python, given masks (first mini)', { psnr: 21.05, objectPsnr: 15.41, partColour: 40.3, objectIou: 0.753 }),
  );

  if (values.sheet) {
    const kind = values.masks === 'self' ? 'self' : 'given';
    await contactSheet(
      await Promise.all(
        pairs.map(async (pair) => [
          await rgbOf(fileOf(pair, 'structure')),
          await rgbOf(fileOf(pair, 'appearance')),
          results.get(`${pair.id} ${kind}`)!,
          await rgbOf(fileOf(pair, 'ground_truth')),
        ]),
      ),
      values.sheet,
    );
    console.log(values.sheet);
  }
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(0);
}

void main();
