/** What each step of the denoising with cross-image attention does (Alaluf et al., arXiv 2311.03335, §4), resolved from ranges of steps. */
import { guidanceScales } from './guidance';
import { insideRange, laggedStep, type StepRange } from './stepRange';
import { type SwapLevel } from './unet';

export interface SwapSettings {
  higherRange: StepRange;
  lowerRange: StepRange;
  /** Every how many steps K and V come from the structure instead (0: never), and below which per cent of T. */
  structureEvery: number;
  structureUntil: number;
  /** β of the contrast; 1 is none. */
  contrast: number;
}

/** One step of the loop. */
export interface TransferStep {
  /** Where O's keys and values come from, by level; its own where absent. */
  swap: Partial<Record<SwapLevel, 'appearance' | 'structure'>>;
  contrast: number;
  guidance: number;
  adain: boolean;
}

/** True where a step swaps at either level. */
export const swaps = ({ swap }: TransferStep): boolean => swap.high !== undefined || swap.low !== undefined;

export interface TransferSchedule {
  swap?: SwapSettings;
  adainRange?: StepRange;
  /** Swap guidance at the first and at the last step. */
  guidance: { scale: number; endScale: number };
  /** T, of which ranges are per cent. */
  steps: number;
  /** n = T − s: steps of the loop. */
  count: number;
}

/** The n steps of the loop. */
export function transferSteps({ swap, adainRange, guidance, steps, count }: TransferSchedule): TransferStep[] {
  return Array.from(guidanceScales(guidance.scale, guidance.endScale, count)).map((scale, step) => {
    const lagged = laggedStep(step);
    const at: TransferStep['swap'] = {};
    if (swap) {
      const { structureEvery, structureUntil } = swap;
      const injects = structureEvery > 0 && lagged % structureEvery === 0 && 100 * lagged < structureUntil * steps;
      const source = injects ? 'structure' : 'appearance';
      if (insideRange(lagged, swap.higherRange, steps)) at.high = source;
      if (insideRange(lagged, swap.lowerRange, steps)) at.low = source;
    }
    const adain = adainRange !== undefined && insideRange(step, adainRange, steps);
    return { swap: at, contrast: swap?.contrast ?? 1, guidance: scale, adain };
  });
}
