/**
 * Weft's side of `npm run bench:peer`: the engine as its process runs it (a worker thread owns onnxruntime), told by JSON lines on stdin what to do.
 * Noise and latents of the pictures come from the file that the other program reads too.
 */
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { encodeTensors, type Tensors } from '../../../extension/engine/cache/tensorFile';
import { gaussianNoise } from '../../../extension/engine/diffusion/philox';
import { Engine } from '../../../extension/engine/engine';
import { loadPicture } from '../../../extension/engine/image/load';
import { toModelInput } from '../../../extension/engine/image/tensors';
import { workerSessions } from '../../../extension/engine/onnx/session';
import { type Injected } from '../../../extension/engine/execution/context';
import { type GraphDocument, standardGraph, writeGraph } from '../../../extension/graph';
import { pictures, root } from '../../support/mini';
import { SafetensorsFile } from '../../support/safetensors';
import { type Answer, type PeerSettings } from './protocol';

const [checkpoint, work, settingsFile] = process.argv.slice(2) as [string, string, string];
const inputsFile = path.join(work, 'inputs.safetensors');
const sessions = workerSessions(path.join(root, 'dist', 'engine-worker.js'));
const images = { structure: 'giraffe.png', appearance: 'zebra.png' };
let firstPreview: number | undefined;

function openEngine(): Engine {
  return new Engine({
    version: 'bench',
    sessions,
    builtInModels: path.join(root, 'models'),
    home: path.join(work, 'home'),
    emit: (event) => {
      if (event.event === 'preview') firstPreview ??= performance.now();
    },
    threads: process.env.WEFT_THREADS ? Number(process.env.WEFT_THREADS) : undefined,
  });
}
let engine = openEngine();
const readSettings = (): PeerSettings => JSON.parse(fs.readFileSync(settingsFile, 'utf8')) as PeerSettings;

/** The file both programs read: pictures, their latents, noise of every timestep, embeddings. Completes the settings. */
async function prepare(): Promise<PeerSettings> {
  const settings = readSettings();
  const loaded = await engine.checkpoint(checkpoint, 'cpu');
  const store = engine.scratch();
  const [height, width] = loaded.latentSize;
  const { latentChannels } = loaded.prepared;
  const { size } = loaded;
  const shape = [latentChannels, height, width];
  const tensors: Tensors = {};
  for (const [role, image] of Object.entries(images)) {
    fs.copyFileSync(path.join(pictures, image), path.join(work, image));
    const { rgb } = await loadPicture(fs.readFileSync(path.join(pictures, image)), size);
    const x0 = await loaded.encode(rgb, store);
    tensors[`${role}.picture`] = { dims: [3, size.height, size.width], data: toModelInput(rgb) };
    tensors[`${role}.x0`] = { dims: shape, data: x0 };
    const { timesteps } = loaded.scheduler({ steps: settings.steps });
    const noise = new Float32Array(timesteps.length * x0.length);
    const imageDigest = new Uint8Array(32).fill(role.length);
    timesteps.forEach((timestep, index) =>
      noise.set(gaussianNoise({ seed: 42, imageDigest, timestep, length: x0.length }), index * x0.length),
    );
    tensors[`${role}.noise`] = { dims: [timesteps.length, ...shape], data: noise };
  }
  const prompt = loaded.prepared.promptTemplate.replace('{domain}', 'animal');
  for (const [name, text] of [
    ['context', prompt],
    ['empty', ''],
  ] as const) {
    const data = await loaded.embed(text, store);
    const { contextWidth } = loaded.prepared.unet.interface;
    tensors[name] = { dims: [data.length / contextWidth, contextWidth], data };
  }
  fs.writeFileSync(inputsFile, Buffer.concat(encodeTensors('', tensors)));
  settings.latentSize = height;
  settings.nounToken = (await loaded.tokenizer()).positionsOf(prompt, 'animal')[0]!;
  fs.writeFileSync(settingsFile, JSON.stringify(settings, null, 2));
  return settings;
}

