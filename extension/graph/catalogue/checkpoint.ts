import { type IntegerParam, type NodeSpec } from './types';

/** A side of the pictures. */
const side = (name: string, label: string): IntegerParam => ({
  kind: 'integer',
  name,
  label,
  help: `${label} of the images. Stable Diffusion needs a multiple of 64 and works best near its own size.`,
  defaultNote: "the checkpoint's own",
  unit: 'px',
  min: 64,
  max: 4096,
  step: 64,
});

export const checkpoint: NodeSpec = {
  type: 'checkpoint',
  title: 'Checkpoint',
  category: 'model',
  help: 'The diffusion model to use, and the image size it works at.',
  inputs: [],
  outputs: [{ name: 'checkpoint', label: 'Checkpoint', help: 'The checkpoint.', type: 'checkpoint' }],
  params: [
    {
      kind: 'checkpoint',
      name: 'id',
      label: 'Checkpoint',
      help: 'The id of a checkpoint in the library. "mini" is included.',
      default: 'mini',
    },
    {
      kind: 'path',
      name: 'vae',
      label: 'VAE',
      help: 'A .safetensors file with another VAE, such as vae-ft-mse-840000-ema-pruned.safetensors. The path is relative to the graph file.',
      defaultNote: "the checkpoint's own",
      access: 'read',
      filter: { label: 'VAE', extensions: ['safetensors'] },
    },
    side('width', 'Width'),
    side('height', 'Height'),
  ],
  mute: 'never',
  keyParams: ['id'],
  idBase: 'model',
};
