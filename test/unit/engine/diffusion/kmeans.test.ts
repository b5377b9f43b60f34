import { describe, expect, it } from 'vitest';
import { kMeans } from '../../../../extension/engine/diffusion/kmeans';
import { gaussianNoise } from '../../../../extension/engine/diffusion/philox';

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
  ])('finds $clusters separate blobs among $rows rows of $columns', ({ rows, columns, clusters }) => {
    const data = blobs(rows, columns, clusters);
    const { labels, inertia, centres } = kMeans(data, rows, columns, { clusters });
    expect([...labels]).toEqual(Array.from({ length: rows }, (_, i) => i % clusters));
    expect(inertia / inertiaOf(data, rows, columns, labels)).toBeCloseTo(1, 6);
    expect(centres.length).toBe(clusters * columns);
  });

  it('is a fixed point of Lloyd’s iteration on rows without clusters', () => {
    const [rows, columns] = [400, 4];
    const data = noise(5, rows * columns);
    const { labels, centres } = kMeans(data, rows, columns, { clusters: 6 });
    for (let i = 0; i < rows; i++) {
      const distances = Array.from({ length: 6 }, (_, k) =>
        [0, 1, 2, 3].reduce((sum, j) => sum + (data[i * columns + j]! - centres[k * columns + j]!) ** 2, 0),
      );
      expect(distances[labels[i]!]! - Math.min(...distances)).toBeLessThan(1e-9);
    }
  });

  it('gets no worse with more initialisations', () => {
    const data = noise(6, 500 * 6);
    const inertias = [1, 5, 20].map(
      (initialisations) => kMeans(data, 500, 6, { clusters: 8, initialisations }).inertia,
    );
    expect(inertias[1]).toBeLessThanOrEqual(inertias[0]!);
    expect(inertias[2]).toBeLessThanOrEqual(inertias[1]!);
  });

  it('repeats for a seed and numbers clusters by their first rows', () => {
    const data = noise(7, 300 * 4);
    const first = kMeans(data, 300, 4, { clusters: 5, seed: 9 });
    expect(kMeans(data, 300, 4, { clusters: 5, seed: 9 }).labels).toEqual(first.labels);
    const firstSeen = [...new Set(first.labels)];
    expect(firstSeen).toEqual([0, 1, 2, 3, 4]);
  });

  it('copes with equal rows, as many clusters as rows, and one cluster', () => {
    const equal = kMeans(new Float32Array(40).fill(2), 10, 4, { clusters: 3 });
    expect(equal.inertia).toBeLessThan(1e-9);
    expect([...kMeans(Float32Array.of(1, 2, 9), 3, 1, { clusters: 3 }).labels]).toEqual([0, 1, 2]);
    expect(kMeans(Float32Array.of(1, 3), 2, 1, { clusters: 1 }).inertia).toBeCloseTo(2, 9);
  });

  it('refuses more clusters than rows, none, and data of another size', () => {
    expect(() => kMeans(new Float32Array(4), 2, 2, { clusters: 3 })).toThrow(RangeError);
    expect(() => kMeans(new Float32Array(4), 2, 2, { clusters: 0 })).toThrow(RangeError);
    expect(() => kMeans(new Float32Array(5), 2, 2, { clusters: 1 })).toThrow(RangeError);
  });
});
