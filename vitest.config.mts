import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/unit/**/*.test.ts', 'test/numerics/**/*.test.ts'],
    globalSetup: ['test/support/scratch.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // onnxruntime uses both cores itself; files run one after another so that timeouts mean something.
    fileParallelism: false,
    pool: 'forks',
  },
});
