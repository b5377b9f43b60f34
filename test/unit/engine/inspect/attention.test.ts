import { describe, expect, it } from 'vitest';
import {
  attentionColumn,
  type AttentionLayer,
  attentionRow,
  summarise,
} from '../../../../extension/engine/inspect/attention';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { noise } from '../../../fixtures/onnx/feeds';

const TOKENS = 36;
const sessions = inProcessSessions();

function layer(seed: number, heads: number, size: number, contrast: number): AttentionLayer {
  return {
    query: noise(TOKENS * heads * size, seed).map((value) => 3 * value),
    key: noise(TOKENS * heads * size, seed + 1).map((value) => 3 * value),
    heads,
    scale: size ** -0.5,
    contrast,
    tokens: TOKENS,
  };
}

/** The whole map of one head by the definition, without any of the product's code. */
function wholeMap({ query, key, heads, scale, contrast }: AttentionLayer, head: number): number[][] {
  const width = query.length / TOKENS;
  const size = width / heads;
  return Array.from({ length: TOKENS }, (_, i) => {
    const scores = Array.from({ length: TOKENS }, (_, j) => {
      let sum = 0;
      for (let c = 0; c < size; c++) sum += query[i * width + head * size + c]! * key[j * width + head * size + c]!;
      return Math.exp(scale * sum);
    });
    const total = scores.reduce((a, b) => a + b, 0);
    return scores.map((score) => Math.min(1, Math.max(0, (contrast * score) / total + (1 - contrast) / TOKENS)));
  });
}

function meanMap(layers: AttentionLayer[], head?: number): number[][] {
  const maps = layers.flatMap((one) =>
    (head === undefined ? Array.from({ length: one.heads }, (_, h) => h) : [head]).map((h) => wholeMap(one, h)),
  );
  return Array.from({ length: TOKENS }, (_, i) =>
    Array.from({ length: TOKENS }, (_, j) => maps.reduce((sum, map) => sum + map[i]![j]!, 0) / maps.length),
  );
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));

describe.each([
  ['one layer, all heads, no contrast', [layer(1, 2, 5, 1)], undefined],
  ['one head, with contrast', [layer(3, 4, 8, 1.67)], 2],
  [
    'three layers, all heads, with contrast',
    [layer(5, 4, 8, 1.67), layer(7, 4, 8, 1.67), layer(9, 4, 4, 1.67)],
    undefined,
  ],
] as const)('%s', (_name, fixed, head) => {
  const layers = [...fixed];
  const map = meanMap(layers, head);

  it('has rows equal to a plain softmax', () => {
    for (const i of [0, 17, TOKENS - 1]) expect(largest(attentionRow(layers, i, head), map[i]!)).toBeLessThan(1e-6);
  });

  it('has columns equal to those of the whole map', async () => {
    const summary = await summarise(sessions, layers, head);
    for (const j of [0, 20, TOKENS - 1]) {
      const column = attentionColumn(layers, summary, j, head);
      expect(
        largest(
          column,
          map.map((row) => row[j]!),
        ),
      ).toBeLessThan(1e-6);
    }
  });

  it('finds where each place looks most', async () => {
    const { best, weight } = await summarise(sessions, layers, head);
    map.forEach((row, i) => {
      const highest = Math.max(...row);
      expect(row[best[i]!]).toBeCloseTo(highest, 5);
      expect(weight[i]).toBeCloseTo(highest, 5);
    });
  });
});

it('survives scores that would overflow an exponential', async () => {
  const large = layer(11, 1, 4, 1);
  large.scale = 400;
  const row = attentionRow([large], 3);
  expect(row.every(Number.isFinite)).toBe(true);
  expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
  const column = attentionColumn([large], await summarise(sessions, [large]), 3);
  expect(column.every(Number.isFinite)).toBe(true);
});
