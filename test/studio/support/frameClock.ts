import { type FrameLocator } from 'playwright-core';

interface HeldClock {
  pass(ms: number): void;
  release(): void;
}

/**
 * Takes the clock of a studio's page in hand: what it waits for with a timer happens when the test lets time pass, however slow the
 * machine is. VS Code's own clock goes on.
 */
export async function holdClock(
  frame: FrameLocator,
): Promise<{ pass(ms: number): Promise<void>; release(): Promise<void> }> {
  const body = frame.locator('body');
  await body.evaluate(() => {
    const { setTimeout, clearTimeout } = window;
    const held = new Map<number, { at: number; callback: () => void }>();
    let now = 0;
    // Far from the browser's own numbers.
    let last = 1e9;
    const due = (): [number, { at: number; callback: () => void }] | undefined =>
      [...held].filter(([, { at }]) => at <= now).sort(([, a], [, b]) => a.at - b.at)[0];
    const pass = (ms: number): void => {
      now += ms;
      for (let next = due(); next; next = due()) {
        held.delete(next[0]);
        next[1].callback();
      }
    };
    const hold = (callback: (...given: unknown[]) => void, ms = 0, ...given: unknown[]): number => {
      held.set(++last, { at: now + ms, callback: () => callback(...given) });
      return last;
    };
    window.setTimeout = hold as unknown as typeof window.setTimeout;
    window.clearTimeout = (timer) => {
      if (typeof timer !== 'number' || !held.delete(timer)) clearTimeout(timer);
    };
    const release = (): void => {
      Object.assign(window, { setTimeout, clearTimeout });
      pass(Infinity);
    };
    Object.assign(window, { weftClock: { pass, release } satisfies HeldClock });
  });
  const call = (method: keyof HeldClock, ms: number): Promise<void> =>
    body.evaluate((_, [name, time]) => (window as unknown as { weftClock: HeldClock }).weftClock[name](time), [
      method,
      ms,
    ] as const);
  return { pass: (ms) => call('pass', ms), release: () => call('release', 0) };
}
