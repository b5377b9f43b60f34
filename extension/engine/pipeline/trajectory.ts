import { type ContentStore, type Key, keyOf } from '../cache/store';
import { type Scheduler } from '../diffusion/scheduler';
import {
  type FreeuGains,
  type Latents,
  type RowKeyValues,
  type RowProbe,
  type Unet,
  type UnetAnswer,
} from '../diffusion/unet';
import { guide } from '../diffusion/guidance';

/** Versions of the algorithms whose products are kept: a change of what they compute must change them. */
const INVERSION_VERSION = 1;
const REFERENCE_VERSION = 1;

/** Everything a picture's inversion is computed from. */
export interface InversionSource {
  /** x0: the picture's latents [C, h, w]. */
  x0: Latents;
  /** Digest of the picture's pixels at the checkpoint's size. */
  imageDigest: string;
  /** Fresh noise of a timestep [C, h, w]; the same for the same timestep whatever the schedule. */
  noise: (timestep: number) => Float32Array;
  /** Text embeddings [L, D] of the prompt and of the empty prompt. */
  context: Float32Array;
  emptyContext: Float32Array;
  prompt: string;
  /** Layers of the text encoder that both embeddings leave out; 0 when absent. */
  clipSkip?: number;
  seed: number;
  steps: number;
  skip: number;
  guidanceScale: number;
  freeu: FreeuGains;
  /** Digest of the checkpoint, provider and precision: what else decides the numbers. */
  computedBy: string;
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
  originalSteps: Set<number>;
}

export const noDemand = (): Demand => ({
  until: 0,
  keyValueSteps: new Set(),
  probeSteps: new Set(),
  originalSteps: new Set(),
});

export interface StepNews {
  /** Loop step that was just computed. */
  step: number;
  timestep: number;
  /** x_t and x̂0 of the step. */
  latents: Latents;
  original: Latents;
}

/** Intermediate values, for comparison with reference numbers. */
export type TrajectoryTrace = (
  name: 'epsilon' | 'conditional' | 'unconditional' | 'next' | 'z',
  trajectory: Trajectory,
  step: number,
  values: Float32Array,
) => void;

interface Work {
  store: ContentStore;
  /** Opened when the first row has to be computed. */
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
 * A picture's path through the noise: its edit-friendly DDPM inversion (Huberman-Spiegelglas et al., arXiv 2304.06140, §3), and its
 * own denoising along that inversion (the reference pass), which keeps what cross-image attention reads of it: latents, keys and
 * values of the swapped layers, and the queries and keys that masks come from. It depends on the picture, the prompt, the
 * checkpoint and the schedule, never on the picture's role nor on the other picture.
 * Steps count the denoising loop: 0 is the first step after the skipped ones, n = T − s of them in all.
 */
export class Trajectory {
  readonly key: Key;
  /** Names the reference pass: what results that read it depend on. */
  readonly referenceKey: Key;
  private readonly noised = new Map<number, Latents>();
  private readonly noiseMaps = new Map<number, Latents>();
  private readonly latents = new Map<number, Latents>();
  private readonly originals = new Map<number, Latents>();
  private readonly probes = new Map<number, RowProbe>();
  private readonly stepKeys = new Map<string, Key>();
  /** Set by {@link ensure}: whether anything had to be computed. */
  computed = false;

  constructor(
    readonly source: InversionSource,
    readonly scheduler: Scheduler,
  ) {
    const { imageDigest, prompt, clipSkip, seed, steps, guidanceScale, freeu, computedBy, skip } = source;
    // Not the skipped steps: noise maps are kept per timestep, so that a changed skip computes what is missing.
    this.key = keyOf('inversion', INVERSION_VERSION, {
      imageDigest,
      prompt,
      // What was kept before there was such a setting stays good.
      ...(clipSkip ? { clipSkip } : {}),
      seed,
      steps,
      guidanceScale,
      freeu,
      computedBy,
    });
    // With equal guidance the denoising retraces the inverted path exactly, whatever step it starts at.
    this.referenceKey = keyOf('reference', REFERENCE_VERSION, {
      inversion: this.key,
      skip: this.retraces ? 'any' : skip,
    });
  }

