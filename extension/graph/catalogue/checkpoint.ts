import { type NodeSpec } from './types';

export const checkpoint: NodeSpec = {
  type: 'checkpoint',
  title: 'Checkpoint',
  category: 'model',
  help: 'The diffusion model that does the work, by its id in the library.',
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
  ],
  mute: 'never',
  keyParams: ['id'],
  idBase: 'model',
};
