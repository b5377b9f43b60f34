import { type InputSpec, type NodeSpec } from './types';

const side = (name: string, label: string): InputSpec => ({
  name,
  label,
  help: 'A picture, or a timeline.',
  types: ['image', 'timeline'],
  optional: false,
  list: false,
});

export const compare: NodeSpec = {
  type: 'compare',
  title: 'Compare',
  category: 'output',
  help: 'Shows two pictures under one slider.',
  inputs: [side('a', 'A'), side('b', 'B')],
  outputs: [],
  params: [],
  mute: 'skip',
  keyParams: [],
};
