/**
 * What is known of the operators of ONNX without running them: the type, the value (of small shape computations) and the shape of what each
 * gives. An operator that is not described here gives the type of its first input, and nothing more is known.
 */
import { attributeOf, intOf, intsOf } from './graph';
import { type NodeProto, TensorProto_DataType } from './proto/onnx_pb';
import { tensorValue, type Value, VALUE_LIMIT } from './tensorValue';

export type Dim = number | undefined;
export type Shape = Dim[];

/** What is known of tensors by their names. */
export interface Knowledge {
  shape(tensor: string): Shape | undefined;
  value(tensor: string): Value | undefined;
  /** ONNX element type; 0 if unknown. */
  type(tensor: string): number;
}

/** A node and what is known of what it reads. */
export class Call {
  constructor(
    readonly node: NodeProto,
    private readonly known: Knowledge,
  ) {}

  private name(input: number): string {
    return this.node.input[input] ?? '';
  }
  shape(input = 0): Shape | undefined {
    return this.known.shape(this.name(input));
  }
  value(input = 0): Value | undefined {
    return this.known.value(this.name(input));
  }
  type(input = 0): number {
    return this.known.type(this.name(input));
  }
  isInteger(input = 0): boolean {
    return INTEGER.has(this.type(input));
  }
  /** Integers of an argument given as an input (newer opsets) or an attribute (older ones); undefined if not known in full. */
  ints(input: number, attribute: string): number[] | undefined {
    if (this.name(input) === '') return intsOf(this.node, attribute);
    const data = this.value(input)?.data;
    return data?.every((v) => v !== undefined) ? data : undefined;
  }
  /** The axis that an attribute names, counted from the front. */
  axis(rank: number): number {
    return fromFront(intOf(this.node, 'axis') ?? 0, rank);
  }
  /** The axes that an argument names, counted from the front. */
  axes(rank: number): Set<number> | undefined {
    const axes = this.ints(1, 'axes');
    return axes && new Set(axes.map((axis) => fromFront(axis, rank)));
  }
}

export interface Operator {
  /** Element type of what it gives; that of its first input where absent. */
  type?: number | ((call: Call) => number);
  /** Value of its first output. */
  value?: (call: Call) => Value | undefined;
  /** Shape of its first output. */
  shape?: (call: Call) => Shape | undefined;
  /** Shapes of all outputs, where there can be several. */
  shapes?: (call: Call) => Shape[] | undefined;
  /** It gives zeros everywhere: when the first, any or each of its inputs is zero everywhere. */
  zero?: 'first' | 'any' | 'each' | ((call: Call) => boolean);
  /** What its output is computed from, other than from all that its inputs hold: nothing but the first's values, or the first's shape; or chance. */
  from?: 'first' | 'shape' | 'chance';
  /** Also known by this name in domains other than ONNX's own. */
  everywhere?: boolean;
}

const { BOOL, FLOAT, INT64 } = TensorProto_DataType;
const INTEGER = new Set<number>([
  TensorProto_DataType.INT64,
  TensorProto_DataType.INT32,
  TensorProto_DataType.INT16,
  TensorProto_DataType.INT8,
  TensorProto_DataType.UINT8,
  TensorProto_DataType.BOOL,
]);

const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const product = (dims: number[]): number => dims.reduce((p, d) => p * d, 1);
const complete = (shape: Shape): shape is number[] => shape.every((dim) => dim !== undefined);
/** How many of `length` entries come before a bound, which may count from the end. */
const bounded = (bound: number, length: number): number => Math.min(Math.max(fromFront(bound, length), 0), length);

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

const sameShape: Operator = { shape: (call) => call.shape(), everywhere: true };

/** Of one number each. */
const unary = (of: (a: number) => number): Operator => ({
  shape: (call) => call.shape(),
  value: (call) => mapped(call.value(), of),
});

