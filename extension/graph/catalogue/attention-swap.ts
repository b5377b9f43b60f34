import { type NodeSpec } from './types';

const percent = { unit: '%', min: 0, max: 100, step: 1 } as const;

export const attentionSwap: NodeSpec = {
  type: 'attention-swap',
  title: 'Attention swap',
  category: 'transfer',
  help: "Lets the structure's self-attention look up its keys and values in the appearance image.",
  inputs: [
    {
      name: 'structure',
      label: 'Structure',
      help: 'The picture whose shapes are kept.',
      types: ['inversion'],
      optional: false,
      list: false,
    },
    {
      name: 'appearance',
      label: 'Appearance',
      help: 'The picture, or pictures, whose look is taken.',
      types: ['inversion'],
      optional: false,
      list: true,
    },
  ],
  outputs: [{ name: 'transfer', label: 'Transfer', help: 'The transfer, to be denoised.', type: 'transfer' }],
  params: [
    {
      kind: 'range',
      name: 'higherRange',
      label: 'Higher resolution',
      help: "When the decoder's highest resolution is swapped, in per cent of all steps.",
      default: [10, 90],
      ...percent,
    },
    {
      kind: 'range',
      name: 'lowerRange',
      label: 'Lower resolution',
      help: "When the decoder's second highest resolution is swapped, in per cent of all steps.",
      default: [10, 70],
      ...percent,
    },
    {
      kind: 'integer',
      name: 'structureEvery',
      label: 'Structure every',
      help: "Every so many steps the structure's own keys and values are used, to hold its shapes.",
      default: 5,
      unit: 'steps',
      min: 1,
      max: 1000,
      step: 1,
    },
    {
      kind: 'number',
      name: 'structureUntil',
      label: 'Structure until',
      help: "Up to where the structure's own keys and values are used, in per cent of all steps; 0 is never.",
      default: 40,
      ...percent,
    },
    {
      kind: 'number',
      name: 'contrast',
      label: 'Contrast',
      help: 'Sharpens the swapped attention; 1 leaves it as it is.',
      default: 1.67,
      min: 0,
      max: 10,
      step: 0.01,
    },
  ],
  mute: 'reconstruct',
  keyParams: ['contrast', 'higherRange'],
  idBase: 'swap',
};
