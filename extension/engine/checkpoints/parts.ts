import { type Config } from '../onnx/emit/config';
import { type WeightSet } from '../safetensors/weights';

/** The graphs of a checkpoint, as their folders are called. */
export const PARTS = ['unet', 'text_encoder', 'vae_encoder', 'vae_decoder'] as const;
export type PartName = (typeof PARTS)[number];

export interface PartWeights {
  set: WeightSet;
  /** Its config.json, in a diffusers folder. */
  config: Config;
}

/** The weights of a checkpoint's parts: of one file, three times the same. */
export interface Weights {
  unet: PartWeights;
  text: PartWeights;
  vae: PartWeights;
}
