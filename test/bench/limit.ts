/**
 * `npm run bench:limit [-- CHECKPOINT…]`: how far a plain row of the UNet is from what the processor can do. The limit is the fastest
 * product of two square matrices through onnxruntime with the same threads. onnxruntime's profile of the row, as Weft runs it, says where its time goes.
 * A CHECKPOINT is a file or folder as `weft models add` takes it; without any, mini.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { parseArgs } from 'node:util';
import { engineEnvironment } from '../../extension/engine-client/engineEnvironment';
import { openLibrary } from '../../extension/engine/checkpoints/library';
import { gaussianNoise } from '../../extension/engine/diffusion/philox';
import { FREEU_OFF } from '../../extension/engine/diffusion/unet';
import { makeNode, makeValueInfo } from '../../extension/engine/onnx/graph';
import { ModelProtoSchema, TensorProto_DataType } from '../../extension/engine/onnx/proto/onnx_pb';
import { defaultThreads, inProcessSessions } from '../../extension/engine/onnx/session';
import { type SessionHost, type SessionOptions, type TensorData } from '../../extension/engine/onnx/types';
import { LoadedCheckpoint } from '../../extension/engine/pipeline/loadedCheckpoint';
import { root } from '../support/mini';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '9' } },
});
const rounds = Number(values.rounds);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-limit-'));
const ort = createRequire(path.join(root, 'package.json'))('onnxruntime-node') as typeof Ort;
const SIDES = [1024, 2048, 4096];

const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

/** Floating point operations a second of the fastest large matrix product, by a constant matrix as weights are: onnxruntime packs it once. */
async function peak(): Promise<number> {
  let best = 0;
  for (const side of SIDES) {
    const random = (): Float32Array => Float32Array.from({ length: side * side }, Math.random);
    const info = (name: string) => makeValueInfo(name, TensorProto_DataType.FLOAT, [side, side]);
    const weights = {
      name: 'b',
      dims: [BigInt(side), BigInt(side)],
      dataType: TensorProto_DataType.FLOAT,
      rawData: new Uint8Array(random().buffer),
    };
    const model = create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ version: 17n }],
      graph: {
        name: 'product',
        node: [makeNode('MatMul', ['a', 'b'], ['c'])],
        initializer: [weights],
        input: [info('a')],
        output: [info('c')],
      },
    });
    const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, model), settings({ provider: 'cpu' }));
    const feeds = { a: new ort.Tensor('float32', random(), [side, side]) };
    const seconds: number[] = [];
    for (let round = -2; round < rounds; round++) {
      const start = performance.now();
      await session.run(feeds);
      if (round >= 0) seconds.push((performance.now() - start) / 1000);
    }
    await session.release();
    best = Math.max(best, (2 * side ** 3) / median(seconds));
  }
  return best;
}

/** As the engine opens a session. */
function settings({ keepLayout, weights }: SessionOptions, profile?: string): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: defaultThreads(),
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
    extra: {
      ...(keepLayout ? { optimization: { disable_specified_optimizers: 'NchwcTransformer' } } : {}),
      session: {
        set_denormal_as_zero: '1',
        intra_op: { allow_spinning: '0' },
        ...(weights === undefined ? {} : { model_external_initializers_file_folder_path: weights }),
      },
    },
  };
}

interface Row {
  model: string;
  options: SessionOptions;
  feeds: Record<string, TensorData>;
  fetches: readonly string[];
  /** Name of the input with the latents. */
  sample: string;
}

