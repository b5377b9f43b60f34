import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { type PreparedCheckpoint, type PromptTokenizer } from '../checkpoints/types';
import { loadTokenizer } from '../checkpoints/tokenizer';
import { type ContentStore, keyOf } from '../cache/store';
import { BatchSize } from '../diffusion/batchSize';
import { createScheduler, type Scheduler } from '../diffusion/scheduler';
import { segment, type Segmentation, type SegmentRequest } from '../diffusion/segmentation';
import { type RowCounts, Unet } from '../diffusion/unet';
import { fromModelOutput, toModelInput } from '../image/tensors';
import { fitPreview, type PreviewMap } from '../image/preview';
import { type Placement, type SessionHost, type TensorData } from '../onnx/types';
import { previewSamples } from './previewSamples';

const VAE_VERSION = 1;
const CONTEXT_VERSION = 1;
const PREVIEW_VERSION = 1;

type Part = 'textEncoder' | 'vaeEncoder' | 'vaeDecoder' | 'unet';

/** A prepared checkpoint with its onnxruntime sessions, each opened when first needed. */
export class LoadedCheckpoint {
  private readonly opened = new Map<Part, Promise<string>>();
  private tokenizerOpened?: Promise<PromptTokenizer>;
  private previewFitted?: Promise<PreviewMap>;
  private readonly counts: RowCounts = { encoder: 0, decoder: 0 };
  private readonly batchSize = new BatchSize();

  constructor(
    readonly prepared: PreparedCheckpoint,
    private readonly sessions: SessionHost,
    readonly provider: string,
    private readonly threads?: number,
    /** Folder of onnxruntime's optimised graphs. */
    private readonly optimised?: string,
  ) {}

  /** What besides a graph decides the numbers: weights, provider, precision. */
  get computedBy(): string {
    return `${this.prepared.sha256}/${this.provider}/${this.prepared.precision}`;
  }

  /** Height and width of the latents of a square picture. */
  get latentSize(): [number, number] {
    return [this.prepared.latentSize, this.prepared.latentSize];
  }

  scheduler(steps: number): Scheduler {
    const { trainTimesteps, betaStart, betaEnd, betaSchedule } = this.prepared.scheduler;
    return createScheduler(
      { num_train_timesteps: trainTimesteps, beta_start: betaStart, beta_end: betaEnd, beta_schedule: betaSchedule },
      steps,
    );
  }

  private open(part: Part): Promise<string> {
    let opening = this.opened.get(part);
    if (!opening) {
      const { sha256 } = this.prepared;
      const key = `${sha256}/${this.provider}/${part}`;
      opening = this.sessions
        .load(key, path.join(this.prepared.folder, this.prepared[part].path), {
          provider: this.provider,
          threads: this.threads,
          ...(this.optimised ? { optimised: { folder: this.optimised, name: `${sha256.slice(0, 16)}-${part}` } } : {}),
        })
        .then(() => key);
      opening.catch(() => this.opened.delete(part));
      this.opened.set(part, opening);
    }
    return opening;
  }

  /** Opens a session ahead of its first use, so that it loads while something else runs. */
  warm(part: Part): void {
    this.open(part).catch(() => {});
  }

  /** Opens every session: proof that onnxruntime takes the files. */
  async openAll(): Promise<void> {
    for (const part of ['textEncoder', 'vaeEncoder', 'vaeDecoder', 'unet'] as const) await this.open(part);
  }

  /** `counts`: where its rows are counted, when not among those of the run. */
  async unet(counts: RowCounts = this.counts): Promise<Unet> {
    const { unet } = this.prepared;
    return new Unet(this.sessions, await this.open('unet'), unet.interface, this.latentSize, counts, this.batchSize);
  }

  /** A mask from attention; its clusters are found on onnxruntime's thread. */
  segment(request: SegmentRequest): Promise<Segmentation> {
    return segment(request, this.sessions, this.threads);
  }

  /** UNet rows since the last call. */
  takeCounts(): RowCounts {
    const taken = { ...this.counts };
    this.counts.encoder = this.counts.decoder = 0;
    return taken;
  }

  /** Nodes by the provider that ran them, over all sessions that have run. */
  async placement(): Promise<Placement> {
    const all: Placement = {};
    for (const opening of this.opened.values()) {
      const key = await opening.catch(() => undefined);
      for (const [provider, count] of Object.entries((key && this.sessions.placement(key)) ?? {}))
        all[provider] = (all[provider] ?? 0) + count;
    }
    return all;
  }

  tokenizer(): Promise<PromptTokenizer> {
    return (this.tokenizerOpened ??= loadTokenizer(
      path.join(this.prepared.folder, this.prepared.tokenizer.path),
      this.prepared.textEncoder.contextLength,
    ));
  }

