import { type NodeSpec } from './types';

export const adain: NodeSpec = {
  type: 'adain',
  title: 'AdaIN',
  category: 'transfer',
  help: "Gives the result the appearance's mean and spread of each latent channel, after every step of its range.",
  inputs: [
    {
      name: 'transfer',
      label: 'Transfer',
      help: 'The transfer to add this to.',
      types: ['transfer'],
      optional: false,
      list: false,
    },
    {
      name: 'structureMask',
      label: 'Structure mask',
      help: 'Where the object is in the structure; unwired, everywhere.',
      types: ['mask'],
      optional: true,
      list: false,
    },
    {
      name: 'appearanceMask',
      label: 'Appearance mask',
      help: 'Where the object is in the appearance, or in each of them, in the order of the swap; unwired, everywhere.',
      types: ['mask'],
      optional: true,
      list: true,
      pairsWith: { port: 'appearance', on: 'swap' },
    },
  ],
  outputs: [{ name: 'transfer', label: 'Transfer', help: 'The transfer with AdaIN.', type: 'transfer' }],
  params: [
    {
      kind: 'range',
      name: 'range',
      label: 'Range',
      help: 'When it acts, in per cent of all steps.',
      default: [20, 100],
      unit: '%',
      min: 0,
      max: 100,
      step: 1,
    },
  ],
  mute: 'pass-through',
  keyParams: ['range'],
};
