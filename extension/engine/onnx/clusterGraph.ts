/**
 * K-means as an ONNX graph: attention maps of thousands of rows with thousands of columns are clustered inside onnxruntime, where the
 * distances are matrix products, instead of in JavaScript, where they would take seconds of the engine's own thread.
 * All initialisations run side by side. They compete in a random projection of the rows (count sketch: Charikar, Chen & Farach-Colton
 * 2002; distances survive within a few per cent); the best of them, measured on the rows themselves, are carried on there.
 */
import { Graph, makeNode, makeSubgraph, makeValueInfo } from './graph';
import { headPortions } from './headPortions';
import { type NodeProto, TensorProto_DataType } from './proto/onnx_pb';

const { FLOAT, INT64, BOOL } = TensorProto_DataType;

export interface ClusterGraphOptions {
  clusters: number;
  /** k-means++ starts. */
  initialisations: number;
  /** Heads of the self-attention whose head-mean map's rows are clustered; absent: the rows are fed as they are. */
  heads?: number;
}

/** Starts that are carried on on the rows themselves. */
const FINALISTS = 2;
const SKETCH_ITERATIONS = 30;
const MAX_ITERATIONS = 300;
/** Share of the rows below which further changes of label are not worth another iteration. */
const SETTLED = 1 / 2000;

/** Candidates of which greedy k-means++ (Arthur & Vassilvitskii 2007) takes the one that helps most. */
export const candidatesPerPick = (clusters: number): number => 2 + Math.floor(Math.log(clusters));

/** Names of the graph's inputs and outputs. */
export const clusterNames = {
  /** float [N, D]: without heads. */
  rows: 'rows',
  /** float [N, W] each, and int64 [1], a divisor of N: queries, keys, and in how many portions the maps are made. With heads. */
  query: 'query',
  key: 'key',
  slices: 'slices',
  /** float [D, S] */
  sketch: 'sketch',
  /** int64 [R]: the row each start begins with. */
  first: 'first',
  /** float [clusters − 1, R, T] in [0, 1): the draws of the other picks. */
  draws: 'draws',
  /** int64 [N] */
  labels: 'labels',
  /** float [1]: sum of squared distances of the rows to their clusters' means. */
  inertia: 'inertia',
} as const;

/** The model as bytes, to be opened as a session. */
export function clusterModel({ clusters, initialisations, heads }: ClusterGraphOptions): Uint8Array {
  const graph = Graph.empty('clusters');
  const rows =
    heads === undefined
      ? graph.addInput(clusterNames.rows, FLOAT, ['n', 'd'])
      : headMeanMaps(
          graph,
          graph.addInput(clusterNames.query, FLOAT, ['n', 'w']),
          graph.addInput(clusterNames.key, FLOAT, ['n', 'w']),
          graph.addInput(clusterNames.slices, INT64, [1]),
          heads,
        );
  const sketch = graph.addInput(clusterNames.sketch, FLOAT, ['d', 's']);
  const first = graph.addInput(clusterNames.first, INT64, [initialisations]);
  const trials = candidatesPerPick(clusters);
  const draws = graph.addInput(clusterNames.draws, FLOAT, [clusters - 1, initialisations, trials]);

  const arena = graph.add('MatMul', [rows, sketch], 'arena');
  const seeds = plusPlus(graph, arena, first, draws, { starts: initialisations, trials, clusters });
  const competed = lloyd(graph, arena, seeds, initialisations, clusters, SKETCH_ITERATIONS, 'arena');
  const measured = meansOf(graph, rows, competed, initialisations, clusters, 'measured');
  const finalists = Math.min(FINALISTS, initialisations);
  const [gains, best] = [graph.fresh('best_gain'), graph.fresh('best')];
  graph.push(makeNode('TopK', [measured.gain, graph.int64([finalists])], [gains, best], { axis: 0 }));
  const chosen = graph.add('Gather', [measured.centres, best], 'chosen', { axis: 0 });
  const final = lloyd(graph, rows, chosen, finalists, clusters, MAX_ITERATIONS, 'final');
  const ended = meansOf(graph, rows, final, finalists, clusters, 'ended');
  const winner = graph.add('ArgMax', [ended.gain], 'winner', { axis: 0, keepdims: 0 });
  const labels = graph.add('Gather', [final, winner], 'winning', { axis: 1 });
  const means = graph.add('Gather', [ended.centres, winner], 'winning_means', { axis: 0 });
  const apart = graph.add('Sub', [rows, graph.add('Gather', [means, labels], 'own_means', { axis: 0 })], 'from_own');
  // Row by row, then all: one long sum in single precision would lose its last digits.
  const perRow = graph.add('ReduceSumSquare', [apart], 'row_spread', { axes: [1], keepdims: 0 });
  const inertia = graph.add('ReduceSum', [perRow], 'spread', { keepdims: 0 });
  graph.addOutput(clusterNames.labels, labels, INT64, ['n']);
  graph.addOutput(clusterNames.inertia, graph.add('Reshape', [inertia, graph.int64([1])], 'spread_1'), FLOAT, [1]);
  return graph.bytes();
}

