import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import { type GraphDocument, partText } from '../graph';
import { besideName, withFreeNames } from '../platform/freeNames';
import { graphError } from '../protocol/errors';
import { middles, strongestParts } from '../protocol/parts';
import { middleOf, type Size, sizeText } from '../protocol/size';
import { type AttentionRequest, type InspectInfo, type InspectLevel } from '../protocol/inspect';
import { type EngineProcess } from './engineProcess';
import { withEngine } from './execute';
import { outFile, writeNamed } from './files';
import { oddFilesOf, readRun } from './inspectedRun';
import { printPath, tell } from './terminal';

export interface InspectFlags {
  at?: string;
  step?: number;
  resolution?: number;
  head?: number;
  from: 'output' | 'appearance';
  map: 'heat' | 'correspondence' | 'parts';
  /** How many each image has. */
  parts: number;
  appearance?: number;
  raw?: boolean;
  out?: string;
  size: number;
  node?: string;
  folder?: string;
  provider?: string;
  allowOutside?: boolean;
}

/** What is read back from the cache says nothing; what has to be computed again tells how far it is. */
const QUIET_MS = 4000;

/** `weft inspect RUN`: runs the graph as far as its denoise node, which reads back what is kept, and draws what was asked. */
export async function inspect(source: string, flags: InspectFlags): Promise<void> {
  const place = flags.at === undefined ? undefined : parsePlace(flags.at);
  if (flags.map === 'heat' && !place) {
    throw graphError('Choose a location with --at x,y in pixels, for instance --at 64,40.');
  }
  const run = readRun(source, flags);
  const node = flags.node ?? onlyDenoise(run.document);
  const stem = path.basename(source).replace(/(\.weft)?\.(json|png)$/i, '');
  const { file: out, named } = outFile(
    flags.out,
    path.join(path.dirname(source), besideName(stem, `.${flags.map}.png`)),
    ['png'],
  );

  await withEngine(
    async (engine) => {
      const known = await engine.request('models.list', {});
      for (const made of run.checkpoints) {
        const [id, sha256] = made.split('@');
        if (known.some((one) => one.id === id && one.sha256 !== sha256)) {
          tell(`${id} is no longer the checkpoint that made this image, so attention may differ.\n`);
        }
      }
      const runId = randomUUID();
      await engine.run({
        runId,
        graphText: run.graphText,
        graphPath: run.graphPath,
        picked: oddFilesOf(run),
        name: run.name,
        outDir: path.dirname(out),
        target: node,
        provider: flags.provider ?? run.provider,
        allowOutside: flags.allowOutside ?? false,
        reads: run.files.map((file) => ({ file, by: 'weft inspect' })),
        writes: [{ file: out, by: '--out' }],
      });
      const info = await engine.request('inspect.open', { runId, node });
      const { png, words } = await (flags.map === 'parts'
        ? drawParts(engine, info, flags)
        : drawAttention(engine, info, flags, flags.map, place));
      const written = named
        ? await writeNamed(out, png).then(() => out)
        : await withFreeNames([{ path: out, bytes: png }], path.basename(out, '.png'), async (free) => {
            await writeNamed(free(out), png);
            return free(out);
          });
      tell(words.map((line) => `${line}\n`).join(''));
      printPath(path.relative(process.cwd(), written) || written);
    },
    { quietMs: QUIET_MS },
  );
}

interface Drawn {
  png: Uint8Array;
  /** What it shows. */
  words: string[];
}

async function drawAttention(
  engine: EngineProcess,
  info: InspectInfo,
  flags: InspectFlags,
  what: 'heat' | 'correspondence',
  place: [number, number] | undefined,
): Promise<Drawn> {
  const { runId, node } = info;
  const { step, level } = choose(info, flags);
  const attention: AttentionRequest = {
    ...{ runId, node, step, level },
    look: (flags.appearance ?? 1) - 1,
    raw: flags.raw ?? false,
    ...(flags.head === undefined ? {} : { head: flags.head - 1 }),
  };
  const point = place && inPicture(place, info.size);
  const { png, peak, source } = await engine.request(
    'inspect.draw',
    {
      ...attention,
      what,
      from: flags.from === 'appearance' ? 'source' : 'output',
      size: flags.size,
      ...(point ? { point } : {}),
    },
    0,
  );
  const { grid } = info.levels.find((one) => one.level === level)!;
  const several = source === 'appearance' && info.appearances.length > 1;
  const seen = several ? `appearance (${info.appearances[(flags.appearance ?? 1) - 1]})` : source;
  const where = `step ${step + 1} of ${info.steps.length}, ${sizeText(grid)}`;
  const words: string[] = [];
  if (peak && place) {
    const strongest = `(${Math.round(peak.x * info.size.width)}, ${Math.round(peak.y * info.size.height)})`;
    words.push(
      flags.from === 'appearance'
        ? `(${place.join(', ')}) of the ${seen}, ${where}: it is used most at ${strongest} of the output.`
        : `(${place.join(', ')}) of the output, ${where}: it attends most to ${strongest} of the ${seen}, with ${percent(peak.weight)} of its attention.`,
    );
  } else words.push(`${where}: each location of the output in the colour of its source in the ${seen}.`);
  if (source === 'structure') words.push(`Step ${step + 1} used the structure's own keys, to keep its shapes.`);
  return { png, words };
}

