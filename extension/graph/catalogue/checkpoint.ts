import { type IntegerParam, type NodeSpec } from './types';

/** A side of the pictures. */
const side = (name: string, label: string): IntegerParam => ({
  kind: 'integer',
  name,
  label,
  help: `${label} of the pictures; Stable Diffusion takes multiples of 64, best near its own size.`,
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
  help: 'The diffusion model that does the work, by its id in the library, and the size of the pictures it works at.',
  inputs: [],
  outputs: [{ name: 'checkpoint', label: 'Checkpoint', help: 'The model.', type: 'checkpoint' }],
  params: [
    {
      kind: 'checkpoint',
      name: 'id',
      label: 'Checkpoint',
      help: 'Id of a checkpoint in the library; "mini" comes with Weft.',
      default: 'mini',
    },
    side('width', 'Width'),
    side('height', 'Height'),
  ],
  mute: 'never',
  keyParams: ['id'],
  idBase: 'model',
};
