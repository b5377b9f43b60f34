/**
 * What can be known of shapes before a graph runs, written into it. Exporters compute every reshape's target from shapes, half of a small
 * UNet's nodes; where only one side of it can differ between runs (the batch), it is a constant with −1 there.
 */
import { type Graph } from '../graph';
import { Inference } from '../shapeInference';
import { TensorProto_DataType } from '../proto/onnx_pb';

/** Numbers given to the sides that are open: no two names alike, nor any name alike in both. Multiples of 64, so that halving stays exact. */
function binding(start: number): (name: string) => number {
  const numbers = new Map<string, number>();
  return (name) => {
    const number = numbers.get(name) ?? start + 64 * 5 * numbers.size;
    numbers.set(name, number);
    return number;
  };
}

/** Replaces shape computations whose result never changes, and targets of reshapes of which one side alone does. */
export function foldShapes(graph: Graph): void {
  const [one, other] = [new Inference(graph, binding(64)), new Inference(graph, binding(192))];
  const initial = new Set(graph.proto.initializer.map(({ name }) => name));
  const outputs = new Set(graph.proto.output.map(({ name }) => name));
  for (const node of [...graph.nodes]) {
    const [out] = node.output;
    if (out === undefined || node.output.length !== 1 || node.opType === 'Constant') continue;
    const [a, b] = [one.value(out), other.value(out)];
    const same =
      a !== undefined &&
      b !== undefined &&
      a.dims.length <= 1 &&
      a.data.length === b.data.length &&
      a.data.every((value, i) => value !== undefined && value === b.data[i]);
    if (same && !outputs.has(out) && one.origin(out) === 'shape' && one.type(out) === TensorProto_DataType.INT64) {
      const data = a.data as number[];
      graph.replaceReads(out, graph.int64(a.dims.length === 0 ? data[0]! : data));
      continue;
    }
    const target = node.input[1];
    if (node.opType !== 'Reshape' || target === undefined || initial.has(target)) continue;
    const [shape, otherShape] = [one.shape(out), other.shape(out)];
    if (!shape || shape.length !== otherShape?.length || [...shape, ...otherShape].includes(undefined)) continue;
    const fixed = shape.map((side, axis) => (side === otherShape[axis] ? side! : -1));
    if (fixed.filter((side) => side === -1).length <= 1) node.input[1] = graph.int64(fixed);
    graph.changed();
  }
}

/** Lets tensors that an Identity makes outputs bear the output's name themselves: each Identity is a copy. */
export function dropOutputCopies(graph: Graph): void {
  const outputs = new Set(graph.proto.output.map(({ name }) => name));
  for (const node of graph.nodes.filter(({ opType }) => opType === 'Identity')) {
    const [tensor, name] = [node.input[0]!, node.output[0]!];
    if (!outputs.has(name) || outputs.has(tensor) || graph.producer(tensor) === undefined) continue;
    graph.nodes.splice(graph.nodes.indexOf(node), 1);
    graph.changed();
    graph.rename(tensor, name);
    outputs.add(tensor);
  }
}
