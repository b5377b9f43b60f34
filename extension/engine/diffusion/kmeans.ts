/**
 * K-means for attention maps: thousands of rows with thousands of columns each. A general library needs minutes here, so:
 * the initialisations compete in a random projection of the rows (count sketch: Charikar, Chen & Farach-Colton 2002;
 * distances survive within a few per cent), the best of them are then carried on in full by Lloyd's algorithm, and bounds
 * on the distances (Hamerly, "Making k-means even faster", SDM 2010) spare most of the rows in both.
 */
import { uniformStream } from './philox';

export interface KMeansOptions {
  clusters: number;
  /** Independent k-means++ starts, of which the best is kept. */
  initialisations?: number;
  seed?: number;
  /** Limit on Lloyd's iterations of one start. */
  maxIterations?: number;
}

export interface KMeansResult {
  /** A cluster 0 … clusters − 1 for each row. */
  labels: Uint8Array;
  /** [clusters, columns] */
  centres: Float64Array;
  /** Sum of squared distances of the rows to their centres. */
  inertia: number;
}

/** Columns of the sketch: a quarter of the data's, at most this many. */
const SKETCH_COLUMNS = 128;
/** Rows × columns below which the initialisations compete on the rows themselves. */
const SMALL = 1 << 14;
/** For how long all starts compete in the sketch, how many are then measured in full, and how many carried on in full. */
const HEAT_ITERATIONS = 30;
const SEMIFINALISTS = 5;
const FINALISTS = 2;
/** Share of the rows below which further changes of label are not worth another iteration. */
const SETTLED = 1 / 2000;
/** Centres that one pass over a row is compared with; five is the usual number of clusters. */
const PACK = 5;

/**
 * Clusters `rows` × `columns` values. The same input and seed give the same labels; labels are numbered in the order in
 * which clusters first appear. Throws a RangeError when there are fewer rows than clusters, or more than 255 clusters.
 */
export function kMeans(data: Float32Array, rows: number, columns: number, options: KMeansOptions): KMeansResult {
  const { clusters, initialisations = 10, seed = 0, maxIterations = 300 } = options;
  if (data.length !== rows * columns) throw new RangeError(`${data.length} values for ${rows} × ${columns}`);
  if (!Number.isInteger(clusters) || clusters < 1 || clusters > 255 || clusters > rows) {
    throw new RangeError(`${clusters} clusters of ${rows} rows`);
  }
  const sketched = data.length > SMALL;
  const width = sketched ? Math.min(SKETCH_COLUMNS, Math.ceil(columns / 4)) : columns;
  const arena = sketched ? sketch(data, rows, columns, width, seed) : data;
  const norms = squaredNorms(arena, rows, width);
  const starts: KMeansResult[] = [];
  for (let start = 0; start < initialisations; start++) {
    const centres = plusPlus(arena, rows, width, norms, clusters, uniformStream(seed, start + 1));
    starts.push(lloyd(arena, rows, width, norms, centres, clusters, sketched ? HEAT_ITERATIONS : maxIterations));
  }
  starts.sort((a, b) => a.inertia - b.inertia);
  if (!sketched) return renumber(starts[0]!, columns);

  const fullNorms = squaredNorms(data, rows, columns);
  const finalists = starts
    .slice(0, SEMIFINALISTS)
    .map(({ labels }) => meansOf(data, rows, columns, fullNorms, labels, clusters))
    .sort((a, b) => a.inertia - b.inertia)
    // Starts that met in one solution need not be refined twice.
    .filter(({ inertia }, i, all) => i === 0 || inertia - all[i - 1]!.inertia > 1e-4 * inertia)
    .slice(0, FINALISTS)
    .map(({ centres }) => lloyd(data, rows, columns, fullNorms, centres, clusters, maxIterations))
    .sort((a, b) => a.inertia - b.inertia);
  return renumber(finalists[0]!, columns);
}

/** Each column is added, with a random sign, to one of `width` columns. */
function sketch(data: Float32Array, rows: number, columns: number, width: number, seed: number): Float32Array {
  const random = uniformStream(seed);
  const bucket = new Int32Array(columns);
  const sign = new Float32Array(columns);
  for (let j = 0; j < columns; j++) {
    bucket[j] = Math.floor(random() * width);
    sign[j] = random() < 0.5 ? -1 : 1;
  }
  const out = new Float32Array(rows * width);
  const line = new Float64Array(width);
  for (let i = 0; i < rows; i++) {
    line.fill(0);
    const from = i * columns;
    for (let j = 0; j < columns; j++) line[bucket[j]!]! += sign[j]! * data[from + j]!;
    out.set(line, i * width);
  }
  return out;
}

