import { type NodeSpec } from './types';

/** The step whose attention gives the masks when none is named: where AdaIN's default range begins, at least 1. */
export function defaultSegmentStep(steps: number): number {
  return Math.max(1, Math.ceil((20 * steps) / 100));
}

export const segment: NodeSpec = {
  type: 'segment',
  title: 'Segment',
  category: 'inversion',
  help: "Finds the object in an image from the model's attention maps.",
  inputs: [
    {
      name: 'inversion',
      label: 'Inversion',
      help: 'The inverted image.',
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
      help: 'The word of the prompt that names the object.',
      defaultNote: 'the domain',
    },
    {
      kind: 'integer',
      name: 'step',
      label: 'Step',
      help: 'The step whose attention maps are used, counted from the first step that is not skipped.',
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
      help: 'The number of regions that the image is divided into. The object is one or more of them.',
      default: 5,
      min: 2,
      max: 20,
      step: 1,
    },
    {
      kind: 'path',
      name: 'override',
      label: 'Correction',
      help: 'A small PNG over the mask: white for object, black for background, transparent for no change. The mask editor writes it.',
      defaultNote: 'none',
      filter: { label: 'PNG images', extensions: ['png'] },
      access: 'read',
    },
  ],
  mute: 'no-mask',
  keyParams: ['noun'],
  idBase: 'mask',
};
