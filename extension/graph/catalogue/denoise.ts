import { type NodeSpec } from './types';

export const denoise: NodeSpec = {
  type: 'denoise',
  title: 'Denoise',
  category: 'transfer',
  help: 'Runs the diffusion and makes the picture, step by step.',
  inputs: [
    {
      name: 'transfer',
      label: 'Transfer',
      help: 'What to carry out.',
      types: ['transfer'],
      optional: false,
      list: false,
    },
  ],
  outputs: [
    { name: 'image', label: 'Image', help: 'The finished picture.', type: 'image' },
    { name: 'timeline', label: 'Timeline', help: 'The picture as it was at every step.', type: 'timeline' },
  ],
  params: [],
  mute: 'never',
  keyParams: [],
};
