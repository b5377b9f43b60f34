/**
 * A step of the denoising of O with cross-image attention (Alaluf et al., arXiv 2311.03335, §4): its own queries meet the keys and
 * values that the appearance (or, now and then, the structure) had at the same step of its reference pass.
 */
import { guide } from './guidance';
import { type ReferenceStep } from './inversion';
import { swaps, type TransferStep } from './transferSteps';
import { type DecoderInput, type FreeuGains, type Latents, type Share, type Unet } from './unet';

export interface TransferInput extends ReferenceStep {
  /** What happens at the step. */
  step: TransferStep;
  /** Keys and values that the swap reads. */
  sources: Share[];
  freeu: FreeuGains;
}

export interface TransferPrediction {
  epsilon: Latents;
  /** With and without the swap; the latter is absent where it was not needed. */
  withSwap: Latents;
  without?: Latents;
  /** Queries [N, W] of the swapped layers, by layer index. */
  queries?: Float32Array[];
}

/** ε of O. Both predictions share the encoder; without guidance only the swapped one is needed, unless `both` are asked for. */
export async function predictTransfer(
  unet: Unet,
  { scheduler, index, latents, promptEmbeds, step, sources, freeu }: TransferInput,
  { both = false, queries = false } = {},
): Promise<TransferPrediction> {
  const batch = [{ latents, timestep: scheduler.timesteps[index]!, promptEmbeds }];
  const swapped = swaps(step);
  const plain = step.guidance === 1 && !both ? [] : [{ from: 0 }];
  const answer = await unet.run({
    batch,
    decoderBatch: swapped ? [swappedInput(step, sources), ...plain] : undefined,
    freeu,
    keep: { queries: swapped && queries },
  });
  const [withSwap, without] = answer.epsilons as [Latents, Latents?];
  const epsilon = without ? guide(without, withSwap, step.guidance) : withSwap;
  return { epsilon, withSwap, without, queries: answer.queries?.[0] };
}

/** The decoder's input whose levels meet foreign keys and values. */
function swappedInput({ swap, contrast }: TransferStep, sources: Share[]): DecoderInput {
  const levels = (['high', 'low'] as const).filter((level) => swap[level]);
  return {
    from: 0,
    source: Object.fromEntries(levels.map((level) => [level, sources])),
    contrast: contrast === 1 ? {} : Object.fromEntries(levels.map((level) => [level, contrast])),
  };
}
