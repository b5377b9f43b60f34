import { type NodeSpec } from '../../../extension/graph/catalogue/types';

/** A type of node that Weft does not have: the picture half-way through an inversion. */
export const glance: NodeSpec = {
  type: 'glance',
  title: 'Glance',
  category: 'inversion',
  help: 'Decodes what an inverted image looks like at one step.',
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
  outputs: [{ name: 'image', label: 'Image', help: 'The image at the step.', type: 'image' }],
  params: [
    {
      kind: 'integer',
      name: 'step',
      label: 'Step',
      help: 'The step to look at, counted from the first step that is not skipped.',
      defaultNote: 'half of the steps that run',
      min: 0,
      max: 999,
      step: 1,
    },
  ],
  mute: 'skip',
  inherit: (node) => {
    const { steps, skip } = node.source('inversion')?.conditions('schedule') ?? {};
    return { step: Math.floor((Number(steps) - Number(skip)) / 2) };
  },
  check: (node, { report }) => {
    const { steps, skip } = node.source('inversion')?.conditions('schedule') ?? {};
    const left = Number(steps) - Number(skip);
    const message = () => `${node.id} looks at a step that is not there: ${left} run.`;
    if (Number(node.written['step']) >= left) report({ code: 'step-out-of-reach', message, param: 'step' });
  },
  keyParams: ['step'],
};
