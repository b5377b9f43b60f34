/** The window's engine process comes and goes with the work: a real fork, of a program that answers like the engine does. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { isAlive } from '../../../../extension/platform/processes';
import { EngineHandle } from '../../../../extension/host/runs/engineHandle';

vi.mock('vscode', () => import('../../../support/vscodeEvents'));

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-handle-'));
const program = path.join(folder, 'engine.cjs');
const IDLE_MS = 1000;

beforeAll(() =>
  fs.writeFileSync(
    program,
    `let run;
     const answer = (id) => process.send({ type: 'response', id, result: { version: 'test', pid: process.pid } });
     process.on('message', ({ id, method }) => {
       // A run lasts until it is cancelled: so the test says how long.
       if (method === 'run') return void (run = id);
       if (method === 'cancel') answer(run);
       answer(id);
     });
     process.on('disconnect', () => process.exit(0));`,
  ),
);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Turns of the event loop, which no clock of a test holds up. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

it('an engine without work ends after the idle time, not during a run, and the next request starts another', async () => {
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const handle = new EngineHandle(program, folder, log as never, () => IDLE_MS);
  try {
    const { pid } = await handle.request('hello', { protocol: 1 });
    const run = handle.run({ graphText: '', graphPath: '', outDir: '', runId: 'r' });
    vi.advanceTimersByTime(10 * IDLE_MS);
    await handle.request('cancel', { runId: 'r' });
    await run;
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(handle.running).toBe(true);
    expect(isAlive(pid)).toBe(true);
    vi.advanceTimersByTime(1);
    expect(handle.running).toBe(false);
    await until(() => !isAlive(pid));
    expect(log.info.mock.calls.flat()).toContain('The engine was idle and ended, to free its memory.');
    const next = await handle.request('hello', { protocol: 1 });
    expect(next.pid).not.toBe(pid);
    expect(isAlive(next.pid)).toBe(true);
  } finally {
    handle.dispose();
    vi.useRealTimers();
  }
});

it('an engine that can not start says why, at once and once', async () => {
  const refusing = path.join(folder, 'refusing.cjs');
  const state = path.join(folder, 'trouble.txt');
  fs.writeFileSync(
    refusing,
    `process.on('message', ({ id }) => {
       const message = require('fs').readFileSync(${JSON.stringify(state)}, 'utf8');
       process.send({ type: 'response', id, ...(message ? { error: { kind: 'internal', message } } : { result: { version: 'test', pid: process.pid } }) });
     });
     process.on('disconnect', () => process.exit(0));`,
  );
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const handle = new EngineHandle(refusing, folder, log as never);
  const told: string[] = [];
  handle.onTrouble((sentence) => told.push(sentence));
  const ask = () => handle.request('hello', { protocol: 1 });
  try {
    fs.writeFileSync(state, "Weft's folder /x can't be used. Set WEFT_HOME.");
    await Promise.all([1, 2].map(() => expect(ask()).rejects.toThrow('Set WEFT_HOME.')));
    await expect(handle.run({ graphText: '', graphPath: '', outDir: '', runId: 'r' })).rejects.toThrow('WEFT_HOME');
    expect(told).toEqual(["Weft's folder /x can't be used. Set WEFT_HOME."]);
    expect(handle.running).toBe(false);
    // Mended, and broken again.
    fs.writeFileSync(state, '');
    const { pid } = await ask();
    handle.kill('Restarted.');
    await until(() => !isAlive(pid));
    fs.writeFileSync(state, "Weft's folder /x can't be used. Set WEFT_HOME.");
    await expect(ask()).rejects.toThrow('WEFT_HOME');
    expect(told).toHaveLength(2);
  } finally {
    handle.dispose();
  }
});
