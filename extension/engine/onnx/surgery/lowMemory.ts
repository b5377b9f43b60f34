/** A graph whose weights stay in their file, as they lie there. */
import { derivedGraph } from '../derivedGraph';
import { type Graph, makeValueInfo } from '../graph';
import { TensorProto_DataLocation } from '../proto/onnx_pb';

/** A part's graph for little memory; see {@link derivedGraph}. */
export const lowMemoryGraph = (file: string): Promise<string> => derivedGraph(file, 'low-memory', weightsAsInputs);

/**
 * Weights in other files become inputs with a default. What may be fed anew at each run, onnxruntime does not fold, pack or lay out anew: it stays
 * mapped, and is widened when it is used.
 */
export function weightsAsInputs(graph: Graph): void {
  for (const { name, dataType, dims, dataLocation } of graph.proto.initializer)
    if (dataLocation === TensorProto_DataLocation.EXTERNAL)
      graph.proto.input.push(makeValueInfo(name, dataType, dims.map(Number)));
}
