import { type NodeSpec } from './types';

/** The step whose attention gives the masks when none is named: where AdaIN's default range begins, at least 1. */
export function defaultSegmentStep(steps: number): number {
  return Math.max(1, Math.ceil((20 * steps) / 100));
}

export const segment: NodeSpec = {
  type: 'segment',
  title: 'Segment',
  category: 'inversion',
  help: "Finds the object in a picture from the model's own attention.",
  inputs: [
    {
      name: 'inversion',
      label: 'Inversion',
      help: 'The inverted picture.',
      types: ['inversion'],
      optional: false,
      list: false,
    },
  ],
  outputs: [{ name: 'mask', label: 'Mask', help: 'Where the object is.', type: 'mask' }],
  params: [
    {
      kind: 'text',
      name: 'noun',
      label: 'Noun',
      help: 'The word of the prompt to look for.',
      defaultNote: 'the domain',
    },
    {
      kind: 'integer',
      name: 'step',
      label: 'Step',
      help: 'The step, counted from the first that is not skipped, whose attention is read.',
      defaultNote: '20 % of the steps, at least 1',
      unit: 'step',
      min: 1,
      max: 999,
      step: 1,
    },
    {
      kind: 'integer',
      name: 'clusters',
      label: 'Clusters',
      help: 'Into how many regions the picture is divided before the object is chosen among them.',
      default: 5,
      min: 2,
      max: 20,
      step: 1,
    },
    {
      kind: 'path',
      name: 'override',
      label: 'Correction',
      help: 'A small PNG laid over the mask, white where the object is, black where it is not, transparent where the mask stays as found; the mask editor paints it.',
      defaultNote: 'none',
      filter: { label: 'PNG pictures', extensions: ['png'] },
      access: 'read',
    },
  ],
  mute: 'no-mask',
  keyParams: ['noun'],
  idBase: 'mask',
};
