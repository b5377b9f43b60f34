import { type NodeSpec } from './types';

export const denoise: NodeSpec = {
  type: 'denoise',
  title: 'Denoise',
  category: 'transfer',
  help: 'Denoises the latents step by step and decodes the result.',
  inputs: [{ name: 'transfer', label: 'Transfer', help: 'The transfer to run.', types: ['transfer'] }],
  outputs: [
    { name: 'image', label: 'Image', help: 'The result.', type: 'image' },
    { name: 'timeline', label: 'Timeline', help: 'The image at every step.', type: 'timeline' },
  ],
  params: [],
  mute: 'never',
  keyParams: [],
};
