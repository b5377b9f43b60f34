/** Finds attention in whatever form an exporter wrote it: softmax(q·kᵀ)·v between projections. */
import { attributeOf, type Graph, intOf } from '../graph';
import { type Inference } from '../shapeInference';
import { type NodeProto } from '../proto/onnx_pb';

export interface Projection {
  /** The tensor right after the projection (and its bias), before the split into heads. */
  tensor: string;
  /** Rank of that tensor: 3 [B, N, W], or 2 [B·N, W] after a Gemm. */
  rank: number;
  width: number;
  /** What the projection reads. */
  source: string;
}

export interface Attention {
  /** The Softmax, or the one operator that is the whole attention: tells where it is. */
  core: NodeProto;
  query: Projection;
  key: Projection;
  value: Projection;
  heads: number;
  /** Factor on q·kᵀ. */
  scale: number;
  /** The merged heads' tensor that goes on to the output projection: what a replacement has to replace. */
  output: string;
  /** Rank of that tensor, 3 or 2. */
  outputRank: number;
  /** q and k read the same tensor. */
  self: boolean;
  /** Set when something between q, k, v and the output is more than attention (a mask, say). */
  obstacle?: string;
}

const PASSING = new Set(['Reshape', 'Transpose', 'Cast', 'Identity', 'Squeeze', 'Unsqueeze', 'Dropout', 'Flatten']);
const PRODUCT = new Set(['MatMul', 'Einsum', 'FusedMatMul']);

interface Trace {
  projection?: Projection;
  factor: number;
  obstacle?: string;
}

class Matcher {
  constructor(
    private readonly graph: Graph,
    private readonly known: Inference,
  ) {}

  /** From an operand of an attention product back to its projection, collecting scalar factors. */
  private trace(operand: string): Trace {
    let tensor = operand;
    let factor = 1;
    for (let step = 0; step < 64; step++) {
      const node = this.graph.producer(tensor);
      if (node === undefined) return { factor, obstacle: `reads ${tensor} directly` };
      if (PASSING.has(node.opType)) {
        tensor = node.input[0]!;
        continue;
      }
      if (node.opType === 'Mul' || node.opType === 'Div') {
        const [x, y] = [node.input[0]!, node.input[1]!];
        const data = this.dataSide(node);
        if (data === undefined) return { factor, obstacle: `multiplies two tensors in ${node.name}` };
        const other = data === x ? y : x;
        const number = this.known.scalar(other);
        // An unknown factor can only be the square root of 1/d that SDPA splits between q and k; NaN asks for that.
        factor = node.opType === 'Mul' ? factor * (number ?? NaN) : data === x ? factor / (number ?? NaN) : NaN;
        tensor = data;
        continue;
      }
      if (node.opType === 'Add') {
        const data = this.dataSide(node);
        if (data === undefined) return { factor, obstacle: `adds two tensors in ${node.name}` };
        const other = node.input[0] === data ? node.input[1]! : node.input[0]!;
        if (this.known.isZero(other)) {
          tensor = data;
          continue;
        }
        const inner = this.projected(data, node);
        return inner === undefined
          ? { factor, obstacle: `adds ${other} before the heads are split` }
          : { factor, projection: { ...inner, tensor } };
      }
      const projection = this.projected(tensor, node);
      if (projection !== undefined) return { factor, projection };
      return { factor, obstacle: `comes from ${node.opType} ${node.name}` };
    }
    return { factor, obstacle: 'is too far from its projection' };
  }

  private dataSide(node: NodeProto): string | undefined {
    const data = node.input.filter((name) => this.known.origin(name) === 'data');
    return data.length === 1 ? data[0] : undefined;
  }

  /** The projection whose output a tensor is: MatMul or Gemm with a weight, or one part of a joint q, k, v projection. */
  private projected(tensor: string, user: NodeProto): Projection | undefined {
    const node = this.graph.producer(tensor) ?? user;
    if (node.opType === 'MatMul' || node.opType === 'Gemm' || node.opType === 'FusedMatMul') {
      const [x, w] = [node.input[0]!, node.input[1]!];
      if (this.known.origin(w) === 'data' || this.known.origin(x) !== 'data') return undefined;
      const width = this.known.shape(tensor)?.at(-1) ?? this.weightWidth(node, w);
      if (width === undefined) return undefined;
      const rank = node.opType === 'Gemm' ? 2 : (this.known.shape(tensor)?.length ?? 3);
      if (rank !== 2 && rank !== 3) return undefined;
      return { tensor, rank, width, source: this.root(x) };
    }
    if (node.opType === 'Split' || node.opType === 'Slice') {
      const shape = this.known.shape(tensor);
      const width = shape?.at(-1);
      const parent = this.biased(node.input[0]!);
      if (parent === undefined || width === undefined || shape === undefined) return undefined;
      return { tensor, rank: shape.length, width, source: parent.source };
    }
    return undefined;
  }

