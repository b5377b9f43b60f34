/** An ONNX graph that can be asked about and edited. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProtoSchema,
  TypeProto_TensorSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './proto/onnx_pb';

export type AttributeValue = number | bigint | string | number[] | GraphProto | { float: number };

/** One declared dimension: a number, a name, or unknown. */
export type DeclaredDim = number | string | undefined;

export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

/** Integer attribute. */
export function intOf(node: NodeProto, name: string): number | undefined {
  const attribute = attributeOf(node, name);
  return attribute === undefined ? undefined : Number(attribute.i);
}

/** Integer list attribute. */
export function intsOf(node: NodeProto, name: string): number[] | undefined {
  return attributeOf(node, name)?.ints.map(Number);
}

/** Names a node reads: its inputs and what its subgraphs capture. Optional inputs left out are not among them. */
export function readsOf(node: NodeProto): string[] {
  const names = node.input.filter((name) => name !== '');
  for (const attribute of node.attribute) {
    if (attribute.g !== undefined) names.push(...capturesOf(attribute.g));
    for (const graph of attribute.graphs) names.push(...capturesOf(graph));
  }
  return names;
}

function capturesOf(graph: GraphProto): string[] {
  const own = new Set([...graph.input.map((v) => v.name), ...graph.initializer.map((t) => t.name)]);
  for (const node of graph.node) for (const output of node.output) own.add(output);
  const outer = new Set<string>();
  for (const node of graph.node) for (const name of readsOf(node)) if (!own.has(name)) outer.add(name);
  for (const output of graph.output) if (!own.has(output.name)) outer.add(output.name);
  return [...outer];
}

/** Lets a node read other tensors, also inside its subgraphs. */
export function renameReads(node: NodeProto, renamed: (name: string) => string): void {
  node.input = node.input.map((name) => (name === '' ? name : renamed(name)));
  for (const attribute of node.attribute) {
    const graphs = attribute.g === undefined ? attribute.graphs : [attribute.g, ...attribute.graphs];
    for (const graph of graphs) {
      const own = new Set([...graph.input.map((v) => v.name), ...graph.initializer.map((t) => t.name)]);
      for (const inner of graph.node) for (const output of inner.output) own.add(output);
      for (const inner of graph.node) renameReads(inner, (name) => (own.has(name) ? name : renamed(name)));
    }
  }
}

export function makeNode(
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, AttributeValue> = {},
  domain = '',
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    domain,
    name: outputs[0] ?? '',
    input: inputs,
    output: outputs,
    attribute: Object.entries(attributes).map(([name, value]) => makeAttribute(name, value)),
  });
}

function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  const types = AttributeProto_AttributeType;
  if (typeof value === 'number' || typeof value === 'bigint')
    return create(AttributeProtoSchema, { name, type: types.INT, i: BigInt(value) });
  if (typeof value === 'string')
    return create(AttributeProtoSchema, { name, type: types.STRING, s: new TextEncoder().encode(value) });
  if (Array.isArray(value)) return create(AttributeProtoSchema, { name, type: types.INTS, ints: value.map(BigInt) });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: types.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: types.GRAPH, g: value });
}

export function makeValueInfo(name: string, elementType: number, dims?: DeclaredDim[]): ValueInfoProto {
  const shape =
    dims === undefined
      ? undefined
      : create(TensorShapeProtoSchema, {
          dim: dims.map((dim) =>
            create(TensorShapeProto_DimensionSchema, {
              value:
                typeof dim === 'number'
                  ? { case: 'dimValue', value: BigInt(dim) }
                  : typeof dim === 'string'
                    ? { case: 'dimParam', value: dim }
                    : { case: undefined },
            }),
          ),
        });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: { case: 'tensorType', value: create(TypeProto_TensorSchema, { elemType: elementType, shape }) },
    }),
  });
}

