/**
 * `npm run bench:scaling [-- --rounds N] [--steps 20,50,100,200] [--batches 1,2,4,8,16] [--sides 128,256,512,768]`: how time grows with steps,
 * batch, pictures and threads, as a table: the fewest milliseconds of the rounds, and how many times the cost of one unit (a step, a row, a
 * latent pixel) is that of the first line. 1.00 is linear; for threads it is the share of one thread's time.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from '../../extension/engine/engine';
import { gaussianNoise } from '../../extension/engine/diffusion/philox';
import {
  type DecoderInput,
  FREEU_OFF,
  type Share,
  type UnetCall,
  type UnetInput,
} from '../../extension/engine/diffusion/unet';
import { inProcessSessions } from '../../extension/engine/onnx/session';
import { type LoadedCheckpoint } from '../../extension/engine/pipeline/loadedCheckpoint';
import { standardGraph, writeGraph } from '../../extension/graph';
import { pictures, root } from '../support/mini';
import { writeReference } from '../support/referenceFolder';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '20,50,100,200' },
    batches: { type: 'string', default: '1,2,4,8,16' },
    sides: { type: 'string', default: '128,256,512,768' },
  },
});
const rounds = Number(values.rounds);
const list = (text: string): number[] => text.split(',').map(Number);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-scaling-'));

/** Fewest milliseconds of the rounds: what others on the machine took away does not count. */
async function fewest(run: () => Promise<unknown>): Promise<number> {
  await run();
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

interface Line {
  what: string;
  units: number;
  milliseconds: number;
}

function print(title: string, unit: string, lines: Line[]): void {
  const first = lines[0]!;
  console.log(`\n| ${title} | ms | ms a ${unit} | × linear |\n| --- | --- | --- | --- |`);
  for (const { what, units, milliseconds } of lines) {
    const perUnit = milliseconds / units;
    const ratio = perUnit / (first.milliseconds / first.units);
    console.log(`| ${what} | ${milliseconds.toFixed(1)} | ${perUnit.toPrecision(3)} | ${ratio.toFixed(2)} |`);
  }
}

const engineWith = (threads?: number): Engine =>
  new Engine({
    version: 'bench',
    sessions: inProcessSessions(),
    builtInModels: path.join(root, 'models'),
    home: path.join(work, 'home'),
    emit: () => {},
    threads,
  });

/** A transfer with mini, nothing kept. */
async function transfer(engine: Engine, steps: number): Promise<void> {
  await engine.run({
    runId: 'scaling',
    graphText: writeGraph(
      standardGraph({
        structure: 'giraffe.png',
        appearance: 'zebra.png',
        domain: 'animal',
        steps,
        skip: Math.floor(0.32 * steps),
      }),
    ),
    graphPath: path.join(pictures, 'bench.weft.json'),
    outDir: path.join(work, 'out'),
    useCache: false,
  });
}

/** Calls of a checkpoint's UNet: plain rows, and the output's two predictions with swap and contrast. */
async function calls(checkpoint: LoadedCheckpoint): Promise<{
  rows: (count: number) => Promise<unknown>;
  swapped: () => Promise<unknown>;
}> {
  const unet = await checkpoint.unet();
  const { latentChannels, contextWidth } = unet.graph;
  const [height, width] = checkpoint.latentSize;
  const noise = (length: number, timestep: number): Float32Array =>
    gaussianNoise({ seed: 1, imageDigest: new Uint8Array(32), timestep, length });
  const promptEmbeds = noise(checkpoint.prepared.textEncoder.contextLength * contextWidth, 7);
  const row = (index: number): UnetInput => ({
    latents: noise(latentChannels * height * width, index + 1),
    timestep: 401,
    promptEmbeds,
  });
  const freeu = FREEU_OFF;
  const kept = await unet.run({ batch: [row(0)], freeu, keep: { keyValues: true } });
  const source: Share[] = [{ keyValues: kept.keyValues![0]! }];
  const swapped: DecoderInput = { from: 0, source: { high: source, low: source }, contrast: { high: 1.67, low: 1.67 } };
  const both: UnetCall = { batch: [row(0)], decoderBatch: [swapped, { from: 0 }], freeu };
  return {
    rows: (count) => unet.run({ batch: Array.from({ length: count }, (_, index) => row(index)), freeu }),
    swapped: () => unet.run(both),
  };
}

async function main(): Promise<void> {
  const standard = engineWith();
  const lines = async (
    numbers: number[],
    measure: (number: number) => Promise<Omit<Line, 'what'>>,
  ): Promise<Line[]> => {
    const all: Line[] = [];
    for (const number of numbers) all.push({ what: String(number), ...(await measure(number)) });
    return all;
  };

  print(
    'steps T, s = 0.32 T (mini, cold)',
    'step',
    await lines(list(values.steps), async (steps) => ({
      units: steps,
      milliseconds: await fewest(() => transfer(standard, steps)),
    })),
  );

  const mini = await calls(await standard.checkpoint('mini', 'cpu'));
  print(
    'rows a call (mini)',
    'row',
    await lines(list(values.batches), async (rows) => ({
      units: rows,
      milliseconds: await fewest(() => mini.rows(rows)),
    })),
  );

  // Stable Diffusion's topology in small, with dynamic sides.
  await standard.handlers['models.add']({ paths: [writeReference(path.join(work, 'small'))], id: 'small' });
  const small = await standard.checkpoint('small', 'cpu');
  const sides = list(values.sides);
  const at = (side: number): LoadedCheckpoint => small.at({ width: side, height: side }, 'bench');
  for (const what of ['rows', 'swapped'] as const) {
    print(
      `pictures, px a side (${what === 'rows' ? 'a plain row' : 'the output, both predictions'})`,
      'latent pixel',
      await lines(sides, async (side) => {
        const own = await calls(at(side));
        return { units: (side / 8) ** 2, milliseconds: await fewest(() => own[what](1)) };
      }),
    );
  }

  const threads = Array.from({ length: Math.min(2, os.availableParallelism()) }, (_, index) => index + 1);
  const engines = new Map(threads.map((count) => [count, engineWith(count)]));
  const perThreads = async (run: (engine: Engine) => Promise<() => Promise<unknown>>): Promise<Line[]> =>
    lines(threads, async (count) => ({ units: 1, milliseconds: await fewest(await run(engines.get(count)!)) }));
  print('threads (mini, cold transfer)', 'run', await perThreads(async (engine) => () => transfer(engine, 50)));
  print(
    'threads (small, 512 px, a plain row)',
    'row',
    await perThreads(async (engine) => {
      const own = await calls((await engine.checkpoint('small', 'cpu')).at({ width: 512, height: 512 }, 'bench'));
      return () => own.rows(1);
    }),
  );
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(0);
}

void main();
