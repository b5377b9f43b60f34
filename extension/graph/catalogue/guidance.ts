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
  help: 'Extrapolates from the noise prediction without the swap to the one with it. Without this node the scale is 1.',
  inputs: [{ name: 'transfer', label: 'Transfer', help: 'The transfer to add guidance to.', types: ['transfer'] }],
  outputs: [{ name: 'transfer', label: 'Transfer', help: 'The transfer with guidance.', type: 'transfer' }],
  params: [
    {
      kind: 'number',
      name: 'scale',
      label: 'Scale',
      help: 'The guidance scale at the first step; 1 uses only the prediction with the swap.',
      default: 3.5,
      min: 0,
      max: 30,
      step: 0.1,
      slider: [0, 10],
    },
    {
      kind: 'number',
      name: 'endScale',
      label: 'End scale',
      help: 'The guidance scale at the last step. It changes linearly in between.',
      defaultNote: 'half the scale, at least 1',
      derive: defaultEndScale,
      min: 0,
      max: 30,
      step: 0.1,
      slider: [0, 10],
    },
  ],
  mute: 'pass-through',
  keyParams: ['scale'],
};
