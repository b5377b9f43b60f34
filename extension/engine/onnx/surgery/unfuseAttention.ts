/**
 * Fused operators in their parts, for providers that have none or whose own can't be trusted. onnxruntime 1.30's WebGPU provider is off by 10 to 30 % in
 * MultiHeadAttention beyond a few dozen tokens on a software driver (its flash attention), and exact in the parts.
 */
import { derivedGraph } from '../derivedGraph';
import { type Graph, makeNode } from '../graph';
import { Inference } from '../shapeInference';
import { type NodeProto, TensorProto_DataType } from '../proto/onnx_pb';

/** Providers that get a graph without fused operators. */
export const needsParts = (provider: string): boolean => provider === 'webgpu';

/** A part's graph for such a provider; see {@link derivedGraph}. */
export const unfusedGraph = (file: string): Promise<string> => derivedGraph(file, 'parts', unfuse);

/** All that {@link unfusedGraph} changes. */
export function unfuse(graph: Graph): void {
  unfuseAttention(graph);
  unfuseProducts(graph);
  widenTables(graph);
}

/** Every MultiHeadAttention(q, k, v), also in branches, becomes softmax(scale·q·kᵀ)·v in plain operators. @returns how many there were */
export function unfuseAttention(graph: Graph): number {
  const known = new Inference(graph);
  let count = 0;
  const replaced = (nodes: NodeProto[]): NodeProto[] => {
    const producers = new Map(nodes.flatMap((node) => node.output.map((output) => [output, node] as const)));
    /** Of a tensor of the graph; in a branch, of what it was picked from. */
    const typeOf = (tensor: string): number => {
      const type = known.type(tensor);
      if (type) return type;
      const source = producers.get(tensor)?.input[0];
      return source === undefined ? TensorProto_DataType.FLOAT : typeOf(source);
    };
    return nodes.flatMap((node) => {
      for (const { g } of node.attribute) if (g) g.node = replaced(g.node);
      if (node.opType !== 'MultiHeadAttention') return [node];
      count += 1;
      // Attention is computed in one of two types; anything else is a type that could not be followed.
      const half = typeOf(node.input[0]!) === TensorProto_DataType.FLOAT16;
      return parts(graph, node, half ? TensorProto_DataType.FLOAT16 : TensorProto_DataType.FLOAT);
    });
  };
  graph.proto.node = replaced(graph.nodes);
  graph.changed();
  return count;
}

/** Every FusedMatMul(x, W) that turns W round becomes MatMul(x, Transpose(W)), also in branches; a constant is turned once, when the session opens. */
export function unfuseProducts(graph: Graph): void {
  const known = new Inference(graph);
  const replaced = (nodes: NodeProto[]): NodeProto[] =>
    nodes.flatMap((node) => {
      for (const { g } of node.attribute) if (g) g.node = replaced(g.node);
      const [x, weight] = node.input as [string, string];
      const {
        transA,
        transB,
        alpha = 1,
        ...others
      } = Object.fromEntries(node.attribute.map(({ name, i, f }) => [name, name === 'alpha' ? f : Number(i)]));
      const flat = known.shape(weight)?.length === 2;
      const turns =
        flat && transB === 1 && !transA && alpha === 1 && Object.values(others).every((value) => value === 0);
      if (node.opType !== 'FusedMatMul' || !turns) return [node];
      const turned = graph.fresh(`${node.name}_turned`);
      return [
        makeNode('Transpose', [weight], [turned], { perm: [1, 0] }),
        makeNode('MatMul', [x, turned], [node.output[0]!]),
      ];
    });
  graph.proto.node = replaced(graph.nodes);
  graph.changed();
}

/**
 * Rows that are looked up in a table of half precision and then widened become rows of the widened table, which is made when the session opens: many
 * cards, and every driver in software, can't read half precision.
 */
export function widenTables(graph: Graph): void {
  const tables = new Set(graph.proto.initializer.map(({ name }) => name));
  const lookups = new Map(
    graph.nodes
      .filter(({ opType, input }) => opType === 'Gather' && tables.has(input[0]!))
      .map((node) => [node.output[0]!, node]),
  );
  const nodes = [...graph.nodes];
  for (const [at, cast] of graph.nodes.entries()) {
    const lookup = cast.opType === 'Cast' ? lookups.get(cast.input[0]!) : undefined;
    if (lookup === undefined || graph.consumers(lookup.output[0]!).length > 1) continue;
    const wide = graph.fresh(`${lookup.input[0]!}_wide`);
    const widened = makeNode('Cast', [lookup.input[0]!], [wide]);
    widened.attribute = cast.attribute;
    nodes[nodes.indexOf(lookup)] = widened;
    nodes[at] = { ...lookup, input: [wide, ...lookup.input.slice(1)], output: [...cast.output] };
  }
  graph.proto.node = nodes;
  graph.changed();
}

function parts(graph: Graph, node: NodeProto, type: number): NodeProto[] {
  const [q, k, v] = node.input as [string, string, string];
  const attribute = (name: string) => node.attribute.find((one) => one.name === name);
  const heads = Number(attribute('num_heads')!.i);
  const scale = attribute('scale')?.f;
  const nodes: NodeProto[] = [];
  const add = (opType: string, inputs: string[], attributes: Parameters<typeof makeNode>[3] = {}): string => {
    const out = graph.fresh(`${node.name}_${opType.toLowerCase()}`);
    nodes.push(makeNode(opType, inputs, [out], attributes));
    return out;
  };
  const split = graph.int64([0, 0, heads, -1]);
  const perHead = (x: string, perm: number[]): string => add('Transpose', [add('Reshape', [x, split])], { perm });
  // A constant of the element type, made here rather than shared: branches see only what comes before them.
  const factor = graph.float([scale ?? 1], [1]);
  const typed = type === TensorProto_DataType.FLOAT ? factor : add('Cast', [factor], { to: type });
  const scores = add('MatMul', [add('Mul', [perHead(q, [0, 2, 1, 3]), typed]), perHead(k, [0, 2, 3, 1])]);
  const mixed = add('MatMul', [add('Softmax', [scores], { axis: -1 }), perHead(v, [0, 2, 1, 3])]);
  const merged = add('Transpose', [mixed], { perm: [0, 2, 1, 3] });
  nodes.push(makeNode('Reshape', [merged, graph.int64([0, 0, -1])], [node.output[0]!]));
  return nodes;
}
