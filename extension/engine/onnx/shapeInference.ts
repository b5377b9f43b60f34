/**
 * One forward pass over a graph that learns what can be known without running it: shapes as far as they are fixed, the values
 * of small shape computations, element types, and whether a tensor carries data or is computed from shapes alone.
 */
import { attributeOf, declaredOf, type Graph, intOf, intsOf } from './graph';
import { referenceOf } from './modelFile';
import { type NodeProto, type TensorProto, TensorProto_DataType } from './proto/onnx_pb';

export type Dim = number | undefined;
export type Shape = Dim[];

/** Small tensor values, unknown entries undefined. */
export interface Value {
  dims: number[];
  data: (number | undefined)[];
}

/** data: computed from what the inputs hold. shape: from their shapes alone. const: from weights alone. */
export type Origin = 'data' | 'shape' | 'const';

const VALUE_LIMIT = 64;

const float16 = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

/** Values of a small tensor that lies in the graph. */
export function tensorValue(tensor: TensorProto): Value | undefined {
  const dims = tensor.dims.map(Number);
  const count = dims.reduce((a, b) => a * b, 1);
  if (count > VALUE_LIMIT || referenceOf(tensor) !== undefined) return undefined;
  let data: number[];
  const raw = tensor.rawData;
  if (raw.length > 0) {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const size = raw.length / count;
    const at = (i: number): number => {
      switch (tensor.dataType) {
        case TensorProto_DataType.FLOAT:
          return view.getFloat32(i * 4, true);
        case TensorProto_DataType.DOUBLE:
          return view.getFloat64(i * 8, true);
        case TensorProto_DataType.INT64:
          return Number(view.getBigInt64(i * 8, true));
        case TensorProto_DataType.INT32:
          return view.getInt32(i * 4, true);
        case TensorProto_DataType.FLOAT16:
          return float16(view.getUint16(i * 2, true));
        case TensorProto_DataType.BFLOAT16: {
          const word = new DataView(new ArrayBuffer(4));
          word.setUint16(2, view.getUint16(i * 2, true), true);
          return word.getFloat32(0, true);
        }
        default:
          return size === 1 ? view.getUint8(i) : NaN;
      }
    };
    try {
      data = Array.from({ length: count }, (_, i) => at(i));
    } catch {
      return undefined;
    }
  } else if (tensor.floatData.length > 0) data = [...tensor.floatData];
  else if (tensor.int64Data.length > 0) data = tensor.int64Data.map(Number);
  else if (tensor.doubleData.length > 0) data = [...tensor.doubleData];
  else if (tensor.int32Data.length > 0)
    data = tensor.int32Data.map((v) => (tensor.dataType === TensorProto_DataType.FLOAT16 ? float16(v) : v));
  else data = [];
  if (data.length !== count) return undefined;
  return { dims, data };
}

function broadcast(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return undefined;
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = i < rank - a.length ? 1 : a[i - rank + a.length];
    const y = i < rank - b.length ? 1 : b[i - rank + b.length];
    if (x === 1) return y;
    if (y === 1 || x === y) return x;
    return x ?? y;
  });
}

/** Shape of a matrix product. */
function multiplied(x: Shape | undefined, w: Shape | undefined): Shape | undefined {
  if (x === undefined || w === undefined || x.length === 0 || w.length === 0) return undefined;
  if (w.length === 1) return x.slice(0, -1);
  if (x.length === 1) return [...w.slice(0, -2), w.at(-1)];
  return [...broadcast(x.slice(0, -2), w.slice(0, -2))!, x.at(-2), w.at(-1)];
}

