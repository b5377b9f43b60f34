import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fs from 'node:fs';
import { attributeOf, Graph, intOf, makeNode } from '../../extension/engine/onnx/graph';
import {
  GraphProtoSchema,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
} from '../../extension/engine/onnx/proto/onnx_pb';
import { inProcessSessions } from '../../extension/engine/onnx/session';
import { type SessionHost, type TensorData, unetNames } from '../../extension/engine/onnx/types';

const { FLOAT, INT64 } = TensorProto_DataType;

/**
 * How the logits s = scale·q·kᵀ of swapped attention change before their softmax: to own · s + dual · log softmax of s over the queries, with
 * own 1 the dual softmax of LoFTR (Sun et al., arXiv 2104.00680) to a power. Before that s is smoothed, first over rows of the image, then
 * over columns: s[i, j] + smooth · Σ (s[i ± 1, j ± 1] − s[i, j]).
 */
export interface Adjustment {
  own: number;
  dual: number;
  smooth: number;
}

export const UNADJUSTED: Adjustment = { own: 1, dual: 0, smooth: 0 };

const NAMES = ['adjust_own', 'adjust_dual', 'adjust_smooth'] as const;
const single = (value: number): TensorData => ({ type: 'float32', dims: [1], data: Float32Array.of(value) });
const feedsOf = ({ own, dual, smooth }: Adjustment): Record<string, TensorData> =>
  Object.fromEntries([own, dual, smooth].map((value, at) => [NAMES[at]!, single(value)]));

/** The nodes that adjust scores [rows, heads, N, N] of a square grid, and the name of what they give. */
function adjusting(graph: Graph, scores: string): { nodes: NodeProto[]; adjusted: string } {
  const nodes: NodeProto[] = [];
  const op = (type: string, inputs: string[], attributes = {}): string => {
    const name = graph.fresh(`adjust_${type}`);
    nodes.push(makeNode(type, inputs, [name], attributes));
    return name;
  };
  const ints = (...values: number[]): string => graph.int64(values);
  const shape = op('Shape', [scores]);
  const tokens = op('Cast', [op('Slice', [shape, ints(3), ints(4)])], { to: FLOAT });
  const side = op('Cast', [op('Sqrt', [tokens])], { to: INT64 });
  const grid = [side, side, side, side];
  let s = op('Reshape', [scores, op('Concat', [op('Slice', [shape, ints(0), ints(2)]), ...grid], { axis: 0 })]);
  const ones = op('Expand', [graph.float([1], [1]), op('Concat', [ints(1, 1), ...grid], { axis: 0 })]);
  // The query's and the key's rows, then their columns.
  for (const axes of [
    [2, 4],
    [3, 5],
  ]) {
    const padded = (x: string, end: number): string =>
      op('Pad', [x, ints(...Array.from({ length: 12 }, (_, at) => Number(axes.includes(at - 6 * end))))]);
    const neighbours = (x: string): string =>
      op('Add', [
        padded(op('Slice', [x, ints(0, 0), ints(-1, -1), ints(...axes)]), 0),
        padded(op('Slice', [x, ints(1, 1), ints(2 ** 30, 2 ** 30), ints(...axes)]), 1),
      ]);
    const differences = op('Sub', [neighbours(s), op('Mul', [neighbours(ones), s])]);
    s = op('Add', [s, op('Mul', [differences, 'adjust_smooth'])]);
  }
  s = op('Reshape', [s, shape]);
  const overQueries = op('Mul', [op('LogSoftmax', [s], { axis: 2 }), 'adjust_dual']);
  return { nodes, adjusted: op('Add', [op('Mul', [s, 'adjust_own']), overQueries]) };
}

/** A swapped layer of the highest resolution. */
interface Layer {
  index: number;
  heads: number;
  scale: number;
}

/** Writes a rewritten UNet whose contrast maps are adjusted beside it, and finds its layers. */
function writeAdjusted(file: string): { adjusted: string; layers: Layer[] } {
  const model = fromBinary(ModelProtoSchema, fs.readFileSync(file));
  const graph = new Graph(model);
  const layers: Layer[] = [];
  const visit = (inner: GraphProto): void => {
    const at = inner.name.startsWith('weft_contrast_') ? inner.node.findIndex((node) => node.opType === 'Softmax') : -1;
    if (at >= 0) {
      const { nodes, adjusted } = adjusting(graph, inner.node[at]!.input[0]!);
      inner.node[at]!.input[0] = adjusted;
      inner.node.splice(at, 0, ...nodes);
    }
    for (const node of inner.node) {
      const layer = node.opType === 'MultiHeadAttention' && /^weft_layer_(\d+)_attention/.exec(node.output[0]!);
      if (layer)
        layers.push({
          index: Number(layer[1]),
          heads: intOf(node, 'num_heads')!,
          scale: attributeOf(node, 'scale')!.f,
        });
      for (const { g } of node.attribute) if (g) visit(g);
    }
  };
  visit(graph.proto);
  for (const name of NAMES) graph.addInput(name, FLOAT, [1]);
  const adjusted = file.replace(/\.onnx$/, '.adjusted.onnx');
  fs.writeFileSync(adjusted, toBinary(ModelProtoSchema, model));
  return { adjusted, layers };
}

