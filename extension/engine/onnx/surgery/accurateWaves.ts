/** Sines and cosines that are the same wherever a graph runs. */
import { type Graph, makeNode } from '../graph';
import { type UnetPlan } from './plan';
import { TensorProto_DataType } from '../proto/onnx_pb';

const { FLOAT, DOUBLE } = TensorProto_DataType;

/**
 * Computes every Sin and Cos in double precision. Graphics cards promise an error of 2⁻¹¹ for arguments within ±π and nothing beyond (the
 * WGSL specification, "Accuracy of built-in functions"), while the embedding of a timestep takes sines of up to 991. Cards have
 * no doubles there, so onnxruntime leaves these few numbers to the processor.
 */
export function accurateWaves(graph: Graph, { known }: UnetPlan): void {
  for (const node of [...graph.nodes]) {
    if (node.opType !== 'Sin' && node.opType !== 'Cos') continue;
    const [x, y] = [node.input[0]!, node.output[0]!];
    const type = known.type(x) || FLOAT;
    if (type === DOUBLE) continue;
    const wide = graph.add('Cast', [x], `${x}_double`, { to: DOUBLE });
    const wave = graph.fresh(`${y}_double`);
    node.input = [wide];
    node.output = [wave];
    // Its name goes to the Cast, which is called by what it gives.
    node.name = wave;
    graph.push(makeNode('Cast', [wave], [y], { to: type }));
  }
  graph.changed();
}