/** mean over heads of softmax(q_h k_hᵀ / √d) [N, N] (Vaswani et al. 2017, eq. 1), a portion of the queries at a time. */
function headMeanMaps(graph: Graph, query: string, key: string, slices: string, heads: number): string {
  const { queries, keys, count } = headPortions(graph, { query, key, heads, slices }, (size) =>
    graph.add(
      'Div',
      [query, graph.add('Sqrt', [graph.add('Cast', [size], 'head_width_f', { to: FLOAT })], 'root')],
      'scaled',
    ),
  );
  const [step, more, still, slice, scores, map, mean] = ['step', 'more', 'still', 'slice', 'scores', 'map', 'mean'].map(
    (name) => graph.fresh(`map_${name}`),
  ) as [string, string, string, string, string, string, string];
  const body = makeSubgraph(
    'maps',
    [
      makeNode('Identity', [more], [still]),
      makeNode('Gather', [queries, step], [slice], { axis: 0 }),
      makeNode('MatMul', [slice, keys], [scores]),
      makeNode('Softmax', [scores], [map], { axis: -1 }),
      makeNode('ReduceMean', [map], [mean], { axes: [0], keepdims: 0 }),
    ],
    [makeValueInfo(step, INT64, []), makeValueInfo(more, BOOL, [])],
    [makeValueInfo(still, BOOL, []), makeValueInfo(mean, FLOAT, ['portion', 'n'])],
  );
  const all = graph.fresh('maps');
  const trips = graph.add('Reshape', [slices, graph.int64([])], 'trips');
  graph.push(makeNode('Loop', [trips, graph.bool(true)], [all], { body }));
  return graph.add('Reshape', [all, graph.add('Concat', [count, count], 'maps_shape', { axis: 0 })], 'rows_all');
}

/** Squared distances [N, M] of all rows to M points. */
function distances(graph: Graph, rows: string, norms: string, points: string, hint: string): string {
  const dots = graph.add(
    'MatMul',
    [rows, graph.add('Transpose', [points], `${hint}_t`, { perm: [1, 0] })],
    `${hint}_dots`,
  );
  const own = graph.add('ReduceSumSquare', [points], `${hint}_norms`, { axes: [1], keepdims: 0 });
  const apart = graph.add('Sub', [own, graph.add('Mul', [dots, graph.float([2], [])], `${hint}_2`)], `${hint}_apart`);
  return graph.add('Relu', [graph.add('Add', [apart, norms], `${hint}_square`)], `${hint}_distance`);
}