const makeTensor = (dataType: number, dims: number[], { buffer }: { buffer: ArrayBuffer }): TensorProto =>
  create(TensorProtoSchema, { dataType, dims: dims.map(BigInt), rawData: new Uint8Array(buffer) });

export function makeSubgraph(
  name: string,
  nodes: NodeProto[],
  inputs: ValueInfoProto[],
  outputs: ValueInfoProto[],
): GraphProto {
  return create(GraphProtoSchema, { name, node: nodes, input: inputs, output: outputs });
}

/** Element type and declared dimensions of a value. */
export function declaredOf(value: ValueInfoProto): { type: number; dims: DeclaredDim[] | undefined } {
  const tensor = value.type?.value.case === 'tensorType' ? value.type.value.value : undefined;
  return {
    type: tensor?.elemType ?? TensorProto_DataType.UNDEFINED,
    dims: tensor?.shape?.dim.map((dim) => {
      if (dim.value.case === 'dimValue') return Number(dim.value.value) > 0 ? Number(dim.value.value) : undefined;
      return dim.value.case === 'dimParam' && dim.value.value !== '' ? dim.value.value : undefined;
    }),
  };
}

export class Graph {
  readonly proto: GraphProto;
  private readonly used = new Set<string>();
  private readonly constants = new Map<string, string>();
  private producers: Map<string, NodeProto> | undefined;
  private readers: Map<string, NodeProto[]> | undefined;

  constructor(readonly model: ModelProto) {
    this.proto = model.graph!;
    for (const node of this.proto.node) for (const output of node.output) this.used.add(output);
    for (const tensor of this.proto.initializer) this.used.add(tensor.name);
    for (const value of this.proto.input) this.used.add(value.name);
  }

  /** A model without anything in it yet. */
  static empty(name: string, producerName?: string): Graph {
    return new Graph(
      create(ModelProtoSchema, {
        irVersion: 8n,
        producerName,
        opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
        graph: create(GraphProtoSchema, { name }),
      }),
    );
  }

  /** The model as a file, tidied: to be opened as a session. */
  bytes(): Uint8Array {
    this.tidy();
    return toBinary(ModelProtoSchema, this.model);
  }

  get nodes(): NodeProto[] {
    return this.proto.node;
  }

  /** Version of the standard operator set. */
  get opset(): number {
    const set = this.model.opsetImport.find((o) => o.domain === '' || o.domain === 'ai.onnx');
    return Number(set?.version ?? 0);
  }

  /** Inputs that must be fed (old files list initializers among the inputs). */
  get inputs(): ValueInfoProto[] {
    const constant = new Set(this.proto.initializer.map((tensor) => tensor.name));
    return this.proto.input.filter((value) => !constant.has(value.name));
  }

