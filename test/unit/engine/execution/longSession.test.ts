import { describe, expect, it } from 'vitest';
import { makeEngine } from '../../../support/mini';
import { variedGraph } from '../../../support/variedGraph';

describe('a long session with changing settings', () => {
  it('holds no more after many runs than after some, and each store stays within its budget', async () => {
    const { engine, run } = makeEngine();
    const totals: number[] = [];
    for (let number = 1; number <= 40; number++) {
      await run(variedGraph(number), { keepAttention: true });
      const held = await engine.handlers.memory({});
      expect(held.length).toBeGreaterThanOrEqual(5);
      for (const { title, bytes, mostBytes } of held) expect(bytes, title).toBeLessThanOrEqual(mostBytes);
      totals.push(held.reduce((sum, { bytes }) => sum + bytes, 0));
    }
    expect(totals[0]).toBeGreaterThan(1e6);
    // Settings come again in another order; only the noise of new seeds is still being gathered, within its own budget.
    const most = (from: number, to: number): number => Math.max(...totals.slice(from, to));
    expect(most(30, 40)).toBeLessThan(1.25 * most(10, 20));
  });
});