function squaredNorms(data: Float32Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = i * columns; j < (i + 1) * columns; j++) sum += data[j]! * data[j]!;
    out[i] = sum;
  }
  return out;
}

/** k-means++ (Arthur & Vassilvitskii 2007) in its greedy form: of a few candidates the one that helps most. */
function plusPlus(
  data: Float32Array,
  rows: number,
  columns: number,
  norms: Float64Array,
  clusters: number,
  random: () => number,
): Float64Array {
  const trials = 2 + Math.floor(Math.log(clusters));
  const centres = new Float64Array(clusters * columns);
  const nearest = new Float64Array(rows).fill(Infinity);
  for (let k = 0; k < clusters; k++) {
    let best: Float64Array | undefined;
    let bestSum = Infinity;
    let bestRow = 0;
    for (let trial = 0; trial < (k === 0 ? 1 : trials); trial++) {
      const row = k === 0 ? Math.floor(random() * rows) : drawWeighted(nearest, random());
      const candidate = new Float64Array(rows);
      let sum = 0;
      for (let i = 0; i < rows; i++) {
        let dot = 0;
        for (let j = 0; j < columns; j++) dot += data[row * columns + j]! * data[i * columns + j]!;
        candidate[i] = Math.min(nearest[i]!, Math.max(norms[row]! + norms[i]! - 2 * dot, 0));
        sum += candidate[i]!;
      }
      if (sum < bestSum) [best, bestSum, bestRow] = [candidate, sum, row];
    }
    if (best) nearest.set(best);
    for (let j = 0; j < columns; j++) centres[k * columns + j] = data[bestRow * columns + j]!;
  }
  return centres;
}

function drawWeighted(weights: Float64Array, uniform: number): number {
  let total = 0;
  for (const weight of weights) total += weight;
  let left = uniform * total;
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i]!;
    if (left < 0) return i;
  }
  return Math.floor(uniform * weights.length); // all weights are zero: the rows are equal
}

/** The clusters' means, and the inertia around them: Σ‖x‖² − Σ n_k ‖c_k‖². */
function meansOf(
  data: Float32Array,
  rows: number,
  columns: number,
  norms: Float64Array,
  labels: Uint8Array,
  clusters: number,
): { centres: Float64Array; inertia: number } {
  const centres = new Float64Array(clusters * columns);
  const counts = new Float64Array(clusters);
  let inertia = 0;
  for (let i = 0; i < rows; i++) {
    const to = labels[i]! * columns;
    counts[labels[i]!]! += 1;
    inertia += norms[i]!;
    for (let j = 0; j < columns; j++) centres[to + j]! += data[i * columns + j]!;
  }
  for (let k = 0; k < clusters; k++) {
    const count = Math.max(counts[k]!, 1);
    for (let j = k * columns; j < (k + 1) * columns; j++) {
      centres[j]! /= count;
      inertia -= count * centres[j]! * centres[j]!;
    }
  }
  return { centres, inertia };
}