  /** The arrays that this object keeps alive. */
  *held(): Iterable<Float32Array> {
    const { x0, context, emptyContext } = this.source;
    yield* [x0, context, emptyContext];
    for (const kept of [this.noised, this.noiseMaps, this.latents, this.originals]) yield* kept.values();
    for (const { selfQuery, selfKey, crossQuery, crossKey } of this.probes.values())
      for (const data of [selfQuery, selfKey, crossQuery, crossKey]) if (data) yield data;
  }

  /** Steps of the denoising loop: n = T − s. */
  get length(): number {
    return this.source.steps - this.source.skip;
  }

  /** The denoising runs at guidance 1: an inversion at guidance 1 predicts the same noise, so its path is the reference pass. */
  private get retraces(): boolean {
    return this.source.guidanceScale === 1 && !this.source.given;
  }

  timestepAt(step: number): number {
    return this.scheduler.timesteps[this.indexOf(step)] ?? 0;
  }

  /** Position of a loop step in the schedule of T steps. */
  indexOf(step: number): number {
    return this.source.skip + step;
  }

  /** x_t of the inversion: noised independently at each step, not a chain. Step n is the picture itself. */
  private inverted(step: number): Latents {
    if (step === 0 && this.source.given) return this.source.given.start;
    const index = this.indexOf(step);
    if (index >= this.source.steps) return this.source.x0;
    const known = this.noised.get(step);
    if (known) return known;
    const noised = this.scheduler.addNoise(this.source.x0, this.source.noise(this.scheduler.timesteps[index]!), index);
    this.noised.set(step, noised);
    return noised;
  }

  /** z of a loop step, read by whoever walks along this trajectory. The last one is 0. */
  async noiseMap(step: number, store: ContentStore): Promise<Latents> {
    const known = this.source.given?.noiseMaps[step];
    if (known) return known;
    const z = step === this.length - 1 ? new Float32Array(this.source.x0.length) : await this.loadNoiseMap(step, store);
    if (!z) throw new Error(`Noise map of step ${step} was not computed.`);
    return z;
  }

  /** What is once found stays with this trajectory: the store may lose it while the run goes on. */
  private async loadNoiseMap(step: number, store: ContentStore): Promise<Latents | undefined> {
    const known = this.noiseMaps.get(step) ?? (await store.get(this.noiseKey(step)))?.z?.data;
    if (known) this.noiseMaps.set(step, known);
    return known;
  }

  /** Latents x of loop step 0 … until, after {@link referencePass}. */
  async latentsAt(step: number, store: ContentStore): Promise<Latents> {
    const known = this.latents.get(step) ?? (await this.loadLatents(step, store));
    if (!known) throw new Error(`Latents of step ${step} were not computed.`);
    return known;
  }

  /** x̂0 predicted at a loop step, after {@link referencePass}; undefined where the step was not needed. */
  async originalAt(step: number, store: ContentStore): Promise<Latents | undefined> {
    const known = this.originals.get(step) ?? (await store.get(this.originalKey(step)))?.original?.data;
    if (known) this.originals.set(step, known);
    return known;
  }

  /** The last step of which the prediction is kept, as {@link invert} would tell of it. */
  async lastFrame(store: ContentStore): Promise<StepNews | undefined> {
    for (let step = this.length - 1; step >= 0; step--) {
      const original = await this.originalAt(step, store);
      if (original) return { step, timestep: this.timestepAt(step), latents: this.inverted(step), original };
    }
    return undefined;
  }

  /** Keys and values of a step, after {@link referencePass}; what is not kept (any more) is computed again from the latents. */
  async keyValuesAt(step: number, { store, unet }: Pick<Work, 'store' | 'unet'>): Promise<RowKeyValues> {
    const known = await this.keptKeyValues(step, store);
    if (known) return known;
    const { context, freeu } = this.source;
    const answer = await (
      await unet()
    ).run({
      rows: [{ latents: await this.latentsAt(step, store), timestep: this.timestepAt(step), context }],
      freeu,
      keep: { keyValues: true },
    });
    return answer.keyValues![0]!;
  }

