/** A driver that crashes the engine process in the middle of a run: a real process, which really dies. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeGraph } from '../../../../extension/graph';
import { type Device, type RunResult } from '../../../../extension/protocol/engine';
import { EngineHandle } from '../../../../extension/host/runs/engineHandle';
import { pictures, root, shortGraph } from '../../../support/mini';

vi.mock('vscode', () => import('../../../support/vscodeEvents'));

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-crash-'));
const program = path.join(root, 'test', 'support', 'dyingEngine.cjs');
afterAll(() => {
  delete process.env.DIES_BY;
  delete process.env.WEFT_HOME;
  fs.rmSync(work, { recursive: true, force: true });
});

let runs = 0;
/** A window of its own: an engine that dies by a signal, or lives. */
async function inWindow<T>(diesBy: string, act: (window: Window) => Promise<T>): Promise<T> {
  process.env.DIES_BY = diesBy;
  const handle = new EngineHandle(program, work, { info() {}, warn() {}, error() {} } as never);
  try {
    return await act({
      handle,
      run: (provider) =>
        handle.run({
          runId: `run-${++runs}`,
          graphText: writeGraph(shortGraph()),
          graphPath: path.join(pictures, 'test.weft.json'),
          outDir: path.join(work, 'out'),
          provider,
        }),
      gpu: async (probe = false) => (await handle.request('devices', { probe }))[0]!,
    });
  } finally {
    handle.dispose();
  }
}
interface Window {
  handle: EngineHandle;
  run(provider?: string): Promise<RunResult>;
  gpu(probe?: boolean): Promise<Device>;
}

beforeEach(() => {
  process.env.WEFT_HOME = fs.mkdtempSync(path.join(work, 'home-'));
});
const kept = (): string[] => {
  const folder = path.join(process.env.WEFT_HOME!, 'providers');
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
};
const crash = (): Promise<void> =>
  inWindow('SIGSEGV', async ({ run }) => {
    await expect(run()).rejects.toThrow(/ended unexpectedly while it computed on gpu \(SIGSEGV\)/);
  });

describe('a provider that crashed the engine', () => {
  it('is left out by the next process, which says so, until it has run by name', async () => {
    await crash();
    expect(kept()).toEqual(['gpu.crash.json']);

    await inWindow('SIGSEGV', async ({ run, gpu }) => {
      const { report, warnings } = await run();
      expect(report.provider).toBe('cpu');
      expect(warnings).toEqual([
        {
          node: 'model',
          message: expect.stringMatching(
            /^"gpu" is left out\. It crashed the engine \(SIGSEGV\) in a run with mini on \d{4}-\d\d-\d\d \(Weft 0\.1\.0, onnxruntime 1\.0\.0\)\. .*--provider gpu.*weft\.provider.*weft devices --probe/,
          ) as string,
        },
      ]);
      const { sentence, next, chosen } = await gpu();
      expect([sentence, chosen]).toEqual([expect.stringContaining('crashed the engine (SIGSEGV)'), false]);
      expect(next).toMatch(/try it again/);
    });

    await inWindow('', async ({ run }) => {
      expect((await run('gpu')).report.provider).toBe('gpu');
      expect(kept()).toEqual([]);
      const { report, warnings } = await run();
      expect([report.provider, warnings]).toEqual(['gpu', []]);
    });
  });

  it('is chosen again after it was probed', async () => {
    await crash();
    await inWindow('', async ({ gpu }) => {
      expect((await gpu()).chosen).toBe(false);
      expect(await gpu(true)).toMatchObject({
        chosen: true,
        sentence: expect.stringContaining('Card works') as string,
      });
    });
    expect(kept()).toEqual([]);
  });
});

it('a process that a person or the system ended in a run is no crash of its provider', async () => {
  await inWindow('SIGKILL', async ({ run }) => {
    await expect(run()).rejects.toThrow(/ended unexpectedly \(SIGKILL\)/);
  });
  await inWindow('', async ({ handle, run }) => {
    const running = run();
    const stopped = expect(running).rejects.toThrow('Stopped.');
    // It computes.
    await expect.poll(kept, { interval: 5, timeout: 30_000 }).toContainEqual(expect.stringMatching(/\.at-work\.json$/));
    handle.kill('Stopped.');
    await stopped;
  });
  await expect.poll(kept).toEqual([]);
});
