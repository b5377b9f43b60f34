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
  help: 'Runs the graph once for each value of one or two parameters and places the results on a labelled sheet.',
  inputs: [
    {
      name: 'image',
      label: 'Image',
      help: 'The image for each cell: from denoise, or from evaluate to show metrics below it.',
      types: ['image'],
    },
  ],
  outputs: [{ name: 'sheet', label: 'Sheet', help: 'All cells on one labelled sheet.', type: 'image' }],
  params: [
    axis(
      'columns',
      'Columns',
      'What varies from left to right, as node.parameter=values. Values: a list (1,1.67,2.5), a range (1:3:0.5), files (looks/*.png, looks/), or true,false for node.muted.',
      true,
    ),
    axis('rows', 'Rows', 'What varies from top to bottom, in the same form.', false),
  ],
  mute: 'skip',
  runsCells: true,
  keyParams: ['columns', 'rows'],
};
