/** Graph inputs and outputs in types that onnxruntime-node can feed: half precision inside, float32 at the border. */
import { type DeclaredDim, declaredOf, type Graph, makeNode, makeValueInfo, renameReads } from './graph';
import { TensorProto_DataType } from './proto/onnx_pb';
import { type TensorType } from './types';

const HALF = new Set<number>([
  TensorProto_DataType.FLOAT16,
  TensorProto_DataType.BFLOAT16,
  TensorProto_DataType.DOUBLE,
]);

export function tensorType(type: number): TensorType | undefined {
  switch (type) {
    case TensorProto_DataType.FLOAT:
      return 'float32';
    case TensorProto_DataType.INT64:
      return 'int64';
    case TensorProto_DataType.INT32:
      return 'int32';
    case TensorProto_DataType.BOOL:
      return 'bool';
    default:
      return undefined;
  }
}

/** Turns half and double precision inputs and outputs into float32 ones with a Cast behind or before them. */
export function floatBorders(graph: Graph): void {
  for (const [i, input] of graph.proto.input.entries()) {
    const { type, dims } = declaredOf(input);
    if (!HALF.has(type) || !graph.inputs.includes(input)) continue;
    const readers = [...graph.consumers(input.name)];
    const inner = graph.fresh(`${input.name}_inner`);
    for (const node of readers) renameReads(node, (name) => (name === input.name ? inner : name));
    graph.push(makeNode('Cast', [input.name], [inner], { to: type }));
    graph.proto.input[i] = makeValueInfo(input.name, TensorProto_DataType.FLOAT, dims);
    graph.changed();
  }
  for (const [i, output] of graph.proto.output.entries()) {
    const { type, dims } = declaredOf(output);
    if (!HALF.has(type)) continue;
    const { name } = output;
    graph.rename(name, graph.fresh(`${name}_inner`));
    graph.push(makeNode('Cast', [graph.proto.output[i]!.name], [name], { to: TensorProto_DataType.FLOAT }));
    graph.proto.output[i] = makeValueInfo(name, TensorProto_DataType.FLOAT, dims);
    graph.changed();
  }
}

/** Declares other dimensions of an input or output; its type stays. */
export function redeclare(values: Graph['proto']['input'], name: string, dims: DeclaredDim[]): void {
  const i = values.findIndex((value) => value.name === name);
  const value = values[i];
  if (value !== undefined) values[i] = makeValueInfo(name, declaredOf(value).type, dims);
}
