import { type NodeSpec } from './types';

export const invert: NodeSpec = {
  type: 'invert',
  title: 'Invert',
  category: 'inversion',
  help: 'Finds the noise from which the model would draw this picture.',
  inputs: [
    {
      name: 'image',
      label: 'Image',
      help: 'The picture to invert.',
      types: ['image'],
      optional: false,
      list: false,
    },
    {
      name: 'checkpoint',
      label: 'Checkpoint',
      help: 'The model that inverts it.',
      types: ['checkpoint'],
      optional: false,
      list: false,
    },
    {
      name: 'prompt',
      label: 'Prompt',
      help: "What the picture shows; unwired, the checkpoint's default.",
      types: ['prompt'],
      optional: true,
      list: false,
    },
    {
      name: 'schedule',
      label: 'Schedule',
      help: "The steps; unwired, the checkpoint's default.",
      types: ['schedule'],
      optional: true,
      list: false,
    },
  ],
  outputs: [
    { name: 'inversion', label: 'Inversion', help: "The picture's noisy latents and noise.", type: 'inversion' },
  ],
  params: [
    {
      kind: 'number',
      name: 'guidanceScale',
      label: 'Guidance scale',
      help: 'Classifier-free guidance of the inversion; 1 follows the prompt alone and reconstructs best.',
      default: 3.5,
      min: 0,
      max: 30,
      step: 0.1,
    },
    {
      kind: 'choice',
      name: 'method',
      label: 'Method',
      help: 'How the noise is found.',
      default: 'edit-friendly-ddpm',
      options: [
        {
          value: 'edit-friendly-ddpm',
          label: 'Edit-friendly DDPM',
          help: 'Independent noise at every step (Huberman-Spiegelglas et al., 2024).',
        },
      ],
    },
  ],
  mute: 'never',
  keyParams: ['guidanceScale'],
};