  /** Starts reading a step's keys and values before they are asked for. */
  prefetch(step: number, store: ContentStore): void {
    store.get(this.keyValuesKey(step)).catch(() => {});
  }

  async probeAt(step: number, store: ContentStore): Promise<RowProbe> {
    const known = this.probes.get(step) ?? (await this.loadProbe(step, store));
    if (!known) throw new Error(`Attention of step ${step} was not computed.`);
    return known;
  }

  private noiseKey(step: number): Key {
    return this.stepKey('noise-map', INVERSION_VERSION, this.key, step);
  }
  private originalKey(step: number): Key {
    return this.stepKey('original', REFERENCE_VERSION, this.referenceKey, step);
  }
  private latentsKey(step: number): Key {
    return this.stepKey('latents', REFERENCE_VERSION, this.referenceKey, step);
  }
  private keyValuesKey(step: number): Key {
    return this.stepKey('key-values', REFERENCE_VERSION, this.referenceKey, step);
  }
  private probeKey(step: number): Key {
    return this.stepKey('probe', REFERENCE_VERSION, this.referenceKey, step);
  }
  /** Each key is asked for several times a run. */
  private stepKey(kind: string, version: number, of: Key, step: number): Key {
    const timestep = this.timestepAt(step);
    const name = `${kind} ${timestep}`;
    const key = this.stepKeys.get(name) ?? keyOf(kind, version, [of, timestep]);
    this.stepKeys.set(name, key);
    return key;
  }

  private async hasLatents(step: number, store: ContentStore): Promise<boolean> {
    if (this.latents.has(step)) return true;
    if (step === 0 || (this.retraces && step < this.length)) {
      this.latents.set(step, this.inverted(step));
      return true;
    }
    return (await this.loadLatents(step, store)) !== undefined;
  }

  private async loadLatents(step: number, store: ContentStore): Promise<Latents | undefined> {
    if (step === 0 || (this.retraces && step < this.length)) return this.keepLatents(step, this.inverted(step));
    const stored = await store.get(this.latentsKey(step));
    return stored?.latents && this.keepLatents(step, stored.latents.data);
  }

  private keepLatents(step: number, latents: Latents, store?: ContentStore): Latents {
    this.latents.set(step, latents);
    store?.put(this.latentsKey(step), { latents: { dims: [latents.length], data: latents } });
    return latents;
  }

  async keptKeyValues(step: number, store: ContentStore): Promise<RowKeyValues | undefined> {
    const stored = await store.get(this.keyValuesKey(step));
    if (!stored) return undefined;
    const keyValues: RowKeyValues = { keys: [], values: [] };
    for (let layer = 0; stored[`k${layer}`]; layer++) {
      keyValues.keys.push(stored[`k${layer}`]!.data);
      keyValues.values.push(stored[`v${layer}`]!.data);
    }
    return keyValues;
  }

  private async loadProbe(step: number, store: ContentStore): Promise<RowProbe | undefined> {
    const stored = await store.get(this.probeKey(step));
    if (!stored?.selfQuery || !stored.selfKey) return undefined;
    const probe = {
      selfQuery: stored.selfQuery.data,
      selfKey: stored.selfKey.data,
      crossQuery: stored.crossQuery?.data,
      crossKey: stored.crossKey?.data,
    };
    this.probes.set(step, probe);
    return probe;
  }

