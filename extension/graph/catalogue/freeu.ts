import { type NodeSpec, type NumberParam } from './types';

const gain = (name: string, label: string, value: number, help: string): NumberParam => ({
  kind: 'number',
  name,
  label,
  help,
  default: value,
  min: 0,
  max: 4,
  step: 0.05,
});

export const freeu: NodeSpec = {
  type: 'freeu',
  title: 'FreeU',
  category: 'model',
  help: "Scales the decoder's backbone features and their lowest frequencies (FreeU). A gain of 1 changes nothing.",
  inputs: [{ name: 'checkpoint', label: 'Checkpoint', help: 'The checkpoint to change.', types: ['checkpoint'] }],
  outputs: [{ name: 'checkpoint', label: 'Checkpoint', help: 'The checkpoint with FreeU.', type: 'checkpoint' }],
  params: [
    gain('b1', 'Backbone, widest', 1.2, 'Gain of the first half of the channels in the widest decoder blocks.'),
    gain('s1', 'Low frequencies, widest', 0.9, 'Gain of the lowest frequencies in the widest decoder blocks.'),
    gain('b2', 'Backbone, half width', 1.4, 'Gain of the first half of the channels in blocks of half that width.'),
    gain('s2', 'Low frequencies, half width', 0.2, 'Gain of the lowest frequencies in blocks of half that width.'),
  ],
  mute: 'pass-through',
  keyParams: [],
};
