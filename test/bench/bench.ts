/**
 * `npm run bench [-- --rounds N]`: the engine's speed as ratios measured in one run, alternating the two sides of each ratio:
 * - a swapped step (A, S, and O with and without swap) against the authors' two plain passes of three pictures;
 * - time outside onnxruntime, and previews, as shares of a transfer;
 * - the default number of threads against each other one.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from '../../extension/engine/engine';
import { type DecoderRow, FREEU_OFF, type Share, type UnetRow } from '../../extension/engine/diffusion/unet';
import { defaultThreads, inProcessSessions, workerSessions } from '../../extension/engine/onnx/session';
import { type TensorData } from '../../extension/engine/onnx/types';
import { LoadedCheckpoint } from '../../extension/engine/run/loadedCheckpoint';
import { openLibrary } from '../../extension/engine/checkpoints/library';
import { gaussianNoise } from '../../extension/engine/diffusion/philox';
import { standardGraph, writeGraph } from '../../extension/graph';
import { modelPath, openModels } from '../fixtures/onnx/open';
import { pictures, root } from '../support/mini';

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
  const context = noise(length * graph.contextWidth, 7);
  const row = (index: number): UnetRow => ({ latents: noise(size, index + 1), timestep: 401, context });
  const [o, a, s] = [row(0), row(1), row(2)];

  const ours = async (): Promise<void> => {
    const reference = await unet.run({ rows: [a, s], freeu: FREEU_OFF, keep: { keyValues: true } });
    const source: Share[] = [{ keyValues: reference.keyValues![0]! }];
    const swapped: DecoderRow = { from: 0, source: { high: source, low: source }, contrast: { high: 1.67, low: 1.67 } };
    await unet.run({ rows: [o], decoderRows: [swapped, { from: 0 }], freeu: FREEU_OFF });
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
      data: stack(three.map((r) => r.context)),
    },
  };
  const theirs = async (): Promise<void> => {
    for (let pass = 0; pass < 2; pass++) await sessions.run('original', feeds, [graph.output.name]);
  };
  const { a: mine, b: authors, ratio } = await paired(ours, theirs);
  console.log(
    `swapped step, ${name}: ${mine.toFixed(1)} ms against ${authors.toFixed(1)} ms of two plain passes of three: ratio ${ratio.toFixed(3)}`,
  );
  const kept = await unet.run({ rows: [a], freeu: FREEU_OFF, keep: { keyValues: true } });
  const source: Share[] = [{ keyValues: kept.keyValues![0]! }];
  const { a: alone, ratio: aloneRatio } = await paired(async () => {
    const swapped: DecoderRow = { from: 0, source: { high: source, low: source }, contrast: { high: 1.67, low: 1.67 } };
    await unet.run({ rows: [o], decoderRows: [swapped, { from: 0 }], freeu: FREEU_OFF });
  }, theirs);
  console.log(`  with the reference pass kept: ${alone.toFixed(1)} ms: ratio ${aloneRatio.toFixed(3)}`);
}

/** Time outside onnxruntime and previews, as shares of transfers that keep nothing; and the number of threads. */
async function transfers(): Promise<void> {
  const graphText = writeGraph(standardGraph({ structure: 'giraffe.png', appearance: 'zebra.png', domain: 'animal' }));
  const engineWith = (
    threads?: number,
  ): {
    transfer: (previewEvery: number) => Promise<void>;
    times: () => { runMs: number; loadMs: number };
    previewMs: () => number;
  } => {
    const sessions = workerSessions(path.join(root, 'dist', 'engine-worker.js'));
    const engine = new Engine({
      version: 'bench',
      sessions,
      builtInModels: path.join(root, 'models'),
      home: path.join(work, 'home'),
      emit: () => {},
      threads,
    });
    let previewMs = 0;
    let run = 0;
    return {
      transfer: async (previewEvery) => {
        const { previews } = await engine.run({
          runId: String(++run),
          graphText,
          graphPath: path.join(pictures, 'bench.weft.json'),
          outDir: path.join(work, 'out'),
          useCache: false,
          previewEvery,
        });
        previewMs = previews.spentMs;
      },
      times: () => sessions.times(true),
      previewMs: () => previewMs,
    };
  };

  const standard = engineWith();
  await standard.transfer(1);
  const [outside, shown, walls]: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    standard.times();
    const wall = await timed(() => standard.transfer(1));
    const { runMs, loadMs } = standard.times();
    walls!.push(wall);
    outside!.push((wall - runMs - loadMs) / wall);
    shown!.push(standard.previewMs() / wall);
  }
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(
    `cold transfer (sessions open, nothing cached): ${median(walls!).toFixed(0)} ms; outside onnxruntime ${percent(median(outside!))}, previews of every step ${percent(median(shown!))}`,
  );

  for (let threads = 1; threads <= os.availableParallelism(); threads++) {
    const other = engineWith(threads);
    const { ratio } = await paired(
      () => standard.transfer(0),
      () => other.transfer(0),
    );
    console.log(`threads: default (${defaultThreads()}) takes ${ratio.toFixed(3)} × the time of ${threads}`);
  }
}

async function main(): Promise<void> {
  const library = openLibrary({ home: path.join(work, 'home'), builtInModels: path.join(root, 'models') });
  const sessions = inProcessSessions();
  const mini = await library.open('mini');
  await swappedStep(
    'mini (16² and 8² tokens)',
    LoadedCheckpoint.open(mini, sessions, 'cpu'),
    path.join(root, 'models', 'mini', 'unet', 'model.onnx'),
  );

  const folder = path.join(work, 'reference');
  for (const [part, name] of [
    ['unet', 'unet_legacy'],
    ['vae_encoder', 'vae_encoder_params'],
    ['vae_decoder', 'vae_decoder'],
    ['text_encoder', 'text_encoder'],
  ] as const) {
    fs.mkdirSync(path.join(folder, part), { recursive: true });
    fs.copyFileSync(modelPath(name), path.join(folder, part, 'model.onnx'));
    fs.copyFileSync(path.join(openModels(), 'weights.bin'), path.join(folder, part, 'weights.bin'));
  }
  fs.cpSync(path.join(root, 'test', 'fixtures', 'onnx', 'tokenizer'), path.join(folder, 'tokenizer'), {
    recursive: true,
  });
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