/** clip(β·M + (1 − β)/N, 0, 1), M the softmax of adjusted scores, in the mean over heads: from q, k [1, N, heads·d] to [N, N]. */
function mapModel(heads: number): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
    graph: create(GraphProtoSchema, { name: 'adjusted_map' }),
  });
  const graph = new Graph(model);
  for (const name of ['q', 'k']) graph.addInput(name, FLOAT, [1, 'n', 'w']);
  for (const name of ['scale', 'gain', 'offset', ...NAMES]) graph.addInput(name, FLOAT, [1]);
  const perHead = (x: string, perm: number[]): string =>
    graph.add('Transpose', [graph.add('Reshape', [x, graph.int64([0, 0, heads, -1])], `${x}_split`)], `${x}_heads`, {
      perm,
    });
  const [queries, keys] = [perHead('q', [0, 2, 1, 3]), perHead('k', [0, 2, 3, 1])];
  const scores = graph.add('Mul', [graph.add('MatMul', [queries, keys], 'products'), 'scale'], 'scores');
  const { nodes, adjusted } = adjusting(graph, scores);
  for (const node of nodes) graph.push(node);
  const map = graph.add('Softmax', [adjusted], 'map', { axis: -1 });
  const gained = graph.add('Add', [graph.add('Mul', [map, 'gain'], 'gained'), 'offset'], 'shifted');
  const clipped = graph.add('Clip', [gained, graph.float([0], []), graph.float([1], [])], 'clipped');
  graph.addOutput('mean', graph.add('ReduceMean', [clipped], 'over_heads', { axes: [0, 1], keepdims: 0 }), FLOAT, [
    'n',
    'n',
  ]);
  return toBinary(ModelProtoSchema, model);
}

/** One layer's queries and keys [N, W], before the head split, and how the contrast applies to them. */
export interface MappedLayer {
  query: Float32Array;
  key: Float32Array;
  tokens: number;
  heads: number;
  scale: number;
  contrast: number;
}

/** The mean over heads of clip(β·M + (1 − β)/N, 0, 1), M the softmax of the adjusted scores: [N, N]. */
export async function adjustedMap(
  sessions: SessionHost,
  { query, key, tokens, heads, scale, contrast }: MappedLayer,
  adjustment: Adjustment,
): Promise<Float32Array> {
  const session = `adjusted-map-${heads}`;
  await sessions.load(session, mapModel(heads), { provider: 'cpu' });
  const rows = (data: Float32Array): TensorData => ({
    type: 'float32',
    dims: [1, tokens, data.length / tokens],
    data,
  });
  const numbers = { scale, gain: contrast, offset: (1 - contrast) / tokens };
  const feeds = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, single(value)]));
  const answer = await sessions.run(session, { q: rows(query), k: rows(key), ...feeds, ...feedsOf(adjustment) }, [
    'mean',
  ]);
  return answer['mean']!.data as Float32Array;
}

/** How many swapped steps there are to one whose map is computed. */
const MAP_EVERY = 5;

/** onnxruntime on this thread, with swapped attention as `adjust` says. */
export function adjustedSessions(): {
  sessions: SessionHost;
  /**
   * From the next run on. `onMap` gets the map [N, N] at the highest resolution, as the run applied it, in the mean over heads and layers,
   * of the first swapped step and of every fifth after it.
   */
  adjust(to: Adjustment, onMap?: (map: Float32Array) => void): void;
} {
  const inner = inProcessSessions();
  const layersOf = new Map<string, Layer[]>();
  let adjustment = UNADJUSTED;
  let onMap: ((map: Float32Array) => void) | undefined;
  let swapped = 0;

  const mapOf = async (
    layers: Layer[],
    feeds: Record<string, TensorData>,
    found: Record<string, TensorData>,
  ): Promise<Float32Array> => {
    const first = (name: string): number => Number(feeds[name]!.data[0]);
    const own = feeds[unetNames.rows]!.dims[0]!;
    const kv = first(unetNames.contrastKv('high'));
    const entry = ({ dims, data }: TensorData, at: number): Float32Array => {
      const length = dims[1]! * dims[2]!;
      return (data as Float32Array).slice(at * length, (at + 1) * length);
    };
    const maps: Float32Array[] = [];
    for (const { index, heads, scale } of layers) {
      const queries = found[unetNames.query(index)]!;
      const layer = {
        query: entry(queries, first(unetNames.contrastRows('high'))),
        key: kv < own ? entry(found[unetNames.key(index)]!, kv) : entry(feeds[unetNames.externalKey(index)]!, kv - own),
        tokens: queries.dims[1]!,
        heads,
        scale,
        contrast: first(unetNames.contrast('high')),
      };
      maps.push(await adjustedMap(inner, layer, adjustment));
    }
    return maps[0]!.map((_, at) => maps.reduce((sum, map) => sum + map[at]!, 0) / maps.length);
  };

  return {
    sessions: {
      ...inner,
      load: (key, model, options) => {
        if (!key.endsWith('/unet') || typeof model !== 'string') return inner.load(key, model, options);
        const { adjusted, layers } = writeAdjusted(model);
        layersOf.set(key, layers);
        return inner.load(key, adjusted, { ...options, optimised: undefined });
      },
      run: async (key, feeds, fetches, options) => {
        const layers = layersOf.get(key);
        if (!layers) return inner.run(key, feeds, fetches, options);
        // A softmax over the queries needs all of them in one slice.
        const whole: TensorData = { type: 'int64', dims: [1], data: BigInt64Array.of(1n) };
        const slices = { [unetNames.querySlices('high')]: whole, [unetNames.querySlices('low')]: whole };
        const mapped = onMap && feeds[unetNames.contrastRows('high')]!.dims[0]! > 0 && swapped++ % MAP_EVERY === 0;
        const more = mapped ? layers.flatMap(({ index }) => [unetNames.query(index), unetNames.key(index)]) : [];
        const found = await inner.run(
          key,
          { ...feeds, ...feedsOf(adjustment), ...slices },
          [...new Set([...fetches, ...more])],
          options,
        );
        if (mapped) onMap!(await mapOf(layers, feeds, found));
        return found;
      },
    },
    adjust(to, listener) {
      [adjustment, onMap, swapped] = [to, listener, 0];
    },
  };
}
