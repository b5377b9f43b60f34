/**
 * The noise schedule and the DDIM step with η = 1 that cross-image attention walks (Song et al., "Denoising Diffusion
 * Implicit Models", eq. 12 and 16; timesteps are spaced as diffusers does, "leading" with offset 1 or "trailing").
 * Latents are flat Float32Arrays of any shape; coefficients are computed in double precision.
 */
import { type NoiseMaps, type TimestepSpacing, trailingProblem } from '../../graph';
import { checkpointError, graphError } from '../../protocol/errors';

/** The part of a diffusers scheduler_config.json that matters here; the class it names does not. */
export interface SchedulerConfig {
  num_train_timesteps?: number;
  beta_start?: number;
  beta_end?: number;
  beta_schedule?: string;
  /**
   * `epsilon` or `v_prediction`: the UNet predicts the noise ε, or v = √ᾱ ε − √(1 − ᾱ) x0 (Salimans & Ho, "Progressive Distillation for Fast
   * Sampling", appendix D). Both are linear in x_t and in what is wanted of them, so a step differs in its coefficients only.
   */
  prediction_type?: string;
}

type Collected = 'originalOfX' | 'originalOfPrediction' | 'meanOfX' | 'meanOfPrediction';

/** Everything that step `i` multiplies by. All unitless. */
export interface StepCoefficients {
  timestep: number;
  /** t − floor(train/T), as DDIM has it also where the next timestep is another; where it is negative, ᾱ[0] stands in. */
  previousTimestep: number;
  alphaBar: number;
  alphaBarPrevious: number;
  /** √ᾱ_t */
  sqrtAlphaBar: number;
  /** √(1 − ᾱ_t) */
  sqrtOneMinusAlphaBar: number;
  /** √ᾱ_prev */
  sqrtAlphaBarPrevious: number;
  /** √(1 − ᾱ_prev − σ²): how much of ε points back along the trajectory. */
  direction: number;
  /** σ, the standard deviation of the noise added by the step. */
  sigma: number;
  /** x̂0 = originalOfX · x_t + originalOfPrediction · prediction. */
  originalOfX: number;
  originalOfPrediction: number;
  /** μ = meanOfX · x_t + meanOfPrediction · prediction: the two terms of the mean collected. */
  meanOfX: number;
  meanOfPrediction: number;
}

export interface Scheduler {
  /** Number of steps T. */
  readonly steps: number;
  /** Training timesteps, descending, one a step; the last is 1 when the spacing is leading. */
  readonly timesteps: readonly number[];
  /**
   * Steps that add noise, from the first. Leading: all but the last, whose noise the authors leave out; at t = 1 it hardly matters.
   * Trailing: all, as the last step may come from far away.
   */
  readonly noisySteps: number;
  /** Steps, from the first, that lead exactly along an inversion: not a last one whose noise is left out or limited. */
  readonly exactSteps: number;
  /** ᾱ at a training timestep; below zero ᾱ[0] (set_alpha_to_one is false). */
  alphaBar(timestep: number): number;
  coefficients(step: number): StepCoefficients;
  /** x_t = √ᾱ_t x0 + √(1 − ᾱ_t) n. Shifted noise maps: with the ᾱ of one step later, and x0 itself where there is none. */
  addNoise(original: Float32Array, noise: Float32Array, step: number): Float32Array;
  /** x̂0 = (x_t − √(1 − ᾱ_t) ε) / √ᾱ_t, or √ᾱ_t x_t − √(1 − ᾱ_t) v */
  predOriginalSample(latents: Float32Array, prediction: Float32Array, step: number): Float32Array;
  /** μ = √ᾱ_prev x̂0 + √(1 − ᾱ_prev − σ²) ε, with ε = √ᾱ_t v + √(1 − ᾱ_t) x_t where v is predicted */
  mean(latents: Float32Array, prediction: Float32Array, step: number): Float32Array;
  /** x_prev = μ + σ z */
  step(latents: Float32Array, prediction: Float32Array, noise: Float32Array, step: number): Float32Array;
  /** z = (x_prev − μ) / σ: the noise that makes `step` land on `previous` (Huberman-Spiegelglas et al., eq. 5). */
  noiseBetween(latents: Float32Array, prediction: Float32Array, previous: Float32Array, step: number): Float32Array;
  /** z as it may be added at a step: σ‖z‖ of the last shifted one is at most {@link LAST_NOISE_NORM} for each value. */
  limitNoise(noiseMap: Float32Array, step: number): Float32Array;
}

/**
 * The longest noise that TurboEdit (Deutch et al., arXiv 2408.00735) adds in its last step: 15.5 for latents of 4 × 64 × 64 values, so
 * that much for each value in the root mean square.
 */
