import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { type NoiseMaps, sizeProblem, type TimestepSpacing } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { sameSize, type Size, sizeText } from '../../protocol/size';
import { sizeFacts } from '../checkpoints/pictureSizes';
import { type PreparedCheckpoint, type PromptTokenizer } from '../checkpoints/types';
import { requirePart } from '../checkpoints/stored';
import { loadTokenizer } from '../checkpoints/tokenizer';
import { type ContentStore, keyOf } from '../cache/store';
import { BatchSize } from './batchSize';
import { createScheduler, type Scheduler } from '../diffusion/scheduler';
import { cellDifference } from './cellDifference';
import { type Cluster, KMEANS_SEED, segment, type Segmentation } from '../diffusion/segmentation';
import { type AttentionProbe, type BatchCounts } from '../diffusion/unet';
import { type AttentionLayer, type AttentionSummary, summarise, type SummaryChoice } from '../inspect/attention';
import { type RgbPicture } from '../image/png';
import { fromModelOutput, toModelInput } from '../image/tensors';
import { type Placement, type SessionHost, type TensorData } from '../onnx/types';
import { cluster } from './clusters';
import { OnnxUnet } from './onnxUnet';
import { CheckpointParts, type Part } from './checkpointParts';
import { LatentPreviews } from './latentPreviews';
import { Vae } from './vae';
import { type MemoryLimit } from './workingMemory';

const VAE_VERSION = 1;
const CONTEXT_VERSION = 1;
const DIFFERENCE_VERSION = 1;

/** A prepared checkpoint at one size of pictures. All sizes share its sessions, which are opened when first needed. */
export class LoadedCheckpoint {
  private readonly sized = new Map<string, LoadedCheckpoint>();
  private readonly batchSize = new BatchSize();
  private tokenizerOpened?: Promise<PromptTokenizer>;
  private readonly vae: Vae;
  readonly previews: LatentPreviews;

  private constructor(
    private readonly parts: CheckpointParts,
    /** Pixels of its pictures. */
    readonly size: Size,
    /** The same checkpoint at its own size. */
    private readonly own?: LoadedCheckpoint,
  ) {
    this.vae = new Vae(parts, size);
    this.previews = own?.previews ?? new LatentPreviews(parts, this.fingerprint);
  }

  /** A checkpoint at its own size. @param home Weft's folder, see {@link CheckpointParts} @param limit memory that the person allows */
  static open(
    prepared: PreparedCheckpoint,
    sessions: SessionHost,
    provider: string,
    threads?: number,
    home?: string,
    limit?: MemoryLimit,
  ): LoadedCheckpoint {
    const { pictureSize: side } = prepared;
    const parts = new CheckpointParts(prepared, sessions, provider, threads, home, limit);
    return new LoadedCheckpoint(parts, { width: side, height: side });
  }

  /**
   * The checkpoint at another size. `node`: who asks, for the error.
   * @throws WeftError `graph` when its graphs don't fit that size
   */
  at(size: Size, node: string): LoadedCheckpoint {
    if (this.own) return this.own.at(size, node);
    if (sameSize(size, this.size)) return this;
    const problem = sizeProblem(sizeFacts(this.prepared), size.width, size.height);
    if (problem !== undefined) throw new WeftError('graph', `${node} ${problem}`, node);
    const key = sizeText(size);
    const known = this.sized.get(key) ?? new LoadedCheckpoint(this.parts, size, this);
    this.sized.set(key, known);
    return known;
  }

  get prepared(): PreparedCheckpoint {
    return this.parts.prepared;
  }

  get provider(): string {
    return this.parts.provider;
  }

  /** Whether weights are read from their file as they lie there. */
  get lowMemory(): boolean {
    return this.parts.form === 'low-memory';
  }

  /** What besides a graph decides the numbers: weights, provider, precision, and to the last bit how the weights are held. */
  get fingerprint(): string {
    const { form } = this.parts;
    return `${this.prepared.sha256}/${this.provider}/${this.prepared.precision}${form === undefined ? '' : `/${form}`}`;
  }

  /** Height and width of the latents. */
  get latentSize(): [number, number] {
    return this.vae.latentSize;
  }

