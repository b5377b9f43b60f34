/** A .safetensors file on WebGPU, over a driver in software: the picture is the processor's, and the UNet's work is done there. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { createRequire } from 'node:module';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PreparedCheckpoint } from '../../../extension/engine/checkpoints/types';
import { unfusedGraph } from '../../../extension/engine/onnx/surgery/unfuseAttention';
import { standardGraph, writeGraph } from '../../../extension/graph';
import { type RunReport } from '../../../extension/protocol/engine';
import { float32, noise, switchFeeds, timesteps } from '../../fixtures/onnx/feeds';
import { pictures, root } from '../../support/mini';
import { writeSingleFile } from '../../support/smallModels';

const onLinux = it.skipIf(process.platform !== 'linux');

let folder: string;
let env: NodeJS.ProcessEnv;
let prepared: string;
beforeAll(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-webgpu-weights-')));
  // What is missing is installed, or named; then the test fails with that sentence.
  const driver = execFileSync(process.execPath, [path.join(root, 'test', 'support', 'softwareVulkan.mjs')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
  const home = path.join(folder, 'home');
  env = { ...process.env, VK_ICD_FILENAMES: driver, WEFT_HOME: home };
  process.env.VK_ICD_FILENAMES = driver;
  const file = writeSingleFile(path.join(folder, 'small.safetensors'), 'tiny', { precision: 'F16' });
  weft('models', 'add', file);
  prepared = path.join(home, 'checkpoints', 'small');
}, 600_000);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function weft(...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [path.join(root, 'dist', 'weft.js'), ...args], {
    encoding: 'utf8',
    env,
    timeout: 400_000,
  });
  expect(status, stderr).toBe(0);
}

async function transfer(provider: string): Promise<{ report: RunReport; rgb: Buffer }> {
  const graph = standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'animal',
    masks: false,
    checkpoint: 'small',
    width: 64,
    height: 64,
    steps: 3,
    skip: 1,
  });
  // At step 0 the structure's own keys would be used; all steps are to look at the appearance, with contrast.
  graph.nodes['swap']!.params = { higherRange: [0, 100], lowerRange: [0, 100], structureUntil: 0, contrast: 1.67 };
  graph.nodes['adain']!.params = { range: [0, 100] };
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
  const file = path.join(folder, 'transfer.weft.json');
  fs.writeFileSync(file, writeGraph(graph));
  const out = path.join(folder, provider);
  weft('run', file, '--out', out, '--provider', provider, '--allow-outside');
  const report = JSON.parse(fs.readFileSync(path.join(out, 'run.json'), 'utf8')) as RunReport;
  return { report, rgb: await sharp(path.join(out, report.outputs[0]!)).raw().toBuffer() };
}

onLinux(
  'gives the picture that the processor gives',
  async () => {
    const cpu = await transfer('cpu');
    const gpu = await transfer('webgpu');
    expect([cpu.report.provider, gpu.report.provider]).toEqual(['cpu', 'webgpu']);
    expect(gpu.rgb).toHaveLength(cpu.rgb.length);
    expect(new Set(cpu.rgb).size).toBeGreaterThan(20);
    const largest = cpu.rgb.reduce((most, value, i) => Math.max(most, Math.abs(value - gpu.rgb[i]!)), 0);
    expect(largest).toBeLessThanOrEqual(2);
  },
  600_000,
);

onLinux(
  'leaves nothing of the UNet to the processor but shapes',
  async () => {
    const checkpoint = JSON.parse(
      fs.readFileSync(path.join(prepared, 'checkpoint.json'), 'utf8'),
    ) as PreparedCheckpoint;
    const unet = checkpoint.unet.interface;
    const graph = await unfusedGraph(path.join(prepared, checkpoint.unet.path));
    const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof Ort;
    const session = await ort.InferenceSession.create(graph, {
      executionProviders: ['webgpu'],
      logSeverityLevel: 3,
      enableProfiling: true,
      profileFilePrefix: path.join(folder, 'profile'),
      extra: { session: { model_external_initializers_file_folder_path: folder } },
    });
    const feeds = {
      sample: float32([2, 4, 8, 8], noise(2 * 4 * 64, 5)),
      encoder_hidden_states: float32([2, 77, unet.contextWidth], noise(2 * 77 * unet.contextWidth, 6)),
      timestep: timesteps(unet, [301, 301]),
      ...switchFeeds(unet, [8, 8], {
        rows: [0, 1],
        kv: { high: [1, 1], low: [1, 1] },
        contrast: { high: [1.67, undefined], low: [1.67, undefined] },
      }),
    };
    await session.run(
      Object.fromEntries(
        Object.entries(feeds).map(([name, { type, dims, data }]) => [name, new ort.Tensor(type, data as never, dims)]),
      ),
      [unet.output.name],
    );
    session.endProfiling();
    const profile = fs.readdirSync(folder).find((name) => name.startsWith('profile'))!;
    const events = JSON.parse(fs.readFileSync(path.join(folder, profile), 'utf8')) as {
      cat?: string;
      name?: string;
      args?: { provider?: string; op_name?: string; output_type_shape?: Record<string, number[]>[] };
    }[];
    const nodes = events.filter(({ cat, args }) => cat === 'Node' && args?.provider !== undefined);
    const where = (at: 'CPU' | 'WebGpu') =>
      nodes.filter(({ args }) => args!.provider === `${at}ExecutionProvider`).map(({ args }) => args!);
    const products = where('WebGpu').filter(({ op_name }) => /^(MatMul|Gemm|Conv|Softmax)$/.test(op_name!));
    expect(products.length).toBeGreaterThan(150);
    // Whole numbers are shapes and rows to look up. Sines are taken in double precision, which cards lack. A loop itself computes nothing.
    const rest = where('CPU').filter(
      ({ op_name, output_type_shape }) =>
        !output_type_shape!.flatMap(Object.keys).every((type) => /^(int|bool)/.test(type)) &&
        !/^(Sin|Cos|Cast|Loop|If)$/.test(op_name!),
    );
    expect(rest).toEqual([]);
    await session.release();
  },
  600_000,
);