/** What the engine gives onnxruntime for one plain row of a checkpoint's UNet. */
async function plainRow(id: string): Promise<Row> {
  const library = openLibrary({ home: path.join(work, 'home'), builtInModels: path.join(root, 'models') });
  if (id !== 'mini') await library.add([path.resolve(id)], 'measured');
  const prepared = await library.open(id === 'mini' ? id : 'measured');
  const inner = inProcessSessions();
  const seen: Partial<Row> = {};
  const sessions: SessionHost = {
    ...inner,
    load: (key, model, options) => {
      if (key.endsWith('/unet') && typeof model === 'string') Object.assign(seen, { model, options });
      return inner.load(key, model, options);
    },
    run: (key, feeds, fetches, more) => {
      if (key.endsWith('/unet')) Object.assign(seen, { feeds, fetches });
      return inner.run(key, feeds, fetches, more);
    },
  };
  const checkpoint = LoadedCheckpoint.open(prepared, sessions, 'cpu');
  const unet = await checkpoint.unet();
  const { interface: graph } = prepared.unet;
  const [height, width] = checkpoint.latentSize;
  const noise = (length: number): Float32Array =>
    gaussianNoise({ seed: 1, imageDigest: new Uint8Array(32), timestep: 1, length });
  await unet.run({
    batch: [
      {
        latents: noise(graph.latentChannels * height * width),
        timestep: 401,
        promptEmbeds: noise(prepared.textEncoder.contextLength * graph.contextWidth),
      },
    ],
    freeu: FREEU_OFF,
  });
  return { ...seen, sample: graph.sample.name } as Row;
}

interface Event {
  cat: string;
  name: string;
  dur: number;
  args?: {
    op_name?: string;
    input_type_shape?: Record<string, number[]>[];
    output_type_shape?: Record<string, number[]>[];
  };
}

const KINDS: [pattern: RegExp, kind: string][] = [
  [/Conv$/, 'convolutions'],
  [/^(Fused)?MatMul$|Gemm$/, 'matrix products'],
  [/Attention$/, 'attention'],
  [/Normalization$|^GroupNorm|^SkipGroupNorm/, 'normalisation'],
  [/^Softmax$/, 'softmax'],
  [/Gelu$|^Sigmoid$|^Erf$|^Tanh$/, 'activations'],
  [
    /^Reorder|^Transpose$|^Reshape$|^Concat$|^Slice$|^Gather|^Split$|^Expand$|^(Un)?squeeze$|^Shape$|^Cast$|^Identity$|^Pad$/i,
    'layout and copies',
  ],
];

/** Multiplications and additions of a node, from its shapes; 0 for what is not made of products. */
function flops({ args }: Event): number {
  const shapes = (of: Record<string, number[]>[] = []): number[][] => of.map((each) => Object.values(each)[0] ?? []);
  const [first = [], second = []] = shapes(args?.input_type_shape);
  const [out = []] = shapes(args?.output_type_shape);
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const op = args?.op_name ?? '';
  if (/Conv$/.test(op)) return 2 * size(out) * size(second.slice(1));
  if (/^(Fused)?MatMul$|Gemm$/.test(op)) return 2 * size(out) * (first.at(-1) ?? 0);
  // q·kᵀ and the map times v.
  if (/Attention$/.test(op)) return 4 * size(first) * (second.at(-2) ?? 0);
  return 0;
}

/** Places of what a node computes, of all of the latent's: 1 at its own resolution, a quarter at the next. Undefined where nothing has places. */
function resolution({ args }: Event, [height, width]: [number, number]): number | undefined {
  const [out = []] = (args?.output_type_shape ?? []).map((each) => Object.values(each)[0] ?? []);
  const places = out.length === 4 ? [out[2]! * out[3]!, out[2]!, out[1]!] : [out.at(-2) ?? 0];
  for (let level = 0; level < 6; level++)
    if (places.includes((height >> level) * (width >> level))) return 1 / 4 ** level;
  return undefined;
}