const LAST_NOISE_NORM = 15.5 / Math.sqrt(4 * 64 * 64);

/** β_1 … β_n in float32, as the training code held them. Throws a checkpoint error for a schedule it doesn't know. */
function betasOf(config: SchedulerConfig): Float32Array {
  const count = config.num_train_timesteps ?? 1000;
  const start = config.beta_start ?? 0.0001;
  const end = config.beta_end ?? 0.02;
  if (!Number.isInteger(count) || count < 2 || count > 100_000) {
    throw checkpointError(`The scheduler's num_train_timesteps is ${count}; it must be a whole number from 2.`);
  }
  if (!(start > 0 && start < end && end < 1)) {
    throw checkpointError(`The scheduler's betas run from ${start} to ${end}; they must rise between 0 and 1.`);
  }
  const schedule = config.beta_schedule ?? 'linear';
  switch (schedule) {
    case 'linear':
      return linspaceFloat32(start, end, count);
    case 'scaled_linear':
      return linspaceFloat32(Math.sqrt(start), Math.sqrt(end), count).map((root) => root * root);
    default:
      throw checkpointError(
        `The scheduler's beta_schedule "${schedule}" is not supported; Weft knows scaled_linear and linear.`,
      );
  }
}

/** torch.linspace in float32: counts up from the start in the first half and down from the end in the second. */
function linspaceFloat32(start: number, end: number, count: number): Float32Array {
  const out = new Float32Array(count);
  const from = Math.fround(start);
  const to = Math.fround(end);
  const step = Math.fround(Math.fround(to - from) / (count - 1));
  for (let i = 0; i < count; i++) {
    out[i] = i < count / 2 ? from + Math.fround(step * i) : to - Math.fround(step * (count - 1 - i));
  }
  return out;
}

/** Cumulative products ᾱ_t = Π (1 − β_s), rounded to float32 at each entry as torch.cumprod rounds them. */
export function alphasCumprod(config: SchedulerConfig): Float32Array {
  const betas = betasOf(config);
  const out = new Float32Array(betas.length);
  let product = 1;
  for (let i = 0; i < betas.length; i++) {
    product *= Math.fround(1 - betas[i]!);
    out[i] = product;
  }
  return out;
}

/** diffusers' timesteps (Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed", table 2), descending. */
function spacedTimesteps(train: number, steps: number, spacing: TimestepSpacing): number[] {
  const stride = Math.floor(train / steps);
  if (spacing === 'leading') return Array.from({ length: steps }, (_, j) => (steps - 1 - j) * stride + 1);
  // round(arange(train, 0, −train/steps)) − 1, with arange's own rounding: it adds multiples of the rounded first difference.
  const difference = train - train / steps - train;
  return Array.from({ length: steps }, (_, j) => roundHalfEven(train + j * difference) - 1);
}

/** As numpy rounds. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

/**
 * The schedule of `steps` denoising steps (1 … num_train_timesteps) over a checkpoint's training schedule.
 * Throws a checkpoint error for a scheduler Weft can't follow, a graph error for an impossible number of steps.
 */