/** Lloyd's algorithm from `centres` until (almost) no label changes; `centres` is overwritten. */
function lloyd(
  data: Float32Array,
  rows: number,
  columns: number,
  norms: Float64Array,
  centres: Float64Array,
  clusters: number,
  maxIterations: number,
): KMeansResult {
  const labels = new Uint8Array(rows);
  /** Distance of a row to its centre, at most; and to any other centre, at least. */
  const upper = new Float64Array(rows);
  const lower = new Float64Array(rows);
  const sums = new Float64Array(clusters * columns);
  const counts = new Float64Array(clusters);
  const centreNorms = new Float64Array(clusters);
  const distances = new Float64Array(clusters);
  const dots = new Float64Array(PACK);
  const moved = new Float64Array(clusters);
  const halfGap = new Float64Array(clusters);

  /** The centres once more, [group, column, PACK]: one pass over a row then serves a whole group. */
  const groups = Math.ceil(clusters / PACK);
  const packed = new Float64Array(groups * columns * PACK);

  const measure = (row: number): void => {
    const from = row * columns;
    for (let group = 0; group < groups; group++) {
      let at = group * columns * PACK;
      let dot0 = 0;
      let dot1 = 0;
      let dot2 = 0;
      let dot3 = 0;
      let dot4 = 0;
      for (let j = from; j < from + columns; j++, at += PACK) {
        const value = data[j]!;
        dot0 += value * packed[at]!;
        dot1 += value * packed[at + 1]!;
        dot2 += value * packed[at + 2]!;
        dot3 += value * packed[at + 3]!;
        dot4 += value * packed[at + 4]!;
      }
      dots[0] = dot0;
      dots[1] = dot1;
      dots[2] = dot2;
      dots[3] = dot3;
      dots[4] = dot4;
      for (let k = group * PACK; k < Math.min((group + 1) * PACK, clusters); k++) {
        distances[k] = Math.sqrt(Math.max(norms[row]! + centreNorms[k]! - 2 * dots[k % PACK]!, 0));
      }
    }
  };
  const settle = (row: number): number => {
    let best = 0;
    for (let k = 1; k < clusters; k++) if (distances[k]! < distances[best]!) best = k;
    let second = Infinity;
    for (let k = 0; k < clusters; k++) if (k !== best && distances[k]! < second) second = distances[k]!;
    upper[row] = distances[best]!;
    lower[row] = second;
    return best;
  };
  const add = (row: number, label: number, sign: 1 | -1): void => {
    const from = row * columns;
    const to = label * columns;
    counts[label]! += sign;
    if (sign === 1) for (let j = 0; j < columns; j++) sums[to + j]! += data[from + j]!;
    else for (let j = 0; j < columns; j++) sums[to + j]! -= data[from + j]!;
  };
  const measureCentres = (): void => {
    for (let k = 0; k < clusters; k++) {
      let sum = 0;
      let at = Math.floor(k / PACK) * columns * PACK + (k % PACK);
      for (let j = k * columns; j < (k + 1) * columns; j++, at += PACK) {
        sum += centres[j]! * centres[j]!;
        packed[at] = centres[j]!;
      }
      centreNorms[k] = sum;
    }
    halfGap.fill(Infinity);
    for (let a = 0; a < clusters; a++) {
      for (let b = a + 1; b < clusters; b++) {
        let dot = 0;
        for (let j = 0; j < columns; j++) dot += centres[a * columns + j]! * centres[b * columns + j]!;
        const half = Math.sqrt(Math.max(centreNorms[a]! + centreNorms[b]! - 2 * dot, 0)) / 2;
        halfGap[a] = Math.min(halfGap[a]!, half);
        halfGap[b] = Math.min(halfGap[b]!, half);
      }
    }
  };

  measureCentres();
  for (let i = 0; i < rows; i++) {
    measure(i);
    labels[i] = settle(i);
    add(i, labels[i]!, 1);
  }
  for (let iteration = 1; iteration < maxIterations; iteration++) {
    fillEmpty();
    let largestMove = 0;
    for (let k = 0; k < clusters; k++) {
      let square = 0;
      for (let j = k * columns; j < (k + 1) * columns; j++) {
        const value = sums[j]! / counts[k]!;
        square += (value - centres[j]!) ** 2;
        centres[j] = value;
      }
      moved[k] = Math.sqrt(square);
      largestMove = Math.max(largestMove, moved[k]!);
    }
    if (largestMove === 0) break;
    measureCentres();
    let changes = 0;
    for (let i = 0; i < rows; i++) {
      const label = labels[i]!;
      upper[i]! += moved[label]!;
      lower[i]! -= largestMove;
      if (upper[i]! <= Math.max(lower[i]!, halfGap[label]!)) continue;
      measure(i);
      const better = settle(i);
      if (better === label) continue;
      changes += 1;
      labels[i] = better;
      add(i, label, -1);
      add(i, better, 1);
    }
    if (changes <= rows * SETTLED) break;
  }
  let inertia = 0;
  for (let i = 0; i < rows; i++) {
    const from = i * columns;
    const centre = labels[i]! * columns;
    for (let j = 0; j < columns; j++) inertia += (data[from + j]! - centres[centre + j]!) ** 2;
  }
  return { labels, centres, inertia };

  /** A cluster that lost all its rows takes the row farthest from its centre, as scikit-learn does. */
  function fillEmpty(): void {
    for (let k = 0; k < clusters; k++) {
      if (counts[k]! > 0) continue;
      let farthest = -1;
      for (let i = 0; i < rows; i++) {
        if (counts[labels[i]!]! > 1 && (farthest < 0 || upper[i]! > upper[farthest]!)) farthest = i;
      }
      add(farthest, labels[farthest]!, -1);
      labels[farthest] = k;
      add(farthest, k, 1);
      upper[farthest] = Infinity;
      lower[farthest] = 0;
    }
  }
}

/** Numbers the clusters in the order of their first rows, so that equal partitions have equal labels. */
function renumber({ labels, centres, inertia }: KMeansResult, columns: number): KMeansResult {
  const clusters = centres.length / columns;
  const order: number[] = [];
  for (const label of labels) if (!order.includes(label)) order.push(label);
  for (let k = 0; k < clusters; k++) if (!order.includes(k)) order.push(k);
  const sorted = new Float64Array(centres.length);
  order.forEach((from, to) => sorted.set(centres.subarray(from * columns, (from + 1) * columns), to * columns));
  return { labels: labels.map((label) => order.indexOf(label)), centres: sorted, inertia };
}
