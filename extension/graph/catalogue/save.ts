import { type NodeSpec } from './types';

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
      help: 'Where to write it, below the output folder, with forward slashes.',
      default: 'result.png',
      filter: { label: 'Pictures', extensions: ['png', 'jpg', 'jpeg', 'webp', 'gif'] },
      access: 'write',
    },
  ],
  mute: 'skip',
  keyParams: ['path'],
};
