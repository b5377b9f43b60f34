import { type ContentStore, type Key, keyOf } from '../cache/store';
import { adainInShares, type Style } from '../diffusion/adain';
import { guide } from '../diffusion/guidance';
import { type StepRange } from '../diffusion/stepRange';
import { type SwapSettings, swaps, type TransferStep, transferSteps } from '../diffusion/transferSteps';
import { type Demand, noDemand, type Trajectory } from './trajectory';
import { type DecoderRow, type Latents, type Share, type Unet, type UnetRow } from '../diffusion/unet';

const SAMPLER_VERSION = 1;
const QUERIES_VERSION = 1;

export interface AdainSettings {
  range: StepRange;
  /** [h·w] of 0 and 1; absent: the whole picture. */
  structureMask?: Float32Array;
  /** One for each appearance. */
  appearanceMasks: (Float32Array | undefined)[];
  /** Digests of the masks, the structure's first: part of what the result depends on. */
  maskDigests: (string | undefined)[];
}

/** A picture whose look is taken. */
export interface Appearance {
  trajectory: Trajectory;
  /** How much of each latent pixel [h·w] takes its look from here: all appearances' shares add up to 1. Absent: all of it. */
  share?: Float32Array;
}

/** Everything the output O is computed from. */
export interface TransferSettings {
  structure: Trajectory;
  /** One at least; with several, each has its share. */
  appearances: readonly [Appearance, ...Appearance[]];
  /** Names the shares: part of what the result depends on. */
  sharesDigest?: string;
  /** Absent: the structure's reconstruction. */
  swap?: SwapSettings;
  adain?: AdainSettings;
  /** Swap guidance at the first and at the last step; 1 throughout is none. */
  guidance: { scale: number; endScale: number };
}

/** A step with the names of what is kept of it. */
interface StepPlan extends TransferStep {
  /** Key of O's latents before the step: names all that they depend on. */
  key: Key;
  /** O equals the structure's own trajectory before this step, bitwise: nothing has acted on it yet. */
  untouched: boolean;
}

export interface SamplerNews {
  step: number;
  total: number;
  timestep: number;
  latents: Latents;
  original: Latents;
  /** Read back instead of computed. */
  cached: boolean;
}

/** Intermediate values, for comparison with reference numbers. */
export type Trace = (name: 'swap' | 'noswap' | 'ddpm' | 'adain', step: number, values: Float32Array) => void;

interface Work {
  /** C of the latents. */
  channels: number;
  store: ContentStore;
  /** Opened when the first row has to be computed. */
  unet: () => Promise<Unet>;
  signal: AbortSignal;
  onStep?: (news: SamplerNews) => void;
  trace?: Trace;
  /** Where the queries of the swapped layers are kept for whoever asks what a place looked at; absent: not fetched. */
  attention?: ContentStore;
}

/** What the swap does at a step. */
export interface SwapAtStep {
  timestep: number;
  /** Whose keys and values each level meets; its own where absent. */
  sources: TransferStep['swap'];
  contrast: number;
}

/**
 * The denoising of O with cross-image attention (Alaluf et al., arXiv 2311.03335, §4): its own queries meet the keys and values that
 * the appearance (or, now and then, the structure) had at the same step of its own reference pass.
 */
export class Sampler {
  private readonly plans: StepPlan[];
  private readonly finalKey: Key;
  readonly total: number;

  constructor(private readonly settings: TransferSettings) {
    const { structure, swap, adain, guidance } = settings;
    this.total = structure.length;
    const steps = transferSteps({
      swap,
      adainRange: adain?.range,
      guidance,
      steps: structure.source.steps,
      count: this.total,
    });
    let key = keyOf('transfer', SAMPLER_VERSION, structure.referenceKey);
    let untouched = true;
    this.plans = steps.map((step) => {
      const plan: StepPlan = { ...step, key, untouched };
      const fromAppearance = Object.values(step.swap).includes('appearance');
      key = keyOf('transfer', SAMPLER_VERSION, [
        key,
        swaps(step) && [step.swap, step.contrast, step.guidance, fromAppearance && this.looks],
        step.adain && [this.looks, adain!.maskDigests],
      ]);
      if (swaps(step) || step.adain) untouched = false;
      return plan;
    });
    this.finalKey = key;
  }

  /** Names the appearances and their shares; a single one as it was named before there could be several. */
  private get looks(): unknown {
    const { appearances, sharesDigest } = this.settings;
    if (appearances.length === 1) return appearances[0].trajectory.referenceKey;
    return [appearances.map(({ trajectory }) => trajectory.referenceKey), sharesDigest];
  }

  /** Key of the final latents. */
  get key(): Key {
    return this.finalKey;
  }

  swapAt(step: number): SwapAtStep {
    const { swap: sources, contrast } = this.plans[step]!;
    return { timestep: this.settings.structure.timestepAt(step), sources, contrast };
  }

