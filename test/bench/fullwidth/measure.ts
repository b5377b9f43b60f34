/**
 * `npm run bench:fullwidth -- FOLDER [--side N] [--steps N] [--skip-transfer]`: a checkpoint of full width (made by make.py) from import
 * to result, each part in a process of its own so that its peak memory is its own:
 * - import and rewrite: time, and peak memory of the rewriting;
 * - verify: digests, and sessions that open;
 * - one step of the UNet: a row, two decoder rows of one encoder row (fan-out), the same with swapped keys and values and contrast
 *   in query slices, as ratios of the plain row;
 * - processor time outside onnxruntime as a share of a transfer on one thread, cold and then warm with another contrast;
 * - a transfer of `--steps` steps at 8 × `--side` pixels.
 * Prints one line a part, and everything as JSON at the end.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Engine } from '../../../extension/engine/engine';
import { openLibrary } from '../../../extension/engine/checkpoints/library';
import { gaussianNoise } from '../../../extension/engine/diffusion/philox';
import { type DecoderInput, FREEU_OFF, type Share, type UnetInput } from '../../../extension/engine/diffusion/unet';
import { OnnxUnet } from '../../../extension/engine/pipeline/onnxUnet';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { LoadedCheckpoint } from '../../../extension/engine/pipeline/loadedCheckpoint';
import { standardGraph, writeGraph } from '../../../extension/graph';
import { root } from '../../support/mini';
import { countedSessions } from '../countedSessions';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    part: { type: 'string' },
    home: { type: 'string' },
    side: { type: 'string', default: '64' },
    steps: { type: 'string', default: '4' },
    provider: { type: 'string', default: 'cpu' },
    'skip-transfer': { type: 'boolean', default: false },
  },
});
const home =
  values.home ?? fs.mkdtempSync(path.join(path.dirname(path.resolve(positionals[0] ?? os.tmpdir())), '.weft-bench-'));
const side = Number(values.side);
const library = openLibrary({ home, builtInModels: path.join(root, 'models') });
const ID = 'full';
const started = performance.now();
const seconds = (): number => Math.round(performance.now() - started) / 1000;

const parts: Record<string, () => Promise<Record<string, unknown>>> = {
  async import() {
    const baseline = process.resourceUsage().maxRSS;
    await library.add([path.resolve(positionals[0]!)], ID);
    return { seconds: seconds(), rssBeforeMb: Math.round(baseline / 1024) };
  },
  async verify() {
    await library.verify(ID);
    const digested = seconds();
    await LoadedCheckpoint.open(await library.open(ID), inProcessSessions(), values.provider).tryAll();
    return { seconds: seconds(), digestSeconds: digested };
  },
  async step() {
    const checkpoint = await library.open(ID);
    const sessions = inProcessSessions();
    const graph = checkpoint.unet.interface;
    await sessions.load('unet', path.join(checkpoint.folder, checkpoint.unet.path), { provider: values.provider });
    const opened = seconds();
    const unet = new OnnxUnet(sessions, 'unet', graph, [side, side]);
    const noise = (length: number, timestep: number): Float32Array =>
      gaussianNoise({ seed: 1, imageDigest: new Uint8Array(32), timestep, length });
    const promptEmbeds = noise(checkpoint.textEncoder.contextLength * graph.contextWidth, 7);
    const row: UnetInput = { latents: noise(graph.latentChannels * side * side, 1), timestep: 401, promptEmbeds };
    const timed = async <T>(work: () => Promise<T>): Promise<[number, T]> => {
      let best = Infinity;
      let answer: T | undefined;
      for (let round = 0; round < 2; round++) {
        const from = performance.now();
        answer = await work();
        best = Math.min(best, performance.now() - from);
      }
      return [Math.round(best) / 1000, answer as T];
    };
    const [plain, kept] = await timed(() => unet.run({ batch: [row], freeu: FREEU_OFF, keep: { keyValues: true } }));
    const epsilon = kept.epsilons[0]!;
    const source: Share[] = [{ keyValues: kept.keyValues![0]! }];
    const two = { batch: [row], freeu: FREEU_OFF };
    const [fanOut] = await timed(() => unet.run({ ...two, decoderBatch: [{ from: 0 }, { from: 0 }] }));
    const swapped: DecoderInput = { from: 0, source: { high: source, low: source } };
    const [swap] = await timed(() => unet.run({ ...two, decoderBatch: [swapped, { from: 0 }] }));
    const contrasted: DecoderInput = { ...swapped, contrast: { high: 1.67, low: 1.67 } };
    const [contrast] = await timed(() => unet.run({ ...two, decoderBatch: [contrasted, { from: 0 }] }));
    const mean = epsilon.reduce((sum, value) => sum + value, 0) / epsilon.length;
    const deviation = Math.sqrt(epsilon.reduce((sum, value) => sum + (value - mean) ** 2, 0) / epsilon.length);
    return {
      openSeconds: opened,
      plain,
      fanOut,
      swap,
      contrast,
      ratios: { fanOut: fanOut / plain, swap: swap / plain, contrast: contrast / plain },
      deviation,
    };
  },
  async outside() {
    const { sessions, take } = countedSessions();
    const engine = new Engine({
      version: 'bench',
      sessions,
      builtInModels: path.join(root, 'models'),
      home,
      emit: () => {},
      threads: 1,
    });
    const shares: Record<string, number> = {};
    for (const [name, contrast] of [
      ['cold', 1.67],
      ['warm', 1.5],
    ] as const) {
      const pictures = { structure: 'images/giraffe.png', appearance: 'images/zebra.png', domain: 'animal' };
      const size = { width: 8 * side, height: 8 * side };
      const steps = Number(values.steps);
      const graph = standardGraph({ ...pictures, ...size, checkpoint: ID, masks: false, steps, skip: 0 });
      graph.nodes['swap']!.params = { ...graph.nodes['swap']!.params, contrast };
      take();
      const before = process.cpuUsage();
      await engine.run({
        runId: name,
        graphText: writeGraph(graph),
        graphPath: path.join(root, 'examples', 'bench.weft.json'),
        outDir: path.join(home, 'outside'),
      });
      const { user, system } = process.cpuUsage(before);
      shares[name] = 1 - take().cpuMs / ((user + system) / 1000);
    }
    return { seconds: seconds(), ...shares };
  },
  async transfer() {
    const steps = Number(values.steps);
    const out = path.join(home, 'out.png');
    const images = path.join(root, 'examples', 'images');
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        path.join(root, 'dist', 'weft.js'),
        'transfer',
        ...['--structure', path.join(images, 'giraffe.png'), '--appearance', path.join(images, 'zebra.png')],
        ...['--domain', 'animal', '--checkpoint', ID, '--out', out, '--steps', String(steps), '--skip', '0'],
        ...['--provider', values.provider, '--no-masks', '--no-cache', '--size', `${8 * side}x${8 * side}`],
      ],
      { encoding: 'utf8', env: { ...process.env, WEFT_HOME: home } },
    );
    if (status !== 0) throw new Error(stderr);
    const report = JSON.parse(fs.readFileSync(path.join(home, 'out.run.json'), 'utf8')) as Record<string, unknown>;
    const { seconds: total, peakRssBytes, providerNodes, unet } = report;
    return { seconds: total, peakMb: Math.round((peakRssBytes as number) / 2 ** 20), providerNodes, unet };
  },
};

async function main(): Promise<void> {
  if (values.part !== undefined) {
    const found = await parts[values.part]!();
    const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
    console.log(JSON.stringify({ peakMb, ...found }));
  } else {
    if (!positionals[0])
      throw new Error('Give the folder of an ONNX checkpoint (test/bench/fullwidth/make.py makes one).');
    const all: Record<string, unknown> = {};
    try {
      for (const part of Object.keys(parts)) {
        if ((part === 'transfer' || part === 'outside') && values['skip-transfer']) continue;
        const { stdout, stderr, status } = spawnSync(
          process.execPath,
          [
            ...process.execArgv,
            fileURLToPath(import.meta.url),
            ...[positionals[0], '--part', part, '--home', home, '--side', values.side, '--steps', values.steps],
            ...['--provider', values.provider],
          ],
          { encoding: 'utf8', env: { ...process.env, MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '40000000000' } },
        );
        const line = stdout.trim().split('\n').at(-1) ?? '';
        if (status !== 0) throw new Error(`${part}: ${stderr.slice(-2000)}`);
        all[part] = JSON.parse(line);
        console.log(`${part}: ${line}`);
      }
    } finally {
      if (!values.home) fs.rmSync(home, { recursive: true, force: true });
    }
    console.log(JSON.stringify(all, undefined, 2));
  }
}

void main();
