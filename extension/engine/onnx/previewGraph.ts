/** The preview's linear map as an ONNX graph: for latents of many channels a matrix product that JavaScript takes milliseconds for. */
import { type PreviewMap } from '../image/preview';
import { Graph, makeValueInfo } from './graph';
import { TensorProto_DataType } from './proto/onnx_pb';

const { FLOAT, UINT8 } = TensorProto_DataType;

export const previewNames = {
  /** float [channels, h, w] */
  latents: 'latents',
  /** uint8 [h, patch, w, patch, 4]: opaque RGBA, rows from the top. */
  rgba: 'rgba',
} as const;

/** The model as bytes, to be opened as a session. */
export function previewModel({ patch, channels, weight, bias }: PreviewMap): Uint8Array {
  const graph = Graph.empty('preview');
  const latents = graph.addInput(previewNames.latents, FLOAT, [channels, 'h', 'w']);
  // Four rows for each pixel of the patch, in bytes instead of 0 … 1; the fourth is opaque whatever the latents.
  const pixels = patch * patch;
  const rows: number[] = [];
  const offsets: number[] = [];
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      const row = pixel * 3 + colour;
      for (let c = 0; c < channels; c++) rows.push(255 * weight[row * channels + c]!);
      offsets.push(255 * bias[row]! + 0.5);
    }
    for (let c = 0; c < channels; c++) rows.push(0);
    offsets.push(255);
  }
  const cells = graph.add('Reshape', [latents, graph.int64([channels, -1])], 'cells');
  const product = graph.add('MatMul', [graph.tensor('weight', [4 * pixels, channels], rows), cells], 'product');
  const shifted = graph.add('Add', [product, graph.tensor('bias', [4 * pixels, 1], offsets)], 'shifted');
  const clipped = graph.add('Clip', [shifted, graph.float([0], []), graph.float([255], [])], 'clipped');
  const bytes = graph.add('Cast', [clipped], 'bytes', { to: UINT8 });
  const sides = graph.add('Shape', [latents], 'sides', { start: 1 });
  const split = graph.add('Concat', [graph.int64([patch, patch, 4]), sides], 'split', { axis: 0 });
  const parts = graph.add('Reshape', [bytes, split], 'parts');
  const rgba = graph.add('Transpose', [parts], 'placed', { perm: [3, 0, 4, 1, 2] });
  graph.rename(rgba, previewNames.rgba);
  graph.proto.output.push(makeValueInfo(previewNames.rgba, UINT8, ['h', patch, 'w', patch, 4]));
  return graph.bytes();
}