/** Greedy k-means++ for all starts at once: centres [R, K, S]. */
function plusPlus(
  graph: Graph,
  rows: string,
  first: string,
  draws: string,
  { starts, trials, clusters }: { starts: number; trials: number; clusters: number },
): string {
  const norms = graph.add('ReduceSumSquare', [rows], 'row_norms', { axes: [1], keepdims: 1 });
  const axis1 = graph.int64([1]);
  const centres = [graph.add('Gather', [rows, first], 'pick_0', { axis: 0 })];
  let nearest = distances(graph, rows, norms, centres[0]!, 'seed_0'); // [N, R]
  const last = graph.add(
    'Sub',
    [graph.add('Slice', [graph.add('Shape', [rows], 'rows_shape'), graph.int64([0]), axis1], 'row_count'), axis1],
    'last_row',
  );
  for (let pick = 1; pick < clusters; pick++) {
    const hint = `seed_${pick}`;
    const add = (type: string, inputs: string[], name: string, attributes = {}): string =>
      graph.add(type, inputs, `${hint}_${name}`, attributes);
    // A row is drawn with a probability in proportion to its distance: the first whose running sum exceeds the draw.
    const running = add('CumSum', [nearest, graph.int64(0)], 'running');
    const total = add('ReduceMax', [running], 'total', { axes: [0], keepdims: 0 }); // [R]
    const draw = add('Gather', [draws, graph.int64(pick - 1)], 'draw', { axis: 0 }); // [R, T]
    const target = add('Mul', [draw, add('Unsqueeze', [total, axis1], 'total_1')], 'target');
    const below = add(
      'LessOrEqual',
      [
        add('Unsqueeze', [running, graph.int64([2])], 'running_2'),
        add('Unsqueeze', [target, graph.int64([0])], 'target_0'),
      ],
      'below',
    );
    const found = add('ReduceSum', [add('Cast', [below], 'below_i', { to: INT64 }), graph.int64([0])], 'found', {
      keepdims: 0,
    });
    const drawn = add('Min', [found, last], 'drawn'); // [R, T]
    const flat = add('Reshape', [drawn, graph.int64([-1])], 'flat');
    const points = add('Gather', [rows, flat], 'points', { axis: 0 });
    const apart = add(
      'Reshape',
      [distances(graph, rows, norms, points, hint), graph.int64([-1, starts, trials])],
      'apart',
    );
    const closer = add('Min', [add('Unsqueeze', [nearest, graph.int64([2])], 'nearest_2'), apart], 'closer'); // [N, R, T]
    const left = add('ReduceSum', [closer, graph.int64([0])], 'left', { keepdims: 0 }); // [R, T]
    const best = add('ArgMin', [left], 'best', { axis: 1, keepdims: 1 }); // [R, 1]
    const row = add('GatherElements', [drawn, best], 'row', { axis: 1 });
    centres.push(add('Gather', [rows, add('Reshape', [row, graph.int64([-1])], 'row_flat')], 'pick', { axis: 0 }));
    const isBest = add('Equal', [best, range(graph, trials)], 'is_best');
    const kept = add('Mul', [closer, add('Cast', [isBest], 'is_best_f', { to: FLOAT })], 'kept');
    nearest = add('ReduceSum', [kept, graph.int64([2])], 'nearest', { keepdims: 0 });
  }
  return graph.add(
    'Concat',
    centres.map((centre, k) => graph.add('Unsqueeze', [centre, axis1], `pick_${k}_1`)),
    'seeds',
    { axis: 1 },
  );
}

const range = (graph: Graph, length: number): string => graph.int64(Array.from({ length }, (_, index) => index));

/**
 * Lloyd's algorithm from centres [R, K, D] until (almost) no label changes: labels [N, R]. A cluster that loses all its rows keeps
 * its centre.
 */
