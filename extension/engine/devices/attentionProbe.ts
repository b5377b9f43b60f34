/**
 * Attention as a UNet has it, on a provider and on the processor: an operator of its own in onnxruntime, which was met with wrong numbers
 * where convolutions and products were right, and only beyond a few dozen tokens.
 */
import { Graph } from '../onnx/graph';
import { TensorProto_DataType } from '../onnx/proto/onnx_pb';
import { type LocalSessions } from '../onnx/runtime';
import { plainAttention } from '../onnx/surgery/swap';
import { unfuseAttention } from '../onnx/surgery/unfuseAttention';
import { type TensorData } from '../onnx/types';
import { probeNumbers } from './probeGraph';

/** Beyond one block of any kernel, and not a power of two. */
export const ATTENTION_TOKENS = 320;
const HEADS = 2;
/** Widths of a head in Stable Diffusion: kernels are made for some and pad others. */
const HEAD_WIDTHS = [40, 64, 80, 160];

/** One attention for each width of a head; fused, or in plain operators. */
function attentionGraph(fused: boolean): Uint8Array {
  const graph = Graph.empty('attention');
  const float = TensorProto_DataType.FLOAT;
  for (const width of HEAD_WIDTHS) {
    const dims = [1, ATTENTION_TOKENS, HEADS * width];
    const [q, k, v] = ['q', 'k', 'v'].map((name) => graph.addInput(`${name}${width}`, float, dims));
    // Numbers in [-1, 1] make products of ±1/9 a channel: this factor spreads the scores over a few units, as trained layers do.
    const shape = { heads: HEADS, width: HEADS * width, scale: 6 / Math.sqrt(width), type: float };
    graph.addOutput(`y${width}`, plainAttention(graph, q!, k!, v!, shape, `attention${width}`), float, dims);
  }
  if (!fused) unfuseAttention(graph);
  return graph.bytes();
}

/**
 * Largest difference of a provider's attention, fused or in plain operators, from the processor's in plain operators, relative to the
 * largest number; NaN where it gives one.
 */
export async function attentionDifference(sessions: LocalSessions, provider: string, fused: boolean): Promise<number> {
  const feeds: Record<string, TensorData> = {};
  for (const [seed, width] of HEAD_WIDTHS.entries())
    for (const [i, name] of ['q', 'k', 'v'].entries()) {
      const dims = [1, ATTENTION_TOKENS, HEADS * width];
      const data = probeNumbers(ATTENTION_TOKENS * HEADS * width, 10 + 3 * seed + i);
      feeds[`${name}${width}`] = { type: 'float32', dims, data };
    }
  const outputs = HEAD_WIDTHS.map((width) => `y${width}`);
  await sessions.load('attention', attentionGraph(fused), { provider });
  await sessions.load('attention-cpu', attentionGraph(false), { provider: 'cpu' });
  const own = await sessions.run('attention', feeds, outputs);
  const right = await sessions.run('attention-cpu', feeds, outputs);
  for (const key of ['attention', 'attention-cpu']) await sessions.release(key);
  const differences = outputs.map((name) =>
    relativeDifference(own[name]!.data as Float32Array, right[name]!.data as Float32Array),
  );
  return Math.max(...differences);
}

/** Largest difference of two arrays relative to the largest number of the second; NaN if the first has one. */
export function relativeDifference(numbers: Float32Array, right: Float32Array): number {
  let largest = 0;
  let difference = 0;
  right.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(numbers[i]! - value));
  });
  return difference / largest;
}