  /** Names the queries of a step: O's latents before it, and the swap, which layers behind the first one see. */
  private queriesKey(step: number): Key {
    const { key, swap, contrast } = this.plans[step]!;
    const appearance = Object.values(swap).includes('appearance') && this.looks;
    return keyOf('queries', QUERIES_VERSION, [key, swap, contrast, appearance]);
  }

  private keepQueries(step: number, queries: Float32Array[], unet: Unet, attention: ContentStore): void {
    const { swap } = this.plans[step]!;
    attention.put(
      this.queriesKey(step),
      Object.fromEntries(
        unet.swapLayers
          .filter(({ level }) => swap[level] !== undefined)
          .map(({ index }) => [`q${index}`, { dims: [queries[index]!.length], data: queries[index]! }]),
      ),
    );
  }

  /**
   * Queries [N, W] of O's swapped layers at a step, by layer index; undefined where the step has not been walked yet, or no longer is
   * kept. What fell out of the attention cache is computed again from O's latents with one row, exactly as the run did.
   */
  async queriesAt(
    step: number,
    work: Pick<Work, 'store' | 'unet'> & { attention: ContentStore },
  ): Promise<Map<number, Float32Array> | undefined> {
    const { store, attention } = work;
    const key = this.queriesKey(step);
    if (!(await attention.has(key))) {
      const latents = await this.latentsBefore(step, store);
      if (!latents) return undefined;
      const unet = await work.unet();
      const answer = await unet.run({
        rows: [this.rowAt(step, latents)],
        decoderRows: [await this.swappedRow(step, work)],
        freeu: this.settings.structure.source.freeu,
        keep: { queries: true },
      });
      this.keepQueries(step, answer.queries![0]!, unet, attention);
    }
    const kept = await attention.get(key);
    return kept && new Map(Object.entries(kept).map(([name, { data }]) => [Number(name.slice(1)), data]));
  }

  private async latentsBefore(step: number, store: ContentStore): Promise<Latents | undefined> {
    if (this.plans[step]!.untouched) return this.settings.structure.latentsAt(step, store).catch(() => undefined);
    return (await store.get(this.plans[step]!.key))?.latents?.data;
  }

  private rowAt(step: number, latents: Latents): UnetRow {
    const { structure } = this.settings;
    return { latents, timestep: structure.timestepAt(step), context: structure.source.context };
  }

  /** The decoder row whose levels meet foreign keys and values. */
  private async swappedRow(step: number, work: Pick<Work, 'store' | 'unet'>): Promise<DecoderRow> {
    const plan = this.plans[step]!;
    const shares: Share[] = [];
    for (const { trajectory, share } of this.sourcesAt(plan)) {
      shares.push({ keyValues: await trajectory.keyValuesAt(step, work), weights: share });
    }
    const swapped: DecoderRow = { from: 0, source: {}, contrast: {} };
    for (const level of ['high', 'low'] as const) {
      if (!plan.swap[level]) continue;
      swapped.source![level] = shares;
      if (plan.contrast !== 1) swapped.contrast![level] = plan.contrast;
    }
    return swapped;
  }

  private keyAfter(step: number): Key {
    return this.plans[step + 1]?.key ?? this.finalKey;
  }

  /**
   * First step that has to be computed: what came before it is kept from an earlier run, all of it, since a timeline shows each step.
   * `total` when nothing has.
   */
  private async resumeAt(store: ContentStore): Promise<number> {
    let step = 0;
    while (step < this.total && (await store.has(this.keyAfter(step)))) step++;
    return step;
  }

  /** What the steps from `start` on read of the two trajectories. `complete`: also what only a comparison would look at. */
  demands(start = 0, complete = false): Map<Trajectory, Demand> {
    const { structure, appearances } = this.settings;
    const looks = appearances.map(({ trajectory }) => trajectory);
    const demands = new Map<Trajectory, Demand>();
    const of = (trajectory: Trajectory): Demand => {
      const demand = demands.get(trajectory) ?? noDemand();
      demands.set(trajectory, demand);
      return demand;
    };
    for (let step = start; step < this.total; step++) {
      const plan = this.plans[step]!;
      if (!swaps(plan) && plan.untouched) {
        of(structure).until = Math.max(of(structure).until, step + 1);
        of(structure).originalSteps.add(step);
      }
      if (swaps(plan)) {
        // The structure's latents are where O starts once something acts on it.
        if (plan.untouched) of(structure).until = Math.max(of(structure).until, step);
        const source = plan.swap.high ?? plan.swap.low;
        for (const trajectory of source === 'structure' ? [structure] : looks) {
          const demand = of(trajectory);
          demand.keyValueSteps.add(step);
          demand.until = Math.max(demand.until, step);
        }
      }
      if (plan.adain) for (const look of looks) of(look).until = Math.max(of(look).until, step + 1);
    }
    if (complete) for (const trajectory of [structure, ...looks]) of(trajectory).until = this.total;
    return demands;
  }

  /** Demands of what is left to compute; empty when the result is kept. */
  async missing(store: ContentStore): Promise<Map<Trajectory, Demand>> {
    return this.demands(await this.resumeAt(store));
  }