  /** Keeps what a UNet call at CFG 1 says of this trajectory at a step, as far as it is demanded. */
  private absorb(step: number, answer: UnetAnswer, row: number, demand: Demand, store: ContentStore): void {
    const flat = (data: Float32Array): { dims: number[]; data: Float32Array } => ({ dims: [data.length], data });
    const { keyValues, probes } = answer;
    if (keyValues && this.keeps(step, demand)) {
      const kept = keyValues[row]!;
      store.put(
        this.keyValuesKey(step),
        Object.fromEntries([
          ...kept.keys.map((data, layer) => [`k${layer}`, flat(data)] as const),
          ...kept.values.map((data, layer) => [`v${layer}`, flat(data)] as const),
        ]),
      );
    }
    if (probes && demand.probeSteps.has(step)) {
      const kept = probes[row]!;
      store.put(
        this.probeKey(step),
        Object.fromEntries(
          Object.entries(kept).flatMap(([name, data]) =>
            data === undefined ? [] : [[name, flat(data as Float32Array)]],
          ),
        ),
      );
    }
  }

  /** Whether keys and values of a step are to be kept. */
  private keeps(step: number, { keyValueSteps }: Demand): boolean {
    return keyValueSteps.has(step);
  }

  /** Steps whose noise map is missing. */
  private async missingNoiseMaps(store: ContentStore): Promise<number[]> {
    const missing: number[] = [];
    if (this.source.given) return missing;
    for (let step = 0; step < this.length - 1; step++) {
      if (!(await this.loadNoiseMap(step, store))) missing.push(step);
    }
    return missing;
  }

  private keepOriginal(step: number, original: Latents, store: ContentStore): void {
    this.originals.set(step, original);
    store.put(this.originalKey(step), { original: { dims: [original.length], data: original } });
  }

  /**
   * Computes the noise maps z of all steps that lack one. The x_t do not depend on one another, so the steps run as batches,
   * prompt and empty prompt together. When the denoising will retrace this path (guidance 1) the same call already gives
   * what the reference pass would: it is kept as far as `demand` names it.
   */
  async invert(demand: Demand, work: Work): Promise<void> {
    const { store, unet, signal } = work;
    const { context, emptyContext, guidanceScale, freeu } = this.source;
    const steps = await this.missingNoiseMaps(store);
    // The last step has no noise map, but when this is the reference pass too it may as well share the batch.
    const last = this.length - 1;
    if (this.retraces && steps.length > 0 && (await this.needs(last, demand, store))) steps.push(last);
    const perStep = this.retraces ? 1 : 2;
    if (steps.length === 0) return;
    const model = await unet();
    for (let done = 0; done < steps.length;) {
      signal.throwIfAborted();
      this.computed = true;
      const size = Math.max(1, Math.floor(model.batchRows() / perStep));
      const batch = steps.slice(done, done + size);
      done += batch.length;
      const latents = batch.map((step) => this.inverted(step));
      const rows = batch.map((step, index) => ({ latents: latents[index]!, timestep: this.timestepAt(step), context }));
      const empty = this.retraces ? [] : rows.map((row) => ({ ...row, context: emptyContext }));
      const keep = {
        keyValues: this.retraces && batch.some((step) => this.keeps(step, demand)),
        probe: this.retraces && batch.some((step) => demand.probeSteps.has(step)),
      };
      const answer = await model.run({
        rows: [...rows, ...empty],
        freeu,
        keep,
      });
      batch.forEach((step, index) => {
        const conditional = answer.epsilons[index]!;
        const epsilon = this.retraces
          ? conditional
          : guide(answer.epsilons[batch.length + index]!, conditional, guidanceScale);
        work.trace?.('conditional', this, step, conditional);
        if (!this.retraces) work.trace?.('unconditional', this, step, answer.epsilons[batch.length + index]!);
        if (step < last) {
          const z = this.scheduler.noiseBetween(latents[index]!, epsilon, this.inverted(step + 1), this.indexOf(step));
          this.noiseMaps.set(step, z);
          work.trace?.('z', this, step, z);
          store.put(this.noiseKey(step), { z: { dims: [z.length], data: z } });
        } else if (this.retraces) {
          this.keepLatents(step + 1, this.scheduler.mean(latents[index]!, epsilon, this.indexOf(step)), store);
        }
        const original = this.scheduler.originalFrom(latents[index]!, epsilon, this.indexOf(step));
        if (this.retraces) {
          this.absorb(step, answer, index, demand, store);
          this.keepOriginal(step, original, store);
        }
        work.onStep?.(this, { step, timestep: this.timestepAt(step), latents: latents[index]!, original });
      });
    }
  }

