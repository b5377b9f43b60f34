import { defineConfig } from 'vitest/config';

const only = process.env.WEFT_CAPTURE
  ? 'test/studio/capture.ts'
  : process.env.WEFT_BENCH
    ? 'test/studio/bench.ts'
    : undefined;

export default defineConfig({
  test: {
    // The README's pictures and the bench are made by the same means, when asked for.
    include: [only ?? 'test/studio/**/*.test.ts'],
    globalSetup: ['test/studio/support/globalSetup.ts'],
    // One window at a time: a software-rendered browser and a workbench share few cores.
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 30_000, interval: 50 } },
    // A file's tests share one window and build on each other's opened editors.
    sequence: { concurrent: false, shuffle: false },
  },
});
