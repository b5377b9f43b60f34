import { type AxisParam, type NodeSpec } from './types';

const axis = (name: string, label: string, help: string, required: boolean): AxisParam => ({
  kind: 'axis',
  name,
  label,
  help,
  ...(required ? { required } : { defaultNote: 'one row' }),
});

export const sweep: NodeSpec = {
  type: 'sweep',
  title: 'Sweep',
  category: 'output',
  help: 'Makes the picture once for each value of one or two parameters and lays the results out with labels.',
  inputs: [
    {
      name: 'image',
      label: 'Image',
      help: 'The picture that each cell shows: from denoise, or from evaluate to have its numbers below.',
      types: ['image'],
      optional: false,
      list: false,
    },
  ],
  outputs: [{ name: 'sheet', label: 'Sheet', help: 'All cells on one sheet, with labels.', type: 'image' }],
  params: [
    axis(
      'columns',
      'Columns',
      'What varies from left to right: node.parameter=values. Values are a list (1,1.67,2.5), a range (1:3:0.5), files (looks/*.png, looks/), or for node.muted true,false.',
      true,
    ),
    axis('rows', 'Rows', 'What varies from top to bottom, in the same words.', false),
  ],
  mute: 'skip',
  keyParams: ['columns', 'rows'],
};
