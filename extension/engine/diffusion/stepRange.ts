/** Ranges of steps are written in per cent of T and count the steps of the denoising loop (0 = the first one that runs). */
export type StepRange = readonly [from: number, to: number];

/** Step k is inside [a, b) exactly if 100 k ≥ a T and 100 k < b T: no rounding, so a range means the same at every T. */
export function insideRange(step: number, [from, to]: StepRange, steps: number): boolean {
  return 100 * step >= from * steps && 100 * step < to * steps;
}

/**
 * The step that swap and structure injection are tested with at loop step i. The authors advance their counter after the step, so
 * that it lags by one; results agree with theirs only if this is reproduced.
 */
export function laggedStep(step: number): number {
  return Math.max(step - 1, 0);
}