const mapped = (value: Value | undefined, of: (a: number) => number | undefined): Value | undefined =>
  value && { dims: value.dims, data: value.data.map((v) => (v === undefined ? v : of(v))) };

/** Its inputs, repeated to one shape. */
const repeating: Operator = {
  shape: (call) => call.node.input.map((_, i) => call.shape(i)).reduce(broadcast),
};

/** Of two numbers each; `integer`: of integers. */
const binary = (of: (a: number, b: number, integer: boolean) => number): Operator => ({
  ...repeating,
  value(call) {
    const [a, b] = [call.value(0), call.value(1)];
    if (a === undefined || b === undefined || call.node.input.filter((name) => name !== '').length !== 2)
      return undefined;
    const dims = broadcast(a.dims, b.dims) as number[];
    const count = product(dims);
    if ([a, b].some(({ data }) => data.length !== 1 && data.length !== count)) return undefined;
    const integer = call.isInteger();
    const at = ({ data }: Value, i: number): number | undefined => (data.length === 1 ? data[0] : data[i]);
    const data = Array.from({ length: count }, (_, i) => {
      const [x, y] = [at(a, i), at(b, i)];
      return x === undefined || y === undefined ? undefined : of(x, y, integer);
    });
    return { dims, data };
  },
});

const compared = (of: (a: number, b: number) => boolean): Operator => ({
  ...binary((a, b) => Number(of(a, b))),
  type: BOOL,
});

const typeOfSecond = (call: Call): number => call.type(1);

/** Its numbers in another type. */
const cast = (typed: (call: Call) => number): Operator => ({
  ...sameShape,
  type: typed,
  value: (call) => mapped(call.value(), INTEGER.has(typed(call)) ? Math.trunc : (v) => v),
});

/** Sides by a kernel that is not looked at. */
const pooled: Operator = {
  shape: (call) => call.shape()?.map((dim, axis) => (axis < 2 ? dim : undefined)),
};
const unknownSides: Operator = { shape: (call) => call.shape()?.map(() => undefined) };

const resized = (scalesInput: number): Operator => ({
  shape(call) {
    const x = call.shape();
    if (x === undefined) return undefined;
    const [sizes, scales] = [call.value(3)?.data, call.value(scalesInput)?.data];
    if (sizes?.length === x.length) return sizes.map((size, i) => size ?? (i < 2 ? x[i] : undefined));
    if (scales?.length !== x.length) return x.map((dim, axis) => (axis < 2 ? dim : undefined));
    return x.map((dim, i) => (dim === undefined || scales[i] === undefined ? undefined : Math.floor(dim * scales[i])));
  },
});

const matrixProduct: Operator = {
  shape(call) {
    const turned = (input: number, attribute: string): Shape | undefined => {
      const shape = call.shape(input);
      return intOf(call.node, attribute) && shape !== undefined && shape.length > 1
        ? [...shape.slice(0, -2), shape.at(-1), shape.at(-2)]
        : shape;
    };
    return multiplied(turned(0, 'transA'), turned(1, 'transB'));
  },
};

const reduced: Operator = {
  shape(call) {
    const x = call.shape();
    const axes = x && call.axes(x.length);
    if (x === undefined || axes === undefined) return undefined;
    if (intOf(call.node, 'keepdims') === 0) return x.filter((_, i) => !axes.has(i));
    return x.map((dim, i) => (axes.has(i) ? 1 : dim));
  },
};

/** Where the numbers of an unknown vector of integers would be. */
function unknownVector(call: Call, input: number): Value | undefined {
  const [length, ...more] = call.shape(input) ?? [];
  if (length === undefined || more.length > 0 || length > 8 || !call.isInteger(input)) return undefined;
  return { dims: [length], data: Array.from({ length }, () => undefined) };
}

