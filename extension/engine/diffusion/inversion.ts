/**
 * Edit-friendly DDPM inversion (Huberman-Spiegelglas et al., arXiv 2304.06140, §3) and the denoising along it. Every x_t is noised from
 * x0 on its own, not along a chain, so the steps do not depend on one another and may share a batch.
 */
import { guide } from './guidance';
import { type Scheduler } from './scheduler';
import { type FreeuGains, type Latents, type KeyValues, type AttentionProbe, type Unet, type UnetCall } from './unet';

/** A step of one image's denoising. Images of one batch may differ in all of it. */
export interface ReferenceStep {
  scheduler: Scheduler;
  /** The step's place in the schedule. */
  index: number;
  /** x_t [C, h, w] */
  latents: Latents;
  /** Text embedding [L, D] of the prompt. */
  promptEmbeds: Float32Array;
}

export interface DenoisedStep {
  /** ε, and the predictions with and without the prompt that it was made of; the latter is absent at guidance 1. */
  epsilon: Latents;
  conditional: Latents;
  unconditional?: Latents;
  /** x̂0 */
  predOriginalSample: Latents;
  keyValues?: KeyValues;
  probe?: AttentionProbe;
}

/** How the UNet is called: `emptyPromptEmbeds` is the text embedding of the empty prompt, which guidance 1 does not need. */
export interface Denoising {
  freeu: FreeuGains;
  guidance?: { guidanceScale: number; emptyPromptEmbeds: Float32Array };
  keep: UnetCall['keep'];
}

/** Denoises steps in one batch, with classifier-free guidance if asked to. {@link Scheduler.step} leads on from there. */
export async function denoiseSteps(
  unet: Unet,
  steps: readonly ReferenceStep[],
  { freeu, guidance, keep }: Denoising,
): Promise<DenoisedStep[]> {
  const batch = steps.map(({ scheduler, index, latents, promptEmbeds }) => ({
    latents,
    timestep: scheduler.timesteps[index]!,
    promptEmbeds,
  }));
  const empty = guidance ? batch.map((input) => ({ ...input, promptEmbeds: guidance.emptyPromptEmbeds })) : [];
  const { epsilons, keyValues, probes } = await unet.run({ batch: [...batch, ...empty], freeu, keep });
  return steps.map(({ scheduler, index, latents }, at) => {
    const conditional = epsilons[at]!;
    const unconditional = guidance && epsilons[steps.length + at]!;
    const epsilon = unconditional ? guide(unconditional, conditional, guidance.guidanceScale) : conditional;
    const predOriginalSample = scheduler.predOriginalSample(latents, epsilon, index);
    const kept = { keyValues: keyValues?.[at], probe: probes?.[at] };
    return { epsilon, conditional, unconditional, predOriginalSample, ...kept };
  });
}

/** Inverts steps in one batch: z is the noise that leads from x_t to `previous`, the x_{t−1} of the inversion. */
export async function invertSteps(
  unet: Unet,
  steps: readonly (ReferenceStep & { previous: Latents })[],
  denoising: Denoising,
): Promise<(DenoisedStep & { noiseMap: Latents })[]> {
  const denoised = await denoiseSteps(unet, steps, denoising);
  return denoised.map((step, at) => {
    const { scheduler, latents, previous, index } = steps[at]!;
    return { ...step, noiseMap: scheduler.noiseBetween(latents, step.epsilon, previous, index) };
  });
}
