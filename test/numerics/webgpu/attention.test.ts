/** What the trial of a provider sees of attention, on WebGPU over a software driver: an operator there is known to be wrong. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { attentionDifference } from '../../../extension/engine/devices/attentionProbe';
import { LocalSessions } from '../../../extension/engine/onnx/runtime';
import { root } from '../../support/mini';

const onLinux = it.skipIf(process.platform !== 'linux');

beforeAll(() => {
  const driver = path.join(root, 'test', 'support', 'softwareVulkan.mjs');
  // What is missing is installed, or named; then the test fails with that sentence.
  process.env.VK_ICD_FILENAMES = execFileSync(process.execPath, [driver], { encoding: 'utf8' }).trim();
}, 600_000);

it('the fused operator of the processor equals its parts', async () => {
  expect(await attentionDifference(new LocalSessions(), 'cpu', true)).toBeLessThan(1e-5);
});

onLinux('attention in its parts is right', async () => {
  expect(await attentionDifference(new LocalSessions(), 'webgpu', false)).toBeLessThan(1e-4);
});

// When this fails, onnxruntime has mended it, and webgpu may have a fused graph again: see unfuseAttention.ts.
onLinux('the fused operator is wrong by more than the trial lets pass', async () => {
  expect(await attentionDifference(new LocalSessions(), 'webgpu', true)).toBeGreaterThan(5e-2);
});
