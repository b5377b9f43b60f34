import { type NodeSpec } from './types';

export const invert: NodeSpec = {
  type: 'invert',
  title: 'Invert',
  category: 'inversion',
  help: 'Inverts an image: finds the noisy latents and noise maps from which the model reconstructs it.',
  inputs: [
    { name: 'image', label: 'Image', help: 'The image to invert.', types: ['image'] },
    { name: 'checkpoint', label: 'Checkpoint', help: 'The checkpoint to use.', types: ['checkpoint'] },
    {
      name: 'prompt',
      label: 'Prompt',
      help: "What the image shows. If not connected: the checkpoint's default.",
      types: ['prompt'],
      optional: true,
      implied: 'prompt',
    },
    {
      name: 'schedule',
      label: 'Schedule',
      help: "The timesteps. If not connected: the checkpoint's default.",
      types: ['schedule'],
      optional: true,
      implied: 'schedule',
    },
  ],
  outputs: [
    { name: 'inversion', label: 'Inversion', help: "The image's noisy latents and noise maps.", type: 'inversion' },
  ],
  params: [
    {
      kind: 'number',
      name: 'guidanceScale',
      label: 'Guidance scale',
      help: 'Classifier-free guidance scale of the inversion. 1 turns guidance off and reconstructs best.',
      default: 3.5,
      min: 0,
      max: 30,
      step: 0.1,
      slider: [0, 10],
    },
    {
      kind: 'choice',
      name: 'method',
      label: 'Method',
      help: 'The inversion method.',
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
