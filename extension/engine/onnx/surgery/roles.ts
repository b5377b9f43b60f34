/** The UNet's own inputs and output, told apart. */
import { declaredOf, type Graph } from '../graph';
import { type ValueInfoProto } from '../proto/onnx_pb';
import { refuse, WHICH_EXPORT } from './refusals';

export interface Roles {
  sample: ValueInfoProto;
  timestep: ValueInfoProto;
  context: ValueInfoProto;
  output: ValueInfoProto;
}

/** Tells the three inputs apart: by name, or else by rank. */
export function findRoles(graph: Graph): Roles {
  const inputs = graph.inputs;
  const listed = inputs.map((input) => input.name).join(', ');
  if (inputs.length !== 3) {
    const names = inputs.map((input) => input.name);
    const xl = names.some((name) => name === 'text_embeds' || name === 'time_ids');
    const why = xl
      ? 'This is a Stable Diffusion XL UNet; Weft runs Stable Diffusion 1.x.'
      : names.some((name) => name.includes('class_labels'))
        ? 'This UNet wants class labels (an upscaler?); Weft runs Stable Diffusion 1.x.'
        : names.some((name) => /down_block|mid_block|residual/.test(name))
          ? 'This UNet was exported for ControlNet; export the plain one.'
          : names.includes('timestep_cond')
            ? 'This is the UNet of a latent consistency model (LCM); Weft runs plain Stable Diffusion 1.x.'
            : 'Weft needs exactly sample, timestep and encoder_hidden_states.';
    throw refuse(`The UNet has the inputs ${listed}. ${why}`);
  }
  const rank = (input: ValueInfoProto): number | undefined => declaredOf(input).dims?.length;
  const named = (pattern: RegExp): ValueInfoProto | undefined => inputs.find((input) => pattern.test(input.name));
  const context =
    named(/encoder_hidden_states|^context$|text_emb|prompt_emb/i) ?? inputs.find((input) => rank(input) === 3);
  const timestep =
    named(/^t$|timestep|time_step/i) ?? inputs.find((input) => input !== context && (rank(input) ?? 9) <= 1);
  const sample = inputs.find((input) => input !== context && input !== timestep);
  const output = graph.proto.output[0];
  if (sample === undefined || context === undefined || timestep === undefined || output === undefined)
    throw refuse(`The UNet has the inputs ${listed}, which Weft can't tell apart. ${WHICH_EXPORT}`);
  return { sample, timestep, context, output };
}
