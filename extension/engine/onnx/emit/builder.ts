/** The operators that Stable Diffusion is made of, written into a graph whose weights stay in the files that hold them. */
import { checkpointError } from '../../../protocol/errors';
import { Graph, makeValueInfo } from '../graph';
import { type OnnxModel, tensorOnDisk, type WeightReference } from '../modelFile';
import { TensorProto_DataType } from '../proto/onnx_pb';
import { essential, requireWeight, type WeightSource, weightType } from './weights';

const { FLOAT, INT64 } = TensorProto_DataType;

/** Feature maps [B, C, h, w]. */
export interface Maps {
  tensor: string;
  channels: number;
  /** int64 [2]: h and w. */
  sides: string;
}

/** A row of vectors [B, N, W]. */
export interface Tokens {
  tensor: string;
  width: number;
}

export class Builder {
  readonly graph: Graph;
  private readonly references: WeightReference[] = [];

  constructor(
    readonly source: WeightSource,
    name: string,
  ) {
    this.graph = Graph.empty(name, 'Weft');
    this.graph.useDomain('com.microsoft', 1);
  }

  input(name: string, type: number, dims: (number | string)[]): string {
    return this.graph.addInput(name, type, dims);
  }

  /** The finished model. Its one output is a tensor under a name of its own. */
  model(output: string, tensor: string, dims: (number | string)[]): OnnxModel {
    this.graph.rename(tensor, output);
    this.graph.proto.output.push(makeValueInfo(output, FLOAT, dims));
    this.graph.tidy();
    return { path: this.references[0]?.file ?? this.source.file, proto: this.graph.model, weights: this.references };
  }

  /**
   * A weight in float32. `dims` is the shape in which it is used: the stored one, but for sides of 1. `rows`: only these of its first axis.
   * @throws WeftError `checkpoint` if it is missing, of another shape or of another kind of numbers.
   */
  weight(name: string, dims: number[], rows?: Rows): string {
    return this.graph.memo(`weight ${name} ${dims.join('x')} ${rows?.from ?? ''}`, () =>
      this.widened(this.stored(name, dims, rows), name),
    );
  }

  /** A tensor of the file as it lies there. */
  private stored(name: string, dims: number[], rows?: Rows): string {
    const stored = requireWeight(this.source, name);
    const whole = rows === undefined ? dims : [rows.of, ...dims.slice(1)];
    if (essential(stored.shape).join() !== essential(whole).join())
      throw checkpointError(
        `${this.source.file} is no Stable Diffusion model that Weft runs: ${this.source.spelt(name)} of its ${this.source.part} has the shape ` +
          `[${stored.shape.join(', ')}] instead of [${whole.join(', ')}].`,
      );
    const type = weightType(this.source, name, stored);
    const row = stored.length / (whole[0] ?? 1);
    const length = rows === undefined ? stored.length : row * dims[0]!;
    const offset = stored.offset + (rows === undefined ? 0 : row * rows.from);
    this.references.push({ file: stored.file, offset, length });
    const tensor = this.graph.fresh(name);
    this.graph.proto.initializer.push(tensorOnDisk(tensor, dims, type, this.references.length - 1));
    return tensor;
  }

  private widened(tensor: string, name: string): string {
    const type = weightType(this.source, name, requireWeight(this.source, name));
    return type === FLOAT ? tensor : this.graph.add('Cast', [tensor], `${name}_f32`, { to: FLOAT });
  }

  has(name: string): boolean {
    return this.source.find(name) !== undefined;
  }

  /** Sides of maps that are not known yet. */
  sidesOf(tensor: string): string {
    return this.graph.add('Shape', [tensor], `${tensor}_sides`, { start: 2, end: 4 });
  }

  add(x: string, y: string): string {
    return this.graph.add('Add', [x, y], 'sum');
  }

  mul(x: string, y: string): string {
    return this.graph.add('Mul', [x, y], 'product');
  }

  number(value: number): string {
    return this.graph.float([value], []);
  }

  reshape(x: string, shape: number[]): string {
    return this.graph.add('Reshape', [x, this.graph.int64(shape)], 'reshaped');
  }

  transpose(x: string, perm: number[]): string {
    return this.graph.add('Transpose', [x], 'transposed', { perm });
  }

  /** x·sigmoid(x). */
  silu(x: string): string {
    return this.mul(x, this.graph.add('Sigmoid', [x], 'sigmoid'));
  }

  /** x·Φ(x), by the error function. */
  gelu(x: string): string {
    const wave = this.graph.add('Erf', [this.graph.add('Div', [x, this.number(Math.SQRT2)], 'scaled')], 'erf');
    return this.mul(this.mul(x, this.add(wave, this.number(1))), this.number(0.5));
  }

  /** OpenAI's approximation x·sigmoid(1.702 x). */
  quickGelu(x: string): string {
    return this.mul(x, this.graph.add('Sigmoid', [this.mul(x, this.number(1.702))], 'sigmoid'));
  }

  /**
   * x·Wᵀ + b over the last axis; `rows`: only these outputs of a larger layer. PyTorch keeps W as [out, in]: read as it lies, nothing is
   * copied to turn it round. A convolution of 1×1 has the same bytes.
   */
  linear(
    x: string,
    name: string,
    [inputs, outputs]: [number, number],
    { bias = true, rows }: { bias?: boolean; rows?: Rows } = {},
  ): string {
    const weight = this.weight(`${name}.weight`, [outputs, inputs], rows);
    const product = this.graph.add('FusedMatMul', [x, weight], `${name}_product`, { transB: 1 }, 'com.microsoft');
    return bias ? this.add(product, this.weight(`${name}.bias`, [outputs], rows)) : product;
  }

