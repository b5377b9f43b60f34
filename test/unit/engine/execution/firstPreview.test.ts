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
  /** What was asked of onnxruntime, and what it began: `open unet`, `run unet`. */
  asked: string[];
  begun: string[];
}

/** An engine whose sessions do one thing after another, as those of the worker thread do; `hold` holds one up, and all behind it. */
function watched(hold: (what: string) => Promise<void> | undefined = () => undefined): Watched {
  const inner = inProcessSessions();
  const [asked, begun]: [string[], string[]] = [[], []];
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(what: string, work: () => Promise<T>): Promise<T> => {
    asked.push(what);
    const result = last.then(async () => {
      begun.push(what);
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
  const bench = { ...makeEngine(undefined, { sessions }), asked, begun };
  benches.push(bench);
  return bench;
}

/** Goes on when something has come about. */
async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setImmediate(resolve));
}

/** As the studio asks for them. */
const previews = { previewEvery: 1, previewPaceMs: 80 };

it('is sent while the second call of the UNet goes on', async () => {
  let calls = 0;
  const bench: Watched = watched((what) =>
    what === 'run unet' && ++calls === 2
      ? until(() => bench.events.some(({ event }) => event === 'preview'))
      : undefined,
  );
  await bench.run(shortGraph(), previews);
  expect(calls).toBeGreaterThan(2);
});

it('has a small UNet that opens while the images are encoded', async () => {
  const bench: Watched = watched((what) =>
    what === 'run vaeEncoder' ? until(() => bench.asked.includes('open unet')) : undefined,
  );
  await bench.run(shortGraph(), previews);
  expect(bench.asked.filter((what) => what === 'open unet')).toHaveLength(1);
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