const BINARY: Record<string, (a: number, b: number, integer: boolean) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b, integer) => (integer ? Math.trunc(a / b) : a / b),
  Pow: (a, b) => a ** b,
  Min: (a, b) => Math.min(a, b),
  Max: (a, b) => Math.max(a, b),
  Mod: (a, b) => a - b * Math.floor(a / b),
  Equal: (a, b) => Number(a === b),
  Less: (a, b) => Number(a < b),
  Greater: (a, b) => Number(a > b),
  And: (a, b) => Number(a !== 0 && b !== 0),
  Or: (a, b) => Number(a !== 0 || b !== 0),
};
const UNARY: Record<string, (a: number) => number> = {
  Sqrt: Math.sqrt,
  Neg: (a) => -a,
  Reciprocal: (a) => 1 / a,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Identity: (a) => a,
  Not: (a) => Number(a === 0),
  Exp: Math.exp,
  Log: Math.log,
  Abs: Math.abs,
};
/** Operators whose first output has the shape of their first input. */
const SAME_SHAPE = new Set(
  (
    'Sigmoid Erf Cast CastLike Softmax LayerNormalization InstanceNormalization GroupNormalization BatchNormalization Tanh Relu ' +
    'Gelu FastGelu BiasGelu QuickGelu Silu Swish HardSigmoid LeakyRelu Elu Sin Cos Clip Dropout Round Sign LogSoftmax Softplus Mish ' +
    'RandomNormalLike RandomUniformLike SkipLayerNormalization SimplifiedLayerNormalization RMSNormalization ' +
    'Attention MultiHeadAttention DequantizeLinear QuantizeLinear Trilu IsNaN'
  ).split(' '),
);
const INTEGER = new Set<number>([
  TensorProto_DataType.INT64,
  TensorProto_DataType.INT32,
  TensorProto_DataType.INT16,
  TensorProto_DataType.INT8,
  TensorProto_DataType.UINT8,
  TensorProto_DataType.BOOL,
]);

