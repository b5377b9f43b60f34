import { type Graph } from './graph';

/** Of attention whose maps exist for a portion of the queries at a time: names of its tensors. */
export interface HeadPortions {
  /** float [slices, heads, N / slices, d] */
  queries: string;
  /** float [heads, d, N] */
  keys: string;
  /** int64 [1]: N. */
  count: string;
}

/**
 * Splits queries and keys [N, heads · d] for {@link HeadPortions}. `slices` int64 [1] is a divisor of N; `scaled` puts the factor on q · kᵀ
 * on the queries, given d, int64 [1].
 */
export function headPortions(
  graph: Graph,
  { query, key, heads, slices }: { query: string; key: string; heads: number; slices: string },
  scaled: (headWidth: string) => string,
): HeadPortions {
  const shape = graph.add('Shape', [query], 'size');
  const count = graph.add('Slice', [shape, graph.int64([0]), graph.int64([1])], 'count');
  const width = graph.add('Slice', [shape, graph.int64([1]), graph.int64([2])], 'width');
  const split = graph.int64([heads]);
  const size = graph.add('Div', [width, split], 'head_width');
  const portion = graph.add('Div', [count, slices], 'portion');
  const reshaped = (tensor: string, dims: string[], perm: number[], hint: string): string => {
    const to = graph.add('Concat', dims, `${hint}_shape`, { axis: 0 });
    return graph.add('Transpose', [graph.add('Reshape', [tensor, to], `${hint}_split`)], hint, { perm });
  };
  return {
    queries: reshaped(scaled(size), [slices, portion, split, size], [0, 2, 1, 3], 'queries'),
    keys: reshaped(key, [count, split, size], [1, 2, 0], 'keys'),
    count,
  };
}
