import { type ContentStore, type Key, keyOf } from '../cache/store';
import { adainInShares, type Style } from '../diffusion/adain';
import { type StepRange } from '../diffusion/stepRange';
import { predictTransfer, type TransferInput } from '../diffusion/transfer';
import { type SwapSettings, swaps, type TransferStep, transferSteps } from '../diffusion/transferSteps';
import { type KeyValues, type Latents, type Share, type Unet } from '../diffusion/unet';
import { type Demand, noDemand, type Trajectory } from './trajectory';

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
  /** Which wire of the swap it comes from, from 0: one picture may be wired several times. */
  wire?: number;
  /** How much of each latent pixel [h·w] takes its look from here: all appearances' shares add up to 1. Absent: all of it. */
  share?: Float32Array;
  /** How much each of its own latent pixels [h·w] gives; absent: all alike. */
  keyWeights?: Float32Array;
}

/** A place that takes its look from a place of a picture: its share of each latent pixel, what it leaves to others taken off. */
export type Pinned = Required<Appearance>;

/** Everything the output O is computed from. */
export interface TransferSettings {
  structure: Trajectory;
  /** One at least; with several, each has its share. */
  appearances: readonly [Appearance, ...Appearance[]];
  /** Names the shares: part of what the result depends on. */
  sharesDigest?: string;
  /** Over the appearances' shares; `unpinned` is what is left of each latent pixel [h·w] for those. */
  pinned?: { places: readonly Pinned[]; unpinned: Float32Array };
  /** Names what of the appearances' own places gives how much, and the pins; absent where there is neither. */
  placesDigest?: string;
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
  predOriginalSample: Latents;
  /** Read back instead of computed. */
  cached: boolean;
}

/** Intermediate values, for comparison with reference numbers. */
export type Trace = (name: 'swap' | 'noswap' | 'ddpm' | 'adain', step: number, values: Float32Array) => void;

interface Work {
  /** C of the latents. */
  channels: number;
  /** Opened when the first step has to be computed. */
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
 * The denoising of O with cross-image attention: which steps are kept, which have to be computed and what they read.
 * `diffusion/transfer.ts` computes them.
 */
export class Sampler {
  private readonly plans: StepPlan[];
  private readonly store: ContentStore;
  /** Key of the final latents. */
  readonly key: Key;
  readonly total: number;

