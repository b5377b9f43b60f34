import { type NoiseMaps, type TimestepSpacing } from '../../graph';
import { type ContentStore, type Key, keyOf } from '../cache/store';
import { denoiseSteps, type DenoisedStep, invertSteps, type ReferenceStep } from '../diffusion/inversion';
import { type Scheduler } from '../diffusion/scheduler';
import { type FreeuGains, type Latents, type KeyValues, type AttentionProbe, type Unet } from '../diffusion/unet';
import { INVERSION_VERSION, REFERENCE_VERSION, StepStore } from './stepStore';

/** Everything a picture's inversion is computed from. */
export interface InversionSource {
  /** x0: the picture's latents [C, h, w]. */
  x0: Latents;
  /** Digest of the picture's pixels at the checkpoint's size. */
  imageDigest: string;
  /** Fresh noise of a timestep [C, h, w]; the same for the same timestep whatever the schedule. */
  noise: (timestep: number) => Float32Array;
  /** Text embeddings [L, D] of the prompt and of the empty prompt. */
  promptEmbeds: Float32Array;
  emptyPromptEmbeds: Float32Array;
  prompt: string;
  /** Layers of the text encoder that both embeddings leave out; 0 when absent. */
  clipSkip?: number;
  seed: number;
  steps: number;
  skip: number;
  /** Of the scheduler's timesteps; leading where absent. */
  spacing?: TimestepSpacing;
  /** At which noise the image is inverted; at the step's own where absent. */
  noiseMaps?: NoiseMaps;
  guidanceScale: number;
  freeu: FreeuGains;
  /** Digest of the checkpoint, provider and precision: what else decides the numbers. */
  fingerprint: string;
  /** A finished inversion made elsewhere, in place of one made here. */
  given?: { start: Latents; noiseMaps: Latents[] };
}

/** What consumers of a trajectory need of it: steps count the denoising loop from 0. */
export interface Demand {
  /** Latents x_0 … x_until of the loop. */
  until: number;
  keyValueSteps: Set<number>;
  probeSteps: Set<number>;
  /** Steps whose prediction x̂0 is shown as the result's own. */
  predOriginalSteps: Set<number>;
}

export const noDemand = (): Demand => ({
  until: 0,
  keyValueSteps: new Set(),
  probeSteps: new Set(),
  predOriginalSteps: new Set(),
});

export interface StepNews {
  /** Loop step that was just computed. */
  step: number;
  timestep: number;
  /** x_t and x̂0 of the step. */
  latents: Latents;
  predOriginalSample: Latents;
}

/** Intermediate values, for comparison with reference numbers. */
export type TrajectoryTrace = (
  name: 'epsilon' | 'conditional' | 'unconditional' | 'next' | 'z',
  trajectory: Trajectory,
  step: number,
  values: Float32Array,
) => void;

interface Work {
  /** Opened when the first step has to be computed. */
  unet: () => Promise<Unet>;
  signal: AbortSignal;
  onStep?: (trajectory: Trajectory, news: StepNews) => void;
  trace?: TrajectoryTrace;
}

/** One call's share: a loop step of one trajectory. */
interface Task {
  trajectory: Trajectory;
  step: number;
}

/**
 * An image's path through the noise: its edit-friendly DDPM inversion and its own denoising along that (the reference pass), which keeps
 * what cross-image attention reads of it: latents, keys and values of the swapped layers, and the queries and keys that masks come from.
 * It depends on the image, the prompt, the checkpoint and the schedule, never on the image's role nor on the other image. This class
 * finds out which steps have to be computed, batches them and keeps what they give; `diffusion/inversion.ts` computes them.
 * Steps count the denoising loop: 0 is the first step after the skipped ones, n = T − s of them in all.
 */
export class Trajectory {
  readonly key: Key;
  /** Names the reference pass: what results that read it depend on. */
  readonly referenceKey: Key;
  private readonly noised = new Map<number, Latents>();
  private readonly steps: StepStore;
  /** Whether anything had to be computed. */
  computed = false;