export function createScheduler(
  config: SchedulerConfig,
  steps: number,
  spacing: TimestepSpacing = 'leading',
  noiseMaps: NoiseMaps = 'own',
): Scheduler {
  const prediction = config.prediction_type ?? 'epsilon';
  if (prediction !== 'epsilon' && prediction !== 'v_prediction') {
    throw checkpointError(
      `The checkpoint predicts "${prediction}"; Weft needs one that predicts epsilon or v_prediction, as Stable Diffusion 1.x and 2.x do.`,
    );
  }
  const cumulative = alphasCumprod(config);
  const train = cumulative.length;
  if (!Number.isInteger(steps) || steps < 1 || steps > train) {
    throw graphError(`steps is ${steps}; it must be a whole number from 1 to ${train}.`);
  }
  const problem = trailingProblem(spacing, steps, train);
  if (problem !== undefined) throw graphError(problem);
  const stride = Math.floor(train / steps);
  const timesteps = spacedTimesteps(train, steps, spacing);
  // With stride 1 leading's offset pushes the first timestep one past the trained ones: continue with the last ratio there.
  const beyond = cumulative[train - 1]! * (cumulative[train - 1]! / cumulative[train - 2]!);
  const alphaBar = (timestep: number): number => {
    if (timestep < 0) return cumulative[0]!;
    return timestep < train ? cumulative[timestep]! : beyond;
  };

  const table = timesteps.map((timestep): StepCoefficients => {
    const previousTimestep = timestep - stride;
    const current = alphaBar(timestep);
    const previous = alphaBar(previousTimestep);
    const variance = ((1 - previous) / (1 - current)) * (1 - current / previous);
    const sqrtAlphaBar = Math.sqrt(current);
    const sqrtOneMinusAlphaBar = Math.sqrt(1 - current);
    const sqrtAlphaBarPrevious = Math.sqrt(previous);
    const direction = Math.sqrt(Math.max(1 - previous - variance, 0));
    const ofEpsilon = (): Pick<StepCoefficients, Collected> => {
      const meanOfX = sqrtAlphaBarPrevious / sqrtAlphaBar;
      return {
        originalOfX: 1 / sqrtAlphaBar,
        originalOfPrediction: -sqrtOneMinusAlphaBar / sqrtAlphaBar,
        meanOfX,
        meanOfPrediction: direction - meanOfX * sqrtOneMinusAlphaBar,
      };
    };
    const ofV = (): Pick<StepCoefficients, Collected> => ({
      originalOfX: sqrtAlphaBar,
      originalOfPrediction: -sqrtOneMinusAlphaBar,
      meanOfX: sqrtAlphaBarPrevious * sqrtAlphaBar + direction * sqrtOneMinusAlphaBar,
      meanOfPrediction: direction * sqrtAlphaBar - sqrtAlphaBarPrevious * sqrtOneMinusAlphaBar,
    });
    return {
      timestep,
      previousTimestep,
      alphaBar: current,
      alphaBarPrevious: previous,
      sqrtAlphaBar,
      sqrtOneMinusAlphaBar,
      sqrtAlphaBarPrevious,
      direction,
      sigma: Math.sqrt(variance),
      ...(prediction === 'epsilon' ? ofEpsilon() : ofV()),
    };
  });
  const coefficients = (step: number): StepCoefficients => {
    const found = table[step];
    if (!found) throw new RangeError(`step ${step} of a schedule of ${steps}`);
    return found;
  };

  const shifted = noiseMaps === 'shifted';
  // TurboEdit shifts all timesteps by the distance of the first two.
  const shift = shifted ? timesteps[0]! - (timesteps[1] ?? timesteps[0]! - stride) : 0;
  const noisySteps = spacing === 'leading' ? steps - 1 : steps;
  return {
    steps,
    timesteps,
    noisySteps,
    exactSteps: shifted ? steps - 1 : noisySteps,
    alphaBar,
    coefficients,
    addNoise(original, noise, step) {
      const { timestep, sqrtAlphaBar, sqrtOneMinusAlphaBar } = coefficients(step);
      if (!shifted) return combine(sqrtAlphaBar, original, sqrtOneMinusAlphaBar, noise);
      if (timestep <= shift) return original;
      const alpha = alphaBar(timestep - shift);
      return combine(Math.sqrt(alpha), original, Math.sqrt(1 - alpha), noise);
    },
    predOriginalSample(latents, prediction, step) {
      const { originalOfX, originalOfPrediction } = coefficients(step);
      return combine(originalOfX, latents, originalOfPrediction, prediction);
    },
    mean(latents, prediction, step) {
      const { meanOfX, meanOfPrediction } = coefficients(step);
      return combine(meanOfX, latents, meanOfPrediction, prediction);
    },
    step(latents, prediction, noise, step) {
      const { meanOfX, meanOfPrediction, sigma } = coefficients(step);
      sameLength(latents, prediction, noise);
      return latents.map((x, i) => meanOfX * x + meanOfPrediction * prediction[i]! + sigma * noise[i]!);
    },
    noiseBetween(latents, prediction, previous, step) {
      const { meanOfX, meanOfPrediction, sigma } = coefficients(step);
      sameLength(latents, prediction, previous);
      return latents.map((x, i) => (previous[i]! - meanOfX * x - meanOfPrediction * prediction[i]!) / sigma);
    },
    limitNoise(noiseMap, step) {
      if (!shifted || step < steps - 1) return noiseMap;
      const norm = coefficients(step).sigma * Math.sqrt(noiseMap.reduce((sum, z) => sum + z * z, 0));
      const most = LAST_NOISE_NORM * Math.sqrt(noiseMap.length);
      return norm <= most ? noiseMap : noiseMap.map((z) => (most / norm) * z);
    },
  };
}

/** a·x + b·y, elementwise. */
function combine(a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  sameLength(x, y);
  return x.map((value, i) => a * value + b * y[i]!);
}

function sameLength(first: Float32Array, ...others: Float32Array[]): void {
  for (const other of others) {
    if (other.length !== first.length) throw new RangeError(`latents of ${first.length} and ${other.length} values`);
  }
}