  /** A convolution with square kernel; `pads` before and after both sides. */
  conv(
    x: Maps,
    name: string,
    channels: number,
    kernel: number,
    { stride = 1, pads = [(kernel - 1) / 2, (kernel - 1) / 2], rows }: ConvOptions = {},
  ): Maps {
    const weight = this.weight(`${name}.weight`, [channels, x.channels, kernel, kernel], rows);
    const [before, after] = pads;
    const tensor = this.graph.add('Conv', [x.tensor, weight, this.weight(`${name}.bias`, [channels], rows)], name, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [before, before, after, after],
    });
    return { tensor, channels, sides: stride === 1 ? x.sides : this.sidesOf(tensor) };
  }

  /** Group normalisation, as instance normalisation of the groups. */
  groupNorm(x: Maps, name: string, groups: number, epsilon: number): Maps {
    const ones = this.graph.float(new Array<number>(groups).fill(1), [groups]);
    const zeros = this.graph.float(new Array<number>(groups).fill(0), [groups]);
    const grouped = this.graph.add(
      'InstanceNormalization',
      [this.reshape(x.tensor, [0, groups, -1]), ones, zeros],
      name,
      {
        epsilon: { float: epsilon },
      },
    );
    const scale = this.weight(`${name}.weight`, [x.channels, 1, 1]);
    const shift = this.weight(`${name}.bias`, [x.channels, 1, 1]);
    return { ...x, tensor: this.add(this.mul(this.maps(grouped, x), scale), shift) };
  }

  layerNorm(x: Tokens, name: string, epsilon = 1e-5): Tokens {
    const [scale, shift] = [this.weight(`${name}.weight`, [x.width]), this.weight(`${name}.bias`, [x.width])];
    const attributes = { axis: -1, epsilon: { float: epsilon } };
    return { ...x, tensor: this.graph.add('LayerNormalization', [x.tensor, scale, shift], name, attributes) };
  }

  /** Whatever has the batch first and as many numbers, as maps. The batch is copied, so that it may differ from where the sides come from. */
  private maps(x: string, { channels, sides }: Maps): string {
    const shape = this.graph.memo(`${channels} maps of ${sides}`, () =>
      this.graph.add('Concat', [this.graph.int64([0, channels]), sides], 'map_shape', { axis: 0 }),
    );
    return this.graph.add('Reshape', [x, shape], 'maps');
  }

  /** [B, C, h, w] → [B, h·w, C]. */
  toTokens({ tensor, channels }: Maps): Tokens {
    return { tensor: this.transpose(this.reshape(tensor, [0, channels, -1]), [0, 2, 1]), width: channels };
  }

  /** [B, h·w, C] → maps like those that the tokens came from. */
  toMaps(tokens: Tokens, like: Maps): Maps {
    return { ...like, tensor: this.maps(this.transpose(tokens.tensor, [0, 2, 1]), like) };
  }

  /** Twice the sides, each point four times. */
  upsample(x: Maps): Maps {
    const tensor = this.graph.add('Resize', [x.tensor, '', this.graph.float([1, 1, 2, 2], [4])], 'upsampled', {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    });
    return { ...x, tensor, sides: this.sidesOf(tensor) };
  }

  /** Channels of one, then of the other. */
  concat(x: Maps, y: Maps): Maps {
    const tensor = this.graph.add('Concat', [x.tensor, y.tensor], 'joined', { axis: 1 });
    return { ...x, tensor, channels: x.channels + y.channels };
  }

  /** softmax(q·kᵀ/√d + mask)·v with heads of width d = W / heads; q, k, v [B, N, W]. */
  attention(q: string, k: string, v: string, width: number, heads: number, mask?: string): string {
    const head = width / heads;
    const split = (x: string, perm: number[]): string => this.transpose(this.reshape(x, [0, 0, heads, head]), perm);
    const scaled = this.mul(split(q, [0, 2, 1, 3]), this.number(1 / Math.sqrt(head)));
    let scores = this.graph.add('MatMul', [scaled, split(k, [0, 2, 3, 1])], 'scores');
    if (mask !== undefined) scores = this.add(scores, mask);
    const weights = this.graph.add('Softmax', [scores], 'attention', { axis: -1 });
    const mixed = this.graph.add('MatMul', [weights, split(v, [0, 2, 1, 3])], 'mixed');
    return this.reshape(this.transpose(mixed, [0, 2, 1, 3]), [0, 0, width]);
  }

  /** Rows of a table by their numbers; looked up before they are widened, so that the table stays as it lies. */
  lookUp(name: string, size: [count: number, width: number], ids: string): string {
    return this.widened(this.graph.add('Gather', [this.stored(name, size), ids], 'embedded', { axis: 0 }), name);
  }
}

/** Some rows of a tensor's first axis, which has `of` of them. */
export interface Rows {
  from: number;
  of: number;
}

interface ConvOptions {
  stride?: number;
  pads?: [before: number, after: number];
  rows?: Rows;
}

export { FLOAT, INT64 };