  constructor(
    readonly source: InversionSource,
    readonly scheduler: Scheduler,
    readonly store: ContentStore,
  ) {
    const { imageDigest, prompt, clipSkip, seed, steps, spacing, noiseMaps, guidanceScale, freeu, fingerprint, skip } =
      source;
    // Not the skipped steps: noise maps are kept per timestep, so that a changed skip computes what is missing.
    this.key = keyOf('inversion', INVERSION_VERSION, {
      imageDigest,
      prompt,
      // What was kept before there was such a setting stays good.
      ...(clipSkip ? { clipSkip } : {}),
      ...(spacing ? { spacing } : {}),
      ...(noiseMaps ? { noiseMaps } : {}),
      seed,
      steps,
      guidanceScale,
      freeu,
      computedBy: fingerprint,
    });
    // With equal guidance the denoising follows the inverted path exactly, whatever step it starts at.
    this.referenceKey = keyOf('reference', REFERENCE_VERSION, {
      inversion: this.key,
      skip: this.inversionIsReference ? 'any' : skip,
    });
    this.steps = new StepStore(store, this.key, this.referenceKey, (step) => this.timestepAt(step));
  }

  /** The arrays that this object keeps alive. */
  *held(): Iterable<Float32Array> {
    const { x0, promptEmbeds, emptyPromptEmbeds } = this.source;
    yield* [x0, promptEmbeds, emptyPromptEmbeds];
    yield* this.noised.values();
    yield* this.steps.held();
  }

  /** Steps of the denoising loop: n = T − s. */
  get length(): number {
    return this.source.steps - this.source.skip;
  }

  /** Loop steps that have a noise map, from the first. */
  private get noisySteps(): number {
    return this.scheduler.noisySteps - this.source.skip;
  }

  /** Loop steps that lead along the inversion's path, from the first. */
  private get exactSteps(): number {
    return this.scheduler.exactSteps - this.source.skip;
  }

  /** The denoising runs at guidance 1: an inversion at guidance 1 predicts the same noise, so its path is the reference pass. */
  private get inversionIsReference(): boolean {
    return this.source.guidanceScale === 1 && !this.source.given;
  }

  timestepAt(step: number): number {
    return this.scheduler.timesteps[this.indexOf(step)] ?? 0;
  }

  /** Position of a loop step in the schedule of T steps. */
  indexOf(step: number): number {
    return this.source.skip + step;
  }

  /** x_t of the inversion. Step n is the image itself. */
  private inverted(step: number): Latents {
    const { given, steps, x0, noise } = this.source;
    if (step === 0 && given) return given.start;
    const index = this.indexOf(step);
    if (index >= steps) return x0;
    const known = this.noised.get(step) ?? this.scheduler.addNoise(x0, noise(this.timestepAt(step)), index);
    this.noised.set(step, known);
    return known;
  }

  /** z of a loop step, read by whoever walks along this trajectory; 0 where the schedule's last step adds none. */
  async noiseMap(step: number): Promise<Latents> {
    const known = this.source.given?.noiseMaps[step];
    if (known) return known;
    if (step >= this.noisySteps) return new Float32Array(this.source.x0.length);
    return (await this.steps.array('noise-map', step)) ?? missing('Noise map', step);
  }

  /** Latents x of loop step 0 … until, after {@link referencePass}. */
  async latentsAt(step: number): Promise<Latents> {
    return (await this.knownLatents(step)) ?? missing('Latents', step);
  }

  private async knownLatents(step: number): Promise<Latents | undefined> {
    // A last step whose noise map is left out or limited leaves the inversion's path.
    const known = step === 0 || (this.inversionIsReference && step <= this.exactSteps);
    return known ? this.inverted(step) : this.steps.array('latents', step);
  }

  /** x̂0 predicted at a loop step, after {@link referencePass}; undefined where the step was not needed. */
  predOriginalSampleAt(step: number): Promise<Latents | undefined> {
    return this.steps.array('original', step);
  }

  /** The last step of which the prediction is kept, as {@link invert} would tell of it. */
  async lastFrame(): Promise<StepNews | undefined> {
    for (let step = this.length - 1; step >= 0; step--) {
      const predOriginalSample = await this.predOriginalSampleAt(step);
      if (predOriginalSample) return this.newsOf(step, this.inverted(step), predOriginalSample);
    }
    return undefined;
  }

