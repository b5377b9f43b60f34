import { type NodeSpec } from './types';

export const adain: NodeSpec = {
  type: 'adain',
  title: 'AdaIN',
  category: 'transfer',
  help: "Matches the mean and standard deviation of each latent channel to the appearance's, after each step in its range.",
  inputs: [
    { name: 'transfer', label: 'Transfer', help: 'The transfer to add AdaIN to.', types: ['transfer'] },
    {
      name: 'structureMask',
      label: 'Structure mask',
      help: 'Where the object is in the structure. If not connected: everywhere.',
      types: ['mask'],
      optional: true,
    },
    {
      name: 'appearanceMask',
      label: 'Appearance mask',
      help: 'Where the object is in the appearance. For several appearances, one mask each, in the order of the swap. If not connected: everywhere.',
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
      help: 'The steps at which AdaIN acts, in per cent of all steps.',
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