  useDomain(domain: string, version: number): void {
    if (!this.model.opsetImport.some((o) => o.domain === domain))
      this.model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }));
  }

  private index(): void {
    this.producers = new Map();
    this.readers = new Map();
    for (const node of this.nodes) this.enter(node);
  }

  private enter(node: NodeProto): void {
    for (const output of node.output) if (output !== '') this.producers!.set(output, node);
    for (const name of new Set(readsOf(node))) {
      const list = this.readers!.get(name);
      if (list === undefined) this.readers!.set(name, [node]);
      else list.push(node);
    }
  }

  /** The node whose output a tensor is; none for inputs and initializers. */
  producer(tensor: string): NodeProto | undefined {
    if (this.producers === undefined) this.index();
    return this.producers!.get(tensor);
  }

  consumers(tensor: string): NodeProto[] {
    if (this.readers === undefined) this.index();
    return this.readers!.get(tensor) ?? [];
  }

  /** To be called after edits that did not go through this class. */
  changed(): void {
    this.producers = undefined;
    this.readers = undefined;
  }

  initializer(name: string): TensorProto | undefined {
    return this.proto.initializer.find((tensor) => tensor.name === name);
  }

  fresh(hint: string): string {
    let name = hint;
    for (let i = 1; this.used.has(name); i++) name = `${hint}_${i}`;
    this.used.add(name);
    return name;
  }

  /** Adds a node with one output and returns that output. */
  add(
    opType: string,
    inputs: string[],
    hint: string,
    attributes: Record<string, AttributeValue> = {},
    domain = '',
  ): string {
    const output = this.fresh(hint);
    this.push(makeNode(opType, inputs, [output], attributes, domain));
    return output;
  }

  /** Adds a node that was made elsewhere. */
  push(node: NodeProto): void {
    this.nodes.push(node);
    if (this.producers !== undefined) this.enter(node);
  }

  /** A constant int64 vector (or a scalar), shared between equal ones. */
  int64(values: number[] | number): string {
    const list = typeof values === 'number' ? [values] : values;
    const scalar = typeof values === 'number';
    return this.constant(`i${scalar ? 's' : 'v'}${list.join('_')}`, () =>
      makeTensor(TensorProto_DataType.INT64, scalar ? [] : [list.length], BigInt64Array.from(list, BigInt)),
    );
  }

  /** A constant tensor of float32 values, given another element type by a Cast where needed. */
  float(values: number[], dims: number[], type: number = TensorProto_DataType.FLOAT): string {
    const name = this.constant(`f${dims.join('x')}_${values.join('_')}`, () =>
      makeTensor(TensorProto_DataType.FLOAT, dims, Float32Array.from(values)),
    );
    if (type === TensorProto_DataType.FLOAT) return name;
    return this.memo(`${name}:${type}`, () => this.add('Cast', [name], `${name}_t${type}`, { to: type }));
  }

  /** A constant float32 tensor of a name of its own, for what is too large to be looked up by its values. */
  tensor(hint: string, dims: number[], values: ArrayLike<number>): string {
    const tensor = makeTensor(TensorProto_DataType.FLOAT, dims, Float32Array.from(values));
    tensor.name = this.fresh(hint);
    this.proto.initializer.push(tensor);
    return tensor.name;
  }

  bool(value: boolean): string {
    return this.constant(`b${Number(value)}`, () =>
      makeTensor(TensorProto_DataType.BOOL, [], Uint8Array.of(Number(value))),
    );
  }

  /** The result of `make`, made once a key. */
  memo(key: string, make: () => string): string {
    let name = this.constants.get(key);
    if (name === undefined) {
      name = make();
      this.constants.set(key, name);
    }
    return name;
  }

  private constant(key: string, make: () => TensorProto): string {
    return this.memo(key, () => {
      const tensor = make();
      const short = key.length > 40 ? `${key.slice(0, 24)}_${this.constants.size}` : key;
      tensor.name = this.fresh(`weft_const_${short.replace(/[^\w-]/g, '_')}`);
      this.proto.initializer.push(tensor);
      return tensor.name;
    });
  }

  addInput(name: string, elementType: number, dims: DeclaredDim[]): string {
    this.proto.input.push(makeValueInfo(name, elementType, dims));
    this.used.add(name);
    return name;
  }

  /** Makes a tensor a graph output under a name of its own. */
  addOutput(name: string, tensor: string, elementType: number, dims: DeclaredDim[]): void {
    this.push(makeNode('Identity', [tensor], [name]));
    this.used.add(name);
    this.proto.output.push(makeValueInfo(name, elementType, dims));
  }

  /** Gives a tensor another name wherever it occurs. */
  rename(tensor: string, name: string): void {
    const producer = this.producer(tensor);
    if (producer !== undefined) {
      producer.output = producer.output.map((output) => (output === tensor ? name : output));
      // Nodes that were made here are called by what they give; onnxruntime refuses two of one name.
      if (producer.name === tensor) producer.name = name;
    }
    for (const node of this.consumers(tensor)) renameReads(node, (read) => (read === tensor ? name : read));
    for (const output of this.proto.output) if (output.name === tensor) output.name = name;
    this.used.add(name);
    this.changed();
  }

  /** Lets everything that reads `tensor` read `by`, except the nodes named. */
  replaceReads(tensor: string, by: string, except: NodeProto[] = []): void {
    for (const node of this.consumers(tensor))
      if (!except.includes(node)) renameReads(node, (read) => (read === tensor ? by : read));
    this.changed();
  }

  /** Takes the nodes that `make` adds out of the graph, as a branch that gives the tensor it names. What is shared stays outside. */
  branch(name: string, type: number, make: () => string): GraphProto {
    const before = this.nodes.length;
    const output = make();
    const made = this.nodes.splice(before);
    const shared = new Set(this.constants.values());
    const outside = made.filter((node) => node.output.some((tensor) => shared.has(tensor)));
    this.nodes.push(...outside);
    this.changed();
    const nodes = made.filter((node) => !outside.includes(node));
    return makeSubgraph(name, nodes, [], [makeValueInfo(output, type)]);
  }

  /** Nodes in an order in which each follows what it reads; stable. @throws Error on a cycle. */
  sorted(): NodeProto[] {
    const position = new Map(this.nodes.map((node, i) => [node, i]));
    const waiting = new Map<NodeProto, number>();
    const ready: number[] = [];
    for (const [i, node] of this.nodes.entries()) {
      const needs = new Set<NodeProto>();
      for (const name of readsOf(node)) {
        const producer = this.producer(name);
        if (producer !== undefined) needs.add(producer);
      }
      waiting.set(node, needs.size);
      if (needs.size === 0) ready.push(i);
    }
    const out: NodeProto[] = [];
    // A stack that prefers the earliest node keeps what is already sorted as it is.
    const heap = new MinHeap(ready);
    for (let next = heap.pop(); next !== undefined; next = heap.pop()) {
      const node = this.nodes[next]!;
      out.push(node);
      const dependents = new Set(node.output.flatMap((output) => (output === '' ? [] : this.consumers(output))));
      for (const dependent of dependents) {
        const left = waiting.get(dependent)! - 1;
        waiting.set(dependent, left);
        if (left === 0) heap.push(position.get(dependent)!);
      }
    }
    if (out.length !== this.nodes.length) throw new Error('The graph has a cycle.');
    return out;
  }

  /** Sorts the nodes and drops what no output needs: nodes, initializers, stale shape annotations. */
  tidy(): void {
    const needed = new Set(this.proto.output.map((value) => value.name));
    const kept: NodeProto[] = [];
    for (const node of this.sorted().reverse()) {
      if (!node.output.some((output) => needed.has(output))) continue;
      for (const name of readsOf(node)) needed.add(name);
      kept.push(node);
    }
    this.proto.node = kept.reverse();
    this.proto.initializer = this.proto.initializer.filter((tensor) => needed.has(tensor.name));
    const constant = new Set(this.proto.initializer.map((tensor) => tensor.name));
    this.proto.input = this.proto.input.filter((value) => !constant.has(value.name));
    this.proto.valueInfo = [];
    this.proto.quantizationAnnotation = [];
    this.changed();
  }
}

/** Not a list that is kept sorted: for a graph made for that purpose it would take minutes. */
class MinHeap {
  private readonly items: number[] = [];
  constructor(items: number[]) {
    for (const item of items) this.push(item);
  }
  push(item: number): void {
    const items = this.items;
    items.push(item);
    let i = items.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (items[parent]! <= items[i]!) break;
      [items[parent], items[i]] = [items[i]!, items[parent]!];
      i = parent;
    }
  }
  pop(): number | undefined {
    const items = this.items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || items.length === 0) return top;
    items[0] = last!;
    let i = 0;
    for (;;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < items.length && items[child]! < items[least]!) least = child;
      if (least === i) return top;
      [items[least], items[i]] = [items[i]!, items[least]!];
      i = least;
    }
  }
}
