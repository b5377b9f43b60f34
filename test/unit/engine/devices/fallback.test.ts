import { describe, expect, it } from 'vitest';
import { type Devices } from '../../../../extension/engine/devices/devices';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { type SessionHost } from '../../../../extension/engine/onnx/types';
import { WeftError } from '../../../../extension/protocol/errors';
import { makeEngine, shortGraph } from '../../../support/mini';

/** Sessions whose provider "gpu" is the processor until its third run, when the device is lost. */
function failing(): SessionHost {
  const inner = inProcessSessions();
  const onGpu = new Set<string>();
  let runs = 0;
  return {
    ...inner,
    load(key, modelPath, options) {
      if (options.provider === 'gpu') onGpu.add(key);
      return inner.load(key, modelPath, { ...options, provider: 'cpu' });
    },
    run(key, feeds, fetches, options) {
      if (onGpu.has(key) && ++runs > 2)
        return Promise.reject(new WeftError('device', 'The provider "gpu" failed while it computed: device lost.'));
      return inner.run(key, feeds, fetches, options);
    },
  };
}

const devices = { choose: async (wanted?: string) => wanted ?? 'gpu', reportFailure: () => {} } as unknown as Devices;

describe('a provider that fails while it computes', () => {
  it('is replaced by the processor when it was chosen automatically, after telling', async () => {
    const bench = makeEngine(undefined, { sessions: failing(), devices });
    const { result } = await bench.run(shortGraph());
    expect(result.report.provider).toBe('cpu');
    expect(result.report.providerNodes['cpu']).toBeGreaterThan(500);
    expect(result.warnings[0]!.message).toMatch(/device lost.*starts again on the processor/);
    const warned = bench.events.findIndex(({ event }) => event === 'warning');
    const restarted = bench.events.findLastIndex(({ event }) => event === 'run.started');
    expect(warned).toBeGreaterThan(-1);
    expect(restarted).toBeGreaterThan(warned);
  });

  it('fails the run when it was asked for by name', async () => {
    const bench = makeEngine(undefined, { sessions: failing(), devices });
    await expect(bench.run(shortGraph(), { provider: 'gpu' })).rejects.toMatchObject({ kind: 'device' });
  });
});
