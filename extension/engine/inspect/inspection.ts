import { type Pin, type PinEnd } from '../../graph';
import {
  type InspectCorrespondence,
  type InspectInfo,
  type InspectLevel,
  type InspectMap,
  type InspectParts,
  type InspectPeak,
  type InspectSource,
} from '../../protocol/inspect';
import { graphError } from '../../protocol/errors';
import { cellAt, middleOf, type Size, sizeText } from '../../protocol/size';
import { once } from '../cache/recent';
import { type ContentStore } from '../cache/store';
import { type Sampler } from '../pipeline/sampler';
import { tokenGrid } from '../onnx/types';
import { tokenMeans } from '../pipeline/tokenMeans';
import { type Demand, noDemand, Trajectory } from '../pipeline/trajectory';
import { KMEANS_SEED } from '../diffusion/segmentation';
import { type BatchCounts } from '../diffusion/unet';
import { type RgbPicture } from '../image/png';
import { segmentStep } from '../execution/settings';
import { type InversionValue } from '../execution/values';
import { attentionColumn, type AttentionLayer, attentionRow, type AttentionSummary, strongest } from './attention';

/** A question with its defaults filled in. */
export interface Attention {
  step: number;
  level: InspectLevel;
  layer?: number;
  head?: number;
  /** Which appearance; the output's queries are the same for all of them. */
  look: number;
  raw: boolean;
}

/** Summaries of so many choices of step, resolution and head stay in memory: 8 heads of 4096 tokens take 300 kB. */
const KEPT_SUMMARIES = 24;
/** Steps at which parts are matched: more of them match no better, and each takes a pass over all rows. */
const MATCHED_STEPS = 5;
/** Layers of so many steps stay at hand beyond the stores' own memory. */
const KEPT_STEPS = 2;

/**
 * What can be asked of a denoise node's cross-image attention, during its run and after it. Queries come from the attention cache, keys
 * from the reference pass; what was trimmed is computed again.
 */
export class Inspection {
  private readonly layers = new Map<string, Promise<{ source: InspectSource; layers: AttentionLayer[] }>>();
  private readonly clusters = new Map<string, Promise<Uint8Array>>();
  private readonly found = new Map<number, Promise<InspectParts>>();
  private readonly summaries = new Map<string, Promise<AttentionSummary>>();
  /** What is computed for questions belongs to no run. */
  private readonly counts: BatchCounts = { encoder: 0, decoder: 0 };

  constructor(
    private readonly of: {
      node: string;
      sampler: Sampler;
      structure: InversionValue;
      appearances: readonly InversionValue[];
      /** Which wire of the swap each appearance is, from 1. */
      numbers: readonly number[];
      pins: readonly Pin[];
    },
  ) {}

  private get unetLayers() {
    return this.of.structure.checkpoint.prepared.unet.interface.swapLayers;
  }

  /** The arrays that this object keeps alive. */
  *held(): Iterable<ArrayBufferView> {
    for (const { trajectory, picture } of [this.of.structure, ...this.of.appearances]) {
      yield picture.rgb;
      yield* trajectory.held();
    }
  }

  info(runId: string): InspectInfo {
    const { node, sampler, structure, appearances, numbers, pins } = this.of;
    const levels = (['high', 'low'] as const).flatMap((level) => {
      const layers = this.unetLayers.filter((layer) => layer.level === level);
      if (layers.length === 0) return [];
      return [{ level, grid: this.gridOf(level), layers: layers.map(({ index, heads }) => ({ index, heads })) }];
    });
    const steps = Array.from({ length: sampler.total }, (_, step) => {
      const { timestep, sources } = sampler.swapAt(step);
      return { timestep, ...sources };
    });
    return {
      runId,
      node,
      steps,
      contrast: sampler.total > 0 ? sampler.swapAt(0).contrast : 1,
      levels,
      structure: structure.node,
      appearances: appearances.map((one) => one.node),
      numbers: [...numbers],
      pins: [...pins],
      size: { width: structure.picture.width, height: structure.picture.height },
    };
  }