  private newsOf(step: number, latents: Latents, predOriginalSample: Latents): StepNews {
    return { step, timestep: this.timestepAt(step), latents, predOriginalSample };
  }

  /** Keys and values of a step, after {@link referencePass}; what is not kept (any more) is computed again from the latents. */
  async keyValuesAt(step: number, unet: () => Promise<Unet>): Promise<KeyValues> {
    const known = await this.keptKeyValues(step);
    if (known) return known;
    const { freeu } = this.source;
    const batch = [this.inputOf(step, await this.latentsAt(step))];
    const [denoised] = await denoiseSteps(await unet(), batch, { freeu, keep: { keyValues: true } });
    return denoised!.keyValues!;
  }

  keptKeyValues(step: number): Promise<KeyValues | undefined> {
    return this.steps.keyValues(step);
  }

  /** Starts reading a step's keys and values before they are asked for. */
  prefetch(step: number): void {
    this.steps.prefetchKeyValues(step);
  }

  async probeAt(step: number): Promise<AttentionProbe> {
    return (await this.steps.probe(step)) ?? missing('Attention', step);
  }

  private inputOf(step: number, latents: Latents): ReferenceStep {
    return { scheduler: this.scheduler, index: this.indexOf(step), latents, promptEmbeds: this.source.promptEmbeds };
  }

  /** Keeps what a UNet call at guidance 1 says of a step, as far as it is demanded. */
  private keep(step: number, { predOriginalSample, keyValues, probe }: DenoisedStep, demand: Demand): void {
    this.steps.keepArray('original', step, predOriginalSample);
    if (keyValues && demand.keyValueSteps.has(step)) this.steps.keepKeyValues(step, keyValues);
    if (probe && demand.probeSteps.has(step)) this.steps.keepProbe(step, probe);
  }

  /** Steps whose noise map is missing. */
  private async missingNoiseMaps(): Promise<number[]> {
    const steps: number[] = [];
    if (this.source.given) return steps;
    for (let step = 0; step < this.noisySteps; step++) {
      if (!(await this.steps.array('noise-map', step))) steps.push(step);
    }
    return steps;
  }

  /**
   * Computes the noise maps z of all steps that lack one, in batches. When the inversion is the reference pass (guidance 1) the same
   * call already gives what the reference pass would: it is kept as far as `demand` names it.
   */
  async invert(demand: Demand, { unet, signal, trace, onStep }: Work): Promise<void> {
    const { inversionIsReference, scheduler } = this;
    const { freeu, guidanceScale, emptyPromptEmbeds } = this.source;
    const guidance = inversionIsReference ? undefined : { guidanceScale, emptyPromptEmbeds };
    const steps = await this.missingNoiseMaps();
    // A last step without noise map may as well share the batch when this is the reference pass too.
    const last = this.length - 1;
    if (inversionIsReference && steps.length > 0 && last >= this.noisySteps && (await this.needs(last, demand)))
      steps.push(last);
    if (steps.length === 0) return;
    const model = await unet();
    for (let done = 0; done < steps.length;) {
      signal.throwIfAborted();
      this.computed = true;
      const size = Math.max(1, Math.floor(model.bestBatchSize() / (inversionIsReference ? 1 : 2)));
      const batch = steps.slice(done, done + size);
      done += batch.length;
      const noised = batch.map((step) => ({
        ...this.inputOf(step, this.inverted(step)),
        previous: this.inverted(step + 1),
      }));
      const keep = {
        keyValues: inversionIsReference && batch.some((step) => demand.keyValueSteps.has(step)),
        probe: inversionIsReference && batch.some((step) => demand.probeSteps.has(step)),
      };
      const inverted = await invertSteps(model, noised, { freeu, guidance, keep });
      for (const [at, step] of batch.entries()) {
        const { latents, index } = noised[at]!;
        const { conditional, unconditional, epsilon, predOriginalSample } = inverted[at]!;
        const noiseMap = step < this.noisySteps ? scheduler.limitNoise(inverted[at]!.noiseMap, index) : undefined;
        trace?.('conditional', this, step, conditional);
        if (unconditional) trace?.('unconditional', this, step, unconditional);
        if (noiseMap) {
          this.steps.keepArray('noise-map', step, noiseMap);
          trace?.('z', this, step, noiseMap);
        }
        if (inversionIsReference && step >= this.exactSteps) {
          const next = noiseMap
            ? scheduler.step(latents, epsilon, noiseMap, index)
            : scheduler.mean(latents, epsilon, index);
          this.steps.keepArray('latents', step + 1, next);
        }
        if (inversionIsReference) this.keep(step, inverted[at]!, demand);
        onStep?.(this, this.newsOf(step, latents, predOriginalSample));
      }
    }
  }

