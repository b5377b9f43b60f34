/** What travels on the wires of a running graph: one type for each port type of the catalogue. */
import { type NoiseMaps, type Pin, type TimestepSpacing } from '../../graph';
import { type TransferSettings } from '../pipeline/sampler';
import { type Trajectory } from '../pipeline/trajectory';
import { type FreeuGains } from '../diffusion/unet';
import { type RgbPicture } from '../image/png';
import { type LoraChoice } from '../checkpoints/types';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { type Metrics } from './metrics';

/**
 * A picture as its file has it, or as it was made; it is brought to a checkpoint's size where it meets one. `metrics`: what an evaluate node
 * found out about it.
 */
export type ImageValue = { kind: 'image'; digest: string; metrics?: Metrics } & (
  { from: 'file'; file: string; bytes: Uint8Array } | { from: 'run'; width: number; height: number; rgb: Uint8Array }
);

export interface CheckpointValue {
  kind: 'checkpoint';
  checkpoint: LoadedCheckpoint;
  /** What it was opened from, for nodes that change it. */
  from: { id: string; vae?: string; loras: LoraChoice[] };
  /** Set by a freeu node. */
  freeu?: FreeuGains;
}

export interface PromptValue {
  kind: 'prompt';
  text: string;
  domain: string;
  /** Last layers of the text encoder that are left out. */
  clipSkip: number;
}

export interface ScheduleValue {
  kind: 'schedule';
  steps: number;
  skip: number;
  seed: number;
  /** Leading where absent. */
  spacing?: TimestepSpacing;
  /** At which noise images are inverted; at the step's own where absent. */
  noiseMaps?: NoiseMaps;
}

export interface InversionValue {
  kind: 'inversion';
  /** The invert node that owns it, for messages and previews. */
  node: string;
  /** The picture as the checkpoint sees it. */
  picture: RgbPicture;
  trajectory: Trajectory;
  checkpoint: LoadedCheckpoint;
  prompt: PromptValue;
  schedule: ScheduleValue;
  freeu: FreeuGains;
}

/** Where the object is, on the latent grid or, for a picture of a mask, before it has met one. */
export interface MaskValue {
  kind: 'mask';
  digest: string;
  /** False when the object was looked for and not found: AdaIN then acts on both whole pictures. */
  found: boolean;
  /** The mask on a latent grid [h·w] of 0 and 1. */
  onGrid(height: number, width: number): Promise<Float32Array>;
}

/** The record that swap, adain and guidance nodes each add to; order does not matter. */
export interface TransferValue {
  kind: 'transfer';
  structure: InversionValue;
  appearances: InversionValue[];
  /** Where in the structure each appearance is taken, by its place in the list; absent where it has no region of its own. */
  regions?: (MaskValue | undefined)[];
  /** Where each appearance's look is taken from, likewise; absent where it is from everywhere. */
  sources?: (MaskValue | undefined)[];
  pins?: readonly Pin[];
  swap?: TransferSettings['swap'];
  adain?: { range: [number, number]; structureMask?: MaskValue; appearanceMasks?: (MaskValue | undefined)[] };
  guidance?: { scale: number; endScale: number };
}

export interface TimelineFrameValue {
  step: number;
  timestep: number;
  /** x_t and x̂0, latents [C, h, w]. */
  latents: Float32Array;
  predOriginalSample: Float32Array;
}

export interface TimelineValue {
  kind: 'timeline';
  checkpoint: LoadedCheckpoint;
  frames: TimelineFrameValue[];
}

export type Value =
  | ImageValue
  | CheckpointValue
  | PromptValue
  | ScheduleValue
  | InversionValue
  | MaskValue
  | TransferValue
  | TimelineValue;