  /** The picture that a map over a source is laid on. */
  picture(source: InspectSource, look: number): RgbPicture {
    return this.sourceOf(source, look).picture;
  }

  private sourceOf(source: InspectSource, look: number): InversionValue {
    const { structure, appearances, node } = this.of;
    const found = source === 'structure' ? structure : appearances[look];
    if (found) return found;
    throw graphError(`${node} has ${appearances.length} appearances: there is no number ${look + 1}.`, node);
  }

  /** One end of the pins that acted on an appearance, with their numbers in the file's order. */
  circles(end: 'to' | 'from', look: number): { number: number; at: PinEnd }[] {
    const { pins, numbers } = this.of;
    return pins.flatMap((pin, index) =>
      (pin.appearance ?? 1) === numbers[look] ? [{ number: index + 1, at: pin[end] }] : [],
    );
  }

  /** The tokens of a level. */
  gridOf(level: InspectLevel): Size {
    const layer = this.unetLayers.find((one) => one.level === level);
    const [height, width] = tokenGrid(this.of.structure.checkpoint.latentSize, layer);
    return { width, height };
  }

  private onTokens(values: Float32Array | undefined, level: InspectLevel): Float32Array {
    const layer = this.unetLayers.find((one) => one.level === level);
    return tokenMeans(values, this.of.structure.checkpoint.latentSize, layer);
  }

  /** Maps of places: of the output over what they look at, or of the source over what looks at them. */
  async map(
    attention: Attention,
    from: 'output' | 'source',
    points: readonly (readonly [number, number])[],
    cache: ContentStore,
    peaksOnly = false,
  ): Promise<InspectMap> {
    const start = performance.now();
    const { source, layers } = await this.layersOf(attention, cache);
    const grid = this.gridOf(attention.level);
    const summary = from === 'source' ? await this.summaryOf(attention, layers) : undefined;
    const maps = points.map(([x, y]) => {
      const token = cellAt(x, y, grid);
      return summary
        ? attentionColumn(layers, summary, token, attention.head)
        : attentionRow(layers, token, attention.head);
    });
    const peaks = maps.map((map) => peakOf(map, strongest(map), grid));
    const weights = peaksOnly ? new Uint8Array() : bytesOf(maps);
    return { grid, source, weights, peaks, ms: performance.now() - start };
  }

  /** Where each place of the output looks most. */
  async correspondence(attention: Attention, cache: ContentStore): Promise<InspectCorrespondence> {
    const start = performance.now();
    const { source, layers } = await this.layersOf(attention, cache);
    const { best, weight } = await this.summaryOf(attention, layers);
    return {
      grid: this.gridOf(attention.level),
      source,
      targets: new Uint8Array(best.slice().buffer),
      weights: new Uint8Array(weight.slice().buffer),
      ms: performance.now() - start,
    };
  }

  /**
   * The clusters of the structure and of each appearance, as segment nodes find them, and how much of its attention each cluster of the
   * structure gave to each cluster of each appearance: the mean over {@link partSteps}.
   */
  parts(clusters: number, cache: ContentStore): Promise<InspectParts> {
    return once(this.found, clusters, () => this.findParts(clusters, cache));
  }