  /** Whether a UNet row is needed at a step to meet a demand. */
  private async needs(step: number, demand: Demand, store: ContentStore): Promise<boolean> {
    if (step < demand.until && !(await this.hasLatents(step + 1, store))) return true;
    // Should one prove damaged, keyValuesAt computes it again.
    if (this.keeps(step, demand) && !store.seems(this.keyValuesKey(step))) return true;
    if (demand.originalSteps.has(step) && !(await this.originalAt(step, store))) return true;
    return demand.probeSteps.has(step) && !(await this.loadProbe(step, store));
  }

  /** The step of §1 with this trajectory's own noise map, at guidance 1. */
  private async advance(task: Task, answer: UnetAnswer, row: number, demand: Demand, work: Work): Promise<void> {
    const { step } = task;
    const { store } = work;
    const index = this.indexOf(step);
    const epsilon = answer.epsilons[row]!;
    const latents = await this.latentsAt(step, store);
    const original = this.scheduler.originalFrom(latents, epsilon, index);
    this.keepOriginal(step, original, store);
    if (!(await this.hasLatents(step + 1, store))) {
      const next = this.scheduler.step(latents, epsilon, await this.noiseMap(step, store), index);
      this.keepLatents(step + 1, next, store);
    }
    work.trace?.('epsilon', this, step, epsilon);
    work.trace?.('next', this, step, await this.latentsAt(step + 1, store));
    this.absorb(step, answer, row, demand, store);
    work.onStep?.(this, { step, timestep: this.timestepAt(step), latents, original });
  }

  /**
   * The reference pass of several trajectories side by side: each denoises alone under its own prompt, as far as demanded and not
   * yet known. They share UNet calls, and where a path is known beforehand (guidance 1) its steps share them too.
   */
  static async referencePass(demands: Map<Trajectory, Demand>, work: Work): Promise<void> {
    const { store, unet, signal } = work;
    const run = async (tasks: Task[]): Promise<void> => {
      signal.throwIfAborted();
      const rows = [];
      for (const { trajectory, step } of tasks) {
        trajectory.computed = true;
        rows.push({
          latents: await trajectory.latentsAt(step, store),
          timestep: trajectory.timestepAt(step),
          context: trajectory.source.context,
        });
      }
      const answer = await (
        await unet()
      ).run({
        rows,
        freeu: tasks[0]!.trajectory.source.freeu,
        keep: {
          keyValues: tasks.some(({ trajectory, step }) => trajectory.keeps(step, demands.get(trajectory)!)),
          probe: tasks.some(({ trajectory, step }) => demands.get(trajectory)!.probeSteps.has(step)),
        },
      });
      for (const [row, task] of tasks.entries()) {
        await task.trajectory.advance(task, answer, row, demands.get(task.trajectory)!, work);
      }
    };

    const known: Task[] = [];
    const length = Math.max(0, ...[...demands.keys()].map((trajectory) => trajectory.length));
    for (let step = 0; step < length; step++) {
      const together: Task[] = [];
      for (const [trajectory, demand] of demands) {
        if (step >= trajectory.length || !(await trajectory.needs(step, demand, store))) continue;
        (trajectory.retraces ? known : together).push({ trajectory, step });
      }
      // Trajectories of one call share its FreeU gains.
      for (const group of groupBy(together, ({ trajectory }) => trajectory.source.freeu.join())) await run(group);
    }
    for (const group of groupBy(known, ({ trajectory }) => trajectory.source.freeu.join())) {
      const model = await unet();
      for (let done = 0; done < group.length;) {
        const batch = group.slice(done, done + model.batchRows());
        done += batch.length;
        await run(batch);
      }
    }
  }
}

function groupBy<T>(items: T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}
