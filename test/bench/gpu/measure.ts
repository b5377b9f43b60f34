/**
 * One measurement of the kit for a machine with a graphics card, in a process of its own: `node dist/measure.js WHAT --home DIR …`,
 * started by run.py. Each figure is a line of JSON as soon as it is known, so that a process that is ended early loses no earlier one.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLibrary } from '../../../extension/engine/checkpoints/library';
import { gaussianNoise } from '../../../extension/engine/diffusion/philox';
import { type DecoderInput, FREEU_OFF, type Share, type UnetInput } from '../../../extension/engine/diffusion/unet';
import { Engine } from '../../../extension/engine/engine';
import { workerSessions } from '../../../extension/engine/onnx/session';
import { LoadedCheckpoint } from '../../../extension/engine/pipeline/loadedCheckpoint';
import { type MemoryLimit } from '../../../extension/engine/pipeline/workingMemory';
import { standardGraph, writeGraph } from '../../../extension/graph';
import { type RunRequest } from '../../../extension/protocol/engine';
import { NARROW, writeFullWidth } from '../weights/fullWidth';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    home: { type: 'string', default: '' },
    provider: { type: 'string', default: 'cpu' },
    side: { type: 'string', default: '64' },
    steps: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    narrow: { type: 'boolean', default: false },
  },
});
const { home, provider } = values;
const side = Number(values.side);
const size = { width: 8 * side, height: 8 * side };
/** The unpacked kit: this program lies in its dist/. */
const kit = path.resolve(path.dirname(process.argv[1]!), '..');
const builtInModels = path.join(kit, 'models');
const ID = 'full';
const BATCHES = [1, 2, 4, 8, 16];
/** Room for 16 rows with whole attention maps; on a smaller card such a batch fails and is reported. */
const AMPLE: MemoryLimit = { bytes: 48e9 };

const tell = (figures: Record<string, unknown>): void => console.log(JSON.stringify(figures));
const save = (name: string, data: Float32Array): void => fs.writeFileSync(path.join(home, name), data);
const noise = (length: number, timestep: number): Float32Array =>
  gaussianNoise({ seed: 1, imageDigest: new Uint8Array(32), timestep, length });
async function timed<T>(work: () => Promise<T>): Promise<[seconds: number, answer: T]> {
  const from = performance.now();
  const answer = await work();
  return [(performance.now() - from) / 1000, answer];
}
/** The median of three, after one that warms up. */
async function steady(work: () => Promise<unknown>): Promise<number> {
  await work();
  const rounds: number[] = [];
  for (let round = 0; round < 3; round++) rounds.push((await timed(work))[0]);
  return rounds.sort((a, b) => a - b)[1]!;
}

const sessions = workerSessions(path.join(kit, 'dist', 'engine-worker.js'));
const library = openLibrary({ home, builtInModels });

async function openCheckpoint(limit?: MemoryLimit): Promise<LoadedCheckpoint> {
  const prepared = await library.open(ID);
  return LoadedCheckpoint.open(prepared, sessions, provider, undefined, undefined, limit).at(size, 'bench:gpu');
}

function rowOf({ prepared }: LoadedCheckpoint, index: number): UnetInput {
  const { latentChannels, contextWidth } = prepared.unet.interface;
  return {
    latents: noise(latentChannels * side * side, index),
    timestep: 401,
    promptEmbeds: noise(prepared.textEncoder.contextLength * contextWidth, 1000),
  };
}

function openEngine(onPreview: () => void = () => {}): Engine {
  const emit = ({ event }: { event: string }): void => {
    if (event === 'preview') onPreview();
  };
  return new Engine({ version: 'bench', sessions, builtInModels, home, emit });
}

function request(runId: string, contrast: number, other: { skip?: number; masks?: boolean } = {}): RunRequest {
  const graph = standardGraph({
    ...{ structure: 'giraffe.png', appearance: 'zebra.png', domain: 'animal', checkpoint: ID, ...size },
    ...{ steps: Number(values.steps), ...other },
  });
  graph.nodes['swap']!.params = { ...graph.nodes['swap']!.params, contrast };
  const graphPath = path.join(kit, 'examples', 'images', 'bench.weft.json');
  const outDir = path.join(home, 'out');
  return { runId, graphText: writeGraph(graph), graphPath, outDir, outDirNamed: true, provider, previewEvery: 1 };
}

