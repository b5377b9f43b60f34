/** FreeU (Si et al., arXiv 2309.11497) as the authors of cross-image attention use it, with its gains as an input. */
import { type Graph, renameReads } from '../graph';
import { TensorProto_DataType } from '../proto/onnx_pb';
import { unetNames } from '../types';
import { type UnetPlan } from './plan';

const FLOAT = TensorProto_DataType.FLOAT;

/** FreeU at the entry of each up block that is as wide as the middle block, or half as wide. */
export function insertFreeu(graph: Graph, { known, upBlocks, unet }: UnetPlan): void {
  const gains = graph.addInput(unetNames.freeu, FLOAT, [4]);
  const middle = unet.middleChannels;
  for (const { join, channels } of upBlocks) {
    if (channels !== middle && channels !== middle / 2) continue;
    const { node, backbone } = join;
    // After the fan-out the join reads the gathered backbone under another name, at the place where the backbone was.
    const own =
      node.input.find((name) => name === backbone || name.startsWith(`${backbone}_decoder`)) ?? node.input[0]!;
    const type = known.type(backbone) || FLOAT;
    const out = applyFreeu(graph, own, channels, type, gains, channels === middle ? 0 : 2);
    // The resnet also reads the joined tensor only, so nothing else may see the change.
    renameReads(node, (name) => (name === own ? out : name));
    graph.changed();
  }
}

/**
 * Backbone features x [B, C, h, w] → the first C/2 channels × b, then the four lowest shifted frequencies of all channels × s.
 * Those frequencies (rows and columns −1 and 0 of the centred FFT) span 1 and the cosine and sine of three plane waves, so
 * y = x + (s − 1)·P x with a projection P of rank 7; s = 1 leaves x exactly as it is.
 * @param gains float [4] = b1, s1, b2, s2; @param offset 0 or 2: which pair applies.
 */
export function applyFreeu(
  graph: Graph,
  x: string,
  channels: number,
  type: number,
  gains: string,
  offset: 0 | 2,
): string {
  const half = Math.floor(channels / 2);
  const cast = (tensor: string, to: number, from: number): string =>
    to === from ? tensor : graph.add('Cast', [tensor], `${tensor}_cast`, { to });
  const gain = (at: number): string =>
    graph.memo(`freeu gain ${at}`, () =>
      graph.add('Slice', [gains, graph.int64([at]), graph.int64([at + 1])], 'weft_gain'),
    );
  // b on the first half, 1 on the second: 1 + (b − 1)·[first half]
  const halves = graph.float(
    Array.from({ length: channels }, (_, c) => (c < half ? 1 : 0)),
    [1, channels, 1, 1],
  );
  const one = graph.float([1], [1]);
  const more = graph.add('Mul', [halves, graph.add('Sub', [gain(offset), one], 'weft_freeu_b')], 'weft_freeu_more');
  const backbone = graph.add('Add', [more, one], 'weft_freeu_backbone');
  const scaled = graph.add('Mul', [x, cast(backbone, type, FLOAT)], 'weft_freeu_scaled');
  const flat = graph.add('Reshape', [cast(scaled, FLOAT, type), graph.int64([0, 0, -1])], 'weft_freeu_flat');
  const basis = lowFrequencies(graph, x);
  const dots = graph.add('MatMul', [flat, basis.columns], 'weft_freeu_dots');
  const less = graph.add('Sub', [gain(offset + 1), one], 'weft_freeu_s');
  const weighted = graph.add(
    'Mul',
    [dots, graph.add('Div', [less, basis.count], 'weft_freeu_weight')],
    'weft_freeu_weighted',
  );
  const low = graph.add('MatMul', [weighted, basis.rows], 'weft_freeu_low');
  const shaped = graph.add('Reshape', [low, graph.add('Shape', [x], 'weft_freeu_shape')], 'weft_freeu_map');
  return graph.add('Add', [scaled, cast(shaped, type, FLOAT)], 'weft_freeu_out');
}

/** The seven basis maps of a tensor's size, as [7, h·w] and its transpose, and h·w as a float [1]. */
function lowFrequencies(graph: Graph, x: string): { rows: string; columns: string; count: string } {
  const shape = graph.add('Shape', [x], 'weft_freeu_size');
  const side = (axis: number): { count: string; wave: string } => {
    const size = graph.add('Gather', [shape, graph.int64(axis)], 'weft_freeu_side', { axis: 0 });
    const count = graph.add('Cast', [size], 'weft_freeu_side_f', { to: FLOAT });
    const range = graph.add('Range', [graph.int64(0), size, graph.int64(1)], 'weft_freeu_range');
    const turns = graph.add('Cast', [range], 'weft_freeu_range_f', { to: FLOAT });
    const turn = graph.add('Mul', [turns, graph.float([2 * Math.PI], [1])], 'weft_freeu_turn');
    return { count, wave: graph.add('Div', [turn, count], 'weft_freeu_angle') };
  };
  const [vertical, horizontal] = [side(2), side(3)];
  const y = graph.add('Reshape', [vertical.wave, graph.int64([-1, 1])], 'weft_freeu_y');
  const x0 = graph.add('Reshape', [horizontal.wave, graph.int64([1, -1])], 'weft_freeu_x');
  const zeroY = graph.add('Mul', [y, graph.float([0], [1])], 'weft_freeu_0y');
  const zeroX = graph.add('Mul', [x0, graph.float([0], [1])], 'weft_freeu_0x');
  const flatten = (angle: string): string => graph.add('Reshape', [angle, graph.int64([1, -1])], 'weft_freeu_row');
  const down = flatten(graph.add('Add', [y, zeroX], 'weft_freeu_down'));
  const across = flatten(graph.add('Add', [zeroY, x0], 'weft_freeu_across'));
  const diagonal = flatten(graph.add('Add', [y, x0], 'weft_freeu_diagonal'));
  const waves = graph.add('Concat', [down, across, diagonal], 'weft_freeu_waves', { axis: 0 });
  const ones = graph.add(
    'Cos',
    [graph.add('Mul', [down, graph.float([0], [1])], 'weft_freeu_flat0')],
    'weft_freeu_one',
  );
  const rows = graph.add(
    'Concat',
    [ones, graph.add('Cos', [waves], 'weft_freeu_cos'), graph.add('Sin', [waves], 'weft_freeu_sin')],
    'weft_freeu_basis',
    { axis: 0 },
  );
  return {
    rows,
    columns: graph.add('Transpose', [rows], 'weft_freeu_basis_t', { perm: [1, 0] }),
    count: graph.add('Mul', [vertical.count, horizontal.count], 'weft_freeu_count'),
  };
}
