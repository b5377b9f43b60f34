import { describe, expect, it } from 'vitest';
import { BatchSize } from '../../../../extension/engine/pipeline/batchSize';

/** Sizes of the calls that 200 rows are cut into where a row costs `cost(size)`. */
function sizesOf(cost: (size: number) => number, limit = 16): number[] {
  const tuner = new BatchSize();
  const sizes: number[] = [];
  for (let left = 200; left > 0;) {
    const size = Math.min(left, tuner.next(limit));
    tuner.took(size, size * cost(size) * (sizes.length === 0 ? 10 : 1));
    sizes.push(size);
    left -= size;
  }
  return sizes;
}

describe('the size of batches', () => {
  it('grows as long as rows get cheaper', () => {
    expect(sizesOf((size) => 1 + 8 / size).slice(0, 5)).toEqual([2, 4, 8, 16, 16]);
  });

  it('stays where larger ones no longer pay', () => {
    const sizes = sizesOf((size) => (size > 4 ? 1.2 : 1));
    expect(sizes.slice(0, 5)).toEqual([2, 4, 8, 8, 4]);
    expect(sizes.filter((size) => size === 8).length).toBe(2);
  });

  it('is not given up for one slow call', () => {
    let calls = 0;
    const sizes = sizesOf((size) => (1 + 8 / size) * (++calls === 3 ? 5 : 1));
    expect(sizes.slice(0, 6)).toEqual([2, 4, 8, 8, 16, 16]);
  });

  it('keeps to the limit that memory sets', () => {
    expect(Math.max(...sizesOf((size) => 1 / size, 3))).toBe(3);
    expect(Math.max(...sizesOf((size) => 1 / size, 1))).toBe(1);
  });
});
