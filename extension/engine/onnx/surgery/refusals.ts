/** What Weft can't rewrite, said with the export that would work. */
import { WeftError } from '../../../protocol/errors';
import { declaredOf, type Graph } from '../graph';
import { type NodeProto, type ValueInfoProto } from '../proto/onnx_pb';
import { isStandardAttention } from './attention';

export const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

export const WHICH_EXPORT =
  "Export the UNet with torch.onnx.export (diffusers' convert_stable_diffusion_checkpoint_to_onnx.py, or optimum without " +
  'optimisation): inputs sample, timestep, encoder_hidden_states, dynamic batch, no fused operators.';

const FUSED = new Set([
  'MultiHeadAttention',
  'Attention',
  'PackedAttention',
  'PackedMultiHeadAttention',
  'GroupQueryAttention',
  'DecoderMaskedMultiHeadAttention',
  'MultiQueryAttention',
  'SparseAttention',
]);

/** Operator names of attention that an optimiser has fused. */
function fusedAttention(graph: Graph): string[] {
  const fused = graph.nodes.filter((node) => FUSED.has(node.opType) && !isStandardAttention(node));
  return [...new Set(fused.map((node) => node.opType))];
}

/** Operators by which an optimiser replaced convolutions and norms for the kernels of one provider. */
const OPTIMISED = new Set([
  'NhwcConv',
  'NhwcFusedConv',
  'FusedConv',
  'GroupNorm',
  'SkipGroupNorm',
  'BiasSplitGelu',
  'BiasAdd',
]);
const QUANTISED =
  /^(QLinear.*|QGemm|QAttention|QuantizeLinear|DequantizeLinear|DynamicQuantize.*|MatMulInteger.*|ConvInteger|MatMulNBits|MatMulBnb4)$/;

/** Why a graph is no plain export, by the operators it has: what was done to it, and their names; undefined for a plain one. */
function alteredExport(graph: Graph): { what: 'optimised' | 'quantised'; operators: string[] } | undefined {
  const names = (matches: (node: NodeProto) => boolean): string[] => [
    ...new Set(graph.nodes.filter(matches).map((node) => node.opType)),
  ];
  const quantised = names((node) => QUANTISED.test(node.opType));
  if (quantised.length > 0) return { what: 'quantised', operators: quantised };
  const optimised = names((node) => node.domain === 'com.microsoft' && OPTIMISED.has(node.opType));
  return optimised.length > 0 ? { what: 'optimised', operators: optimised } : undefined;
}

/** Refuses what is no plain Stable Diffusion 1.x export. */
export function refuseOthers(graph: Graph, sample: ValueInfoProto, output: ValueInfoProto): void {
  const fused = fusedAttention(graph);
  if (fused.length > 0)
    throw refuse(
      `The UNet's attention is fused into ${fused.join(' and ')}, which Weft can't rewrite for the swap. ` +
        `Use an export without operator fusion. ${WHICH_EXPORT}`,
    );
  const altered = alteredExport(graph);
  if (altered !== undefined)
    throw refuse(
      altered.what === 'quantised'
        ? `The UNet is quantised (${altered.operators.join(', ')}), which Weft does not run. Use an export in float32 or float16. ${WHICH_EXPORT}`
        : `The UNet was optimised for the kernels of one provider (${altered.operators.join(', ')}). Use the export from before the ` +
            `optimisation. ${WHICH_EXPORT}`,
    );
  if (graph.opset < 13)
    throw refuse(`The UNet is written for ONNX operator set ${graph.opset}; Weft needs 13 or later. ${WHICH_EXPORT}`);
  if (graph.model.functions.length > 0)
    throw refuse(`The UNet is written with ONNX functions; export it with its functions inlined. ${WHICH_EXPORT}`);
  const { dims } = declaredOf(sample);
  if (dims !== undefined && dims.length !== 4)
    throw refuse(
      `The UNet's ${sample.name} has ${dims.length} axes instead of 4, so it is not a Stable Diffusion UNet.`,
    );
  if (typeof dims?.[0] === 'number')
    throw refuse(
      `The UNet was exported for a fixed batch of ${dims[0]}; Weft runs batches of different sizes. Export it with a dynamic ` +
        'batch axis (dynamic_axes in torch.onnx.export; optimum does so by default).',
    );
  const [inChannels, outChannels] = [dims?.[1], declaredOf(output).dims?.[1]];
  if (inChannels === 9)
    throw refuse(
      'The UNet has 9 input channels: an inpainting checkpoint, which Weft does not run. Use the plain checkpoint.',
    );
  if (typeof inChannels === 'number' && typeof outChannels === 'number' && inChannels !== outChannels)
    throw refuse(
      `The UNet reads ${inChannels} channels and predicts ${outChannels}: not a plain Stable Diffusion 1.x UNet ` +
        '(an image-editing or variance-predicting one?), which Weft does not run.',
    );
}
