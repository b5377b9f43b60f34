/**
 * `npm run bench:pins -- [DIR] [--limit N]`: do pins mend wrong correspondences? Over drawn pairs with part maps: a transfer, one pin on each
 * of its five worst parts, from the true part maps, and the transfer again; beside a transfer whose appearance is the drawn truth itself, which
 * is as good as correspondences can make it. Then how far a pin carries a colour. Figures: docs/inspect.md.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Pin, type PinEnd, standardGraph, writeGraph } from '../../extension/graph';
import { benchEngine, type DrawnPair, drawnPairs, median, partsOf, promptFor, rgbOf } from './drawnPairs';

/** Parts that are pinned: so many, the worst ones. */
const PINNED = 5;
/** Parts with fewer pixels on either side say nothing. */
const FEWEST_PIXELS = 24;
/** A part that another one can be pinned to, in pixels, and how unlike its colour must be. */
const LARGE = 200;
const DIFFERENT = 40;
/** Parts of the object have these ids. */
const OBJECT = { first: 1, last: 14 };
/** The drawn pairs' side, and the radii that are tried, in pixels. */
const SIDE = 128;
const LEAST_RADIUS = 2;
const MOST_RADIUS = 40;
/** How many of its own pixels a pixel of another part outweighs, for both ends of a pin. */
const TO_COST = 1;
const FROM_COST = 0.5;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { limit: { type: 'string' } } });
const { folder, pairs, fileOf } = drawnPairs(positionals[0], values.limit);
const { engine, work } = benchEngine('pins');

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** For each part how far its mean colour is from the truth's. */
function errorsOf(result: Uint8Array, truth: Uint8Array, parts: Uint8Array): Map<number, number> {
  const sums = new Map<number, [number, number, number, number]>();
  for (const [pixel, part] of parts.entries()) {
    const sum = sums.get(part) ?? [0, 0, 0, 0];
    sums.set(part, sum);
    for (let c = 0; c < 3; c++) sum[c]! += result[3 * pixel + c]! - truth[3 * pixel + c]!;
    sum[3] += 1;
  }
  const enough = [...sums].filter(([, sum]) => sum[3] >= FEWEST_PIXELS);
  return new Map(enough.map(([part, [r, g, b, count]]) => [part, Math.hypot(r, g, b) / count]));
}

const areaOf = (parts: Uint8Array, part: number): number =>
  parts.reduce((sum, other) => sum + Number(other === part), 0);
const objectParts = (parts: Uint8Array): number[] =>
  [...new Set(parts)].filter((part) => part >= OBJECT.first && part <= OBJECT.last);

/** The circle around a place of a part that has the most of its pixels, less so many times those of others. */
function circleOn(parts: Uint8Array, part: number, cost: number): PinEnd {
  let best = { score: -Infinity, x: 0, y: 0, radius: 1 };
  for (let y = 0; y < SIDE; y += 2) {
    for (let x = 0; x < SIDE; x += 2) {
      if (parts[y * SIDE + x] !== part) continue;
      // Pixels by their distance: each radius adds a ring.
      const rings = new Float64Array(MOST_RADIUS + 1);
      for (let v = Math.max(0, y - MOST_RADIUS); v < Math.min(SIDE, y + MOST_RADIUS); v++) {
        for (let u = Math.max(0, x - MOST_RADIUS); u < Math.min(SIDE, x + MOST_RADIUS); u++) {
          const ring = Math.ceil(Math.hypot(u - x, v - y));
          if (ring <= MOST_RADIUS) rings[ring]! += parts[v * SIDE + u] === part ? 1 : -cost;
        }
      }
      let score = 0;
      for (const [radius, ring] of rings.entries()) {
        score += ring;
        if (radius >= LEAST_RADIUS && score > best.score) best = { score, x, y, radius };
      }
    }
  }
  return { x: (best.x + 0.5) / SIDE, y: (best.y + 0.5) / SIDE, radius: best.radius / SIDE };
}

/** Mean colour of the pixels that count. */
function colourOf(rgb: Uint8Array, counts: (pixel: number) => boolean): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0];
  let count = 0;
  for (let pixel = 0; pixel < SIDE ** 2; pixel++) {
    if (!counts(pixel)) continue;
    count++;
    for (let c = 0; c < 3; c++) sum[c]! += rgb[3 * pixel + c]!;
  }
  return sum.map((value) => value / count) as [number, number, number];
}

const inside = ({ x, y, radius }: PinEnd, pixel: number): boolean =>
  Math.hypot((pixel % SIDE) + 0.5 - x * SIDE, Math.floor(pixel / SIDE) + 0.5 - y * SIDE) <= radius * SIDE;

