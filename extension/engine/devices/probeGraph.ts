/** A graph of a few milliseconds that has what a UNet spends its time on: convolutions, and attention over what they give. */
import { Graph, makeValueInfo } from '../onnx/graph';
import { TensorProto_DataType } from '../onnx/proto/onnx_pb';

export const PROBE_INPUT = 'x';
export const PROBE_OUTPUT = 'y';
const CHANNELS = 128;
const CONVOLUTIONS = 3;
/** Sides to run it at: enough to be right or wrong, and enough to be timed. */
export const PROBE_SIDES = { small: 16, large: 64 };
export const probeDims = (side: number): number[] => [1, CHANNELS, side, side];

/** Numbers in about [-1, 1] that any machine makes alike: a linear congruential generator. */
export function probeNumbers(length: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export function probeGraph(): Uint8Array {
  const { FLOAT } = TensorProto_DataType;
  const graph = Graph.empty('probe');
  let at = graph.addInput(PROBE_INPUT, FLOAT, [1, CHANNELS, 'height', 'width']);
  for (let i = 0; i < CONVOLUTIONS; i++) {
    const gain = Math.sqrt(3 / (CHANNELS * 9));
    const numbers = probeNumbers(CHANNELS * CHANNELS * 9, i + 1).map((number) => number * gain);
    const weights = graph.tensor(`w${i}`, [CHANNELS, CHANNELS, 3, 3], numbers);
    at = graph.add('Conv', [at, weights], `c${i}`, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  }
  // Attention of the channels over one another: [C, N] · [N, C].
  const q = graph.add('Reshape', [at, graph.int64([CHANNELS, -1])], 'q');
  const scores = graph.add('MatMul', [q, graph.add('Transpose', [q], 'k', { perm: [1, 0] })], 'scores');
  const scaled = graph.add('Mul', [scores, graph.float([1 / CHANNELS], [])], 'scaled');
  graph.add('MatMul', [graph.add('Softmax', [scaled], 'map'), q], PROBE_OUTPUT);
  graph.proto.output.push(makeValueInfo(PROBE_OUTPUT, FLOAT, [CHANNELS, 'tokens']));
  return graph.bytes();
}
