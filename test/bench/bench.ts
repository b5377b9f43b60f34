/**
 * `npm run bench [-- --rounds N]`: the engine's speed, under its process's allocator settings, as ratios measured in one run, alternating the two sides of each ratio:
 * - a swapped step (A, S, and O with and without swap) against the authors' two plain passes of three pictures;
 * - processor time outside onnxruntime as a share of a transfer, with and without previews, and the bytes that cross its border;
 * - the default number of threads against each other one.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from '../../extension/engine/engine';
import { type DecoderInput, FREEU_OFF, type Share, type UnetInput } from '../../extension/engine/diffusion/unet';
import { defaultThreads, inProcessSessions, workerSessions } from '../../extension/engine/onnx/session';
import { type SessionHost, type TensorData } from '../../extension/engine/onnx/types';
import { LoadedCheckpoint } from '../../extension/engine/pipeline/loadedCheckpoint';
import { openLibrary } from '../../extension/engine/checkpoints/library';
import { gaussianNoise } from '../../extension/engine/diffusion/philox';
import { standardGraph, writeGraph } from '../../extension/graph';
import { engineEnvironment } from '../../extension/engine-client/engineEnvironment';
import { pictures, root } from '../support/mini';
import { writeReference } from '../support/referenceFolder';
import { countedSessions } from './countedSessions';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } });
const rounds = Number(values.rounds);

const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Medians of paired rounds: both sides in turn, so that a drifting machine hits both. */
async function paired(
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
): Promise<{ a: number; b: number; ratio: number }> {
  await a();
  await b();
  const [as, bs, ratios]: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    const [ta, tb] = [await timed(a), await timed(b)];
    as!.push(ta);
    bs!.push(tb);
    ratios!.push(ta / tb);
  }
  return { a: median(as!), b: median(bs!), ratio: median(ratios!) };
}

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-bench-'));
const noise = (length: number, timestep: number): Float32Array =>
  gaussianNoise({ seed: 1, imageDigest: new Uint8Array(32), timestep, length });

