/**
 * `npm run bench:correspondence -- [DIR] [--limit N]`: do places of the output look at the same part of the appearance? Over drawn pairs with
 * part maps: for each part and step the share of output points of the part whose strongest attention (mean over layers and heads
 * of the highest resolution, as the run applied it) lies in the same part of the appearance; beside chance and beside the nearest colour.
 * A token belongs to the part that most of its pixels have. Definitions: docs/inspect.md.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { standardGraph, writeGraph } from '../../extension/graph';
import { tokensOf } from '../../extension/protocol/inspect';
import { benchEngine, drawnPairs, median, partsOnGrid } from './drawnPairs';

/** Parts with fewer tokens on either side say nothing. */
const FEWEST_TOKENS = 3;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { limit: { type: 'string' } } });
const { pairs, folder, fileOf } = drawnPairs(positionals[0], values.limit);

/** One pair's part at one step. */
interface Hit {
  part: string;
  step: number;
  hit: number;
  chance: number;
  colour: number;
}

const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const percent = (share: number): string => (100 * share).toFixed(1).padStart(8);

/** Mean colour of each token. */
async function coloursOnGrid(file: string, side: number): Promise<number[][]> {
  const data = await sharp(file).removeAlpha().resize(side, side, { kernel: 'cubic' }).raw().toBuffer();
  return Array.from({ length: side * side }, (_, token) => [...data.subarray(3 * token, 3 * token + 3)]);
}

const nearest = (colour: number[], among: number[][]): number => {
  let best = 0;
  const distance = (other: number[]): number => other.reduce((sum, value, c) => sum + (value - colour[c]!) ** 2, 0);
  among.forEach((other, at) => {
    if (distance(other) < distance(among[best]!)) best = at;
  });
  return best;
};

async function main(): Promise<void> {
  const { engine, work } = benchEngine('correspondence');
  const hits: Hit[] = [];
  const times: number[] = [];
  for (const pair of pairs) {
    const { id, domain, parts: names } = pair;
    const file = (what: string): string => fileOf(pair, what);
    const graph = standardGraph({ structure: `${id}_structure.png`, appearance: `${id}_appearance.png`, domain });
    await engine.run({
      runId: id,
      graphText: writeGraph(graph),
      graphPath: path.join(folder, 'bench.weft.json'),
      outDir: work,
      target: 'denoise',
      keepAttention: true,
    });
    const info = await engine.handlers['inspect.open']({ runId: id, node: 'denoise' });
    const { level, grid } = info.levels[0]!;
    const side = grid.width;
    const [mine, theirs] = ['structure', 'appearance'].map((which) => partsOnGrid(file(`${which}_parts`), side)) as [
      number[],
      number[],
    ];
    const [own, looks] = await Promise.all(
      ['structure', 'appearance'].map((which) => coloursOnGrid(file(which), side)),
    );
    const byColour = own!.map((colour) => nearest(colour, looks!));
    for (const [step, one] of info.steps.entries()) {
      if (one[level] !== 'appearance') continue;
      const answer = await engine.handlers['inspect.correspondence']({ runId: id, node: 'denoise', step, level });
      times.push(answer.ms);
      const targets = tokensOf(answer.targets);
      for (const [key, part] of Object.entries(names)) {
        const label = Number(key);
        const points = mine.flatMap((of, token) => (of === label ? [token] : []));
        const area = theirs.filter((of) => of === label).length;
        if (points.length < FEWEST_TOKENS || area < FEWEST_TOKENS) continue;
        const share = (to: ArrayLike<number>): number =>
          mean(points.map((token) => Number(theirs[to[token]!] === label)));
        hits.push({
          part: `${domain} ${part}`,
          step,
          hit: share(targets),
          chance: area / theirs.length,
          colour: share(byColour),
        });
      }
    }
  }
  const row = (name: string, of: Hit[]): string =>
    `${name.padEnd(24)} ${String(of.length).padStart(6)} ${percent(mean(of.map(({ hit }) => hit)))} ${percent(mean(of.map(({ chance }) => chance)))} ${percent(mean(of.map(({ colour }) => colour)))}`;
  const head = (name: string): string =>
    `${name.padEnd(24)} ${'cases'.padStart(6)} ${'hit %'.padStart(8)} ${'chance'.padStart(8)} ${'colour'.padStart(8)}`;
  console.log(`${pairs.length} pairs of ${folder}`);
  const parts = [...new Set(hits.map(({ part }) => part))].sort();
  console.log(head('part, all steps'));
  for (const part of parts)
    console.log(
      row(
        part,
        hits.filter((one) => one.part === part),
      ),
    );
  console.log(head('\nstep, all parts'));
  const steps = [...new Set(hits.map(({ step }) => step))].sort((a, b) => a - b);
  for (const step of steps)
    console.log(
      row(
        `step ${step + 1}`,
        hits.filter((one) => one.step === step),
      ),
    );
  const perPart = parts.map((part) => {
    const of = hits.filter((one) => one.part === part);
    return {
      hit: mean(of.map(({ hit }) => hit)),
      chance: mean(of.map(({ chance }) => chance)),
      colour: mean(of.map(({ colour }) => colour)),
    };
  });
  console.log(
    `\nmedian part: hit ${(100 * median(perPart.map(({ hit }) => hit))).toFixed(1)} %, ${median(perPart.map(({ hit, chance }) => hit / chance)).toFixed(1)} × chance, ` +
      `${(100 * median(perPart.map(({ hit, colour }) => hit - colour))).toFixed(1)} points above the nearest colour`,
  );
  console.log(`one correspondence map: ${median(times).toFixed(1)} ms (median)`);
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(0);
}

void main();
