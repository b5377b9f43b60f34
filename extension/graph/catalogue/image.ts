import { pictureExtensions } from '../pictureFormats';
import { type NodeSpec } from './types';

/** Picture files that can be read. */
export const pictureFilter = { label: 'Pictures', extensions: pictureExtensions } as const;

export const image: NodeSpec = {
  type: 'image',
  title: 'Image',
  category: 'source',
  help: 'A picture file. It is cropped in its centre to the shape that the checkpoint works at (a square by default) and brought to that size.',
  inputs: [],
  outputs: [{ name: 'image', label: 'Image', help: 'The picture.', type: 'image' }],
  params: [
    {
      kind: 'path',
      name: 'path',
      label: 'File',
      help: 'The picture, relative to the graph file, with forward slashes.',
      required: true,
      filter: pictureFilter,
      access: 'read',
    },
  ],
  mute: 'never',
  keyParams: ['path'],
};