  scheduler({
    steps,
    spacing,
    noiseMaps,
  }: {
    steps: number;
    spacing?: TimestepSpacing;
    noiseMaps?: NoiseMaps;
  }): Scheduler {
    const { trainTimesteps, betaStart, betaEnd, betaSchedule, prediction } = this.prepared.scheduler;
    return createScheduler(
      {
        num_train_timesteps: trainTimesteps,
        beta_start: betaStart,
        beta_end: betaEnd,
        beta_schedule: betaSchedule,
        prediction_type: prediction,
      },
      steps,
      spacing,
      noiseMaps,
    );
  }

  /** Opens a session ahead of its first use, so that it loads while something else runs. */
  warm(part: Part): void {
    this.parts.open(part).catch(() => {});
  }

  /** The same, but for a part whose weights other parts make room for. */
  warmIfSmall(part: Part): void {
    if (!this.parts.isLarge(part)) this.warm(part);
  }

  /** Opens and closes every session: proof that onnxruntime takes the files. */
  tryAll(): Promise<void> {
    return this.parts.tryAll();
  }

  /** Says that a part is not needed for now: a large one gives its memory back. */
  idle(part: Part): Promise<void> {
    return this.parts.idle(part);
  }

  /** Closes its sessions; each is opened again when it is next asked for. */
  close(): Promise<void> {
    return this.parts.closeAll();
  }

  /** `counts`: where its work is counted, when not among those of the run. */
  async unet(counts: BatchCounts = this.parts.counts): Promise<OnnxUnet> {
    const { unet } = this.prepared;
    const key = await this.parts.open('unet');
    const { sessions, memory } = this.parts;
    return new OnnxUnet(sessions, key, unet.interface, this.latentSize, counts, this.batchSize, memory);
  }

  /**
   * The mask of a noun of the prompt from attention. `instead`: what to do where the checkpoint's attention tells of none, for the error.
   * @throws WeftError `checkpoint`
   */
  async segment(
    probe: AttentionProbe,
    { prompt, noun, clusters, instead }: { prompt: string; noun: string; clusters: number; instead: string },
  ): Promise<Segmentation> {
    const { selfProbe, crossProbe } = this.prepared.unet.interface;
    const { crossQuery, crossKey } = probe;
    if (!crossProbe || !crossQuery || !crossKey)
      throw new WeftError(
        'checkpoint',
        `${this.prepared.id} has no cross-attention at half its highest resolution, so ${instead}`,
      );
    const positions = (await this.tokenizer()).positionsOf(prompt, noun);
    const [height, width] = this.latentSize;
    const attention = { ...probe, crossQuery, crossKey, selfHeads: selfProbe.heads, crossHeads: crossProbe.heads };
    const nouns = { nounTokens: positions.length > 0 ? [{ noun, positions }] : [], objectNoun: noun };
    return segment({ ...attention, ...nouns, height, width, clusters, seed: KMEANS_SEED }, this.cluster);
  }

  /** Clusters of a self-attention map's rows, found on onnxruntime's thread. */
  readonly cluster: Cluster = (source, options) =>
    cluster(this.parts.sessions, source, { ...options, threads: this.parts.threads });

  /** One pass over all rows of attention maps, likewise. */
  summarise(
    layers: readonly AttentionLayer[],
    choice?: Pick<SummaryChoice, 'head' | 'groups'>,
  ): Promise<AttentionSummary> {
    return summarise(this.parts.sessions, layers, { ...choice, threads: this.parts.threads });
  }

  /** Work of the UNet since the last call. */
  takeCounts(): BatchCounts {
    const { counts } = this.parts;
    const taken = { ...counts };
    counts.encoder = counts.decoder = 0;
    delete counts.masked;
    return taken;
  }

  /** Nodes by the provider that ran them, over all sessions that have run. */
  placement(): Promise<Placement> {
    return this.parts.placement();
  }

  tokenizer(): Promise<PromptTokenizer> {
    if (this.own) return this.own.tokenizer();
    if (this.tokenizerOpened === undefined) {
      const { folder, tokenizer, textEncoder } = this.prepared;
      this.tokenizerOpened = requirePart(this.prepared, tokenizer.path).then(() =>
        loadTokenizer(path.join(folder, tokenizer.path), textEncoder.contextLength),
      );
      this.tokenizerOpened.catch(() => (this.tokenizerOpened = undefined));
    }
    return this.tokenizerOpened;
  }