async function measure(name: string, limit: number): Promise<void> {
  const row = await plainRow(name);
  const tensors = Object.fromEntries(
    Object.entries(row.feeds).map(([key, { type, dims, data }]) => [key, new ort.Tensor(type, data as never, dims)]),
  );
  const plain = await ort.InferenceSession.create(row.model, settings(row.options));
  const walls: number[] = [];
  for (let round = -2; round < rounds; round++) {
    const start = performance.now();
    await plain.run(tensors, [...row.fetches]);
    if (round >= 0) walls.push(performance.now() - start);
  }
  const profiled = await ort.InferenceSession.create(row.model, settings(row.options, path.join(work, 'profile')));
  for (let round = 0; round < rounds; round++) await profiled.run(tensors, [...row.fetches]);
  profiled.endProfiling();
  const file = fs.readdirSync(work).find((each) => each.startsWith('profile'))!;
  const events = JSON.parse(fs.readFileSync(path.join(work, file), 'utf8')) as Event[];
  fs.rmSync(path.join(work, file));

  const kinds = new Map<string, { ms: number; flop: number }>();
  const levels = new Map<number | undefined, number>();
  const [, , height, width] = row.feeds[row.sample]!.dims as [number, number, number, number];
  for (const event of events) {
    const op = event.args?.op_name;
    // What runs inside these is listed by itself.
    if (op === undefined || !event.name.endsWith('_kernel_time') || op === 'If' || op === 'Loop') continue;
    const kind = KINDS.find(([pattern]) => pattern.test(op))?.[1] ?? 'sums, products and the rest';
    const sum = kinds.get(kind) ?? { ms: 0, flop: 0 };
    const level = resolution(event, [height, width]);
    levels.set(level, (levels.get(level) ?? 0) + event.dur / 1000 / rounds);
    kinds.set(kind, { ms: sum.ms + event.dur / 1000 / rounds, flop: sum.flop + flops(event) / rounds });
  }
  const all = [...kinds.values()];
  const [ms, flop] = [all.reduce((sum, each) => sum + each.ms, 0), all.reduce((sum, each) => sum + each.flop, 0)];
  const wall = median(walls);
  const share = (of: number, inMs: number): string => `${((100 * of) / (inMs / 1000) / limit).toFixed(0)} %`;
  console.log(
    `\n${name}: a row takes ${wall.toFixed(2)} ms for ${(flop / 1e9).toFixed(2)} GFLOP, ${share(flop, wall)} of the limit`,
  );
  console.log('| part | ms | share of the time | GFLOP | of the limit |\n| --- | --- | --- | --- | --- |');
  for (const [kind, each] of [...kinds].sort(([, a], [, b]) => b.ms - a.ms))
    console.log(
      `| ${kind} | ${each.ms.toFixed(2)} | ${((100 * each.ms) / ms).toFixed(0)} % | ${each.flop === 0 ? '' : (each.flop / 1e9).toFixed(2)} | ${each.flop === 0 ? '' : share(each.flop, each.ms)} |`,
    );
  // What reusing features of the deeper levels (DeepCache) could save at most.
  const parts = [...levels].sort(([a = 0], [b = 0]) => b - a);
  console.log(
    parts
      .map(
        ([level, each]) =>
          `${level === undefined ? 'elsewhere' : `at ${level} of the latent's places`} ${((100 * each) / ms).toFixed(0)} %`,
      )
      .join(', '),
  );
}

async function main(): Promise<void> {
  if (process.env.MALLOC_MMAP_MAX_ === undefined) {
    // The engine's allocator settings count from a process's start.
    const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      stdio: 'inherit',
      env: engineEnvironment(process.env),
    });
    fs.rmSync(work, { recursive: true, force: true });
    process.exit(status ?? 1);
  }
  const limit = await peak();
  console.log(
    `${os.cpus()[0]?.model ?? 'unknown processor'}, ${defaultThreads()} threads: ${(limit / 1e9).toFixed(0)} GFLOP/s in the fastest product of two matrices`,
  );
  for (const name of positionals.length > 0 ? positionals : ['mini']) await measure(name, limit);
  fs.rmSync(work, { recursive: true, force: true });
  process.exit(0);
}

void main();
