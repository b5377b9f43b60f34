/** The window's engine process comes and goes with the work: a real fork, of a program that answers like the engine does. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { isAlive } from '../../../extension/node/processes';
import { EngineHandle } from '../../../extension/runs/engineHandle';

vi.mock('vscode', () => import('../../support/vscodeEvents'));

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-handle-'));
const program = path.join(folder, 'engine.cjs');
const RUN_MS = 700;
const IDLE_MS = 200;

beforeAll(() =>
  fs.writeFileSync(
    program,
    `process.on('message', ({ id, method }) => {
       const answer = () => process.send({ type: 'response', id, result: { version: 'test', pid: process.pid } });
       method === 'run' ? setTimeout(answer, ${RUN_MS}) : answer();
     });
     process.on('disconnect', () => process.exit(0));`,
  ),
);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const until = async (holds: () => boolean): Promise<void> => {
  for (let waited = 0; !holds() && waited < 10_000; waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(holds()).toBe(true);
};

it('an engine without work ends after the idle time, not during a run, and the next request starts another', async () => {
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const handle = new EngineHandle(program, folder, log as never, () => IDLE_MS);
  try {
    const { pid } = await handle.request('hello', { protocol: 1 });
    const run = handle.run({ graphText: '', graphPath: '', outDir: '', runId: 'r' });
    await run;
    // Longer than the idle time, and alive to its end.
    expect(isAlive(pid)).toBe(true);
    await until(() => !isAlive(pid));
    expect(handle.running).toBe(false);
    expect(log.info.mock.calls.flat()).toContain('The engine had nothing to do and gave its memory back.');
    const next = await handle.request('hello', { protocol: 1 });
    expect(next.pid).not.toBe(pid);
    expect(isAlive(next.pid)).toBe(true);
  } finally {
    handle.dispose();
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
