/** Lets each row of the decoder half continue any row of the encoder half. */
import { type Graph, intOf, makeNode, readsOf, renameReads } from '../graph';
import { type NodeProto, TensorProto_DataType } from '../proto/onnx_pb';
import { unetNames } from '../types';
import { type UnetPlan } from './plan';
import { reach } from './regions';

/**
 * Gathers, along the batch and by the input `rows` (int64 [Bd]), all data that crosses into the decoder. What was computed from shapes alone
 * (a batch size shared by both halves, say) is computed anew for the decoder's batch instead: exporters share such chains freely.
 */
export function fanOut(graph: Graph, plan: UnetPlan): void {
  const { known } = plan;
  const rows = graph.addInput(unetNames.rows, TensorProto_DataType.INT64, ['rows']);
  const decoder = fromFirstSwap(graph, plan);
  const crossed = new Map<string, string>();
  const shapes = new Map<string, string>();
  const axis0 = graph.int64([0]);
  const axis1 = graph.int64([1]);
  const end = graph.int64([Number.MAX_SAFE_INTEGER]);
  let batches: { encoder: string; decoder: string } | undefined;
  const batchSizes = (): { encoder: string; decoder: string } =>
    (batches ??= {
      encoder: graph.add(
        'Slice',
        [graph.add('Shape', [plan.roles.sample.name], 'weft_sample_shape'), axis0, axis1],
        'weft_batch',
      ),
      decoder: graph.add('Shape', [rows], 'weft_decoder_batch'),
    });

  /** Shape of a data tensor as it would be with the decoder's batch; the batch may be folded with heads in the first axis. */
  const rebatchedShape = (tensor: string): string => {
    let shape = shapes.get(tensor);
    if (shape === undefined) {
      const { encoder, decoder: decoderBatch } = batchSizes();
      const full = graph.add('Shape', [tensor], 'weft_shape');
      const first = graph.add('Slice', [full, axis0, axis1], 'weft_first');
      const rest = graph.add('Slice', [full, axis1, end], 'weft_rest');
      const folded = graph.add(
        'Mul',
        [graph.add('Div', [first, encoder], 'weft_fold'), decoderBatch],
        'weft_rebatched',
      );
      shape = graph.add('Concat', [folded, rest], 'weft_reshape', { axis: 0 });
      shapes.set(tensor, shape);
    }
    return shape;
  };

  const clone = (tensor: string): string => {
    const origin = known.origin(tensor);
    const producer = graph.producer(tensor);
    if (origin === 'data') return gathered(tensor);
    if (origin === 'const' || producer === undefined || decoder.has(producer)) return tensor;
    const made = crossed.get(tensor);
    if (made !== undefined) return made;
    const source = producer.input[0]!;
    if ((producer.opType === 'Shape' || producer.opType === 'Size') && known.origin(source) === 'data') {
      let shape = rebatchedShape(source);
      if (producer.opType === 'Size') shape = graph.add('ReduceProd', [shape], 'weft_size', { keepdims: 0 });
      else {
        const [start, stop] = [intOf(producer, 'start') ?? 0, intOf(producer, 'end')];
        if (start !== 0 || stop !== undefined)
          shape = graph.add(
            'Slice',
            [shape, graph.int64([start]), stop === undefined ? end : graph.int64([stop])],
            'weft_part',
          );
      }
      crossed.set(tensor, shape);
      return shape;
    }
    const outputs = producer.output.map((output) => (output === '' ? '' : graph.fresh(`${output}_decoder`)));
    for (const [i, output] of producer.output.entries()) if (output !== '') crossed.set(output, outputs[i]!);
    const copy = makeNode(producer.opType, [...producer.input], outputs, {}, producer.domain);
    copy.attribute = producer.attribute;
    renameReads(copy, clone);
    graph.push(copy);
    return crossed.get(tensor)!;
  };

  const gathered = (tensor: string): string => {
    let name = crossed.get(tensor);
    if (name === undefined) {
      name = graph.add('Gather', [tensor, rows], `${tensor}_decoder`, { axis: 0 });
      crossed.set(tensor, name);
    }
    return name;
  };

  const reads = (tensor: string): string => {
    const producer = graph.producer(tensor);
    if (producer !== undefined && decoder.has(producer)) return tensor;
    switch (known.origin(tensor)) {
      case 'const':
        return tensor;
      case 'shape':
        return clone(tensor);
      default:
        return gathered(tensor);
    }
  };
  for (const node of decoder) {
    const renamed = new Map(readsOf(node).map((name) => [name, reads(name)]));
    renameReads(node, (name) => renamed.get(name) ?? name);
  }
  graph.changed();
}

/**
 * The part of the decoder in which rows of one encoder row can differ: from the first swapped attention's projections on. What lies before is
 * the same for a prediction with and without swap, and is computed once.
 */
function fromFirstSwap(graph: Graph, { regions, layers }: UnetPlan): Set<NodeProto> {
  const { query, key, value } = layers[0]!.attention;
  const before = reach(graph, [query.source]);
  const projections = [query, key, value].map(({ tensor }) => reach(graph, [tensor]));
  const after = new Set<NodeProto>();
  for (const node of regions.order) {
    const projects = projections.some((nodes) => nodes.has(node)) && !before.has(node) && regions.decoder.has(node);
    if (projects || readsOf(node).some((name) => after.has(graph.producer(name)!))) after.add(node);
  }
  // And what feeds nothing else: the projections of the prompt, of the time.
  for (const node of [...regions.order].reverse()) {
    if (after.has(node) || before.has(node) || !regions.decoder.has(node)) continue;
    const readers = node.output.flatMap((output) => graph.consumers(output));
    if (readers.length > 0 && readers.every((reader) => after.has(reader))) after.add(node);
  }
  return after;
}
