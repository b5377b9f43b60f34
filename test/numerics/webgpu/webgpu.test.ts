/**
 * A transfer on WebGPU, as `weft run --provider webgpu` makes it: the path that a graphics card takes, in every run of the tests. Without a
 * card it runs on a driver in software, which is slow, so the transfer is the shortest that has everything: inversion, two swapped
 * steps with contrast, AdaIN and guidance, VAE at both ends.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { standardGraph, writeGraph } from '../../../extension/graph';
import { type RunReport } from '../../../extension/protocol/engine';
import { pictures, root } from '../../support/mini';

let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-webgpu-'));
  // What is missing is installed, or named; then the test fails with that sentence.
  const driver = execFileSync(process.execPath, [path.join(root, 'test', 'support', 'softwareVulkan.mjs')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
  env = { ...process.env, VK_ICD_FILENAMES: driver, WEFT_HOME: path.join(folder, 'home') };
}, 600_000);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function shortest(): string {
  const graph = standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'animal',
    masks: false,
    steps: 3,
    skip: 1,
  });
  // At step 0 the structure's own keys would be used; all steps are to look at the appearance, with contrast.
  graph.nodes['swap']!.params = { higherRange: [0, 100], lowerRange: [0, 100], structureUntil: 0, contrast: 1.67 };
  graph.nodes['adain']!.params = { range: [0, 100] };
  graph.nodes['guidance']!.params = { scale: 2, endScale: 2 };
  return writeGraph(graph);
}

interface Run {
  report: RunReport;
  rgb: Uint8Array;
}

async function run(graph: string, provider: string): Promise<Run> {
  const out = path.join(folder, provider);
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'dist', 'weft.js'), 'run', graph, '--out', out, '--provider', provider, '--allow-outside'],
    { encoding: 'utf8', env, timeout: 400_000 },
  );
  expect(status, stderr).toBe(0);
  const report = JSON.parse(fs.readFileSync(path.join(out, 'run.json'), 'utf8')) as RunReport;
  const { data } = await sharp(path.join(out, report.outputs[0]!)).raw().toBuffer({ resolveWithObject: true });
  return { report, rgb: new Uint8Array(data) };
}

it.skipIf(process.platform !== 'linux')(
  'is tried in a process of its own, and found to compute right',
  () => {
    const { stdout, stderr } = spawnSync(process.execPath, [path.join(root, 'dist', 'weft.js'), 'devices'], {
      encoding: 'utf8',
      env,
      timeout: 400_000,
    });
    // Attention in its parts is what a UNet has there, so that the wrong operator does not speak against it.
    expect(stdout, stderr).toMatch(/^. webgpu +Graphics card, through WebGPU works/m);
  },
  450_000,
);

it.skipIf(process.platform !== 'linux')(
  'gives the picture that the processor gives, and says where it ran',
  async () => {
    for (const name of ['giraffe.png', 'zebra.png'])
      fs.copyFileSync(path.join(pictures, name), path.join(folder, name));
    const graph = path.join(folder, 'shortest.weft.json');
    fs.writeFileSync(graph, shortest());
    const cpu = await run(graph, 'cpu');
    const gpu = await run(graph, 'webgpu');

    expect(cpu.report).toMatchObject({ provider: 'cpu' });
    expect(gpu.report).toMatchObject({ provider: 'webgpu' });
    // Shape computations stay on the processor; the work does not.
    expect(gpu.report.providerNodes['webgpu']).toBeGreaterThan(1000);
    expect(gpu.report.unet).toEqual(cpu.report.unet);
    expect(cpu.report.unet.decoder).toBeGreaterThan(cpu.report.unet.encoder);

    expect(gpu.rgb).toHaveLength(cpu.rgb.length);
    let largest = 0;
    for (let i = 0; i < cpu.rgb.length; i++) largest = Math.max(largest, Math.abs(cpu.rgb[i]! - gpu.rgb[i]!));
    // 1e-2 of the range of a picture.
    expect(largest).toBeLessThanOrEqual(2);
  },
  600_000,
);