  /** Text embedding [L, D] of a prompt. */
  async embed(prompt: string, store: ContentStore): Promise<Float32Array> {
    const key = keyOf('context', CONTEXT_VERSION, [this.computedBy, prompt]);
    const kept = (await store.get(key))?.context;
    if (kept) return kept.data;
    const { ids } = (await this.tokenizer()).tokenize(prompt);
    const { input, output } = this.prepared.textEncoder;
    const feed: TensorData =
      input.type === 'int32'
        ? { type: 'int32', dims: [1, ids.length], data: Int32Array.from(ids) }
        : { type: 'int64', dims: [1, ids.length], data: BigInt64Array.from(ids, BigInt) };
    const answer = await this.sessions.run(await this.open('textEncoder'), { [input.name]: feed }, [output.name]);
    const context = answer[output.name]!.data as Float32Array;
    store.put(key, { context: { dims: [context.length], data: context } });
    return context;
  }

  /** x0 [C, h, w]: the mode of the VAE's posterior times the scaling factor. `rgb` is size × size × 3. */
  async encode(rgb: Uint8Array, size: number, store: ContentStore): Promise<Float32Array> {
    const digest = createHash('sha256').update(rgb).digest('hex');
    const key = keyOf('encoded', VAE_VERSION, [this.computedBy, size, digest]);
    const kept = (await store.get(key))?.latents;
    if (kept) return kept.data;
    const latents = await this.encodePixels(toModelInput(rgb), size);
    store.put(key, { latents: { dims: [latents.length], data: latents } });
    return latents;
  }

  private async encodePixels(pixels: Float32Array, size: number): Promise<Float32Array> {
    const { input, output } = this.prepared.vaeEncoder;
    const feed: TensorData = { type: 'float32', dims: [1, 3, size, size], data: pixels };
    const answer = await this.sessions.run(await this.open('vaeEncoder'), { [input.name]: feed }, [output.name]);
    const all = answer[output.name]!.data as Float32Array;
    const [height, width] = this.latentSize;
    // An export with 2C channels gives mean, then log-variance: the mode is the mean.
    const latents = all.slice(0, this.prepared.latentChannels * height * width);
    for (let i = 0; i < latents.length; i++) latents[i]! *= this.prepared.scalingFactor;
    return latents;
  }

  /** The picture of latents [C, h, w], as float [3, H, W] in about [-1, 1]; `latentsKey` names the latents. */
  async decode(
    latents: Float32Array,
    latentsKey: string,
    store: ContentStore,
  ): Promise<{ pixels: Float32Array; cached: boolean }> {
    const key = keyOf('decoded', VAE_VERSION, [this.computedBy, latentsKey]);
    const kept = (await store.get(key))?.pixels;
    if (kept) return { pixels: kept.data, cached: true };
    const pixels = await this.decodeLatents(latents);
    store.put(key, { pixels: { dims: [pixels.length], data: pixels } });
    return { pixels, cached: false };
  }

  private async decodeLatents(latents: Float32Array): Promise<Float32Array> {
    const { input, output } = this.prepared.vaeDecoder;
    const data = latents.map((value) => value / this.prepared.scalingFactor);
    const dims = [1, this.prepared.latentChannels, ...this.latentSize];
    const feed: TensorData = { type: 'float32', dims, data };
    const answer = await this.sessions.run(await this.open('vaeDecoder'), { [input.name]: feed }, [output.name]);
    return answer[output.name]!.data as Float32Array;
  }

  /** rgb, side × side × 3, of decoded pixels. */
  toRgb(pixels: Float32Array): { rgb: Uint8Array; side: number } {
    const side = Math.round(Math.sqrt(pixels.length / 3));
    return { rgb: fromModelOutput(pixels), side };
  }

  /** The linear map from latents to colours that previews are drawn with, fitted once per checkpoint. */
  preview(store: ContentStore): Promise<PreviewMap> {
    this.previewFitted ??= this.fitPreview(store);
    this.previewFitted.catch(() => (this.previewFitted = undefined));
    return this.previewFitted;
  }

  private async fitPreview(store: ContentStore): Promise<PreviewMap> {
    const key = keyOf('preview-map', PREVIEW_VERSION, this.computedBy);
    const kept = await store.get(key);
    if (kept?.weight && kept.bias && kept.patch) {
      return {
        patch: kept.patch.data[0]!,
        channels: this.prepared.latentChannels,
        weight: kept.weight.data,
        bias: kept.bias.data,
      };
    }
    const size = this.prepared.pictureSize;
    const pictures = previewSamples(size);
    const latents: Float32Array[] = [];
    for (const rgb of pictures) latents.push(await this.encodePixels(toModelInput(rgb), size));
    const map = fitPreview({
      latents,
      pictures,
      channels: this.prepared.latentChannels,
      latentSize: this.latentSize,
      pictureSize: size,
    });
    if (!map.weight.every(Number.isFinite)) {
      throw new WeftError('checkpoint', `${this.prepared.id}: its VAE encoder gives numbers that are not finite.`);
    }
    store.put(key, {
      weight: { dims: [map.weight.length], data: map.weight },
      bias: { dims: [map.bias.length], data: map.bias },
      patch: { dims: [1], data: Float32Array.of(map.patch) },
    });
    return map;
  }
}
