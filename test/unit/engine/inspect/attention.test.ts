import { describe, expect, it } from 'vitest';
import {
  attentionColumn,
  type AttentionLayer,
  type AttentionShare,
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
function wholeMap({ query, key, heads, scale, contrast, shares }: AttentionLayer, head: number): number[][] {
  const width = query.length / TOKENS;
  const size = width / heads;
  return Array.from({ length: TOKENS }, (_, i) => {
    const scores = Array.from({ length: TOKENS }, (_, j) => {
      let sum = 0;
      for (let c = 0; c < size; c++) sum += query[i * width + head * size + c]! * key[j * width + head * size + c]!;
      return Math.exp(scale * sum);
    });
    const everywhere = new Float32Array(TOKENS).fill(1);
    const given = (shares ?? [{ queryWeights: everywhere }]).map(({ queryWeights, keyWeights = everywhere }) => {
      const total = scores.reduce((sum, score, j) => sum + keyWeights[j]! * score, 0);
      const counted = keyWeights.reduce((a, b) => a + b, 0);
      const row = scores.map((score, j) => {
        const [map, mean] = [(keyWeights[j]! * score) / total, keyWeights[j]! / counted];
        return Math.min(1, Math.max(0, contrast * map + (1 - contrast) * mean));
      });
      return { part: queryWeights[i]!, row };
    });
    const all = given.reduce((sum, { part }) => sum + part, 0);
    return scores.map((_, j) =>
      all === 0 ? given[0]!.row[j]! : given.reduce((sum, { part, row }) => sum + (part / all) * row[j]!, 0),
    );
  });
}

/** A source region, and two pins over it; the picture gives nothing to the last place. */
const shares: AttentionShare[] = [
  {
    queryWeights: Float32Array.from({ length: TOKENS }, (_, i) => (i < 6 || i === TOKENS - 1 ? 0 : i < 12 ? 0.4 : 0.9)),
    keyWeights: Float32Array.from({ length: TOKENS }, (_, j) => (j % 3 === 0 ? 0 : j % 3 === 1 ? 0.5 : 1)),
  },
  {
    queryWeights: Float32Array.from({ length: TOKENS }, (_, i) => (i < 6 ? 1 : i < 9 ? 0.6 : 0)),
    keyWeights: Float32Array.from({ length: TOKENS }, (_, j) => (j < 4 ? 1 : 0)),
  },
  {
    queryWeights: Float32Array.from({ length: TOKENS }, (_, i) => (i >= 9 && i < 12 ? 0.6 : 0)),
    keyWeights: Float32Array.from({ length: TOKENS }, (_, j) => (j === 20 ? 0.25 : 0)),
  },
];

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
  [
    'a source region and pins',
    [
      { ...layer(13, 2, 5, 1.67), shares },
      { ...layer(15, 2, 5, 1.67), shares },
    ],
    undefined,
  ],
] as const)('%s', (_name, fixed, head) => {
  const layers = [...fixed];
  const map = meanMap(layers, head);

  it('has rows equal to a plain softmax', () => {
    for (const i of [0, 7, 10, 17, TOKENS - 1])
      expect(largest(attentionRow(layers, i, head), map[i]!)).toBeLessThan(1e-6);
  });

  it('has columns equal to those of the whole map', async () => {
    const summary = await summarise(sessions, layers, { head });
    for (const j of [0, 2, 20, TOKENS - 1]) {
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
    const { best, weight } = await summarise(sessions, layers, { head });
    map.forEach((row, i) => {
      // On the rim of a pin the larger share decides.
      if (layers[0]!.shares && i >= 6 && i < 12) return;
      const highest = Math.max(...row);
      expect(row[best[i]!]).toBeCloseTo(highest, 5);
      expect(weight[i]).toBeCloseTo(highest, 5);
    });
  });

  it('finds how much each place takes from groups of places', async () => {
    const groups = [0, 1, 2].map((group) => Float32Array.from({ length: TOKENS }, (_, j) => Number(j % 4 === group)));
    const { mass } = await summarise(sessions, layers, { head, groups });
    expect(mass).toHaveLength(3 * TOKENS);
    map.forEach((row, i) => {
      const { shares: its }: AttentionLayer = layers[0]!;
      const given = its ? its.reduce((sum, { queryWeights }) => sum + queryWeights[i]!, 0) : 1;
      for (const group of [0, 1, 2]) {
        const wanted = given * row.reduce((sum, value, j) => sum + value * groups[group]![j]!, 0);
        expect(mass[3 * i + group]).toBeCloseTo(wanted, 5);
      }
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