async function drawParts(engine: EngineProcess, info: InspectInfo, flags: InspectFlags): Promise<Drawn> {
  const { runId, node } = info;
  const asked = { runId, node, clusters: flags.parts };
  const { grid, structure, appearances } = await engine.request('inspect.parts', asked, 0);
  const wanted = info.appearances[(flags.appearance ?? 1) - 1];
  const image = appearances.findIndex((one) => one.node === wanted);
  if (image < 0)
    throw graphError(`${node} has ${info.appearances.length} appearances: there is no number ${flags.appearance}.`);
  const { png } = await engine.request('inspect.drawParts', { ...asked, image, size: flags.size }, 0);
  const at = (cell: number): string => partText(...middleOf(cell, grid));
  const places = appearances.map(({ labels }) => middles(labels, grid));
  const matched = strongestParts(appearances);
  const words = middles(structure, grid).map((cell, part) => {
    const best = matched[part];
    if (!best) return `part at ${at(cell)} of the structure: not matched.`;
    const of = appearances.length > 1 ? `of ${appearances[best.image]!.node}` : 'of the appearance';
    return `part at ${at(cell)} of the structure: ${percent(best.share)} of its attention on part ${best.part + 1} ${of}, at ${at(places[best.image]![best.part]!)}.`;
  });
  return { png, words };
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** `x,y`, in pixels. */
export function parsePlace(text: string): [number, number] {
  const match = /^(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$/.exec(text);
  if (!match) throw graphError(`--at ${text} is not valid. Write --at x,y in pixels, for instance --at 64,40.`);
  return [Number(match[1]), Number(match[2])];
}

function inPicture([x, y]: [number, number], size: Size): [number, number] {
  const { width, height } = size;
  if (x >= width || y >= height) {
    throw graphError(
      `--at ${x},${y} is outside the image, which has ${sizeText(size)} pixels: 0 to ${width - 1} and 0 to ${height - 1}.`,
    );
  }
  return [(x + 0.5) / width, (y + 0.5) / height];
}

function onlyDenoise(document: GraphDocument): string {
  const found = Object.entries(document.nodes).flatMap(([id, { type }]) => (type === 'denoise' ? [id] : []));
  if (found.length === 1) return found[0]!;
  throw graphError(
    found.length === 0
      ? 'The graph has no denoise node, so there is no attention to show.'
      : `The graph has several denoise nodes: choose one of ${found.join(', ')} with --node.`,
  );
}

/** The step and the resolution that were asked for, or those where there is most to see. */
function choose(info: InspectInfo, flags: InspectFlags): { step: number; level: InspectLevel } {
  const known = info.levels.map(({ grid }) => `${grid.width} (${sizeText(grid)})`);
  const wanted = info.levels.find(({ grid }) => grid.width === flags.resolution);
  if (flags.resolution !== undefined && !wanted) {
    throw graphError(`--resolution ${flags.resolution} is not swapped. Choose ${known.join(' or ')}.`);
  }
  const level = wanted?.level ?? info.levels.find(({ level: one }) => info.steps.some((step) => step[one]))?.level;
  if (!level) throw graphError(`The swap is off at every step of ${info.node}, so there is no attention to show.`);
  if (flags.step !== undefined) return { step: flags.step - 1, level };
  const steps = info.steps.flatMap((step, index) => (step[level] === 'appearance' ? [index] : []));
  const step = steps[Math.floor(steps.length / 2)];
  if (step === undefined) throw graphError(`No step of ${info.node} attended to the appearance at this resolution.`);
  return { step, level };
}
