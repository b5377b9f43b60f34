import { describe, expect, it } from 'vitest';
import { inProcessSessions } from '../../../extension/engine/onnx/session';
import { type Adjustment, adjustedMap, type MappedLayer, UNADJUSTED } from '../../bench/adjustedSessions';

const SIDE = 6;
const TOKENS = SIDE * SIDE;
const HEADS = 2;
const WIDTH = 8;

/** The map by loops over queries, keys and neighbours. */
function naiveMap({ query, key, scale, contrast }: MappedLayer, { own, dual, smooth }: Adjustment): number[] {
  const map = new Array<number>(TOKENS * TOKENS).fill(0);
  const size = WIDTH / HEADS;
  for (let head = 0; head < HEADS; head++) {
    const dot = (i: number, j: number): number => {
      let sum = 0;
      for (let c = head * size; c < (head + 1) * size; c++) sum += query[i * WIDTH + c]! * key[j * WIDTH + c]!;
      return sum * scale;
    };
    let scores = Array.from({ length: TOKENS }, (_, i) => Array.from({ length: TOKENS }, (_, j) => dot(i, j)));
    const moved = (token: number, dy: number, dx: number): number | undefined => {
      const [y, x] = [Math.floor(token / SIDE) + dy, (token % SIDE) + dx];
      return y >= 0 && y < SIDE && x >= 0 && x < SIDE ? y * SIDE + x : undefined;
    };
    for (const axis of [0, 1]) {
      const before = scores;
      scores = before.map((row, i) =>
        row.map((score, j) => {
          let sum = score;
          for (const by of [-1, 1]) {
            const [from, to] = [i, j].map((token) => moved(token, axis === 0 ? by : 0, axis === 1 ? by : 0));
            if (from !== undefined && to !== undefined) sum += smooth * (before[from]![to]! - score);
          }
          return sum;
        }),
      );
    }
    const overQueries = scores[0]!.map((_, j) => scores.reduce((sum, row) => sum + Math.exp(row[j]!), 0));
    for (const [i, row] of scores.entries()) {
      const weights = row.map((score, j) => Math.exp(own * score) * (Math.exp(score) / overQueries[j]!) ** dual);
      const all = weights.reduce((a, b) => a + b, 0);
      for (const [j, weight] of weights.entries())
        map[i * TOKENS + j]! += Math.min(1, Math.max(0, (contrast * weight) / all + (1 - contrast) / TOKENS)) / HEADS;
    }
  }
  return map;
}

/** Numbers between −2 and 2 that are the same each time. */
const numbers = (seed: number): Float32Array =>
  Float32Array.from({ length: TOKENS * WIDTH }, (_, at) => 2 * Math.sin(seed + 12.9898 * at * at));

describe('attention that is adjusted for the benchmark of consistency', () => {
  it.each<[string, Adjustment]>([
    ['unchanged', UNADJUSTED],
    ['with a dual softmax', { own: 1, dual: 0.5, smooth: 0 }],
    ['smoothed', { own: 1, dual: 0, smooth: 0.1 }],
    ['all at once', { own: 0.8, dual: 0.4, smooth: 0.13 }],
  ])('%s, equals a naive computation with whole maps', async (_, adjustment) => {
    const layer: MappedLayer = {
      query: numbers(1),
      key: numbers(2),
      tokens: TOKENS,
      heads: HEADS,
      scale: 0.5,
      contrast: 1.67,
    };
    const [found, expected] = [await adjustedMap(inProcessSessions(), layer, adjustment), naiveMap(layer, adjustment)];
    expect(Math.max(...expected.map((value, at) => Math.abs(value - found[at]!)))).toBeLessThan(1e-6);
  });
});