  private biased(tensor: string): Projection | undefined {
    const node = this.graph.producer(tensor);
    if (node === undefined) return undefined;
    if (node.opType === 'Add') {
      const data = this.dataSide(node);
      return data === undefined ? undefined : this.projected(data, node);
    }
    return this.projected(tensor, node);
  }

  private weightWidth(node: NodeProto, weight: string): number | undefined {
    const shape = this.known.shape(weight);
    return node.opType === 'Gemm' && intOf(node, 'transB') ? shape?.[0] : shape?.at(-1);
  }

  /** The tensor behind casts and reshapes, so that two readers of one tensor are recognised as such. */
  private root(tensor: string): string {
    let name = tensor;
    for (let step = 0; step < 16; step++) {
      const node = this.graph.producer(name);
      if (node === undefined || !['Cast', 'Identity', 'Reshape', 'Flatten'].includes(node.opType)) return name;
      name = node.input[0]!;
    }
    return name;
  }

  /** The next tensor that carries data on; shapes read from a tensor do not count. */
  private onward(tensor: string): NodeProto[] {
    return this.graph
      .consumers(tensor)
      .filter((node) => node.opType !== 'Shape' && node.opType !== 'Size' && node.opType !== 'ConstantOfShape');
  }

  match(softmax: NodeProto): Attention | undefined {
    const rank = this.known.shape(softmax.input[0]!)?.length;
    const axis = intOf(softmax, 'axis') ?? (this.graph.opset >= 13 ? -1 : 1);
    if (axis !== -1 && axis !== rank! - 1) return undefined;
    // forward: softmax → product with v
    let weights = softmax.output[0]!;
    let product: NodeProto | undefined;
    for (let step = 0; step < 16 && product === undefined; step++) {
      const next = this.onward(weights);
      if (next.length !== 1) return undefined;
      const node = next[0]!;
      if (PRODUCT.has(node.opType) && node.input[0] === weights) product = node;
      else if (PASSING.has(node.opType)) weights = node.output[0]!;
      else return undefined;
    }
    if (product === undefined) return undefined;
    // backward: softmax ← scores ← product of q and k
    let scores = softmax.input[0]!;
    let scale = 1;
    let obstacle: string | undefined;
    let dot: NodeProto | undefined;
    for (let step = 0; step < 32 && dot === undefined; step++) {
      const node = this.graph.producer(scores);
      if (node === undefined) return undefined;
      if (PRODUCT.has(node.opType) && node.input.length === 2) dot = node;
      else if (PASSING.has(node.opType)) scores = node.input[0]!;
      else if (node.opType === 'Mul' || node.opType === 'Div') {
        const data = this.dataSide(node);
        if (data === undefined) return undefined;
        const other = node.input[0] === data ? node.input[1]! : node.input[0]!;
        const number = this.known.scalar(other) ?? NaN;
        scale = node.opType === 'Mul' ? scale * number : scale / number;
        scores = data;
      } else if (node.opType === 'Add') {
        const zero = node.input.find((name) => this.known.isZero(name));
        const rest = node.input.find((name) => name !== zero);
        if (zero === undefined || rest === undefined) {
          const data = this.dataSide(node) ?? node.input[0]!;
          obstacle = 'adds a mask to its scores';
          scores = data;
        } else scores = rest;
      } else return undefined;
    }
    if (dot === undefined) return undefined;
    if (dot.opType === 'FusedMatMul') scale *= attributeOf(dot, 'alpha')?.f ?? 1;
    if (product.opType === 'FusedMatMul' && (attributeOf(product, 'alpha')?.f ?? 1) !== 1)
      obstacle ??= 'scales its values';
    const headWidth = (width: number): number | undefined => this.headWidth(dot, width);
    return this.assemble(
      softmax,
      [dot.input[0]!, dot.input[1]!, product.input[1]!],
      product.output[0]!,
      scale,
      headWidth,
      obstacle,
    );
  }

