import { type SessionHost } from '../../extension/engine/onnx/types';

/** Sessions whose provider "gpu" is the processor under another name, until its third run, if it is to fail. */
export function cardThatFails(inner: SessionHost, fail?: () => Promise<never>): SessionHost {
  const onGpu = new Set<string>();
  let runs = 0;
  return {
    ...inner,
    load(key, modelPath, options) {
      if (options.provider === 'gpu') onGpu.add(key);
      return inner.load(key, modelPath, { ...options, provider: 'cpu' });
    },
    run(key, feeds, fetches, options) {
      if (fail !== undefined && onGpu.has(key) && ++runs > 2) return fail();
      return inner.run(key, feeds, fetches, options);
    },
    placement(key) {
      const placed = inner.placement(key);
      return placed && onGpu.has(key) ? { gpu: placed['cpu'] ?? 0 } : placed;
    },
  };
}

/** What the trial of such a card says: it is fast and right. */
export const fastAnswer = {
  milliseconds: 2,
  cpuMilliseconds: 40,
  difference: 1e-5,
  attention: { tokens: 320, fused: true, difference: 1e-6 },
  nodes: { gpu: 9, cpu: 1 },
};

/** What a machine has that such a card is in, and what its trial says. */
export const cardAndProcessor = {
  candidates: [
    { provider: 'gpu', title: 'Card' },
    { provider: 'cpu', title: 'Processor' },
  ],
  attempt: async () => ({ answer: fastAnswer, stderr: '' }),
};