function lloyd(
  graph: Graph,
  rows: string,
  centres: string,
  starts: number,
  clusters: number,
  iterations: number,
  hint: string,
): string {
  const named = (name: string): string => graph.fresh(`${hint}_${name}`);
  const [step, more, before, had, still, after, labels] = [
    'step',
    'more',
    'before',
    'had',
    'still',
    'after',
    'labels',
  ].map(named) as [string, string, string, string, string, string, string];
  const nodes: NodeProto[] = [];
  const node = (type: string, inputs: string[], name: string, attributes = {}): string => {
    const out = named(`body_${name}`);
    nodes.push(makeNode(type, inputs, [out], attributes));
    return out;
  };
  const count = graph.memo(`${rows} count`, () =>
    graph.add(
      'Slice',
      [graph.add('Shape', [rows], `${rows}_shape`), graph.int64([0]), graph.int64([1])],
      `${rows}_count`,
    ),
  );
  const threshold = graph.add(
    'Mul',
    [graph.add('Cast', [count], `${hint}_count_f`, { to: FLOAT }), graph.float([SETTLED * starts], [1])],
    `${hint}_threshold`,
  );
  const flat = node('Reshape', [before, graph.int64([starts * clusters, -1])], 'flat');
  const dots = node('MatMul', [rows, node('Transpose', [flat], 't', { perm: [1, 0] })], 'dots');
  const norms = node('ReduceSumSquare', [flat], 'norms', { axes: [1], keepdims: 0 });
  // ‖x‖² is the same for all centres and left out.
  const apart = node('Sub', [norms, node('Mul', [dots, graph.float([2], [])], 'dots_2')], 'apart');
  const shaped = node('Reshape', [apart, graph.int64([-1, starts, clusters])], 'shaped');
  nodes.push(makeNode('ArgMin', [shaped], [labels], { axis: 2, keepdims: 0 }));
  const hot = node('Equal', [node('Unsqueeze', [labels, graph.int64([2])], 'labels_2'), range(graph, clusters)], 'hot');
  const members = node(
    'Reshape',
    [node('Cast', [hot], 'hot_f', { to: FLOAT }), graph.int64([-1, starts * clusters])],
    'members',
  );
  const counts = node('ReduceSum', [members, graph.int64([0])], 'counts', { keepdims: 0 });
  const column = node('Unsqueeze', [counts, graph.int64([1])], 'column');
  const sums = node('MatMul', [node('Transpose', [members], 'members_t', { perm: [1, 0] }), rows], 'sums');
  const means = node('Div', [sums, node('Max', [column, graph.float([1], [])], 'column_1')], 'means');
  const occupied = node('Greater', [column, graph.float([0], [])], 'occupied');
  const moved = node('Where', [occupied, means, flat], 'moved');
  nodes.push(makeNode('Reshape', [moved, graph.int64([starts, clusters, -1])], [after]));
  const differs = node('Not', [node('Equal', [labels, had], 'same')], 'differs');
  const changes = node('ReduceSum', [node('Cast', [differs], 'differs_f', { to: FLOAT })], 'changes', { keepdims: 0 });
  const going = node('Greater', [changes, threshold], 'going');
  nodes.push(makeNode('Reshape', [going, graph.int64([])], [still]));
  const body = makeSubgraph(
    `${hint}_lloyd`,
    nodes,
    [
      makeValueInfo(step, INT64, []),
      makeValueInfo(more, BOOL, []),
      makeValueInfo(before, FLOAT, [starts, clusters, 'd']),
      makeValueInfo(had, INT64, ['n', starts]),
    ],
    [
      makeValueInfo(still, BOOL, []),
      makeValueInfo(after, FLOAT, [starts, clusters, 'd']),
      makeValueInfo(labels, INT64, ['n', starts]),
    ],
  );
  const none = graph.add(
    'Expand',
    [graph.int64([-1]), graph.add('Concat', [count, graph.int64([starts])], `${hint}_none_shape`, { axis: 0 })],
    `${hint}_none`,
  );
  const [centresOut, labelsOut] = [named('centres_out'), named('labels_out')];
  graph.push(
    makeNode('Loop', [graph.int64(iterations), graph.bool(true), centres, none], [centresOut, labelsOut], { body }),
  );
  return labelsOut;
}

/** Means of the clusters [R, K, D] of labels [N, R], and Σ n_k ‖c_k‖² [R]: what is missing from Σ‖x‖² to the inertia. */
function meansOf(
  graph: Graph,
  rows: string,
  labels: string,
  starts: number,
  clusters: number,
  hint: string,
): { centres: string; gain: string } {
  const add = (type: string, inputs: string[], name: string, attributes = {}): string =>
    graph.add(type, inputs, `${hint}_${name}`, attributes);
  const hot = add('Equal', [add('Unsqueeze', [labels, graph.int64([2])], 'labels_2'), range(graph, clusters)], 'hot');
  const members = add(
    'Reshape',
    [add('Cast', [hot], 'hot_f', { to: FLOAT }), graph.int64([-1, starts * clusters])],
    'members',
  );
  const counts = add(
    'Max',
    [add('ReduceSum', [members, graph.int64([0])], 'counts', { keepdims: 0 }), graph.float([1], [])],
    'counts_1',
  );
  const sums = add('MatMul', [add('Transpose', [members], 'members_t', { perm: [1, 0] }), rows], 'sums');
  const means = add('Div', [sums, add('Unsqueeze', [counts, graph.int64([1])], 'column')], 'means');
  const squares = add('ReduceSumSquare', [means], 'squares', { axes: [1], keepdims: 0 });
  const shares = add('Reshape', [add('Mul', [squares, counts], 'weighted'), graph.int64([starts, clusters])], 'shares');
  return {
    centres: add('Reshape', [means, graph.int64([starts, clusters, -1])], 'centres'),
    gain: add('ReduceSum', [shares, graph.int64([1])], 'gain', { keepdims: 0 }),
  };
}
