/**
 * One forward pass over a graph that learns what can be known without running it: shapes as far as they are fixed, the values
 * of small shape computations, element types, and whether a tensor carries data or is computed from shapes alone.
 */
import { declaredOf, type Graph } from './graph';
import { referenceOf } from './modelFile';
import { Call, type Knowledge, type Operator, operatorOf, type Shape } from './operators';
import { type NodeProto, type TensorProto, TensorProto_DataType } from './proto/onnx_pb';
import { tensorValue, type Value, VALUE_LIMIT } from './tensorValue';

/** data: computed from what the inputs hold. shape: from their shapes alone. const: from weights alone. */
export type Origin = 'data' | 'shape' | 'const';

export class Inference implements Knowledge {
  private readonly shapes = new Map<string, Shape>();
  private readonly values = new Map<string, Value>();
  private readonly types = new Map<string, number>();
  private readonly origins = new Map<string, Origin>();
  /** Constants that are zero everywhere, also those of unknown size. */
  private readonly zeros = new Set<string>();

  /** @param sides what the named sides of inputs are taken to be; unknown otherwise. */
  constructor(graph: Graph, sides: (name: string) => number | undefined = () => undefined) {
    for (const value of graph.inputs) {
      const { type, dims } = declaredOf(value);
      this.types.set(value.name, type);
      this.origins.set(value.name, 'data');
      if (dims !== undefined)
        this.shapes.set(
          value.name,
          dims.map((dim) => (typeof dim === 'string' ? sides(dim) : dim)),
        );
    }
    for (const tensor of graph.proto.initializer) this.constant(tensor.name, tensor);
    const declared = new Map(graph.proto.valueInfo.map((value) => [value.name, declaredOf(value)]));
    for (const node of graph.sorted()) {
      this.visit(node);
      for (const output of node.output) {
        const annotation = declared.get(output);
        if (annotation === undefined) continue;
        if (!this.types.has(output)) this.types.set(output, annotation.type);
        const dims = annotation.dims?.map((dim) => (typeof dim === 'number' ? dim : undefined));
        const known = this.shapes.get(output);
        if (dims === undefined) continue;
        if (known === undefined) this.shapes.set(output, dims);
        else if (known.length === dims.length)
          this.shapes.set(
            output,
            known.map((dim, i) => dim ?? dims[i]),
          );
      }
    }
  }

  shape(tensor: string): Shape | undefined {
    return this.shapes.get(tensor);
  }
  value(tensor: string): Value | undefined {
    return this.values.get(tensor);
  }
  /** ONNX element type; 0 if unknown. */
  type(tensor: string): number {
    return this.types.get(tensor) ?? TensorProto_DataType.UNDEFINED;
  }
  origin(tensor: string): Origin {
    return this.origins.get(tensor) ?? 'const';
  }
  isZero(tensor: string): boolean {
    const value = this.values.get(tensor);
    return this.zeros.has(tensor) || (value !== undefined && value.data.length > 0 && value.data.every((v) => v === 0));
  }
  /** The number of a one-element tensor. */
  scalar(tensor: string): number | undefined {
    const value = this.values.get(tensor);
    return value?.data.length === 1 ? value.data[0] : undefined;
  }

  private constant(name: string, tensor: TensorProto): void {
    this.types.set(name, tensor.dataType);
    this.origins.set(name, 'const');
    this.shapes.set(name, tensor.dims.map(Number));
    const value = tensorValue(tensor);
    if (value !== undefined) this.values.set(name, value);
    if (referenceOf(tensor) === undefined && tensor.rawData.length > 0 && tensor.rawData.every((byte) => byte === 0))
      this.zeros.add(name);
  }

  private visit(node: NodeProto): void {
    const operator = operatorOf(node);
    const call = new Call(node, this);
    const out = node.output[0] ?? '';
    const reads = node.input.filter((name) => name !== '');

    const origin = this.originOf(node, reads);
    const type = typeof operator.type === 'function' ? operator.type(call) : (operator.type ?? call.type());
    for (const output of node.output) {
      this.origins.set(output, origin);
      this.types.set(output, type);
    }
    if (node.opType === 'Constant') {
      this.visitConstant(node, out);
      return;
    }
    if (this.givesZero(operator, call, reads)) this.zeros.add(out);
    const foreign = node.domain !== '' && node.domain !== 'ai.onnx';
    if (foreign && !operator.everywhere) return;
    const value = operator.value?.(call);
    if (value !== undefined && value.data.length <= VALUE_LIMIT) {
      this.values.set(out, value);
      this.shapes.set(out, value.dims);
      return;
    }
    const shapes = operator.shapes?.(call) ?? [operator.shape?.(call)];
    for (const [i, shape] of shapes.entries()) {
      const name = node.output[i];
      if (shape !== undefined && name !== undefined) this.shapes.set(name, shape);
    }
  }

  private originOf(node: NodeProto, reads: string[]): Origin {
    const { from } = operatorOf(node);
    if (from === 'chance' || node.attribute.some((attribute) => attribute.g !== undefined)) return 'data';
    const origins = (from === 'first' ? reads.slice(0, 1) : reads).map((name) => this.origin(name));
    if (origins.includes('data')) return from === 'shape' ? 'shape' : 'data';
    return origins.includes('shape') ? 'shape' : 'const';
  }

  private givesZero({ zero }: Operator, call: Call, reads: string[]): boolean {
    if (typeof zero === 'function') return zero(call);
    const isZero = (name: string): boolean => this.isZero(name);
    switch (zero) {
      case 'first':
        return reads.slice(0, 1).some(isZero);
      case 'any':
        return reads.some(isZero);
      case 'each':
        return reads.every(isZero);
      default:
        return false;
    }
  }

  private visitConstant(node: NodeProto, out: string): void {
    const attribute = node.attribute[0];
    this.origins.set(out, 'const');
    if (attribute?.t !== undefined) return this.constant(out, attribute.t);
    let value: Value | undefined;
    let type: number = TensorProto_DataType.INT64;
    if (attribute?.name === 'value_int') value = { dims: [], data: [Number(attribute.i)] };
    else if (attribute?.name === 'value_ints')
      value = { dims: [attribute.ints.length], data: attribute.ints.map(Number) };
    else if (attribute?.name === 'value_float' || attribute?.name === 'value_floats') {
      const list = attribute.name === 'value_float' ? [attribute.f] : [...attribute.floats];
      value = { dims: attribute.name === 'value_float' ? [] : [list.length], data: list };
      type = TensorProto_DataType.FLOAT;
    }
    if (value === undefined) return;
    this.values.set(out, value);
    this.shapes.set(out, value.dims);
    this.types.set(out, type);
  }
}