  constructor(private readonly settings: TransferSettings) {
    const { structure, swap, adain, guidance } = settings;
    this.store = structure.store;
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
        swaps(step) && [step.swap, step.contrast, step.guidance, fromAppearance && this.sourceKeys],
        step.adain && [this.appearanceKeys, adain!.maskDigests],
      ]);
      if (swaps(step) || step.adain) untouched = false;
      return plan;
    });
    this.key = key;
  }

  /** Names the appearances and their shares; a single one as it was named before there could be several. */
  private get appearanceKeys(): unknown {
    const { appearances, sharesDigest } = this.settings;
    if (appearances.length === 1) return appearances[0].trajectory.referenceKey;
    return [appearances.map(({ trajectory }) => trajectory.referenceKey), sharesDigest];
  }

  /** Names all that a step's swap reads of the appearances. */
  private get sourceKeys(): unknown {
    const { placesDigest } = this.settings;
    return placesDigest === undefined ? this.appearanceKeys : [this.appearanceKeys, placesDigest];
  }

  swapAt(step: number): SwapAtStep {
    const { swap: sources, contrast } = this.plans[step]!;
    return { timestep: this.settings.structure.timestepAt(step), sources, contrast };
  }

  /**
   * Where a wire of the swap gives its look, and from where: its own share, and those of the pins on it. Undefined where it gives from
   * everywhere alike.
   */
  sharesOf(wire: number): Omit<Appearance, 'trajectory' | 'wire'>[] | undefined {
    const { appearances, pinned } = this.settings;
    const own = appearances.find((one) => one.wire === wire);
    const pins = pinned?.places.filter((one) => one.wire === wire) ?? [];
    if (pins.length === 0 && !own?.keyWeights) return undefined;
    // One that gives to no region may give to a pin.
    const none = pinned?.unpinned.map(() => 0);
    const share = own && pinned ? unpinnedShare(own, pinned.unpinned) : (own?.share ?? none);
    return [{ share, keyWeights: own?.keyWeights }, ...pins];
  }

  /** How much of each latent pixel [h·w] takes its look from a wire of the swap, pins aside; undefined: all of it. */
  shareOf(wire: number): Float32Array | undefined {
    return this.settings.appearances.find((one) => one.wire === wire)?.share;
  }

  /** Names the queries of a step: O's latents before it, and the swap, which layers behind the first one see. */
  private queriesKey(step: number): Key {
    const { key, swap, contrast } = this.plans[step]!;
    const appearance = Object.values(swap).includes('appearance') && this.sourceKeys;
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
   * kept. What fell out of the attention cache is computed again from O's latents, exactly as the run did.
   */
  async queriesAt(
    step: number,
    work: Pick<Work, 'unet'> & { attention: ContentStore },
  ): Promise<Map<number, Float32Array> | undefined> {
    const { attention } = work;
    const key = this.queriesKey(step);
    if (!(await attention.has(key))) {
      const latents = await this.latentsBefore(step);
      if (!latents) return undefined;
      const unet = await work.unet();
      const input = await this.inputOf(step, latents, work);
      const swappedOnly = { ...input, step: { ...input.step, guidance: 1 } };
      const { queries } = await predictTransfer(unet, swappedOnly, { queries: true });
      if (queries) this.keepQueries(step, queries, unet, attention);
    }
    const kept = await attention.get(key);
    return kept && new Map(Object.entries(kept).map(([name, { data }]) => [Number(name.slice(1)), data]));
  }

  private async latentsBefore(step: number): Promise<Latents | undefined> {
    if (this.plans[step]!.untouched) return this.settings.structure.latentsAt(step).catch(() => undefined);
    return (await this.store.get(this.plans[step]!.key))?.latents?.data;
  }

  /** What a step's prediction is computed from. */
  private async inputOf(step: number, latents: Latents, { unet }: Pick<Work, 'unet'>): Promise<TransferInput> {
    const { structure } = this.settings;
    const { promptEmbeds, freeu } = structure.source;
    const plan = this.plans[step]!;
    const sources: Share[] = [];
    // One picture may have several shares: what it gives is read once.
    const read = new Map<Trajectory, KeyValues>();
    for (const { trajectory, share, keyWeights } of this.sourcesAt(plan)) {
      const keyValues = read.get(trajectory) ?? (await trajectory.keyValuesAt(step, unet));
      read.set(trajectory, keyValues);
      sources.push({ keyValues, weights: share, keyWeights });
    }
    const { scheduler } = structure;
    return { scheduler, index: structure.indexOf(step), step: plan, latents, promptEmbeds, sources, freeu };
  }

  private keyAfter(step: number): Key {
    return this.plans[step + 1]?.key ?? this.key;
  }

  /**
   * First step that has to be computed: what came before it is kept from an earlier run, all of it, since a timeline shows each step.
   * `total` when nothing has.
   */
  private async resumeAt(): Promise<number> {
    let step = 0;
    while (step < this.total && (await this.store.has(this.keyAfter(step)))) step++;
    return step;
  }

  /** What the steps from `start` on read of the two trajectories. `complete`: also what only a comparison would look at. */
  demands(start = 0, complete = false): Map<Trajectory, Demand> {
    const { structure, appearances, pinned } = this.settings;
    const sources = appearances.map(({ trajectory }) => trajectory);
    const pinnedTo = pinned?.places.map(({ trajectory }) => trajectory) ?? [];
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
        of(structure).predOriginalSteps.add(step);
      }
      if (swaps(plan)) {
        // The structure's latents are where O starts once something acts on it.
        if (plan.untouched) of(structure).until = Math.max(of(structure).until, step);
        const source = plan.swap.high ?? plan.swap.low;
        for (const trajectory of source === 'structure' ? [structure] : [...sources, ...pinnedTo]) {
          const demand = of(trajectory);
          demand.keyValueSteps.add(step);
          demand.until = Math.max(demand.until, step);
        }
      }
      if (plan.adain) for (const source of sources) of(source).until = Math.max(of(source).until, step + 1);
    }
    if (complete) for (const trajectory of [structure, ...sources]) of(trajectory).until = this.total;
    return demands;
  }

  /** Demands of what is left to compute; empty when the result is kept. */
  async missing(): Promise<Map<Trajectory, Demand>> {
    return this.demands(await this.resumeAt());
  }

  /**
   * Walks all steps and returns the final latents [C, h, w] of O. The reference passes named by {@link missing} must have run.
   * `computed` tells whether any step had to be computed.
   */
  async run(work: Work): Promise<{ latents: Latents; computed: boolean }> {
    const { store } = this;
    const start = await this.resumeAt();
    let latents = await this.settings.structure.latentsAt(0);
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
      const { next, predOriginalSample } = await this.step(step, latents, work);
      store.put(this.keyAfter(step), {
        latents: { dims: [next.length], data: next },
        original: { dims: [predOriginalSample.length], data: predOriginalSample },
      });
      work.onStep?.(this.news(step, latents, predOriginalSample, false));
      latents = next;
    }
    return { latents, computed: start < this.total };
  }

  private news(step: number, latents: Latents, predOriginalSample: Latents, cached: boolean): SamplerNews {
    return {
      step,
      total: this.total,
      timestep: this.settings.structure.timestepAt(step),
      latents,
      predOriginalSample,
      cached,
    };
  }

  private async step(
    step: number,
    latents: Latents,
    work: Work,
  ): Promise<{ next: Latents; predOriginalSample: Latents }> {
    const plan = this.plans[step]!;
    const given =
      !swaps(plan) && plan.untouched
        ? await this.asStructure(step) // O is the structure until something acts on it: nothing to compute.
        : await this.transfer(step, latents, work);
    work.trace?.('ddpm', step, given.next);
    if (!plan.adain) return given;
    const next = await this.normalise(given.next, step, work.channels);
    work.trace?.('adain', step, next);
    return { next, predOriginalSample: given.predOriginalSample };
  }

  private async asStructure(step: number): Promise<{ next: Latents; predOriginalSample: Latents }> {
    const { structure } = this.settings;
    const next = await structure.latentsAt(step + 1);
    return { next, predOriginalSample: (await structure.predOriginalSampleAt(step)) ?? next };
  }

  /** Computes a step, while the next one's keys and values are read. */
  private async transfer(
    step: number,
    latents: Latents,
    work: Work,
  ): Promise<{ next: Latents; predOriginalSample: Latents }> {
    const { trace, attention } = work;
    const { scheduler } = this.settings.structure;
    const input = await this.inputOf(step, latents, work);
    const noiseMap = await this.settings.structure.noiseMap(step);
    this.prefetch(step + 1);
    const unet = await work.unet();
    const asked = { both: trace !== undefined, queries: attention !== undefined };
    const { epsilon, withSwap, without, queries } = await predictTransfer(unet, input, asked);
    if (attention && queries) this.keepQueries(step, queries, unet, attention);
    trace?.('swap', step, withSwap);
    trace?.('noswap', step, without ?? withSwap);
    return {
      next: scheduler.step(latents, epsilon, noiseMap, input.index),
      predOriginalSample: scheduler.predOriginalSample(latents, epsilon, input.index),
    };
  }

  private async normalise(latents: Latents, step: number, channels: number): Promise<Latents> {
    const { structureMask, appearanceMasks } = this.settings.adain!;
    const styles: Style[] = [];
    for (const [index, { trajectory, share }] of this.settings.appearances.entries()) {
      styles.push({ latents: await trajectory.latentsAt(step + 1), mask: appearanceMasks[index], share });
    }
    return adainInShares(latents, styles, channels, structureMask);
  }

  private prefetch(step: number): void {
    const plan = this.plans[step];
    if (!plan) return;
    for (const trajectory of new Set(this.sourcesAt(plan).map((source) => source.trajectory)))
      trajectory.prefetch(step);
  }

  /** Whose keys and values a step reads; nobody's where it does not swap. */
  private sourcesAt(plan: StepPlan): readonly Appearance[] {
    const { structure, appearances, pinned } = this.settings;
    if (!swaps(plan)) return [];
    if ((plan.swap.high ?? plan.swap.low) === 'structure') return [{ trajectory: structure }];
    if (!pinned) return appearances;
    const { places, unpinned } = pinned;
    const beside = appearances.map((one) => ({ ...one, share: unpinnedShare(one, unpinned) }));
    return [...beside, ...places].filter(({ share }) => share.some((part) => part > 0));
  }
}

/** What pins leave of an appearance's share. */
function unpinnedShare({ share }: Appearance, unpinned: Float32Array): Float32Array {
  return share?.map((part, place) => part * unpinned[place]!) ?? unpinned;
}