  private async findParts(clusters: number, cache: ContentStore): Promise<InspectParts> {
    const { sampler, structure, appearances, numbers, node } = this.of;
    const [height, width] = structure.checkpoint.latentSize;
    const steps = this.partSteps();
    if (steps.length === 0)
      throw graphError(`No step of ${node} attended to the appearance, so no parts were matched.`, node);
    const onTokens = (labels: Uint8Array, level: InspectLevel): Float32Array[] =>
      Array.from({ length: clusters }, (_, cluster) =>
        this.onTokens(
          Float32Array.from(labels, (label) => Number(label === cluster)),
          level,
        ),
      );
    const own = await this.clustersOf(structure, clusters);
    const images: InspectParts['appearances'] = [];
    const regions: InspectParts['regions'] = [];
    for (const [look, appearance] of appearances.entries()) {
      let image = images.find((one) => one.node === appearance.node);
      if (!image) {
        const labels = await this.clustersOf(appearance, clusters);
        const mass = Array.from({ length: clusters }, () => Array.from({ length: clusters }, () => 0));
        images.push((image = { node: appearance.node, look, labels, mass }));
      }
      const wire = numbers[look]! - 1;
      const region = partIn(own, sampler.shareOf(wire));
      const part = partIn(image.labels, sampler.sharesOf(wire)?.[0]?.keyWeights);
      if (region !== undefined && part !== undefined) regions.push({ structure: region, node: appearance.node, part });
      for (const { step, level } of steps) {
        const { layers } = await this.layersOf({ step, level, look, raw: false }, cache);
        const groups = onTokens(image.labels, level);
        const { mass } = await structure.checkpoint.summarise(layers, { groups });
        const share = layers[0]!.shares ? undefined : sampler.shareOf(wire);
        const given = this.onTokens(share, level);
        for (const [cluster, members] of onTokens(own, level).entries()) {
          const size = members.reduce((sum, part) => sum + part, 0) || 1;
          for (const [query, part] of members.entries())
            for (let group = 0; group < clusters; group++)
              image.mass[cluster]![group]! +=
                (part * given[query]! * mass[query * clusters + group]!) / (size * steps.length);
        }
      }
    }
    return { grid: { width, height }, structure: own, appearances: images, regions };
  }

  /** Where parts are matched: a few steps of the highest resolution that attended to the appearance, evenly spread. */
  private partSteps(): { step: number; level: InspectLevel }[] {
    const { sampler } = this.of;
    for (const level of ['high', 'low'] as const) {
      const all = Array.from({ length: sampler.total }, (_, step) => step).filter(
        (step) => sampler.swapAt(step).sources[level] === 'appearance',
      );
      const count = Math.min(MATCHED_STEPS, all.length);
      if (count > 0)
        return Array.from({ length: count }, (_, index) => ({
          step: all[Math.floor(((index + 0.5) * all.length) / count)]!,
          level,
        }));
    }
    return [];
  }

  /** The cluster of each latent pixel, as a segment node without parameters finds it. */
  private clustersOf(
    { node, trajectory, checkpoint, schedule }: InversionValue,
    clusters: number,
  ): Promise<Uint8Array> {
    const key = `${node} ${clusters}`;
    const find = async (): Promise<Uint8Array> => {
      const step = segmentStep({}, schedule.steps, trajectory.length);
      await this.provide(trajectory, checkpoint, { ...noDemand(), until: step, probeSteps: new Set([step]) });
      const { selfQuery: query, selfKey } = await trajectory.probeAt(step);
      const { heads } = checkpoint.prepared.unet.interface.selfProbe;
      const [height, width] = checkpoint.latentSize;
      const source = { query, key: selfKey, heads, count: height * width };
      return (await checkpoint.cluster(source, { clusters, seed: KMEANS_SEED })).labels;
    };
    return once(this.clusters, key, find);
  }

  /** Where the output's queries and the keys they met come from; errors say why there are none. */
  private async layersOf(
    attention: Attention,
    cache: ContentStore,
  ): Promise<{ source: InspectSource; layers: AttentionLayer[] }> {
    const { step, level, layer, head, look, raw } = attention;
    const key = JSON.stringify([step, level, layer, look, raw]);
    const { layers, source } = await once(this.layers, key, () => this.load(attention, cache), KEPT_STEPS);
    const { heads } = layers[0]!;
    if (head !== undefined && head >= heads) {
      throw graphError(`The layer has ${heads} heads: there is no head ${head + 1}.`, this.of.node);
    }
    return { layers, source };
  }