const operators: Record<string, Operator> = {
  ...Object.fromEntries(
    (
      'Sigmoid Erf Softmax LayerNormalization InstanceNormalization GroupNormalization BatchNormalization Tanh Relu Gelu FastGelu ' +
      'BiasGelu QuickGelu Silu Swish HardSigmoid LeakyRelu Elu Sin Cos Clip Dropout Round Sign LogSoftmax Softplus Mish ' +
      'SkipLayerNormalization SimplifiedLayerNormalization RMSNormalization Attention MultiHeadAttention QuantizeLinear Trilu IsNaN'
    )
      .split(' ')
      .map((name) => [name, sameShape]),
  ),
  DequantizeLinear: { ...sameShape, type: typeOfSecond },
  RandomNormal: { from: 'chance' },
  RandomUniform: { from: 'chance' },
  RandomNormalLike: { ...sameShape, from: 'chance' },
  RandomUniformLike: { ...sameShape, from: 'chance' },
  Cast: { ...cast(({ node }) => intOf(node, 'to') ?? 0), zero: 'first' },
  CastLike: { ...cast(typeOfSecond), from: 'first' },

  Sqrt: unary(Math.sqrt),
  Neg: unary((a) => -a),
  Reciprocal: unary((a) => 1 / a),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Identity: { ...unary((a) => a), zero: 'first' },
  Not: { ...unary((a) => Number(a === 0)), type: BOOL },
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Abs: unary(Math.abs),

  Add: { ...binary((a, b) => a + b), zero: 'each' },
  Sub: { ...binary((a, b) => a - b), zero: 'each' },
  Mul: { ...binary((a, b) => a * b), zero: 'any' },
  Div: binary((a, b, integer) => (integer ? Math.trunc(a / b) : a / b)),
  Pow: binary((a, b) => a ** b),
  Min: binary((a, b) => Math.min(a, b)),
  Max: binary((a, b) => Math.max(a, b)),
  Mod: binary((a, b) => a - b * Math.floor(a / b)),
  Equal: compared((a, b) => a === b),
  Less: compared((a, b) => a < b),
  Greater: compared((a, b) => a > b),
  And: compared((a, b) => a !== 0 && b !== 0),
  Or: compared((a, b) => a !== 0 || b !== 0),
  LessOrEqual: { ...repeating, type: BOOL },
  GreaterOrEqual: { ...repeating, type: BOOL },
  Xor: repeating,
  PRelu: repeating,
  Sum: repeating,
  Mean: repeating,
  Where: {
    type: typeOfSecond,
    shape: (call) => broadcast(call.shape(0), broadcast(call.shape(1), call.shape(2))),
    value(call) {
      const [c, x, y] = [call.value(0), call.value(1), call.value(2)];
      if (c === undefined || x === undefined || y === undefined) return undefined;
      if (c.data.length === 1) return c.data[0] === undefined ? undefined : c.data[0] ? x : y;
      if (c.data.length !== x.data.length || x.data.length !== y.data.length) return undefined;
      const data = x.data.map((v, i) => (c.data[i] === undefined ? undefined : c.data[i] ? v : y.data[i]));
      return { dims: x.dims, data };
    },
  },

  MatMul: matrixProduct,
  FusedMatMul: { ...matrixProduct, everywhere: true },
  Gemm: {
    shape: (call) => [
      call.shape(0)?.[intOf(call.node, 'transA') ? 1 : 0],
      call.shape(1)?.[intOf(call.node, 'transB') ? 0 : 1],
    ],
  },
  Conv: {
    shape(call) {
      const [x, w] = [call.shape(0), call.shape(1)];
      return w && [x?.[0], w[0], ...convolved(call, x, w)];
    },
  },
  ConvTranspose: {
    shape(call) {
      const [x, w] = [call.shape(0), call.shape(1)];
      if (w?.[1] === undefined) return undefined;
      return [x?.[0], w[1] * (intOf(call.node, 'group') ?? 1), ...w.slice(2).map(() => undefined)];
    },
  },
  AveragePool: pooled,
  MaxPool: pooled,
  Resize: resized(2),
  Upsample: resized(1),
  ReduceMean: reduced,
  ReduceSum: reduced,
  ReduceMax: reduced,
  ReduceMin: reduced,
  ReduceL2: reduced,
  ReduceProd: {
    ...reduced,
    value(call) {
      const data = call.value()?.data;
      return data && { dims: [], data: [complete(data) ? product(data) : undefined] };
    },
  },
  NonZero: { type: INT64 },
  ArgMax: { type: INT64 },
  ArgMin: { type: INT64 },

  Shape: {
    type: INT64,
    from: 'shape',
    shape: (call) => [call.shape()?.length],
    value(call) {
      const data = call.shape()?.slice(intOf(call.node, 'start') ?? 0, intOf(call.node, 'end'));
      return data && { dims: [data.length], data };
    },
  },
  Size: { type: INT64, from: 'shape', shape: () => [] },
  ConstantOfShape: {
    type: ({ node }) => attributeOf(node, 'value')?.t?.dataType ?? FLOAT,
    shape: (call) => call.value()?.data,
    value(call) {
      const sides = call.value();
      if (sides?.dims.length !== 1 || !complete(sides.data)) return undefined;
      const [dims, length] = [sides.data, product(sides.data)];
      return length > VALUE_LIMIT ? undefined : { dims, data: Array.from({ length }, () => filling(call)) };
    },
    zero: (call) => filling(call) === 0,
  },
  Range: { shape: () => [undefined] },
  Expand: {
    shape(call) {
      const target = call.value(1);
      return target && broadcast(call.shape(), target.data);
    },
    zero: 'first',
  },
  Pad: unknownSides,
  Tile: unknownSides,
  Flatten: { shape: () => [undefined, undefined] },
  Transpose: {
    shape(call) {
      const x = call.shape();
      return x && (intsOf(call.node, 'perm') ?? x.map((_, i) => x.length - 1 - i)).map((i) => x[i]);
    },
    zero: 'first',
  },
  Reshape: {
    shape(call) {
      const [x, target] = [call.shape(), call.value(1)?.data];
      if (target === undefined) return undefined;
      const copyZero = !intOf(call.node, 'allowzero');
      const shape: Shape = target.map((d, i) => (d === 0 && copyZero ? x?.[i] : d === -1 ? undefined : d));
      const open = target.indexOf(-1);
      const others = shape.filter((_, i) => i !== open);
      if (open >= 0 && x !== undefined && complete(x) && complete(others)) {
        const rest = product(others);
        if (rest) shape[open] = product(x) / rest;
      }
      return shape;
    },
    value(call) {
      const [a, target] = [call.value(), call.ints(1, 'shape')];
      if (a === undefined || target === undefined) return undefined;
      const rest = product(target.filter((d) => d > 0));
      const dims = target.map((d, i) => (d === -1 ? a.data.length / rest : d === 0 ? (a.dims[i] ?? 0) : d));
      return { dims, data: a.data };
    },
    zero: 'first',
  },
  Unsqueeze: {
    shape(call) {
      const [x, count] = [call.shape(), call.ints(1, 'axes')?.length];
      if (x === undefined || count === undefined) return undefined;
      const [added, rest] = [call.axes(x.length + count)!, [...x]];
      return Array.from({ length: x.length + count }, (_, i) => (added.has(i) ? 1 : rest.shift()));
    },
    value(call) {
      const a = call.value();
      if (a === undefined && call.isInteger() && call.shape()?.length === 0) return { dims: [1], data: [undefined] };
      return a?.data.length === 1 && a.dims.length === 0 ? { dims: [1], data: a.data } : undefined;
    },
    zero: 'first',
  },
  Squeeze: {
    shape(call) {
      const x = call.shape();
      const axes = x && call.axes(x.length);
      return axes && x.filter((_, i) => !axes.has(i));
    },
    value(call) {
      const a = call.value();
      return a?.data.length === 1 ? { dims: [], data: a.data } : undefined;
    },
    zero: 'first',
  },
  Concat: {
    shape(call) {
      const parts = call.node.input.map((_, i) => call.shape(i));
      const [x] = parts;
      const axis = x && call.axis(x.length);
      return x?.map((dim, i) => {
        if (i !== axis) return dim ?? parts.find((part) => part?.[i] !== undefined)?.[i];
        const sides = parts.map((part) => part?.[axis!]);
        return complete(sides) ? sides.reduce((sum, side) => sum + side, 0) : undefined;
      });
    },
    value(call) {
      const parts = call.node.input.flatMap((name, i) =>
        name === '' ? [] : [call.value(i) ?? unknownVector(call, i)],
      );
      if (!parts.every((part) => part?.dims.length === 1)) return undefined;
      const data = parts.flatMap((part) => part!.data);
      return { dims: [data.length], data };
    },
  },
  Split: {
    shapes(call) {
      const x = call.shape();
      if (x === undefined) return undefined;
      const [axis, parts, count] = [call.axis(x.length), call.ints(1, 'split'), call.node.output.length];
      return call.node.output.map((_, i) =>
        x.map((dim, j) => (j !== axis ? dim : (parts?.[i] ?? (dim === undefined ? undefined : dim / count)))),
      );
    },
  },
  Slice: {
    shape(call) {
      const x = call.shape();
      const { starts, ends, axes, steps } = slices(call);
      if (x === undefined || axes === undefined) return x?.map(() => undefined);
      const shape = [...x];
      for (const [i, named] of axes.entries()) {
        const axis = fromFront(named, x.length);
        const [dim, start, end, step] = [x[axis], starts?.[i], ends?.[i], steps?.[i]];
        const open = dim === undefined || start === undefined || end === undefined || step === undefined || step < 1;
        shape[axis] = open ? undefined : Math.max(0, Math.ceil((bounded(end, dim) - bounded(start, dim)) / step));
      }
      return shape;
    },
    value(call) {
      const a = call.value();
      const { starts, ends, steps } = slices(call);
      if (a?.dims.length !== 1 || starts?.length !== 1 || ends?.length !== 1 || steps?.[0] !== 1) return undefined;
      const data = a.data.slice(bounded(starts[0]!, a.data.length), bounded(ends[0]!, a.data.length));
      return { dims: [data.length], data };
    },
    zero: 'first',
  },
  Gather: {
    shape(call) {
      const [x, index] = [call.shape(0), call.shape(1)];
      if (x === undefined || index === undefined) return undefined;
      const axis = call.axis(x.length);
      return [...x.slice(0, axis), ...index, ...x.slice(axis + 1)];
    },
    value(call) {
      const [a, index] = [call.value(0), call.value(1)];
      if (a?.dims.length !== 1) return undefined;
      return mapped(index, (i) => a.data[fromFront(i, a.data.length)]);
    },
  },
};

/** What is known of a node's operator. */
export function operatorOf({ opType }: NodeProto): Operator {
  return (Object.hasOwn(operators, opType) && operators[opType]) || {};
}

/** What ConstantOfShape fills its tensor with. */
function filling({ node }: Call): number | undefined {
  const tensor = attributeOf(node, 'value')?.t;
  return tensor === undefined ? 0 : tensorValue(tensor)?.data[0];
}

function slices(call: Call): { starts?: number[]; ends?: number[]; axes?: number[]; steps?: number[] } {
  const [starts, ends] = [call.ints(1, 'starts'), call.ints(2, 'ends')];
  const axes = call.ints(3, 'axes') ?? starts?.map((_, i) => i);
  const steps = call.ints(4, 'steps') ?? starts?.map(() => 1);
  return { starts, ends, axes, steps };
}

function convolved({ node }: Call, x: Shape | undefined, w: Shape): Shape {
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
