/** What the first preview of a run waits for, where all of onnxruntime's work is done one after another. */
import fs from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { type SessionHost } from '../../../../extension/engine/onnx/types';
import { type Bench, makeEngine, shortGraph } from '../../../support/mini';

const benches: Bench[] = [];
afterAll(() => {
  for (const { home, out } of benches)
    for (const each of [home, out]) fs.rmSync(each, { recursive: true, force: true });
});

interface Watched extends Bench {
  /** What was asked of onnxruntime: `open unet`, `run unet`. */
  asked: string[];
}

/** An engine whose sessions do one thing after another, as those of the worker thread do; `hold` holds one up, and all behind it. */
function watched(hold: (what: string) => Promise<void> | undefined = () => undefined): Watched {
  const inner = inProcessSessions();
  const asked: string[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(what: string, work: () => Promise<T>): Promise<T> => {
    asked.push(what);
    const result = last.then(async () => {
      await hold(what);
      return work();
    });
    last = result.catch(() => undefined);
    return result;
  };
  // A preview's session is named by the patch that it draws.
  const partOf = (key: string): string => /preview/.exec(key)?.[0] ?? key.split('/').at(-1)!;
  const sessions: SessionHost = {
    ...inner,
    load: (key, ...rest) => inTurn(`open ${partOf(key)}`, () => inner.load(key, ...rest)),
    run: (key, ...rest) => inTurn(`run ${partOf(key)}`, () => inner.run(key, ...rest)),
  };
  const bench = { ...makeEngine(undefined, { sessions }), asked };
  benches.push(bench);
  return bench;
}

/** As the studio asks for them. */
const previews = { previewEvery: 1, previewPaceMs: 80 };

it('is sent while the second call of the UNet goes on', async () => {
  let calls = 0;
  let sent = false;
  const bench: Watched = watched((what) => (what === 'run unet' && ++calls === 2 ? drawing() : undefined));
  // What comes after a picture was drawn, or what drawing it waits for.
  const drawing = async (): Promise<void> => {
    const after = (): string[] => bench.asked.slice(bench.asked.indexOf('run unet'));
    while (!after().some((what) => what === 'open preview' || what === 'run vaeEncoder'))
      await new Promise((resolve) => setImmediate(resolve));
    sent = bench.events.some(({ event }) => event === 'preview');
  };
  await bench.run(shortGraph(), previews);
  expect(sent).toBe(true);
});

it('has a small UNet that opens while the images are encoded, before anything of the prompt', async () => {
  const bench = watched();
  await bench.run(shortGraph(), previews);
  const opened = bench.asked.filter((what) => what.startsWith('open '));
  expect(opened.filter((what) => what === 'open unet')).toHaveLength(1);
  expect(opened.indexOf('open unet')).toBeLessThan(opened.indexOf('open textEncoder'));
});

it('needs no UNet where the images were inverted before', async () => {
  const first = watched();
  await first.run(shortGraph(), previews);
  const again = watched();
  fs.cpSync(first.home, again.home, { recursive: true });
  await again.run(shortGraph(), previews);
  expect(again.events.some(({ event }) => event === 'preview')).toBe(true);
  expect(again.asked.filter((what) => what.endsWith('unet'))).toEqual([]);
});