  /**
   * Walks all steps and returns the final latents [C, h, w] of O. The reference passes named by {@link missing} must have run.
   * `computed` tells whether any step had to be computed.
   */
  async run(work: Work): Promise<{ latents: Latents; computed: boolean }> {
    const { store } = work;
    const { structure } = this.settings;
    const start = await this.resumeAt(store);
    let latents = await structure.latentsAt(0, store);
    for (let step = 0; step < start; step++) {
      const kept = await store.get(this.keyAfter(step));
      if (!kept?.latents || !kept.original)
        throw new Error(
          'A cached step disappeared when the run started because another process cleared the cache. Run again.',
        );
      work.trace?.(this.plans[step]!.adain ? 'adain' : 'ddpm', step, kept.latents.data);
      work.onStep?.(this.news(step, latents, kept.original.data, true));
      latents = kept.latents.data;
    }
    for (let step = start; step < this.total; step++) {
      work.signal.throwIfAborted();
      const { next, original } = await this.step(step, latents, work);
      store.put(this.keyAfter(step), {
        latents: { dims: [next.length], data: next },
        original: { dims: [original.length], data: original },
      });
      work.onStep?.(this.news(step, latents, original, false));
      latents = next;
    }
    return { latents, computed: start < this.total };
  }

  private news(step: number, latents: Latents, original: Latents, cached: boolean): SamplerNews {
    return { step, total: this.total, timestep: this.settings.structure.timestepAt(step), latents, original, cached };
  }

  private async step(step: number, latents: Latents, work: Work): Promise<{ next: Latents; original: Latents }> {
    const { structure, adain: adainSettings } = this.settings;
    const { store, trace } = work;
    const { scheduler } = structure;
    const plan = this.plans[step]!;
    const index = structure.indexOf(step);
    let next: Latents;
    let original: Latents;
    if (!swaps(plan) && plan.untouched) {
      // O is the structure until something acts on it: nothing to compute.
      next = await structure.latentsAt(step + 1, store);
      original = (await structure.originalAt(step, store)) ?? next;
    } else {
      const epsilon = await this.predict(step, latents, work);
      original = scheduler.originalFrom(latents, epsilon, index);
      next = scheduler.step(latents, epsilon, await structure.noiseMap(step, store), index);
    }
    trace?.('ddpm', step, next);
    if (plan.adain) {
      next = await this.normalise(next, step, adainSettings!, work);
      trace?.('adain', step, next);
    }
    return { next, original };
  }

  private async normalise(latents: Latents, step: number, settings: AdainSettings, work: Work): Promise<Latents> {
    const { channels, store } = work;
    const { structureMask, appearanceMasks } = settings;
    const styles: Style[] = [];
    for (const [index, { trajectory, share }] of this.settings.appearances.entries()) {
      styles.push({ latents: await trajectory.latentsAt(step + 1, store), mask: appearanceMasks[index], share });
    }
    return adainInShares(latents, styles, channels, structureMask);
  }

  /** ε of O. Its two predictions share the encoder; without guidance only the swapped one is needed. */
  private async predict(step: number, latents: Latents, work: Work): Promise<Latents> {
    const { store, trace, attention } = work;
    const plan = this.plans[step]!;
    const row = this.rowAt(step, latents);
    const { freeu } = this.settings.structure.source;
    if (!swaps(plan)) {
      const answer = await (await work.unet()).run({ rows: [row], freeu });
      trace?.('swap', step, answer.epsilons[0]!);
      trace?.('noswap', step, answer.epsilons[0]!);
      return answer.epsilons[0]!;
    }
    const swapped = await this.swappedRow(step, work);
    this.prefetch(step + 1, store);
    const alone = plan.guidance === 1 && !trace;
    const plain = alone ? [] : [{ from: 0 }];
    const unet = await work.unet();
    const keep = attention && { queries: true };
    const decoderRows = [swapped, ...plain];
    const answer = await unet.run({ rows: [row], decoderRows, freeu, keep });
    if (attention) this.keepQueries(step, answer.queries![0]!, unet, attention);
    const [withSwap, without] = answer.epsilons;
    trace?.('swap', step, withSwap!);
    if (!without) return withSwap!;
    trace?.('noswap', step, without);
    return guide(without, withSwap!, plan.guidance);
  }

  /** Starts reading the next step's keys and values while this one computes. */
  private prefetch(step: number, store: ContentStore): void {
    const plan = this.plans[step];
    if (!plan || !swaps(plan)) return;
    for (const { trajectory } of this.sourcesAt(plan)) trajectory.prefetch(step, store);
  }

  /** Whose keys and values a swapping step reads. */
  private sourcesAt(plan: StepPlan): readonly Appearance[] {
    const { structure, appearances } = this.settings;
    return (plan.swap.high ?? plan.swap.low) === 'structure' ? [{ trajectory: structure }] : appearances;
  }
}