  private async load(
    { step, level, layer: only, look, raw }: Attention,
    cache: ContentStore,
  ): Promise<{ source: InspectSource; layers: AttentionLayer[] }> {
    const { node, sampler } = this.of;
    if (step >= sampler.total) {
      throw graphError(`${node} has ${sampler.total} steps: there is no step ${step + 1}.`, node);
    }
    const { sources, contrast } = sampler.swapAt(step);
    const source = sources[level];
    if (!source) throw graphError(this.noSwap(step, level), node);
    const chosen = this.unetLayers.filter((one) => one.level === level && (only === undefined || one.index === only));
    if (chosen.length === 0) {
      const known = this.unetLayers.filter((one) => one.level === level).map(({ index }) => index);
      throw graphError(`This resolution has the layers ${known.join(', ')}, and no layer ${only}.`, node);
    }
    const keys = await this.keysOf(this.sourceOf(source, look), step);
    const unet = () => this.of.structure.checkpoint.unet(this.counts);
    const queries = await sampler.queriesAt(step, { unet, attention: cache });
    if (!queries) {
      throw graphError(
        `Step ${step + 1} of ${node} is not computed yet, or no longer kept: wait for it, or run again.`,
        node,
      );
    }
    const { width, height } = this.gridOf(level);
    const shares =
      source === 'appearance'
        ? sampler.sharesOf(this.of.numbers[look]! - 1)?.map(({ share, keyWeights }) => ({
            queryWeights: this.onTokens(share, level),
            ...(keyWeights ? { keyWeights: this.onTokens(keyWeights, level) } : {}),
          }))
        : undefined;
    const layers = chosen.map(({ index, heads, scale }): AttentionLayer => ({
      query: queries.get(index)!,
      key: keys[index]!,
      heads,
      scale,
      contrast: raw ? 1 : contrast,
      tokens: width * height,
      ...(shares ? { shares } : {}),
    }));
    return { source, layers };
  }

  /** The keys that the reference pass kept of a step, or keeps now. */
  private async keysOf({ trajectory, checkpoint }: InversionValue, step: number): Promise<Float32Array[]> {
    const kept = await trajectory.keptKeyValues(step);
    if (kept) return kept.keys;
    const demand = { ...noDemand(), until: step, keyValueSteps: new Set([step]) };
    await this.provide(trajectory, checkpoint, demand);
    return (await trajectory.keyValuesAt(step, () => checkpoint.unet(this.counts))).keys;
  }

  /** Computes what is demanded of a trajectory and no longer kept. */
  private async provide(
    trajectory: Trajectory,
    checkpoint: InversionValue['checkpoint'],
    demand: Demand,
  ): Promise<void> {
    const work = { unet: () => checkpoint.unet(this.counts), signal: new AbortController().signal };
    await trajectory.invert(demand, work);
    await Trajectory.referencePass(new Map([[trajectory, demand]]), work);
  }

  /** Why a step has nothing to show, and where there is something. */
  private noSwap(step: number, level: InspectLevel): string {
    const { sampler, node } = this.of;
    const on = Array.from({ length: sampler.total }, (_, one) => one).filter(
      (one) => sampler.swapAt(one).sources[level],
    );
    const where = `The swap at ${sizeText(this.gridOf(level))} is off at step ${step + 1} of ${node}, so the output attended only to itself`;
    return on.length === 0
      ? `${where}; it is off at every step.`
      : `${where}. It is on from step ${on[0]! + 1} to step ${on[on.length - 1]! + 1}.`;
  }

  private summaryOf(
    { step, level, layer, head, look, raw }: Attention,
    layers: AttentionLayer[],
  ): Promise<AttentionSummary> {
    const key = JSON.stringify([step, level, layer, head, look, raw]);
    return once(this.summaries, key, () => this.of.structure.checkpoint.summarise(layers, { head }), KEPT_SUMMARIES);
  }
}

/** The one part whose cells count, and no others. */
function partIn(labels: Uint8Array, weights: Float32Array | undefined): number | undefined {
  const part = weights && labels[weights.indexOf(1)];
  return part !== undefined && labels.every((label, cell) => weights![cell] === Number(label === part))
    ? part
    : undefined;
}

function peakOf(map: ArrayLike<number>, token: number, grid: Size): InspectPeak {
  const [x, y] = middleOf(token, grid);
  return { x, y, weight: map[token]! };
}

function bytesOf(maps: readonly Float32Array[]): Uint8Array {
  const length = maps[0]?.length ?? 0;
  const all = new Float32Array(length * maps.length);
  maps.forEach((map, index) => all.set(map, index * length));
  return new Uint8Array(all.buffer);
}
