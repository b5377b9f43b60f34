/**
 * Edit-friendly DDPM inversion (Huberman-Spiegelglas et al., arXiv 2304.06140, §3) and the denoising along it. Every x_t is noised from
 * x0 on its own, not along a chain, so the steps do not depend on one another and may share a batch.
 */
import { guide } from './guidance';
import { type Scheduler } from './scheduler';
import { type FreeuGains, type Latents, type RowKeyValues, type RowProbe, type Unet, type UnetCall } from './unet';

/** A step of one image's denoising. Images of one batch may differ in all of it. */
export interface ReferenceStep {
  scheduler: Scheduler;
  /** The step's place in the schedule. */
  index: number;
  /** x_t [C, h, w] */
  latents: Latents;
  /** Text embedding [L, D] of the prompt. */
  context: Float32Array;
}

export interface DenoisedStep {
  /** ε, and the predictions with and without the prompt that it was made of; the latter is absent at guidance 1. */
  epsilon: Latents;
  conditional: Latents;
  unconditional?: Latents;
  /** x̂0 */
  original: Latents;
  keyValues?: RowKeyValues;
  probe?: RowProbe;
}

/** How the UNet is called: `emptyContext` is the text embedding of the empty prompt, which guidance 1 does not need. */
export interface Denoising {
  freeu: FreeuGains;
  guidance?: { guidanceScale: number; emptyContext: Float32Array };
  keep: UnetCall['keep'];
}

/** Denoises steps in one batch, with classifier-free guidance if asked to. {@link Scheduler.step} leads on from there. */
export async function denoiseSteps(
  unet: Unet,
  steps: readonly ReferenceStep[],
  { freeu, guidance, keep }: Denoising,
): Promise<DenoisedStep[]> {
  const rows = steps.map(({ scheduler, index, latents, context }) => ({
    latents,
    timestep: scheduler.timesteps[index]!,
    context,
  }));
  const empty = guidance ? rows.map((row) => ({ ...row, context: guidance.emptyContext })) : [];
  const { epsilons, keyValues, probes } = await unet.run({ rows: [...rows, ...empty], freeu, keep });
  return steps.map(({ scheduler, index, latents }, row) => {
    const conditional = epsilons[row]!;
    const unconditional = guidance && epsilons[steps.length + row]!;
    const epsilon = unconditional ? guide(unconditional, conditional, guidance.guidanceScale) : conditional;
    const original = scheduler.originalFrom(latents, epsilon, index);
    const kept = { keyValues: keyValues?.[row], probe: probes?.[row] };
    return { epsilon, conditional, unconditional, original, ...kept };
  });
}

/** Inverts steps in one batch: z is the noise that leads from x_t to `previous`, the x_{t−1} of the inversion. */
export async function invertSteps(
  unet: Unet,
  steps: readonly (ReferenceStep & { previous: Latents })[],
  denoising: Denoising,
): Promise<(DenoisedStep & { noiseMap: Latents })[]> {
  const denoised = await denoiseSteps(unet, steps, denoising);
  return denoised.map((step, row) => {
    const { scheduler, latents, previous, index } = steps[row]!;
    return { ...step, noiseMap: scheduler.noiseBetween(latents, step.epsilon, previous, index) };
  });
}
