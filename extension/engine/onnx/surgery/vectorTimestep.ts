/** One timestep a row. */
import { redeclare } from '../borders';
import { declaredOf, type Graph } from '../graph';
import { type ValueInfoProto } from '../proto/onnx_pb';
import { type Inference } from '../shapeInference';

/** Makes the timestep a vector [B] that all rows may differ in. */
export function vectorTimestep(graph: Graph, known: Inference, timestep: ValueInfoProto): void {
  const declared = declaredOf(timestep).dims;
  const walk = (tensor: string, rank: number): void => {
    for (const node of [...graph.consumers(tensor)]) {
      const out = node.output[0]!;
      const after = known.shape(out)?.length;
      if (node.opType === 'Cast' || node.opType === 'Identity') walk(out, rank);
      else if (rank === 0 && ['Unsqueeze', 'Reshape', 'Expand'].includes(node.opType) && after === 1) {
        // A number made a vector of one, or repeated for the batch: the vector is there already.
        if (node.opType !== 'Expand' || known.origin(node.input[1]!) === 'const') {
          graph.replaceReads(out, tensor);
          walk(tensor, 1);
        }
      } else if (rank === 1 && node.opType === 'Reshape' && known.origin(node.input[1]!) === 'const') {
        const target = known.value(node.input[1]!)?.data;
        // [1, 1] or [1] written for a batch of one.
        if (target?.[0] === 1 && target.every((d) => d === 1))
          node.input[1] = graph.int64(target.map((_, i) => (i === 0 ? -1 : 1)));
      } else if (rank === 1 && node.opType === 'Expand' && known.origin(node.input[1]!) === 'const') {
        if (known.value(node.input[1]!)?.data.every((d) => d === 1)) graph.replaceReads(out, tensor);
      } else if (rank === 1 && node.opType === 'Tile' && after === 1) graph.replaceReads(out, tensor);
    }
  };
  walk(timestep.name, declared?.length ?? 1);
  redeclare(graph.proto.input, timestep.name, ['batch']);
}
