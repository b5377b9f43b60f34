import { type NodeSpec, type ParamValues } from './types';

/** Half the first scale, at least 1, unless the checkpoint names an end for the very scale in use. */
function defaultEndScale(params: ParamValues, overrides: ParamValues): number | undefined {
  const scale = params['scale'];
  if (typeof scale !== 'number' || !Number.isFinite(scale)) return undefined;
  const itsEnd = overrides['endScale'];
  const itsScale = overrides['scale'] ?? 3.5;
  if (typeof itsEnd === 'number' && itsScale === scale) return itsEnd;
  return Math.max(scale / 2, 1);
}

export const guidance: NodeSpec = {
  type: 'guidance',
  title: 'Swap guidance',
  category: 'transfer',
  help: 'Pushes the result away from what it would be without the swap; without this node the scale is 1.',
  inputs: [
    {
      name: 'transfer',
      label: 'Transfer',
      help: 'The transfer to add this to.',
      types: ['transfer'],
      optional: false,
      list: false,
    },
  ],
  outputs: [{ name: 'transfer', label: 'Transfer', help: 'The transfer with guidance.', type: 'transfer' }],
  params: [
    {
      kind: 'number',
      name: 'scale',
      label: 'Scale',
      help: 'Guidance at the first step; 1 is the plain swap.',
      default: 3.5,
      min: 0,
      max: 30,
      step: 0.1,
    },
    {
      kind: 'number',
      name: 'endScale',
      label: 'End scale',
      help: 'Guidance at the last step; between them it changes evenly.',
      defaultNote: 'half the scale, at least 1',
      derive: defaultEndScale,
      min: 0,
      max: 30,
      step: 0.1,
    },
  ],
  mute: 'pass-through',
  keyParams: ['scale'],
};
