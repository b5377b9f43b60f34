import * as path from 'node:path';
import { checkpointError } from '../../protocol/errors';
import { declaredOf, Graph } from '../onnx/graph';
import { readModel } from '../onnx/modelFile';
import { TensorProto_DataType } from '../onnx/proto/onnx_pb';
import { type PartName } from './parts';

/**
 * Which part of a checkpoint a graph is, from its inputs and outputs; names of files say nothing.
 * @throws WeftError `checkpoint` if it is none.
 */
export function partOf(file: string): PartName {
  const graph = new Graph(readModel(file).proto);
  const inputs = graph.inputs.map((input) => ({ name: input.name, ...declaredOf(input) }));
  const name = path.basename(file);
  const [input] = inputs;
  if (input === undefined) throw checkpointError(`${name} has no inputs, so it is not a part of a checkpoint.`);
  const integer = (type: number): boolean => type === TensorProto_DataType.INT64 || type === TensorProto_DataType.INT32;
  if (inputs.some(({ dims }) => dims?.length === 4) && inputs.length > 1) return 'unet';
  if (integer(input.type) && (input.dims?.length ?? 2) <= 2) return 'text_encoder';
  const channels = (dims: (number | string | undefined)[] | undefined): number | undefined => {
    const dim = dims?.[1];
    return typeof dim === 'number' ? dim : undefined;
  };
  if (inputs.length === 1 && (input.dims?.length ?? 4) === 4) {
    const outputs = graph.proto.output.map((output) => channels(declaredOf(output).dims));
    if (channels(input.dims) === 3 && !outputs.includes(3)) return 'vae_encoder';
    if (outputs.includes(3) && channels(input.dims) !== 3) return 'vae_decoder';
    // Nothing declared: the names that exporters give.
    if (/latent/i.test(input.name)) return 'vae_decoder';
    if (graph.proto.output.some((output) => /latent/i.test(output.name))) return 'vae_encoder';
  }
  throw checkpointError(
    `${name} (inputs ${inputs.map((each) => each.name).join(', ')}) is not a part of a Stable Diffusion checkpoint: ` +
      'UNet, text encoder, VAE encoder or VAE decoder.',
  );
}