/** The transfer as a graph; with `givenMasks` the masks are pictures beside it. */
function graphOf(settings: PeerSettings, contrast: number, givenMasks = false): GraphDocument {
  const masked = settings.masked && !givenMasks;
  const graph = standardGraph({
    ...images,
    domain: 'animal',
    checkpoint,
    steps: settings.steps,
    skip: settings.skip,
    masks: masked,
  });
  const set = (node: string, params: Record<string, unknown>): void => {
    graph.nodes[node]!.params = { ...graph.nodes[node]!.params, ...params };
  };
  for (const side of ['structure', 'appearance']) set(`invert-${side}`, { guidanceScale: settings.inversionGuidance });
  set('swap', {
    higherRange: settings.highRange,
    lowerRange: settings.lowRange,
    structureEvery: settings.structureEvery,
    structureUntil: settings.structureUntil,
    contrast,
  });
  set('adain', { range: settings.adainRange });
  set('guidance', { scale: settings.guidance, endScale: settings.guidanceEnd });
  for (const node of Object.values(graph.nodes)) {
    const input = node.inputs?.['checkpoint'];
    if (input) node.inputs!['checkpoint'] = settings.freeu ? 'gains.checkpoint' : 'model.checkpoint';
  }
  delete graph.nodes['freeu'];
  if (settings.freeu) graph.nodes['gains'] = { type: 'freeu', inputs: { checkpoint: 'model.checkpoint' } };
  if (givenMasks) {
    for (const side of ['structure', 'appearance']) {
      graph.nodes[`mask-${side}`] = { type: 'mask-image', params: { path: `${side}-mask.png` } };
      graph.nodes['adain']!.inputs![`${side}Mask`] = `mask-${side}.mask`;
    }
  }
  return graph;
}

/** Models loaded, as far as an engine keeps them: large text encoders and VAEs are opened when a run needs them. */
async function opened(): Promise<void> {
  const loaded = await engine.checkpoint(checkpoint, 'cpu');
  const parts = checkpoint === 'mini' ? (['textEncoder', 'vaeEncoder', 'vaeDecoder'] as const) : [];
  for (const part of parts) loaded.warm(part);
  await loaded.unet();
}

let runs = 0;
async function transfer(contrast: number, givenMasks = false, latentsTo?: string): Promise<Partial<Answer>> {
  const settings = readSettings();
  const inputs = new SafetensorsFile(inputsFile);
  const noise = new Map(Object.keys(images).map((role) => [role, inputs.floats(`${role}.noise`)]));
  const { timesteps } = (await engine.checkpoint(checkpoint, 'cpu')).scheduler({ steps: settings.steps });
  let latents: Float32Array | undefined;
  const injected: Injected = {
    x0: (role) => inputs.floats(`${role}.x0`),
    noise: (role, timestep) => {
      const all = noise.get(role)!;
      const size = all.length / timesteps.length;
      const index = timesteps.indexOf(timestep);
      return all.slice(index * size, (index + 1) * size);
    },
    ...(latentsTo
      ? {
          trace: (name, _step, values) => {
            if (name === 'ddpm' || name === 'adain') latents = values.slice();
          },
        }
      : {}),
  };
  // Pictures are encoded in the timed part, as everywhere; the latents that go on are the file's.
  const start = performance.now();
  firstPreview = undefined;
  const checkpointOpened = await engine.checkpoint(checkpoint, 'cpu');
  if (!latentsTo && contrast === COLD_CONTRAST) {
    const { size } = checkpointOpened;
    for (const role of Object.values(images))
      await checkpointOpened.encode(
        (await loadPicture(fs.readFileSync(path.join(pictures, role)), size)).rgb,
        engine.scratch(),
      );
  }
  const { result } = await engine.run(
    {
      runId: `run-${++runs}`,
      graphText: writeGraph(graphOf(settings, contrast, givenMasks)),
      graphPath: path.join(work, 'bench.weft.json'),
      outDir: path.join(work, 'out'),
      previewEvery: 1,
    },
    injected,
  );
  if (latentsTo)
    fs.writeFileSync(
      latentsTo,
      Buffer.concat(encodeTensors('', { latents: { dims: [latents!.length], data: latents! } })),
    );
  return {
    rows: result.report.unet,
    firstSight: firstPreview === undefined ? undefined : (firstPreview - start) / 1000,
  };
}
/** The contrast of the cold runs: those that invert. */
const COLD_CONTRAST = 1.67;

interface Request {
  do: 'load' | 'prepare' | 'cold' | 'rerun' | 'warm' | 'compare' | 'end';
  contrast?: number;
  givenMasks?: boolean;
  to?: string;
}

async function perform(request: Request): Promise<Partial<Answer>> {
  switch (request.do) {
    case 'load':
      await opened();
      return {};
    case 'prepare':
      return { settings: await prepare() };
    case 'cold':
      return transfer(COLD_CONTRAST);
    case 'rerun':
    case 'warm':
      return transfer(request.contrast!);
    case 'compare':
      return transfer(COLD_CONTRAST, request.givenMasks, request.to);
    case 'end':
      return {};
  }
}

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    // What a case starts from: nothing kept; the disk's part kept; everything kept.
    if (request.do === 'cold') await engine.handlers['cache.clear']({});
    if (request.do === 'rerun') {
      await engine.handlers.shutdown({});
      engine = openEngine();
      await opened();
    }
    const start = performance.now();
    const before = process.cpuUsage();
    const answer = await perform(request);
    const { user, system } = process.cpuUsage(before);
    console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6, ...answer }));
    if (request.do === 'end') process.exit(0);
  }
}

void main();
