import { type Checking, type NodeSpec, type NodeView, type ParamValues } from './types';

const LEAST_STEPS = 2;

/** floor(0.32 T), or the checkpoint's own share of skipped steps when it names one. */
function defaultSkip(params: ParamValues, overrides: ParamValues): number | undefined {
  const steps = params['steps'];
  if (typeof steps !== 'number' || !Number.isFinite(steps)) return undefined;
  const { steps: itsSteps, skip: itsSkip } = overrides;
  if (typeof itsSkip === 'number') {
    // A checkpoint that was tuned at 50 steps with 24 skipped means their share: 100 steps skip 48.
    if (itsSteps === steps) return itsSkip;
    if (typeof itsSteps === 'number' && itsSteps > 0) return Math.floor((itsSkip * steps) / itsSteps);
    return Math.min(itsSkip, Math.max(0, steps - 1));
  }
  // In integers, because 0.32 · 25 is 8 on paper only.
  return Math.floor((32 * steps) / 100);
}

export type TimestepSpacing = 'leading' | 'trailing';
export type NoiseMaps = 'own' | 'shifted';

/** Why a schedule can't be trailing, undefined where it can. @param train training timesteps, 1000 for all of Stable Diffusion */
export function trailingProblem(spacing: unknown, steps: number, train = 1000): string | undefined {
  // Steps closer than 1.5 timesteps round down to timestep 0, which has no noise left to take away.
  const most = Math.floor((2 * train) / 3);
  if (spacing !== 'trailing' || steps <= most) return undefined;
  return `Trailing spacing takes at most ${most} steps, not ${steps}. Set fewer steps, or leading spacing.`;
}

function check({ params, written }: NodeView, { report }: Checking): void {
  const { steps, skip, spacing } = params;
  if (typeof steps !== 'number') return;
  const problem = trailingProblem(spacing, steps);
  if (problem !== undefined) report({ code: 'too-many-trailing-steps', message: () => problem, param: 'steps' });
  // A number of steps that can't be is told of itself.
  if (typeof skip !== 'number' || skip < steps || steps < LEAST_STEPS) return;
  const mark = Object.hasOwn(written, 'skip') ? 'skip' : 'steps';
  const message = () => `skip must be less than steps: skipping ${skip} of ${steps} steps leaves none to run.`;
  report({ code: 'skip-exceeds-steps', message, param: 'skip', mark });
}

export const schedule: NodeSpec = {
  type: 'schedule',
  title: 'Schedule',
  category: 'source',
  help: 'The number of steps, the skipped steps, the spacing of the timesteps, and the noise.',
  inputs: [],
  outputs: [{ name: 'schedule', label: 'Schedule', help: 'The schedule.', type: 'schedule' }],
  params: [
    {
      kind: 'integer',
      name: 'steps',
      label: 'Steps',
      help: 'The number of steps of the whole schedule, T.',
      default: 100,
      unit: 'steps',
      min: LEAST_STEPS,
      max: 1000,
      step: 1,
      slider: [10, 150],
    },
    {
      kind: 'integer',
      name: 'skip',
      label: 'Skipped steps',
      help: "The number of first (noisiest) steps to skip. More keeps more of the structure image's own look.",
      defaultNote: '32 % of the steps, rounded down',
      derive: defaultSkip,
      unit: 'steps',
      min: 0,
      max: 999,
      step: 1,
      slider: ({ steps }) => [0, Number(steps) - 1],
    },
    {
      kind: 'choice',
      name: 'spacing',
      label: 'Spacing',
      help: 'Which of the training timesteps the steps use.',
      default: 'leading',
      options: [
        {
          value: 'leading',
          label: 'Leading',
          help: 'Down to the last timestep, as the authors of the method use. With few steps it starts below the most noise.',
        },
        {
          value: 'trailing',
          label: 'Trailing',
          help: 'From the first timestep, which has the most noise. Use it with LoRAs for few steps.',
        },
      ],
    },
    {
      kind: 'choice',
      name: 'noiseMaps',
      label: 'Noise maps',
      help: 'At which noise the images are inverted. With few steps, noise maps of the own timesteps are larger than a checkpoint expects.',
      default: 'own',
      options: [
        { value: 'own', label: 'Own timestep', help: 'The noise of the step itself, as the authors use.' },
        {
          value: 'shifted',
          label: 'Shifted (TurboEdit)',
          help: 'The noise of one step later, and a limit on the last noise map. For trailing spacing with few steps.',
        },
      ],
    },
    {
      kind: 'integer',
      name: 'seed',
      label: 'Seed',
      help: 'The seed of the noise. The same seed gives the same image.',
      default: 42,
      min: 0,
      max: 4294967295,
      step: 1,
      random: true,
    },
  ],
  mute: 'never',
  check,
  keyParams: ['steps', 'skip'],
};
