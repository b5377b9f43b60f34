import { candidatesPerPick, clusterModel, clusterNames } from '../onnx/clusterGraph';
import { type SessionHost, type TensorData } from '../onnx/types';
import { uniformStream } from '../diffusion/philox';

/** What is clustered: rows [N, D], or the head-mean self-attention map [N, N] of queries and keys [N, heads·d]. */
export type ClusterSource =
  { rows: Float32Array; count: number } | { query: Float32Array; key: Float32Array; heads: number; count: number };

export interface ClusterOptions {
  clusters: number;
  /** Independent k-means++ starts, of which the best is kept. */
  initialisations?: number;
  seed?: number;
  /** Threads of the session. */
  threads?: number;
}

export interface Clusters {
  /** A cluster 0 … clusters − 1 for each row, numbered in the order of their first rows. */
  labels: Uint8Array;
  /** Sum of squared distances of the rows to their clusters' means. */
  inertia: number;
}

/** Columns of the projection in which the starts compete: a quarter of the data's, at most this many. */
const SKETCH_COLUMNS = 128;
/** Attention maps of one portion of queries, all heads. */
const MAP_BYTES = 1 << 23;

/**
 * K-means inside onnxruntime. The same input and seed give the same labels. Throws a RangeError when there are fewer rows than
 * clusters, more than 255 clusters, or sizes disagree.
 */
export async function cluster(
  sessions: SessionHost,
  source: ClusterSource,
  { clusters, initialisations = 10, seed = 0, threads }: ClusterOptions,
): Promise<Clusters> {
  const { count } = source;
  if (!Number.isInteger(clusters) || clusters < 1 || clusters > 255 || clusters > count)
    throw new RangeError(`${clusters} clusters of ${count} rows`);
  const feeds: Record<string, TensorData> = {};
  let heads: number | undefined;
  let columns: number;
  if ('rows' in source) {
    columns = source.rows.length / count;
    if (!Number.isInteger(columns)) throw new RangeError(`${source.rows.length} values for ${count} rows`);
    feeds[clusterNames.rows] = float32([count, columns], source.rows);
  } else {
    ({ heads } = source);
    columns = count;
    const width = source.query.length / count;
    if (!Number.isInteger(width / heads) || source.key.length !== source.query.length)
      throw new RangeError(
        `q of ${source.query.length} and k of ${source.key.length} values for ${count} rows and ${heads} heads`,
      );
    feeds[clusterNames.query] = float32([count, width], source.query);
    feeds[clusterNames.key] = float32([count, width], source.key);
    feeds[clusterNames.slices] = int64([1], [portions(count, heads)]);
  }
  const key = `clusters/${heads ?? 'rows'}/${clusters}/${initialisations}`;
  const model = models.get(key) ?? clusterModel({ clusters, initialisations, heads });
  models.set(key, model);
  await sessions.load(key, model, { provider: 'cpu', threads });
  const trials = candidatesPerPick(clusters);
  const width = Math.min(SKETCH_COLUMNS, Math.ceil(columns / 4));
  feeds[clusterNames.sketch] = float32([columns, width], countSketch(columns, width, seed));
  const starts = Array.from({ length: initialisations }, (_, start) => uniformStream(seed, start + 1));
  feeds[clusterNames.first] = int64(
    [initialisations],
    starts.map((random) => Math.floor(random() * count)),
  );
  const draws = new Float32Array((clusters - 1) * initialisations * trials);
  for (let at = 0; at < draws.length; at++) draws[at] = starts[Math.floor(at / trials) % initialisations]!();
  feeds[clusterNames.draws] = float32([clusters - 1, initialisations, trials], draws);
  const answer = await sessions.run(key, feeds, [clusterNames.labels, clusterNames.inertia]);
  const found = Array.from(answer[clusterNames.labels]!.data as BigInt64Array, Number);
  const order = [...new Set(found)];
  return {
    labels: Uint8Array.from(found, (label) => order.indexOf(label)),
    inertia: Math.max(0, (answer[clusterNames.inertia]!.data as Float32Array)[0]!),
  };
}

const models = new Map<string, Uint8Array>();

const float32 = (dims: number[], data: Float32Array): TensorData => ({ type: 'float32', dims, data });
const int64 = (dims: number[], values: number[]): TensorData => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});

/** A divisor of the number of queries that keeps a portion's maps within {@link MAP_BYTES}. */
function portions(count: number, heads: number): number {
  let slices = 1;
  while (slices < count && (count % slices !== 0 || (4 * heads * count * count) / slices > MAP_BYTES)) slices++;
  return slices;
}

/** Each column is added, with a random sign, to one of `width` columns: [columns, width]. */
function countSketch(columns: number, width: number, seed: number): Float32Array {
  const random = uniformStream(seed);
  const matrix = new Float32Array(columns * width);
  for (let column = 0; column < columns; column++) {
    const bucket = Math.floor(random() * width);
    matrix[column * width + bucket] = random() < 0.5 ? -1 : 1;
  }
  return matrix;
}
