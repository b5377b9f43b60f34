import { type NodeSpec } from './types';

/** Endings of files by what is saved. */
export const saveFormats: Record<'image' | 'timeline', readonly string[]> = {
  image: ['png', 'jpg', 'jpeg', 'webp'],
  timeline: ['webp', 'gif', 'png'],
};

export const save: NodeSpec = {
  type: 'save',
  title: 'Save',
  category: 'output',
  help: 'Saves an image or a timeline below the output folder.',
  inputs: [
    {
      name: 'image',
      label: 'Image',
      help: 'The image or timeline to save.',
      types: ['image', 'timeline'],
      optional: false,
      list: false,
    },
  ],
  outputs: [],
  params: [
    {
      kind: 'path',
      name: 'path',
      label: 'File',
      help: 'Path below the output folder, with forward slashes. Images: .png, .jpg or .webp. Timelines: .webp or .gif (animated), or .png (a strip).',
      default: 'result.png',
      filter: { label: 'Images', extensions: ['png', 'jpg', 'jpeg', 'webp', 'gif'] },
      access: 'write',
    },
  ],
  mute: 'skip',
  keyParams: ['path'],
};
