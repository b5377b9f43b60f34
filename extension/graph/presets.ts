/** Schedules by name, for templates and the command line. */
import { type TimestepSpacing } from './catalogue/schedule';

export interface Preset {
  /** One sentence. */
  help: string;
  /** What it does not say is the checkpoint's own. */
  schedule: { steps: number; skip?: number; spacing?: TimestepSpacing };
  /** Name of a LoRA that so few steps need. */
  lora?: string;
}

export const presets = {
  paper: { help: 'The 100 steps of the paper, of which 32 are skipped.', schedule: { steps: 100, skip: 32 } },
  quick: { help: '30 steps.', schedule: { steps: 30 } },
  draft: {
    help: '8 steps with the LoRA hyper-sd15-8steps, for Stable Diffusion 1.5.',
    schedule: { steps: 8, spacing: 'trailing' },
    lora: 'hyper-sd15-8steps',
  },
  'draft-12': {
    help: '12 steps with the LoRA hyper-sd15-12steps, for Stable Diffusion 1.5.',
    schedule: { steps: 12, spacing: 'trailing' },
    lora: 'hyper-sd15-12steps',
  },
} satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;