  /** ONNX's own attention operator (operator set 23), which newer exporters write. */
  matchOperator(node: NodeProto): Attention | undefined {
    const [query, key, value] = node.input;
    const extra = node.input.slice(3).some((name) => name !== '');
    const more = node.output.slice(1).some((name) => name !== '');
    const plain = !intOf(node, 'is_causal') && !attributeOf(node, 'softcap')?.f;
    const rank = this.known.shape(query!)?.length;
    const heads = intOf(node, 'q_num_heads');
    const obstacle = extra || more || !plain ? 'uses a mask, a cache or a softcap' : undefined;
    if (query === undefined || key === undefined || value === undefined || (rank !== 3 && rank !== 4)) return undefined;
    const stated = attributeOf(node, 'scale')?.f;
    const headWidth = (width: number): number | undefined =>
      rank === 3 ? (heads === undefined ? undefined : width / heads) : this.known.shape(query)?.[3];
    return this.assemble(node, [query, key, value], node.output[0]!, stated ?? NaN, headWidth, obstacle);
  }

  private assemble(
    core: NodeProto,
    operands: [string, string, string],
    product: string,
    scale: number,
    headWidthOf: (width: number) => number | undefined,
    found: string | undefined,
  ): Attention | undefined {
    let obstacle = found;
    const [q, k, v] = operands.map((operand) => this.trace(operand)) as [Trace, Trace, Trace];
    if (q.projection === undefined || k.projection === undefined || v.projection === undefined) return undefined;
    if (v.factor !== 1) obstacle ??= 'scales its values';
    const width = q.projection.width;
    const headWidth = headWidthOf(width);
    if (headWidth === undefined || width % headWidth !== 0)
      obstacle ??= 'splits its heads in a way that was not understood';
    if (k.projection.width !== width || v.projection.width !== width)
      obstacle ??= 'has keys or values of another width';
    const output = this.merged(product, width);
    if (output === undefined) return undefined;
    const factor = scale * q.factor * k.factor;
    return {
      core,
      query: q.projection,
      key: k.projection,
      value: v.projection,
      heads: headWidth === undefined ? 1 : width / headWidth,
      scale: Number.isFinite(factor) ? factor : 1 / Math.sqrt(headWidth ?? width),
      output: output.tensor,
      outputRank: output.rank,
      self: q.projection.source === k.projection.source,
      obstacle,
    };
  }

  /** d: the axis that q and k share in their product. */
  private headWidth(dot: NodeProto, width: number): number | undefined {
    const q = this.known.shape(dot.input[0]!);
    const k = this.known.shape(dot.input[1]!);
    const fromQuery = q?.at(intOf(dot, 'transA') ? -2 : -1);
    if (dot.opType === 'Einsum') {
      const equation = new TextDecoder().decode(attributeOf(dot, 'equation')?.s).replace(/\s/g, '');
      const [left, right] = equation.split('->');
      const [x, y] = (left ?? '').split(',');
      const shared = [...(x ?? '')].filter((letter) => y?.includes(letter) && !right?.includes(letter));
      const axis = (x ?? '').indexOf(shared[0] ?? '?');
      return axis < 0 ? undefined : q?.[axis];
    }
    if (fromQuery !== undefined) return fromQuery;
    const fromKey = k?.at(intOf(dot, 'transB') ? -1 : -2);
    if (fromKey !== undefined) return fromKey;
    // [B, N, heads, d] with only the number of heads known.
    const heads = q?.length === 4 ? q[1] : undefined;
    return heads === undefined ? undefined : width / heads;
  }

  /** Follows the product through the merging of heads to the tensor that the output projection reads. */
  private merged(tensor: string, width: number): { tensor: string; rank: number } | undefined {
    let name = tensor;
    let best: { tensor: string; rank: number } | undefined;
    for (let step = 0; step < 16; step++) {
      const shape = this.known.shape(name);
      const next = this.onward(name);
      const last = shape?.at(-1);
      // The product itself is the merged tensor only where that is certain: one head, or an operator that merges.
      const wide = last === width || (step > 0 && last === undefined);
      if (wide && (shape === undefined || shape.length === 3 || shape.length === 2))
        best = { tensor: name, rank: shape?.length ?? 3 };
      if (next.length !== 1 || !PASSING.has(next[0]!.opType)) {
        const reader = next[0];
        if (shape === undefined && reader?.opType === 'Gemm') return { tensor: name, rank: 2 };
        return best?.tensor === name ? best : undefined;
      }
      name = next[0]!.output[0]!;
    }
    return undefined;
  }
}

export const isStandardAttention = (node: NodeProto): boolean =>
  node.opType === 'Attention' && node.domain !== 'com.microsoft';

/** All attentions of a graph, in an order in which each follows those it depends on. */
export function findAttentions(graph: Graph, known: Inference, order: NodeProto[]): Attention[] {
  const matcher = new Matcher(graph, known);
  return order
    .map((node) => {
      if (node.opType === 'Softmax') return matcher.match(node);
      return isStandardAttention(node) ? matcher.matchOperator(node) : undefined;
    })
    .filter((attention) => attention !== undefined);
}
