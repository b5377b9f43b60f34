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
  help: 'Writes a picture, or a timeline as an animated picture, below the output folder.',
  inputs: [
    {
      name: 'image',
      label: 'Image',
      help: 'What to save: a picture, or a timeline.',
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
      help: 'Where to write it, below the output folder, with forward slashes: a picture as .png, .jpg or .webp, a timeline as .webp, .gif (animated) or .png (a strip).',
      default: 'result.png',
      filter: { label: 'Pictures', extensions: ['png', 'jpg', 'jpeg', 'webp', 'gif'] },
      access: 'write',
    },
  ],
  mute: 'skip',
  keyParams: ['path'],
};
