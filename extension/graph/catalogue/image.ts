import { pictureExtensions } from '../pictureFormats';
import { type NodeSpec } from './types';

/** Picture files that can be read. */
export const pictureFilter = { label: 'Images', extensions: pictureExtensions } as const;

export const image: NodeSpec = {
  type: 'image',
  title: 'Image',
  category: 'source',
  help: 'An image file. Weft crops it around its centre to the shape of the checkpoint (a square by default) and resizes it.',
  inputs: [],
  outputs: [{ name: 'image', label: 'Image', help: 'The image.', type: 'image' }],
  params: [
    {
      kind: 'path',
      name: 'path',
      label: 'File',
      help: 'Path of the image, relative to the graph file, with forward slashes.',
      required: true,
      filter: pictureFilter,
      access: 'read',
    },
  ],
  mute: 'never',
  keyParams: ['path'],
};
