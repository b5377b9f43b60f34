import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CudaLibrary } from '../../../../extension/engine/devices/cudaLibrary';
import { Devices } from '../../../../extension/engine/devices/devices';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { WeftError } from '../../../../extension/protocol/errors';
import { cardAndProcessor, cardThatFails } from '../../../support/cardThatFails';
import { type Bench, makeEngine, shortGraph } from '../../../support/mini';

/** An engine whose card is lost in the middle of a run. */
function failing(): Bench {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-'));
  const sessions = cardThatFails(inProcessSessions(), () =>
    Promise.reject(new WeftError('device', 'The provider "gpu" failed while it computed: device lost.')),
  );
  const cuda = new CudaLibrary({ home, version: '1.0.0', runtimeFolder: '' });
  const options = { home, runtime: '1.0.0', version: 'test', probePath: '', cuda, log: () => {}, ...cardAndProcessor };
  return makeEngine(home, { sessions, devices: new Devices(options) });
}

describe('a provider that fails while it computes', () => {
  it('is replaced by the processor when it was chosen automatically, after telling, and left out afterwards', async () => {
    const bench = failing();
    const { result } = await bench.run(shortGraph());
    expect(result.report.provider).toBe('cpu');
    expect(result.report.providerNodes['cpu']).toBeGreaterThan(500);
    expect(result.warnings[0]!.message).toMatch(/device lost.*starts again on the processor/);
    const warned = bench.events.findIndex(({ event }) => event === 'warning');
    const restarted = bench.events.findLastIndex(({ event }) => event === 'run.started');
    expect(warned).toBeGreaterThan(-1);
    expect(restarted).toBeGreaterThan(warned);
    const again = await bench.run(shortGraph());
    expect(again.result.warnings).toEqual([
      {
        node: 'model',
        message: expect.stringMatching(/^"gpu" is left out\. It failed in this session: .*device lost.*name it/),
      },
    ]);
  });

  it('fails the run when it was asked for by name', async () => {
    await expect(failing().run(shortGraph(), { provider: 'gpu' })).rejects.toMatchObject({ kind: 'device' });
  });
});
