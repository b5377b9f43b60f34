import os from 'node:os';
import { defineConfig } from 'vitest/config';

/** Rooms whose tests need neither onnxruntime nor an engine that computes. */
const parallel = [
  'test/unit/{engine-client,graph,host,platform,protocol,scripts,webview}/**/*.test.ts',
  'test/unit/engine/diffusion/!(segmentation).test.ts',
];

export default defineConfig({
  test: {
    globalSetup: ['test/support/scratch.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'parallel',
          include: parallel,
          maxWorkers: os.availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'serial',
          include: ['test/unit/**/*.test.ts', 'test/numerics/**/*.test.ts'],
          exclude: parallel,
          // onnxruntime uses all cores itself; files run one after another so that timeouts mean something.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