  /** Whether the UNet has to run at a step to meet a demand. */
  private async needs(step: number, demand: Demand): Promise<boolean> {
    if (step < demand.until && !(await this.knownLatents(step + 1))) return true;
    // Should one prove damaged, keyValuesAt computes it again.
    if (demand.keyValueSteps.has(step) && !this.steps.seemsToHaveKeyValues(step)) return true;
    if (demand.predOriginalSteps.has(step) && !(await this.predOriginalSampleAt(step))) return true;
    return demand.probeSteps.has(step) && !(await this.steps.probe(step));
  }

  /** Keeps a step of the reference pass, and the latents it leads to. */
  private async advance(step: number, denoised: DenoisedStep, demand: Demand, { trace, onStep }: Work): Promise<void> {
    const { epsilon, predOriginalSample } = denoised;
    const latents = await this.latentsAt(step);
    let next = await this.knownLatents(step + 1);
    if (!next) {
      next = this.scheduler.step(latents, epsilon, await this.noiseMap(step), this.indexOf(step));
      this.steps.keepArray('latents', step + 1, next);
    }
    trace?.('epsilon', this, step, epsilon);
    trace?.('next', this, step, next);
    this.keep(step, denoised, demand);
    onStep?.(this, this.newsOf(step, latents, predOriginalSample));
  }

  /**
   * The reference pass of several trajectories side by side: each denoises alone under its own prompt, as far as demanded and not
   * yet known. They share UNet calls, and where a path is known beforehand (guidance 1) its steps share them too.
   */
  static async referencePass(demands: Map<Trajectory, Demand>, work: Work): Promise<void> {
    const { unet, signal } = work;
    const run = async (tasks: Task[]): Promise<void> => {
      signal.throwIfAborted();
      const batch = [];
      for (const { trajectory, step } of tasks) {
        trajectory.computed = true;
        batch.push(trajectory.inputOf(step, await trajectory.latentsAt(step)));
      }
      const { freeu } = tasks[0]!.trajectory.source;
      const keep = {
        keyValues: tasks.some(({ trajectory, step }) => demands.get(trajectory)!.keyValueSteps.has(step)),
        probe: tasks.some(({ trajectory, step }) => demands.get(trajectory)!.probeSteps.has(step)),
      };
      const denoised = await denoiseSteps(await unet(), batch, { freeu, keep });
      for (const [at, { trajectory, step }] of tasks.entries())
        await trajectory.advance(step, denoised[at]!, demands.get(trajectory)!, work);
    };

    const known: Task[] = [];
    const length = Math.max(0, ...[...demands.keys()].map((trajectory) => trajectory.length));
    for (let step = 0; step < length; step++) {
      const together: Task[] = [];
      for (const [trajectory, demand] of demands) {
        if (step >= trajectory.length || !(await trajectory.needs(step, demand))) continue;
        (trajectory.inversionIsReference ? known : together).push({ trajectory, step });
      }
      // Trajectories of one call share its FreeU gains.
      for (const group of groupBy(together, ({ trajectory }) => trajectory.source.freeu.join())) await run(group);
    }
    for (const group of groupBy(known, ({ trajectory }) => trajectory.source.freeu.join())) {
      const model = await unet();
      for (let done = 0; done < group.length;) {
        const batch = group.slice(done, done + model.bestBatchSize());
        done += batch.length;
        await run(batch);
      }
    }
  }
}

function missing(what: string, step: number): never {
  throw new Error(`${what} of step ${step} ${what === 'Latents' ? 'were' : 'was'} not computed.`);
}

function groupBy<T>(items: T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}
