import { type NodeSpec } from './types';

/** Whether the `path` of a lora node is the name of a LoRA instead. */
export const isLoraName = (path: string): boolean => !/\.safetensors$/i.test(path);

export const lora: NodeSpec = {
  type: 'lora',
  title: 'LoRA',
  category: 'model',
  help: 'Changes the weights of a checkpoint by a LoRA file. Several in a row add up. The checkpoint must be a .safetensors file, a diffusers folder or an ONNX folder made by optimum.',
  inputs: [{ name: 'checkpoint', label: 'Checkpoint', help: 'The checkpoint to change.', types: ['checkpoint'] }],
  outputs: [{ name: 'checkpoint', label: 'Checkpoint', help: 'The checkpoint with the LoRA.', type: 'checkpoint' }],
  params: [
    {
      kind: 'path',
      name: 'path',
      label: 'File',
      help: 'Path of the .safetensors file of a LoRA for Stable Diffusion 1.x or 2.x, relative to the graph file, with forward slashes; or the name of a LoRA that was downloaded or lies in a model folder, without ending.',
      required: true,
      access: 'read',
      filter: { label: 'LoRA', extensions: ['safetensors'] },
      isName: isLoraName,
    },
    {
      kind: 'number',
      name: 'strength',
      label: 'Strength',
      help: 'How much of the change is made: 1 is what the LoRA was trained for, 0 nothing, below 0 the opposite.',
      default: 1,
      min: -2,
      max: 2,
      step: 0.05,
    },
    {
      kind: 'number',
      name: 'textStrength',
      label: 'Text strength',
      help: 'The same for the text encoder alone, where it is to differ.',
      defaultNote: 'the strength',
      min: -2,
      max: 2,
      step: 0.05,
    },
  ],
  mute: 'pass-through',
  keyParams: ['path', 'strength'],
};