export class Inference {
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
    const out = node.output[0] ?? '';
    const inputs = node.input;
    const first = inputs[0] ?? '';
    const reads = inputs.filter((name) => name !== '');
    this.visitOrigin(node, reads);
    this.visitType(node, first);
    this.visitZero(node, out, reads);
    if (node.opType === 'Constant') {
      this.visitConstant(node, out);
      return;
    }
    const foreign = node.domain !== '' && node.domain !== 'ai.onnx';
    if (foreign && !SAME_SHAPE.has(node.opType) && node.opType !== 'FusedMatMul') return;
    const value = this.valueOf(node, reads);
    if (value !== undefined && value.data.length <= VALUE_LIMIT) {
      this.values.set(out, value);
      this.shapes.set(out, value.dims);
      return;
    }
    const shapes = this.shapesOf(node);
    for (const [i, shape] of shapes.entries()) {
      const name = node.output[i];
      if (shape !== undefined && name !== undefined) this.shapes.set(name, shape);
    }
  }

  private visitOrigin(node: NodeProto, reads: string[]): void {
    let origin: Origin = 'const';
    const fromShape = node.opType === 'Shape' || node.opType === 'Size';
    // CastLike takes from its second input nothing but the type.
    for (const name of node.opType === 'CastLike' ? reads.slice(0, 1) : reads) {
      const other = this.origin(name);
      if (other === 'data' && !fromShape) origin = 'data';
      else if (other !== 'const' && origin === 'const') origin = 'shape';
    }
    if (node.opType.startsWith('Random')) origin = 'data';
    for (const attribute of node.attribute) if (attribute.g !== undefined) origin = 'data';
    for (const output of node.output) this.origins.set(output, origin);
  }

  private visitType(node: NodeProto, first: string): void {
    let type: number = this.type(first);
    if (node.opType === 'Cast') type = intOf(node, 'to') ?? 0;
    else if (node.opType === 'Shape' || node.opType === 'Size') type = TensorProto_DataType.INT64;
    else if (node.opType === 'Where' || node.opType === 'CastLike') type = this.type(node.input[1] ?? '');
    else if (['Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual', 'And', 'Or', 'Not'].includes(node.opType))
      type = TensorProto_DataType.BOOL;
    else if (node.opType === 'ConstantOfShape')
      type = attributeOf(node, 'value')?.t?.dataType ?? TensorProto_DataType.FLOAT;
    else if (node.opType === 'DequantizeLinear') type = this.type(node.input[1] ?? '');
    else if (['NonZero', 'ArgMax', 'ArgMin'].includes(node.opType)) type = TensorProto_DataType.INT64;
    for (const output of node.output) this.types.set(output, type);
  }

  private visitZero(node: NodeProto, out: string, reads: string[]): void {
    const zero = (name: string): boolean => this.isZero(name);
    const value = attributeOf(node, 'value')?.t;
    if (node.opType === 'ConstantOfShape') {
      if (value === undefined || tensorValue(value)?.data[0] === 0) this.zeros.add(out);
    } else if (node.opType === 'Mul' && reads.some(zero)) this.zeros.add(out);
    else if (
      ['Cast', 'Reshape', 'Expand', 'Unsqueeze', 'Squeeze', 'Transpose', 'Identity', 'Slice'].includes(node.opType)
    ) {
      if (reads[0] !== undefined && zero(reads[0])) this.zeros.add(out);
    } else if (['Add', 'Sub'].includes(node.opType) && reads.every(zero)) this.zeros.add(out);
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

  /** Integers of an argument given as an input (newer opsets) or an attribute (older ones); undefined if not known in full. */
  private ints(node: NodeProto, input: number, attribute: string): number[] | undefined {
    const name = node.input[input];
    if (name !== undefined && name !== '') {
      const data = this.values.get(name)?.data;
      return data?.every((v) => v !== undefined) ? data : undefined;
    }
    return intsOf(node, attribute);
  }

  private valueOf(node: NodeProto, reads: string[]): Value | undefined {
    const get = (i: number): Value | undefined => this.values.get(node.input[i] ?? '');
    const a = get(0);
    const op = node.opType;
    if (op === 'Shape') {
      const shape = this.shapes.get(node.input[0] ?? '');
      if (shape === undefined) return undefined;
      const part = shape.slice(intOf(node, 'start') ?? 0, intOf(node, 'end') ?? undefined);
      return { dims: [part.length], data: part };
    }
    if (op === 'Concat') {
      const parts = reads.map((name) => this.values.get(name) ?? this.unknownVector(name));
      if (parts.some((part) => part === undefined || part.dims.length !== 1)) return undefined;
      const data = parts.flatMap((part) => part!.data);
      return { dims: [data.length], data };
    }
    if (op === 'Unsqueeze' && a === undefined && this.isIntegerScalar(node.input[0]))
      return { dims: [1], data: [undefined] };
    if (op === 'Where') {
      const [c, x, y] = [get(0), get(1), get(2)];
      if (c?.data.length !== 1 || x === undefined || y === undefined) {
        if (c === undefined || x === undefined || y === undefined) return undefined;
        if (c.data.length !== x.data.length || x.data.length !== y.data.length) return undefined;
        return {
          dims: x.dims,
          data: x.data.map((v, i) => (c.data[i] === undefined ? undefined : c.data[i] ? v : y.data[i])),
        };
      }
      return c.data[0] === undefined ? undefined : c.data[0] ? x : y;
    }
    if (op === 'ConstantOfShape') {
      if (a?.dims.length !== 1 || a.data.some((v) => v === undefined)) return undefined;
      const dims = a.data as number[];
      const count = dims.reduce((p, d) => p * d, 1);
      if (count > VALUE_LIMIT) return undefined;
      const tensor = attributeOf(node, 'value')?.t;
      const fill = tensor === undefined ? 0 : tensorValue(tensor)?.data[0];
      return { dims, data: Array.from({ length: count }, () => fill) };
    }
    const binary = BINARY[op];
    if (binary !== undefined && reads.length === 2) {
      const b = get(1);
      if (a === undefined || b === undefined) return undefined;
      const dims = broadcast(a.dims, b.dims) as number[];
      const count = dims.reduce((p, d) => p * d, 1);
      const pick = (v: Value, i: number): number | undefined => (v.data.length === 1 ? v.data[0] : v.data[i]);
      if ((a.data.length !== 1 && a.data.length !== count) || (b.data.length !== 1 && b.data.length !== count))
        return undefined;
      const integer = INTEGER.has(this.type(node.input[0]!));
      return {
        dims,
        data: Array.from({ length: count }, (_, i) => {
          const [x, y] = [pick(a, i), pick(b, i)];
          return x === undefined || y === undefined ? undefined : binary(x, y, integer);
        }),
      };
    }
    if (a === undefined) return undefined;
    const unary = UNARY[op];
    if (unary !== undefined) return { dims: a.dims, data: a.data.map((v) => (v === undefined ? v : unary(v))) };
    switch (op) {
      case 'CastLike':
      case 'Cast': {
        const integer = INTEGER.has(op === 'Cast' ? (intOf(node, 'to') ?? 0) : this.type(node.input[1] ?? ''));
        return { dims: a.dims, data: a.data.map((v) => (v === undefined ? v : integer ? Math.trunc(v) : v)) };
      }
      case 'Gather': {
        const index = get(1);
        if (a.dims.length !== 1 || index === undefined) return undefined;
        return {
          dims: index.dims,
          data: index.data.map((i) => (i === undefined ? undefined : a.data[i < 0 ? i + a.data.length : i])),
        };
      }
      case 'Slice': {
        const starts = this.ints(node, 1, 'starts');
        const ends = this.ints(node, 2, 'ends');
        const steps = this.ints(node, 4, 'steps') ?? [1];
        if (a.dims.length !== 1 || starts?.length !== 1 || ends?.length !== 1 || steps[0] !== 1) return undefined;
        const clampTo = (v: number): number => Math.min(Math.max(v < 0 ? v + a.data.length : v, 0), a.data.length);
        const data = a.data.slice(clampTo(starts[0]!), clampTo(ends[0]!));
        return { dims: [data.length], data };
      }
      case 'Unsqueeze':
        return a.data.length === 1 && a.dims.length === 0 ? { dims: [1], data: a.data } : undefined;
      case 'Squeeze':
        return a.data.length === 1 ? { dims: [], data: a.data } : undefined;
      case 'Reshape': {
        const target = this.ints(node, 1, 'shape');
        if (target === undefined) return undefined;
        const rest = target.reduce((p, d) => (d > 0 ? p * d : p), 1);
        const dims = target.map((d, i) => (d === -1 ? a.data.length / rest : d === 0 ? (a.dims[i] ?? 0) : d));
        return { dims, data: a.data };
      }
      case 'ReduceProd': {
        const known = a.data.every((v) => v !== undefined);
        return { dims: [], data: [known ? (a.data as number[]).reduce((p, v) => p * v, 1) : undefined] };
      }
      default:
        return undefined;
    }
  }

  private isIntegerScalar(name: string | undefined): boolean {
    return name !== undefined && INTEGER.has(this.type(name)) && this.shapes.get(name)?.length === 0;
  }

  private unknownVector(name: string): Value | undefined {
    const shape = this.shapes.get(name);
    const length = shape?.length === 1 ? shape[0] : undefined;
    if (length === undefined || length > 8 || !INTEGER.has(this.type(name))) return undefined;
    return { dims: [length], data: Array.from({ length }, () => undefined) };
  }

  private shapesOf(node: NodeProto): (Shape | undefined)[] {
    const s = (i: number): Shape | undefined => this.shapes.get(node.input[i] ?? '');
    const x = s(0);
    const op = node.opType;
    if (SAME_SHAPE.has(op) || UNARY[op] !== undefined) return [x];
    if (BINARY[op] !== undefined || ['LessOrEqual', 'GreaterOrEqual', 'Xor', 'PRelu', 'Sum', 'Mean'].includes(op))
      return [node.input.map((_, i) => s(i)).reduce(broadcast)];
    switch (op) {
      case 'Where':
        return [broadcast(s(0), broadcast(s(1), s(2)))];
      case 'FusedMatMul':
      case 'MatMul': {
        const turned = (shape: Shape | undefined, attribute: string): Shape | undefined =>
          intOf(node, attribute) && shape !== undefined && shape.length > 1
            ? [...shape.slice(0, -2), shape.at(-1), shape.at(-2)]
            : shape;
        return [multiplied(turned(x, 'transA'), turned(s(1), 'transB'))];
      }
      case 'Gemm': {
        const w = s(1);
        const rows = x?.[intOf(node, 'transA') ? 1 : 0];
        return [[rows, w?.[intOf(node, 'transB') ? 0 : 1]]];
      }
      case 'Conv': {
        const w = s(1);
        if (w === undefined) return [];
        return [[x?.[0], w[0], ...this.convolved(node, x, w)]];
      }
      case 'ConvTranspose': {
        const w = s(1);
        if (w?.[1] === undefined) return [];
        return [[x?.[0], w[1] * (intOf(node, 'group') ?? 1), ...w.slice(2).map(() => undefined)]];
      }
      case 'AveragePool':
      case 'MaxPool':
        return x === undefined ? [] : [[x[0], x[1], ...x.slice(2).map(() => undefined)]];
      case 'Resize':
      case 'Upsample': {
        if (x === undefined) return [];
        const sizes = this.values.get(node.input[3] ?? '')?.data;
        const scales = this.values.get(node.input[op === 'Upsample' ? 1 : 2] ?? '')?.data;
        if (sizes?.length === x.length) return [sizes.map((size, i) => size ?? (i < 2 ? x[i] : undefined))];
        if (scales?.length === x.length)
          return [
            x.map((dim, i) => (dim === undefined || scales[i] === undefined ? undefined : Math.floor(dim * scales[i]))),
          ];
        return [[x[0], x[1], ...x.slice(2).map(() => undefined)]];
      }
      case 'Reshape': {
        const target = this.values.get(node.input[1] ?? '')?.data;
        if (target === undefined) return [];
        const copyZero = !intOf(node, 'allowzero');
        const shape: Shape = target.map((d, i) => (d === 0 && copyZero ? x?.[i] : d === -1 ? undefined : d));
        const open = target.indexOf(-1);
        if (open >= 0 && x !== undefined && x.every((d) => d !== undefined)) {
          const rest = shape.reduce<number | undefined>(
            (p, d, i) => (i === open ? p : p === undefined || d === undefined ? undefined : p * d),
            1,
          );
          if (rest) shape[open] = (x as number[]).reduce((p, d) => p * d, 1) / rest;
        }
        return [shape];
      }
      case 'Transpose': {
        if (x === undefined) return [];
        const perm = intsOf(node, 'perm') ?? x.map((_, i) => x.length - 1 - i);
        return [perm.map((i) => x[i])];
      }
      case 'Unsqueeze': {
        const axes = this.ints(node, 1, 'axes');
        if (x === undefined || axes === undefined) return [];
        const rank = x.length + axes.length;
        const at = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
        const rest = [...x];
        return [Array.from({ length: rank }, (_, i) => (at.has(i) ? 1 : rest.shift()))];
      }
      case 'Squeeze': {
        const axes = this.ints(node, 1, 'axes');
        if (x === undefined || axes === undefined) return [];
        const at = new Set(axes.map((axis) => (axis < 0 ? axis + x.length : axis)));
        return [x.filter((_, i) => !at.has(i))];
      }
      case 'Concat': {
        if (x === undefined) return [];
        const axis = ((intOf(node, 'axis') ?? 0) + x.length) % x.length;
        const parts = node.input.map((_, i) => s(i));
        let total: Dim = 0;
        for (const part of parts) {
          const dim: Dim = part?.[axis];
          total = total === undefined || dim === undefined ? undefined : total + dim;
        }
        return [x.map((dim, i) => (i === axis ? total : (dim ?? parts.find((part) => part?.[i] !== undefined)?.[i])))];
      }
      case 'Slice': {
        if (x === undefined) return [];
        const starts = this.ints(node, 1, 'starts');
        const ends = this.ints(node, 2, 'ends');
        const axes = this.ints(node, 3, 'axes') ?? starts?.map((_, i) => i);
        const steps = this.ints(node, 4, 'steps') ?? starts?.map(() => 1);
        if (axes === undefined) return [x.map(() => undefined)];
        const shape = [...x];
        for (const [i, axisRaw] of axes.entries()) {
          const axis = axisRaw < 0 ? axisRaw + x.length : axisRaw;
          const dim = x[axis];
          const [start, end, step] = [starts?.[i], ends?.[i], steps?.[i]];
          if (dim === undefined || start === undefined || end === undefined || step === undefined || step < 1) {
            shape[axis] = undefined;
            continue;
          }
          const clampTo = (v: number): number => Math.min(Math.max(v < 0 ? v + dim : v, 0), dim);
          shape[axis] = Math.max(0, Math.ceil((clampTo(end) - clampTo(start)) / step));
        }
        return [shape];
      }
      case 'Split': {
        if (x === undefined) return [];
        const axisRaw = intOf(node, 'axis') ?? 0;
        const axis = axisRaw < 0 ? axisRaw + x.length : axisRaw;
        const parts = this.ints(node, 1, 'split');
        const dim = x[axis];
        return node.output.map((_, i) =>
          x.map((d, j) =>
            j !== axis ? d : (parts?.[i] ?? (dim === undefined ? undefined : dim / node.output.length)),
          ),
        );
      }
      case 'Gather': {
        const index = s(1);
        if (x === undefined || index === undefined) return [];
        const axisRaw = intOf(node, 'axis') ?? 0;
        const axis = axisRaw < 0 ? axisRaw + x.length : axisRaw;
        return [[...x.slice(0, axis), ...index, ...x.slice(axis + 1)]];
      }
      case 'Shape':
        return [[x?.length]];
      case 'Size':
        return [[]];
      case 'Expand': {
        const target = this.values.get(node.input[1] ?? '');
        return target === undefined ? [] : [broadcast(x, target.data)];
      }
      case 'ConstantOfShape': {
        const target = this.values.get(node.input[0] ?? '');
        return target === undefined ? [] : [target.data];
      }
      case 'Pad':
      case 'Tile':
        return x === undefined ? [] : [x.map(() => undefined)];
      case 'Flatten':
        return [[undefined, undefined]];
      case 'Range':
        return [[undefined]];
      case 'ReduceMean':
      case 'ReduceSum':
      case 'ReduceMax':
      case 'ReduceMin':
      case 'ReduceProd':
      case 'ReduceL2': {
        const axes = this.ints(node, 1, 'axes');
        if (x === undefined || axes === undefined) return [];
        const at = new Set(axes.map((axis) => (axis < 0 ? axis + x.length : axis)));
        if (intOf(node, 'keepdims') === 0) return [x.filter((_, i) => !at.has(i))];
        return [x.map((dim, i) => (at.has(i) ? 1 : dim))];
      }
      default:
        return [];
    }
  }

  private convolved(node: NodeProto, x: Shape | undefined, w: Shape): Shape {
    const rank = w.length - 2;
    const strides = intsOf(node, 'strides') ?? Array.from({ length: rank }, () => 1);
    const pads = intsOf(node, 'pads') ?? Array.from({ length: 2 * rank }, () => 0);
    const dilations = intsOf(node, 'dilations') ?? Array.from({ length: rank }, () => 1);
    const automatic = attributeOf(node, 'auto_pad');
    const named = automatic !== undefined && new TextDecoder().decode(automatic.s) !== 'NOTSET';
    return Array.from({ length: rank }, (_, i) => {
      const dim = x?.[i + 2];
      const kernel = w[i + 2];
      if (dim === undefined || kernel === undefined || named) return undefined;
      const reach = dilations[i]! * (kernel - 1) + 1;
      return Math.floor((dim + pads[i]! + pads[i + rank]! - reach) / strides[i]!) + 1;
    });
  }
}