/** A transfer with given masks; `appearance` is the picture that gives the look. */
async function transfer(
  { id, domain }: DrawnPair,
  pins: Pin[],
  appearance: 'appearance' | 'ground_truth' = 'appearance',
): Promise<Uint8Array> {
  const graph = standardGraph({ structure: `${id}_structure.png`, appearance: `${id}_${appearance}.png`, domain });
  graph.nodes['prompt']!.params = promptFor(domain);
  const masks = { structure: 'structure', appearance: appearance === 'appearance' ? 'appearance' : 'structure' };
  for (const [side, of] of Object.entries(masks))
    graph.nodes[`mask-${side}`] = { type: 'mask-image', params: { path: `${id}_${of}_mask.png` } };
  graph.nodes['swap']!.params = { pins };
  const run = await engine.run({
    runId: 'pins',
    graphText: writeGraph(graph),
    graphPath: path.join(folder, 'bench.weft.json'),
    outDir: path.join(work, 'out'),
  });
  return rgbOf(run.result.files[0]!);
}

/**
 * The largest part of the object with a pin on the part of the appearance that looks most unlike it: how far the colour inside the pin goes
 * from what it was to what was pinned.
 */
async function carried(pair: DrawnPair, plain: Uint8Array, mine: Uint8Array, theirs: Uint8Array): Promise<number> {
  const look = await rgbOf(fileOf(pair, 'appearance'));
  const [part] = objectParts(mine).sort((a, b) => areaOf(mine, b) - areaOf(mine, a));
  const to = circleOn(mine, part!, 4);
  const before = colourOf(plain, (pixel) => inside(to, pixel));
  const targets = objectParts(theirs)
    .filter((other) => other !== part && areaOf(theirs, other) >= LARGE)
    .map((other) => circleOn(theirs, other, 4))
    .map((from) => ({ from, colour: colourOf(look, (pixel) => inside(from, pixel)) }));
  const far = (colour: number[]): number => Math.hypot(...colour.map((value, c) => value - before[c]!));
  const [target] = targets.sort((a, b) => far(b.colour) - far(a.colour));
  if (!target || far(target.colour) < DIFFERENT) return NaN;
  const after = colourOf(await transfer(pair, [{ to, from: target.from }]), (pixel) => inside(to, pixel));
  const way = target.colour.map((value, c) => value - before[c]!);
  return way.reduce((sum, value, c) => sum + value * (after[c]! - before[c]!), 0) / far(target.colour) ** 2;
}

async function main(): Promise<void> {
  const pinned: { before: number; after: number; floor: number }[] = [];
  const others: number[] = [];
  const ways: number[] = [];
  for (const pair of pairs) {
    const truth = await rgbOf(fileOf(pair, 'ground_truth'));
    const [mine, theirs] = [partsOf(fileOf(pair, 'structure_parts')), partsOf(fileOf(pair, 'appearance_parts'))];
    const plain = await transfer(pair, []);
    const before = errorsOf(plain, truth, mine);
    const worst = objectParts(mine)
      .filter((part) => before.has(part) && areaOf(theirs, part) >= FEWEST_PIXELS)
      .sort((a, b) => before.get(b)! - before.get(a)!)
      .slice(0, PINNED);
    // The largest first: a smaller part lies over it.
    const pins = [...worst]
      .sort((a, b) => areaOf(mine, b) - areaOf(mine, a))
      .map((part): Pin => ({ to: circleOn(mine, part, TO_COST), from: circleOn(theirs, part, FROM_COST) }));
    const after = errorsOf(await transfer(pair, pins), truth, mine);
    const floor = errorsOf(await transfer(pair, [], 'ground_truth'), truth, mine);
    for (const [part, error] of before) {
      if (worst.includes(part)) pinned.push({ before: error, after: after.get(part)!, floor: floor.get(part)! });
      else others.push(after.get(part)! - error);
    }
    ways.push(await carried(pair, plain, mine, theirs));
  }
  const fall = (to: 'after' | 'floor'): string =>
    `error ${median(pinned.map((one) => one.before)).toFixed(1)} → ${median(pinned.map((one) => one[to])).toFixed(1)} (medians), a part's falls by ${percent(median(pinned.map((one) => 1 - one[to] / one.before)))} in the median`;
  console.log(`${pairs.length} pairs of ${folder}`);
  console.log(`${pinned.length} pinned parts: ${fall('after')}`);
  console.log(`with the drawn truth itself as the appearance: ${fall('floor')}`);
  console.log(
    `${others.length} other parts: change ${median(others).toFixed(2)} in the median, ${median(others.map(Math.abs)).toFixed(2)} up or down`,
  );
  const known = ways.filter((way) => !Number.isNaN(way));
  console.log(
    `${known.length} pins on another part: the colour goes ${percent(median(known))} of the way in the median`,
  );
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(0);
}

void main();
