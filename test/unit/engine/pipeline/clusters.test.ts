import { describe, expect, it } from 'vitest';
import { cluster } from '../../../../extension/engine/pipeline/clusters';
import { gaussianNoise } from '../../../../extension/engine/diffusion/philox';
import { inProcessSessions } from '../../../../extension/engine/onnx/session';

const sessions = inProcessSessions();
const kMeans = (data: Float32Array, count: number, options: Parameters<typeof cluster>[2]) =>
  cluster(sessions, { rows: data, count }, options);

const noise = (timestep: number, length: number) =>
  gaussianNoise({ seed: 11, imageDigest: new Uint8Array(8), timestep, length });

/** `rows` points around `clusters` far-apart centres, in turn. */
function blobs(rows: number, columns: number, clusters: number, spread = 0.1): Float32Array {
  const centres = noise(1, clusters * columns).map((value) => value * 3);
  const data = noise(2, rows * columns).map((value) => value * spread);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) data[i * columns + j]! += centres[(i % clusters) * columns + j]!;
  }
  return data;
}

/** Inertia from its definition, by way of the labels alone. */
function inertiaOf(data: Float32Array, rows: number, columns: number, labels: Uint8Array): number {
  let total = 0;
  for (const label of new Set(labels)) {
    const members = Array.from({ length: rows }, (_, i) => i).filter((i) => labels[i] === label);
    for (let j = 0; j < columns; j++) {
      const mean = members.reduce((sum, i) => sum + data[i * columns + j]!, 0) / members.length;
      for (const i of members) total += (data[i * columns + j]! - mean) ** 2;
    }
  }
  return total;
}

describe('K-means', () => {
  it.each([
    { rows: 300, columns: 3, clusters: 5 },
    { rows: 256, columns: 256, clusters: 5 },
    { rows: 1024, columns: 600, clusters: 5 },
    { rows: 700, columns: 500, clusters: 12 },
    { rows: 60, columns: 7, clusters: 2 },
  ])('finds $clusters separate blobs among $rows rows of $columns', async ({ rows, columns, clusters }) => {
    const data = blobs(rows, columns, clusters);
    const { labels, inertia } = await kMeans(data, rows, { clusters });
    expect([...labels]).toEqual(Array.from({ length: rows }, (_, i) => i % clusters));
    expect(inertia / inertiaOf(data, rows, columns, labels)).toBeCloseTo(1, 4);
  });

  it('ends where Lloyd’s iteration moves next to nothing, on rows without clusters', async () => {
    const [rows, columns, clusters] = [400, 4, 6];
    const data = noise(5, rows * columns);
    const { labels, inertia } = await kMeans(data, rows, { clusters });
    expect(inertia / inertiaOf(data, rows, columns, labels)).toBeCloseTo(1, 4);
    const means = Array.from({ length: clusters }, (_, k) => {
      const members = Array.from({ length: rows }, (_, i) => i).filter((i) => labels[i] === k);
      return Array.from(
        { length: columns },
        (_, j) => members.reduce((sum, i) => sum + data[i * columns + j]!, 0) / members.length,
      );
    });
    const astray = Array.from({ length: rows }, (_, i) => i).filter((i) => {
      const distances = means.map((mean) =>
        mean.reduce((sum, value, j) => sum + (data[i * columns + j]! - value) ** 2, 0),
      );
      return distances[labels[i]!]! - Math.min(...distances) > 1e-5;
    });
    expect(astray.length).toBeLessThanOrEqual(rows / 200);
  });

  it('gets no worse with more initialisations', async () => {
    const data = noise(6, 500 * 6);
    const inertias: number[] = [];
    for (const initialisations of [1, 10, 40])
      inertias.push((await kMeans(data, 500, { clusters: 8, initialisations })).inertia);
    // The starts compete in a projection, so a hundredth may be lost on the way.
    expect(inertias[1]).toBeLessThanOrEqual(inertias[0]! * 1.01);
    expect(inertias[2]).toBeLessThanOrEqual(inertias[1]! * 1.01);
  });

  it('repeats for a seed and numbers clusters by their first rows', async () => {
    const data = noise(7, 300 * 4);
    const first = await kMeans(data, 300, { clusters: 5, seed: 9 });
    expect(await kMeans(data, 300, { clusters: 5, seed: 9 })).toEqual(first);
    expect([...new Set(first.labels)]).toEqual([0, 1, 2, 3, 4]);
  });

  it('copes with equal rows, as many clusters as rows, and one cluster', async () => {
    const equal = await kMeans(new Float32Array(40).fill(2), 10, { clusters: 3 });
    expect(equal.inertia).toBeLessThan(1e-9);
    expect([...(await kMeans(Float32Array.of(1, 2, 9), 3, { clusters: 3 })).labels]).toEqual([0, 1, 2]);
    expect((await kMeans(Float32Array.of(1, 3), 2, { clusters: 1 })).inertia).toBeCloseTo(2, 5);
  });

  it('refuses more clusters than rows, none, and data of another size', async () => {
    await expect(kMeans(new Float32Array(4), 2, { clusters: 3 })).rejects.toThrow(RangeError);
    await expect(kMeans(new Float32Array(4), 2, { clusters: 0 })).rejects.toThrow(RangeError);
    await expect(kMeans(new Float32Array(5), 2, { clusters: 1 })).rejects.toThrow(RangeError);
  });
});
