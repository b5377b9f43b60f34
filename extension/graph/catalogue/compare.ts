import { type InputSpec, type NodeSpec } from './types';

const side = (name: string, label: string): InputSpec => ({
  name,
  label,
  help: 'An image or a timeline.',
  types: ['image', 'timeline'],
});

export const compare: NodeSpec = {
  type: 'compare',
  title: 'Compare',
  category: 'output',
  help: 'Compares two images with a slider.',
  inputs: [side('a', 'A'), side('b', 'B')],
  outputs: [],
  params: [],
  mute: 'skip',
  keyParams: [],
};