/** One swapped step of Weft against two passes of three through the export as it came. */
async function swappedStep(name: string, checkpoint: LoadedCheckpoint, original: string): Promise<void> {
  const sessions = inProcessSessions();
  const unet = await checkpoint.unet();
  const { interface: graph } = checkpoint.prepared.unet;
  const [height, width] = checkpoint.latentSize;
  const size = graph.latentChannels * height * width;
  const length = checkpoint.prepared.textEncoder.contextLength;
  const promptEmbeds = noise(length * graph.contextWidth, 7);
  const row = (index: number): UnetInput => ({ latents: noise(size, index + 1), timestep: 401, promptEmbeds });
  const [o, a, s] = [row(0), row(1), row(2)];

  const ours = async (): Promise<void> => {
    const reference = await unet.run({ batch: [a, s], freeu: FREEU_OFF, keep: { keyValues: true } });
    const source: Share[] = [{ keyValues: reference.keyValues![0]! }];
    const swapped: DecoderInput = {
      from: 0,
      source: { high: source, low: source },
      contrast: { high: 1.67, low: 1.67 },
    };
    await unet.run({ batch: [o], decoderBatch: [swapped, { from: 0 }], freeu: FREEU_OFF });
  };

  await sessions.load('original', original, { provider: 'cpu' });
  const three = [o, a, s];
  const stack = (arrays: Float32Array[]): Float32Array => {
    const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
    arrays.reduce((at, array) => (all.set(array, at), at + array.length), 0);
    return all;
  };
  const timestep: TensorData =
    graph.timestep.type === 'int64'
      ? { type: 'int64', dims: [1], data: BigInt64Array.of(401n) }
      : { type: 'float32', dims: [3], data: Float32Array.of(401, 401, 401) };
  const feeds: Record<string, TensorData> = {
    [graph.sample.name]: {
      type: 'float32',
      dims: [3, graph.latentChannels, height, width],
      data: stack(three.map((r) => r.latents)),
    },
    [graph.timestep.name]: timestep,
    [graph.encoderHiddenStates.name]: {
      type: 'float32',
      dims: [3, length, graph.contextWidth],
      data: stack(three.map((r) => r.promptEmbeds)),
    },
  };
  const theirs = async (): Promise<void> => {
    for (let pass = 0; pass < 2; pass++) await sessions.run('original', feeds, [graph.output.name]);
  };
  const { a: mine, b: authors, ratio } = await paired(ours, theirs);
  console.log(
    `swapped step, ${name}: ${mine.toFixed(1)} ms against ${authors.toFixed(1)} ms of two plain passes of three: ratio ${ratio.toFixed(3)}`,
  );
  const kept = await unet.run({ batch: [a], freeu: FREEU_OFF, keep: { keyValues: true } });
  const source: Share[] = [{ keyValues: kept.keyValues![0]! }];
  const { a: alone, ratio: aloneRatio } = await paired(async () => {
    const swapped: DecoderInput = {
      from: 0,
      source: { high: source, low: source },
      contrast: { high: 1.67, low: 1.67 },
    };
    await unet.run({ batch: [o], decoderBatch: [swapped, { from: 0 }], freeu: FREEU_OFF });
  }, theirs);
  console.log(`  with the reference pass kept: ${alone.toFixed(1)} ms: ratio ${aloneRatio.toFixed(3)}`);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Processor time outside onnxruntime as a share of transfers, with and without previews; bytes that cross its border; threads. */
async function transfers(): Promise<void> {
  const graphText = (contrast: number): string => {
    const graph = standardGraph({ structure: 'giraffe.png', appearance: 'zebra.png', domain: 'animal' });
    graph.nodes['swap']!.params = { ...graph.nodes['swap']!.params, contrast };
    return writeGraph(graph);
  };
  let run = 0;
  const open = (sessions: SessionHost, threads?: number): Engine =>
    new Engine({
      version: 'bench',
      sessions,
      builtInModels: path.join(root, 'models'),
      home: path.join(work, 'home'),
      emit: () => {},
      threads,
    });
  const transfer = (engine: Engine, useCache: boolean, previewEvery: number, contrast = 1.67): Promise<unknown> =>
    engine.run({
      runId: String(++run),
      graphText: graphText(contrast),
      graphPath: path.join(pictures, 'bench.weft.json'),
      outDir: path.join(work, 'out'),
      useCache,
      previewEvery,
    });

  // One thread, so that all processor time during a call is onnxruntime's.
  const counted = countedSessions();
  const single = open(counted.sessions, 1);
  let contrast = 1.2;
  for (const [name, useCache, previewEvery] of [
    ['cold', false, 0],
    ['cold, previews', false, 1],
    ['warm', true, 0],
    ['warm, previews', true, 1],
  ] as const) {
    const [walls, outside]: number[][] = [[], []];
    let taken = counted.take();
    for (let round = -2; round < rounds; round++) {
      counted.take();
      const cpu = process.cpuUsage();
      const wall = await timed(() => transfer(single, useCache, previewEvery, useCache ? (contrast += 0.001) : 1.67));
      const { user, system } = process.cpuUsage(cpu);
      taken = counted.take();
      if (round < 0) continue;
      walls!.push(wall);
      outside!.push(1 - taken.cpuMs / ((user + system) / 1000));
    }
    console.log(
      `${name}: ${median(walls!).toFixed(0)} ms on one thread, processor time outside onnxruntime ${percent(median(outside!))}`,
    );
    if (name !== 'warm') continue;
    const kilobytes = [...taken.bytes].map(([kind, bytes]) => `${kind} ${(bytes / taken.calls / 1000).toFixed(1)}`);
    console.log(`  kB across the border a step (${taken.calls} steps): ${kilobytes.join(', ')}`);
  }

  const standard = open(workerSessions(path.join(root, 'dist', 'engine-worker.js')));
  for (let threads = 1; threads <= os.availableParallelism(); threads++) {
    const other = open(workerSessions(path.join(root, 'dist', 'engine-worker.js')), threads);
    const { ratio } = await paired(
      () => transfer(standard, false, 0),
      () => transfer(other, false, 0),
    );
    console.log(`threads: default (${defaultThreads()}) takes ${ratio.toFixed(3)} × the time of ${threads}`);
  }
}

async function main(): Promise<void> {
  if (process.env.MALLOC_MMAP_MAX_ === undefined) {
    // The engine's allocator settings count from a process's start.
    const env = engineEnvironment(process.env);
    const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      stdio: 'inherit',
      env,
    });
    fs.rmSync(work, { recursive: true, force: true });
    process.exit(status ?? 1);
  }
  const library = openLibrary({ home: path.join(work, 'home'), builtInModels: path.join(root, 'models') });
  const sessions = inProcessSessions();
  const mini = await library.open('mini');
  await swappedStep(
    'mini (16² and 8² tokens)',
    LoadedCheckpoint.open(mini, sessions, 'cpu'),
    path.join(root, 'models', 'mini', 'unet', 'model.onnx'),
  );

  const folder = writeReference(path.join(work, 'reference'));
  await library.add([folder], 'reference');
  const reference = await library.open('reference');
  await swappedStep(
    'reference (64² and 32² tokens)',
    LoadedCheckpoint.open(reference, sessions, 'cpu'),
    path.join(folder, 'unet', 'model.onnx'),
  );
  await transfers();
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(0);
}

void main();
