import { describe, expect, it } from 'vitest';
import { headMeanAttention, maskFromLabels, segment } from '../../../../extension/engine/diffusion/segmentation';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';
import { cluster } from '../../../../extension/engine/pipeline/clusters';
import { gaussianNoise } from '../../../../extension/engine/diffusion/philox';

const noise = (timestep: number, length: number) =>
  gaussianNoise({ seed: 2, imageDigest: new Uint8Array(8), timestep, length });

describe('head-mean attention', () => {
  it('is the mean over heads of softmax(q kᵀ / √d), here by the definition', () => {
    const [queries, keys, heads, size] = [5, 7, 2, 3];
    const q = noise(1, queries * heads * size);
    const k = noise(2, keys * heads * size);
    const ours = headMeanAttention(q, k, heads, queries);
    for (let i = 0; i < queries; i++) {
      const wanted = new Float64Array(keys);
      for (let h = 0; h < heads; h++) {
        const weights = Array.from({ length: keys }, (_, j) => {
          let dot = 0;
          for (let c = 0; c < size; c++) dot += q[(i * heads + h) * size + c]! * k[(j * heads + h) * size + c]!;
          return Math.exp(dot / Math.sqrt(size));
        });
        const sum = weights.reduce((a, b) => a + b, 0);
        weights.forEach((weight, j) => (wanted[j]! += weight / sum / heads));
      }
      for (let j = 0; j < keys; j++) expect(ours[i * keys + j]).toBeCloseTo(wanted[j]!, 6);
    }
  });

  it('has rows that sum to 1, also for scores beyond the range of exp, and can be had for some rows alone', () => {
    const q = noise(3, 6 * 8).map((value) => value * 500);
    const k = noise(4, 9 * 8).map((value) => value * 500);
    const all = headMeanAttention(q, k, 2, 6);
    for (let i = 0; i < 6; i++) {
      expect(all.subarray(i * 9, i * 9 + 9).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    }
    expect(headMeanAttention(q, k, 2, 6, 2, 4)).toEqual(all.subarray(18, 36));
  });

  it('refuses sizes that do not fit', () => {
    expect(() => headMeanAttention(new Float32Array(10), new Float32Array(12), 2, 3)).toThrow(RangeError);
    expect(() => headMeanAttention(new Float32Array(12), new Float32Array(13), 2, 3)).toThrow(RangeError);
  });
});

/** A 4 × 4 picture of quadrants (clusters 0 … 3) and a 2 × 2 cross-attention of three tokens. */
const quadrants = Uint8Array.from({ length: 16 }, (_, p) => (p >> 3) * 2 + ((p >> 1) & 1));
const request = (columns: number[][], nounTokens: { noun: string; positions: number[] }[], objectNoun = 'zebra') => ({
  labels: quadrants,
  crossMaps: Float32Array.from(columns.flat()),
  height: 4,
  width: 4,
  nounTokens,
  objectNoun,
  clusters: 4,
});
const zebra = { noun: 'zebra', positions: [1] };

describe('the mask of a noun', () => {
  it('is the clusters whose score exceeds 1.4 × the mean of all but the best', () => {
    // Normalised: (0.8 0.5 0.2 0.2 − 0.2) / 0.8 = 0.75 0.375 0 0; mean of the others 0.125, threshold 0.175.
    const result = maskFromLabels(
      request(
        [
          [0.2, 0.8, 0],
          [0.5, 0.5, 0],
          [0.8, 0.2, 0],
          [0.8, 0.2, 0],
        ],
        [zebra],
      ),
    );
    expect(result.scores.map(([score]) => Number(score!.toFixed(4)))).toEqual([0.75, 0.375, 0, 0]);
    expect(result.clusterNouns).toEqual(['zebra', 'zebra', undefined, undefined]);
    expect([...result.mask]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(result.area).toBe(0.5);
    expect(result.problem).toBeUndefined();
  });

  it('draws the line exactly there', () => {
    const nounsFor = (third: number) =>
      maskFromLabels(
        request(
          [
            [0, 1, 0],
            [0, 0.6, 0],
            [0, third, 0],
            [0, 0, 0],
          ],
          [zebra],
        ),
      ).clusterNouns;
    // 1.4 × (0.6 + 0.52 + 0) / 3 = 0.5227 and 1.4 × (0.6 + 0.53 + 0) / 3 = 0.5273
    expect(nounsFor(0.52)).toEqual(['zebra', 'zebra', undefined, undefined]);
    expect(nounsFor(0.53)).toEqual(['zebra', 'zebra', 'zebra', undefined]);
  });

  it('upsamples the map by repeating, row by row', () => {
    const { nounMaps } = maskFromLabels(
      request(
        [
          [0, 1, 0],
          [0, 0.5, 0],
          [0, 0.25, 0],
          [0, 0, 0],
        ],
        [zebra],
      ),
    );
    expect([...nounMaps[0]!]).toEqual([1, 1, 0.5, 0.5, 1, 1, 0.5, 0.5, 0.25, 0.25, 0, 0, 0.25, 0.25, 0, 0]);
  });

  it('gives a cluster to its best noun, and takes the object’s clusters alone', () => {
    const rows = [
      [0, 0.9, 0],
      [0, 0, 0.9],
      [0, 0.1, 0.1],
      [0, 0.1, 0.1],
    ];
    const nouns = [zebra, { noun: 'giraffe', positions: [2] }];
    const result = maskFromLabels(request(rows, nouns));
    expect(result.clusterNouns).toEqual(['zebra', 'giraffe', undefined, undefined]);
    expect(result.mask.slice(0, 4)).toEqual(Float32Array.of(1, 1, 0, 0));
    expect(maskFromLabels(request(rows, nouns, 'giraffe')).mask.slice(0, 4)).toEqual(Float32Array.of(0, 0, 1, 1));
  });

  it('averages the tokens of a word of several', () => {
    const rows = [
      [0, 0.8, 0.4],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ];
    const { nounMaps, scores } = maskFromLabels(request(rows, [{ noun: 'zebra', positions: [1, 2] }]));
    expect(nounMaps[0]![0]).toBe(1);
    expect(scores[0]![0]).toBe(1);
    const halved = maskFromLabels(
      request(
        [
          [0, 0.8, 0],
          [0, 0, 0.8],
          [0, 0, 0],
          [0, 0, 0],
        ],
        [{ noun: 'zebra', positions: [1, 2] }],
      ),
    );
    expect(halved.scores.map(([score]) => score)).toEqual([1, 1, 0, 0]);
  });

  it('ignores clusters that no pixel has', () => {
    const result = maskFromLabels({
      ...request(
        [
          [0, 0.9, 0],
          [0, 0.1, 0],
          [0, 0.1, 0],
          [0, 0.1, 0],
        ],
        [zebra],
      ),
      clusters: 7,
    });
    expect(result.clusterNouns).toEqual(['zebra', ...Array.from({ length: 6 }, () => undefined)]);
  });

  it('is empty, and says so, when nothing stands out', () => {
    const result = maskFromLabels(
      request(
        [
          [0, 0.5, 0],
          [0, 0.5, 0],
          [0, 0.5, 0],
          [0, 0.5, 0],
        ],
        [zebra],
      ),
    );
    expect(result.mask.every((value) => value === 0)).toBe(true);
    expect(result.problem).toMatch(/stands out as "zebra".*empty/);
  });

  it('is empty, and says so, when the noun is not in the prompt', () => {
    for (const nouns of [[], [{ noun: 'zebra', positions: [] }], [{ noun: 'giraffe', positions: [2] }]]) {
      const result = maskFromLabels(
        request(
          [
            [0, 1, 0],
            [0, 0, 0],
            [0, 0, 0],
            [0, 0, 0],
          ],
          nouns,
        ),
      );
      expect(result.problem).toMatch(/"zebra" is not in the prompt/);
      expect(result.area).toBe(0);
    }
  });

  it('is empty, and says so, when there is a single cluster', () => {
    const result = maskFromLabels({
      ...request(
        [
          [0, 1, 0],
          [0, 0, 0],
          [0, 0, 0],
          [0, 0, 0],
        ],
        [zebra],
      ),
      labels: new Uint8Array(16),
      clusters: 1,
    });
    expect(result.problem).toMatch(/empty/);
  });

  it('refuses sizes and tokens that do not fit', () => {
    const rows = [
      [0, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ];
    expect(() => maskFromLabels(request(rows, [{ noun: 'zebra', positions: [2] }]))).toThrow(/token 2 of 2/);
    expect(() => maskFromLabels({ ...request(rows, [zebra]), labels: new Uint8Array(15) })).toThrow(RangeError);
    expect(() => maskFromLabels({ ...request(rows, [zebra]), height: 3 })).toThrow(RangeError);
  });
});

const sessions = inProcessSessions();

describe('segmenting a picture', () => {
  it('finds the object that attends to itself and to its noun', async () => {
    const [size, heads, width] = [16, 2, 4];
    const pixels = size * size;
    const inside = (x: number, y: number) => x >= 4 && x < 10 && y >= 6 && y < 14;
    // Object and ground attend to their own kind; the noun, token 1, is attended by the object.
    const selfQuery = noise(8, pixels * heads * width).map((value) => value * 0.1);
    const crossQuery = noise(9, (pixels / 4) * heads * width).map((value) => value * 0.1);
    const crossKey = noise(10, 3 * heads * width).map((value) => value * 0.1);
    for (let p = 0; p < pixels; p++) {
      const kind = inside(p % size, Math.floor(p / size)) ? 0 : 1;
      for (let h = 0; h < heads; h++) selfQuery[(p * heads + h) * width + kind]! += 4;
    }
    for (let p = 0; p < pixels / 4; p++) {
      if (!inside((p % 8) * 2, Math.floor(p / 8) * 2)) continue;
      for (let h = 0; h < heads; h++) crossQuery[(p * heads + h) * width]! += 4;
    }
    for (let h = 0; h < heads; h++) crossKey[(heads + h) * width]! += 2;
    const common = { crossQuery, crossKey, selfHeads: heads, crossHeads: heads, height: size, width: size };
    const result = await segment(
      {
        ...common,
        selfQuery,
        selfKey: selfQuery,
        nounTokens: [zebra],
        objectNoun: 'zebra',
        clusters: 2,
        seed: 1,
      },
      (source, options) => cluster(sessions, source, options),
    );
    const wanted = Float32Array.from({ length: pixels }, (_, p) => Number(inside(p % size, Math.floor(p / size))));
    expect(result.mask).toEqual(wanted);
    expect(result.area).toBeCloseTo(48 / 256, 9);
    expect(result.problem).toBeUndefined();
  });
});