const measurements: Record<string, () => Promise<void>> = {
  async weights() {
    const file = path.join(home, `${ID}.safetensors`);
    writeFullWidth(file, values.narrow ? NARROW : undefined, Number(values.seed));
    await library.add([file], ID);
  },

  /** One row and its numbers, and a step as a transfer makes it: two rows kept as sources, then one row with and without the swap. */
  async step() {
    const checkpoint = await openCheckpoint();
    const [opens, unet] = await timed(() => checkpoint.unet());
    tell({ opens });
    const [row, appearance, structure] = [rowOf(checkpoint, 1), rowOf(checkpoint, 2), rowOf(checkpoint, 3)];
    const plain = (): ReturnType<typeof unet.run> => unet.run({ batch: [row], freeu: FREEU_OFF });
    save(`step.${provider}.f32`, (await plain()).epsilons[0]!);
    save('step.latents.f32', row.latents);
    save('step.prompt.f32', row.promptEmbeds);
    tell({ plainRow: await steady(plain) });
    const contrast = { high: 1.67, low: 1.67 };
    const swappedStep = async (): Promise<void> => {
      const keep = { keyValues: true };
      const { keyValues } = await unet.run({ batch: [appearance, structure], freeu: FREEU_OFF, keep });
      const source: Share[] = [{ keyValues: keyValues![0]! }];
      const swapped: DecoderInput = { from: 0, source: { high: source, low: source }, contrast };
      await unet.run({ batch: [row], decoderBatch: [swapped, { from: 0 }], freeu: FREEU_OFF });
    };
    tell({ swappedStep: await steady(swappedStep) });
  },

  /** Rows as an inversion batches them, in seconds a row. */
  async batches() {
    const checkpoint = await openCheckpoint(provider === 'cpu' ? undefined : AMPLE);
    const unet = await checkpoint.unet();
    for (const count of BATCHES) {
      const batch = Array.from({ length: count }, (_, index) => rowOf(checkpoint, index));
      tell({ [`batch${count}`]: (await steady(() => unet.run({ batch, freeu: FREEU_OFF }))) / count });
    }
  },

  /** The latents at the end of a short transfer. */
  async latents() {
    let latents: Float32Array | undefined;
    await openEngine().run(request('latents', 1.67, { skip: 0, masks: false }), {
      trace: (name, _step, numbers) => {
        if (name === 'ddpm' || name === 'adain') latents = numbers.slice();
      },
    });
    save(`latents.${provider}.f32`, latents!);
  },

  /** Cold: the UNet is open and nothing is cached. Warm: the same pictures with another contrast. */
  async transfer() {
    let firstPreview: number | undefined;
    const engine = openEngine(() => (firstPreview ??= performance.now()));
    await engine.handlers['cache.clear']({});
    await (await engine.checkpoint(ID, provider)).unet();
    for (const [name, contrast] of [
      ['cold', 1.67],
      ['warm', 1.5],
    ] as const) {
      sessions.times(true);
      firstPreview = undefined;
      const from = performance.now();
      const [seconds, { result }] = await timed(() => engine.run(request(name, contrast)));
      const { runMs, loadMs } = sessions.times();
      tell({
        [name]: seconds,
        [`${name}Outside`]: 1 - (runMs + loadMs) / 1000 / seconds,
        [`${name}FirstPreview`]: firstPreview === undefined ? undefined : (firstPreview - from) / 1000,
        [`${name}Nodes`]: result.report.providerNodes,
        [`${name}Rows`]: result.report.unet,
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
      });
    }
  },
};

const [what = ''] = positionals;
const measurement = measurements[what];
if (measurement === undefined) throw new Error(`"${what}" is no measurement: ${Object.keys(measurements).join(', ')}.`);
measurement().then(
  () => process.exit(0),
  (error: Error) => {
    console.error(error.message);
    process.exit(1);
  },
);