  /** The end of a prompt that the text encoder does not read, empty where it reads all. */
  async unread(prompt: string): Promise<string> {
    // A token has a byte at least: most prompts are short enough without looking.
    const fits = Buffer.byteLength(prompt) <= this.prepared.textEncoder.contextLength - 2;
    return fits ? '' : (await this.tokenizer()).tokenize(prompt).unread;
  }

  /**
   * Text embedding [L, D] of a prompt. `clipSkip`: last layers of the text encoder that are left out.
   * @throws WeftError `graph` when it has no so many
   */
  async embed(prompt: string, store: ContentStore, clipSkip = 0): Promise<Float32Array> {
    const key = keyOf('context', CONTEXT_VERSION, [this.fingerprint, prompt, ...(clipSkip > 0 ? [clipSkip] : [])]);
    const kept = (await store.get(key))?.context;
    if (kept) return kept.data;
    const { ids } = (await this.tokenizer()).tokenize(prompt);
    const { input, output } = this.prepared.textEncoder;
    const feed: TensorData =
      input.type === 'int32'
        ? { type: 'int32', dims: [1, ids.length], data: Int32Array.from(ids) }
        : { type: 'int64', dims: [1, ids.length], data: BigInt64Array.from(ids, BigInt) };
    const part = clipSkip > 0 ? (`textEncoder-${clipSkip}` as const) : 'textEncoder';
    const answer = await this.parts.run(part, { [input.name]: feed }, [output.name]);
    const context = answer[output.name]!.data as Float32Array;
    store.put(key, { context: { dims: [context.length], data: context } });
    return context;
  }

  /**
   * x0 [C, h, w]: the mode of the VAE's posterior times the scaling factor. `rgb` has the checkpoint's size.
   * @param onNew told before work begins, of a picture that was not kept
   */
  async encode(rgb: Uint8Array, store: ContentStore, onNew?: () => void): Promise<Float32Array> {
    const digest = createHash('sha256').update(rgb).digest('hex');
    const key = keyOf('encoded', VAE_VERSION, [this.fingerprint, this.size, digest]);
    const kept = (await store.get(key))?.latents;
    if (kept) return kept.data;
    onNew?.();
    const latents = await this.vae.encode(toModelInput(rgb));
    store.put(key, { latents: { dims: [latents.length], data: latents } });
    return latents;
  }

  /**
   * How far the VAE is from giving back a picture: the mean difference of a latent's cell of pixels, of 255, below which 40 % of the cells
   * lie. Outlines count little that way, and texture, which a photograph has nearly everywhere, counts much.
   * @param rgb of the checkpoint's size; @param latents what {@link encode} made of it
   */
  async difference(rgb: Uint8Array, latents: Float32Array, store: ContentStore): Promise<number> {
    const digest = createHash('sha256').update(rgb).digest('hex');
    const key = keyOf('difference', DIFFERENCE_VERSION, [this.fingerprint, this.size, digest]);
    const kept = (await store.get(key))?.difference;
    if (kept) return kept.data[0]!;
    const difference = cellDifference(rgb, await this.vae.decode(latents), this.size, this.prepared.vaeScale);
    store.put(key, { difference: { dims: [1], data: Float32Array.of(difference) } });
    return difference;
  }

  /** The picture of latents [C, h, w], as float [3, H, W] in about [-1, 1]; `latentsKey` names the latents. */
  async decode(
    latents: Float32Array,
    latentsKey: string,
    store: ContentStore,
  ): Promise<{ pixels: Float32Array; cached: boolean }> {
    const key = keyOf('decoded', VAE_VERSION, [this.fingerprint, latentsKey]);
    const kept = (await store.get(key))?.pixels;
    if (kept) return { pixels: kept.data, cached: true };
    const pixels = await this.vae.decode(latents);
    store.put(key, { pixels: { dims: [pixels.length], data: pixels } });
    return { pixels, cached: false };
  }

  /** The picture of decoded pixels. */
  toRgb(pixels: Float32Array): RgbPicture {
    return { rgb: fromModelOutput(pixels), ...this.size };
  }

  /** See {@link LatentPreviews.draw}. */
  draw(
    latents: Float32Array,
    maxSize: number,
    store: ContentStore,
    { atOnce = false } = {},
  ): ReturnType<LatentPreviews['draw']> {
    return this.previews.draw(latents, this.latentSize, maxSize, store, atOnce);
  }
}
