import { pictureFilter } from './image';
import { type NodeSpec } from './types';

export const maskImage: NodeSpec = {
  type: 'mask-image',
  title: 'Mask image',
  category: 'source',
  help: 'A mask from an image file, bright where the object is.',
  inputs: [],
  outputs: [{ name: 'mask', label: 'Mask', help: 'Where the object is.', type: 'mask' }],
  params: [
    {
      kind: 'path',
      name: 'path',
      label: 'File',
      help: 'Path of the mask, relative to the graph file, with forward slashes.',
      required: true,
      filter: pictureFilter,
      access: 'read',
    },
    {
      kind: 'number',
      name: 'threshold',
      label: 'Threshold',
      help: 'A latent pixel belongs to the object if the mean brightness of its area is above this value, 0 to 1.',
      default: 0.4,
      min: 0,
      max: 1,
      step: 0.05,
    },
  ],
  mute: 'never',
  keyParams: ['path'],
  idBase: 'mask',
};
