import {
  type DecoderInput,
  type BatchCounts,
  type KeyValues,
  type Share,
  type SwapLevel,
  type Unet,
  type UnetAnswer,
  type UnetCall,
} from '../diffusion/unet';
import {
  type SessionHost,
  type SwapLayer,
  type TensorData,
  tokenGrid,
  type UnetInterface,
  unetNames,
} from '../onnx/types';
import { BatchSize } from './batchSize';
import { type MaskedAttention, maskedBlocks } from './maskedBlocks';
import { tokenMeans } from './tokenMeans';

/** Memory for intermediate results: what there is at the moment, and on what they are computed. */
export interface Memory {
  now(): number;
  readonly onProcessor: boolean;
}

/** Contrast maps of about this size stay in a processor's cache between softmax, contrast and product: measured, not derived. */
const CONTRAST_MAP_BYTES = 1 << 23;
/** A card has no such cache, and each slice costs it a launch. */
const CARD_CONTRAST_MAP_BYTES = 1 << 28;
/** Contrast maps take at most this share of the memory there is. */
const CONTRAST_SHARE = 1 / 8;
/** Feature maps at full resolution that an entry of the decoder's batch holds at once, skips included, in channels of the middle block. */
const FEATURE_MAPS = 3;

/** Bytes below which a copy is as cheap. */
const WORTH_HANDING_OVER = 1 << 14;

/** With Stable Diffusion at 32² latents a batch of four; larger ones cost as much for each image, and keep gigabytes. */
const BATCH_MAP_BYTES = 1 << 28;

const LEVELS: SwapLevel[] = ['high', 'low'];
const int64 = (values: number[]): TensorData => ({
  type: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const float32 = (dims: number[], data: Float32Array): TensorData => ({ type: 'float32', dims, data });

/** Concatenates arrays of equal length; a single one is passed on as it is, or a view alone: messages copy whole buffers. */
function stack(arrays: Float32Array[]): Float32Array {
  if (arrays.length === 1) return compact(arrays[0]!);
  const length = arrays[0]?.length ?? 0;
  const all = new Float32Array(length * arrays.length);
  arrays.forEach((array, index) => all.set(array, index * length));
  return all;
}

/** A list brought to a length by repeating its first item: what has no weight may point anywhere. */
const filled = (list: number[], length: number): number[] =>
  Array.from({ length }, (_, index) => list[index] ?? list[0] ?? 0);

const compact = (array: Float32Array): Float32Array =>
  array.byteLength === array.buffer.byteLength ? array : array.slice();

/** The entries of a batch, each with a buffer of its own: one is often kept when the others are not. */
function unstack(data: Float32Array, batch: number): Float32Array[] {
  if (batch === 1) return [data];
  const length = data.length / batch;
  return Array.from({ length: batch }, (_, at) => data.slice(at * length, (at + 1) * length));
}

/** Calls a rewritten UNet with a batch of inputs instead of tensors, and counts them. */
export class OnnxUnet implements Unet {
  readonly swapLayers: UnetInterface['swapLayers'];

  constructor(
    private readonly sessions: SessionHost,
    private readonly sessionKey: string,
    readonly graph: UnetInterface,
    /** Height and width of the latents. */
    readonly latentSize: [number, number],
    /** Where the work is counted. */
    private readonly counts: BatchCounts = { encoder: 0, decoder: 0 },
    private readonly batchSize = new BatchSize(),
    private readonly memory: Memory = { now: () => Infinity, onProcessor: true },
  ) {
    this.swapLayers = graph.swapLayers;
  }

  /**
   * One call of the UNet. What shares a batch may differ in timestep, prompt and everything else.
   * @throws WeftError `checkpoint` when onnxruntime fails.
   */
  async run(call: UnetCall): Promise<UnetAnswer> {
    const { graph, latentSize } = this;
    const { batch } = call;
    const decoderBatch: DecoderInput[] = call.decoderBatch ?? batch.map((_, from) => ({ from }));
    const count = decoderBatch.length;
    if (count > 1 && count * this.bytesPerDecoderInput() > this.memory.now()) return this.inHalves(call, decoderBatch);
    const { contextWidth } = graph;
    const feeds: Record<string, TensorData> = {
      [graph.sample.name]: float32(
        [batch.length, graph.latentChannels, ...latentSize],
        stack(batch.map(({ latents }) => latents)),
      ),
      [graph.timestep.name]: timesteps(
        graph.timestep.type,
        batch.map(({ timestep }) => timestep),
      ),
      [graph.encoderHiddenStates.name]: float32(
        [batch.length, batch[0]!.promptEmbeds.length / contextWidth, contextWidth],
        stack(batch.map(({ promptEmbeds }) => promptEmbeds)),
      ),
      [unetNames.rows]: int64(decoderBatch.map(({ from }) => from)),
      [unetNames.freeu]: float32([4], Float32Array.from(call.freeu)),
    };
    for (const level of LEVELS) this.feedLevel(feeds, level, decoderBatch);

    const layers = graph.swapLayers;
    const fetches = [graph.output.name];
    const { keyValues, probe, queries } = call.keep ?? {};
    if (keyValues) for (const { index } of layers) fetches.push(unetNames.key(index), unetNames.value(index));
    if (queries) for (const { index } of layers) fetches.push(unetNames.query(index));
    if (probe) {
      fetches.push(unetNames.selfQuery, unetNames.selfKey);
      if (graph.crossProbe) fetches.push(unetNames.crossQuery, unetNames.crossKey);
    }
    const started = performance.now();
    const answer = await this.sessions.run(this.sessionKey, feeds, fetches, { transfer: ownTensors(feeds, call) });
    // Only plain batches tell what an image costs.
    if (!call.decoderBatch) this.batchSize.took(batch.length, performance.now() - started);
    this.counts.encoder += batch.length;
    this.counts.decoder += count;
    const masked = decoderBatch.reduce((sum, { source }) => sum + maskedShares(source), 0);
    if (masked > 0) this.counts.masked = (this.counts.masked ?? 0) + masked;

    const outputOf = (name: string): Float32Array[] => unstack(answer[name]!.data as Float32Array, count);
    const byLayer = (name: (layer: number) => string): Float32Array[][] => {
      const all = layers.map(({ index }) => outputOf(name(index)));
      return decoderBatch.map((_, entry) => all.map((layer) => layer[entry]!));
    };
    const result: UnetAnswer = { epsilons: outputOf(graph.output.name) };
    if (keyValues) {
      const keys = byLayer(unetNames.key);
      const values = byLayer(unetNames.value);
      result.keyValues = decoderBatch.map((_, entry) => ({ keys: keys[entry]!, values: values[entry]! }));
    }
    if (queries) result.queries = byLayer(unetNames.query);
    if (probe) {
      const selfQuery = outputOf(unetNames.selfQuery);
      const selfKey = outputOf(unetNames.selfKey);
      const crossQuery = graph.crossProbe && outputOf(unetNames.crossQuery);
      const crossKey = graph.crossProbe && outputOf(unetNames.crossKey);
      result.probes = decoderBatch.map((_, entry) => ({
        selfQuery: selfQuery[entry]!,
        selfKey: selfKey[entry]!,
        crossQuery: crossQuery?.[entry],
        crossKey: crossKey?.[entry],
      }));
    }
    return result;
  }

  /**
   * A call whose decoder batch does not fit into memory, as two: what both need of the encoder is computed twice, and each entry gives
   * the same numbers as before.
   */
  private async inHalves(call: UnetCall, decoderBatch: DecoderInput[]): Promise<UnetAnswer> {
    const middle = Math.ceil(decoderBatch.length / 2);
    const answers: UnetAnswer[] = [];
    for (const half of [decoderBatch.slice(0, middle), decoderBatch.slice(middle)]) {
      const used = [...new Set(half.map(({ from }) => from))];
      const batch = used.map((input) => call.batch[input]!);
      answers.push(
        await this.run({
          ...call,
          batch,
          decoderBatch: half.map((input) => ({ ...input, from: used.indexOf(input.from) })),
        }),
      );
    }
    const [first, second] = answers as [UnetAnswer, UnetAnswer];
    const joined = <T>(a: T[] | undefined, b: T[] | undefined): T[] | undefined => a && b && [...a, ...b];
    return {
      epsilons: [...first.epsilons, ...second.epsilons],
      keyValues: joined(first.keyValues, second.keyValues),
      probes: joined(first.probes, second.probes),
      queries: joined(first.queries, second.queries),
    };
  }

  /** About what an entry of the decoder's batch takes. The processor's attention never holds a whole map; a card's may, twice with its softmax. */
  private bytesPerDecoderInput(): number {
    const [height, width] = this.latentSize;
    const features = FEATURE_MAPS * this.graph.middleChannels * height * width;
    return 4 * (features + (this.memory.onProcessor ? 0 : 2 * this.largestMap()));
  }

  /** Numbers in the attention map of one entry, where it is largest. */
  private largestMap(): number {
    return Math.max(0, ...this.graph.swapLayers.map((layer) => layer.heads * this.tokensAt(layer) ** 2));
  }

  /** The index lists of one level, and the external keys and values they point at. */
  private feedLevel(feeds: Record<string, TensorData>, level: SwapLevel, decoderBatch: DecoderInput[]): void {
    const count = decoderBatch.length;
    const external: KeyValues[] = [];
    const sourceOf = (keyValues: KeyValues): number => {
      const known = external.indexOf(keyValues);
      return count + (known >= 0 ? known : external.push(keyValues) - 1);
    };
    const layers = this.graph.swapLayers.filter((layer) => layer.level === level);
    const tokens = layers[0] ? this.tokensAt(layers[0]) : 1;
    // One attention for each share of each entry.
    const all = decoderBatch.flatMap((input, entry) => {
      const contrast = input.contrast?.[level];
      const shares: Partial<Share>[] = input.source?.[level] ?? [{}];
      return shares.map(({ keyValues, weights, keyWeights }) => ({
        entry,
        kv: keyValues ? sourceOf(keyValues) : entry,
        contrast,
        weights,
        keyWeights,
      }));
    });
    const onTokens = (values: Float32Array | undefined) => tokenMeans(values, this.latentSize, layers[0]);
    const masked = all.flatMap(({ entry, kv, contrast = 1, weights, keyWeights }): MaskedAttention[] =>
      keyWeights ? [{ entry, kv, contrast, queryWeights: onTokens(weights), keyWeights: onTokens(keyWeights) }] : [],
    );
    const attentions = all.filter(({ keyWeights }) => !keyWeights);
    if (attentions.length === 0) {
      // Masked outputs are added to others, and be those of no weight.
      const none = new Float32Array(this.latentSize[0] * this.latentSize[1]);
      attentions.push({ entry: 0, kv: 0, contrast: undefined, weights: none, keyWeights: undefined });
    }
    const plain = attentions.filter(({ contrast }) => contrast === undefined);
    const contrasted = attentions.filter(({ contrast }) => contrast !== undefined);
    const order = [...plain, ...contrasted];
    const positionsOf = (entry: number): number[] =>
      order.flatMap((attention, position) => (attention.entry === entry ? [position] : []));
    const partly = new Set(masked.map(({ entry }) => entry));
    const mixed = decoderBatch.flatMap((_, entry) =>
      positionsOf(entry).length > 1 || partly.has(entry) ? [entry] : [],
    );
    const most = Math.max(1, ...mixed.map((entry) => positionsOf(entry).length));
    const mixRows = mixed.flatMap((entry) => filled(positionsOf(entry), most));
    const weights = new Float32Array(mixed.length * most * tokens);
    for (const [index, entry] of mixed.entries()) {
      for (const [share, position] of positionsOf(entry).entries()) {
        weights.set(onTokens(order[position]!.weights), (index * most + share) * tokens);
      }
    }
    this.feedMasked(feeds, level, masked, { batch: count, tokens });
    feeds[unetNames.querySlices(level)] = int64([this.querySlices(level, contrasted.length)]);
    feeds[unetNames.plainRows(level)] = int64(plain.map(({ entry }) => entry));
    feeds[unetNames.plainKv(level)] = int64(plain.map(({ kv }) => kv));
    feeds[unetNames.contrastRows(level)] = int64(contrasted.map(({ entry }) => entry));
    feeds[unetNames.contrastKv(level)] = int64(contrasted.map(({ kv }) => kv));
    feeds[unetNames.mixRows(level)] = { ...int64(mixRows), dims: [mixed.length, most] };
    feeds[unetNames.mixWeights(level)] = float32([mixed.length, most, tokens, 1], weights);
    feeds[unetNames.restore(level)] = int64(
      decoderBatch.map((_, entry) =>
        mixed.includes(entry) ? order.length + mixed.indexOf(entry) : positionsOf(entry)[0]!,
      ),
    );
    feeds[unetNames.contrast(level)] = float32(
      [contrasted.length],
      Float32Array.from(contrasted, ({ contrast }) => contrast!),
    );
    for (const layer of layers) {
      const dims = [external.length, this.tokensAt(layer), layer.width];
      feeds[unetNames.externalKey(layer.index)] = float32(dims, stack(external.map(({ keys }) => keys[layer.index]!)));
      feeds[unetNames.externalValue(layer.index)] = float32(
        dims,
        stack(external.map(({ values }) => values[layer.index]!)),
      );
    }
  }

  /** The index lists of masked attentions. */
  private feedMasked(
    feeds: Record<string, TensorData>,
    level: SwapLevel,
    masked: readonly MaskedAttention[],
    { batch, tokens }: { batch: number; tokens: number },
  ): void {
    const heads = Math.max(
      1,
      ...this.graph.swapLayers.flatMap((layer) => (layer.level === level ? [layer.heads] : [])),
    );
    const names = unetNames.masked;
    const made = maskedBlocks(masked, { batch, tokens, heads, budgetBytes: this.mapBudget() });
    const floats = (values: number[]): TensorData => float32([values.length], Float32Array.from(values));
    const mixed = [masked.length === 0 ? 0 : batch, made.shares, tokens];
    feeds[names.blocks(level)] = { ...int64(made.blocks), dims: [made.blocks.length / 3, 3] };
    feeds[names.queries(level)] = int64(made.queries);
    feeds[names.keys(level)] = int64(made.keys);
    feeds[names.bias(level)] = floats(made.bias);
    feeds[names.offset(level)] = floats(made.offset);
    feeds[names.contrast(level)] = floats(made.contrast);
    feeds[names.mix(level)] = { ...int64(made.mix), dims: mixed };
    feeds[names.mixWeights(level)] = float32([...mixed, 1], made.mixWeights);
  }

  /** What the maps that are whole at one time may take. */
  private mapBudget(): number {
    const wanted = this.memory.onProcessor ? CONTRAST_MAP_BYTES : CARD_CONTRAST_MAP_BYTES;
    return Math.max(1, Math.min(wanted, this.memory.now() * CONTRAST_SHARE));
  }

  /** Slices that keep the contrast maps of one layer (two copies of batch × heads × N² floats) within the memory they may take. */
  private querySlices(level: SwapLevel, batch: number): number {
    const budgetBytes = this.mapBudget();
    const layers = this.graph.swapLayers.filter((layer) => layer.level === level);
    const queries = layers.map((layer) => this.tokensAt(layer));
    const maps = layers.map((layer) => 2 * 4 * batch * layer.heads * this.tokensAt(layer) ** 2);
    // At most one query a slice.
    const most = Math.max(1, ...queries);
    return Math.min(most, Math.max(1, Math.ceil(Math.max(0, ...maps) / budgetBytes)));
  }

  /** N of a layer. */
  private tokensAt(layer: SwapLayer): number {
    const [rows, columns] = tokenGrid(this.latentSize, layer);
    return rows * columns;
  }

  /**
   * The batch size that the next call of many should have: as large as measuring shows to pay, small enough that the attention maps of
   * the highest resolution (two copies of heads × N² floats each, about as much as all else that is kept) stay within `budgetBytes`.
   */
  bestBatchSize(budgetBytes = Math.min(BATCH_MAP_BYTES, this.memory.now() / 2), most = 16): number {
    const widest = 2 * 4 * this.largestMap();
    return this.batchSize.next(Math.max(1, Math.min(most, Math.floor(budgetBytes / widest))));
  }
}

/** Attentions with weighted keys, at the level that has more of them. */
function maskedShares(source: DecoderInput['source'] = {}): number {
  const counts = Object.values(source).map((shares) => shares.filter(({ keyWeights }) => keyWeights).length);
  return Math.max(0, ...counts);
}

/** Tensors of a call that nobody else holds, as far as handing them over is cheaper than copying them. */
function ownTensors(feeds: Record<string, TensorData>, { batch, decoderBatch = [] }: UnetCall): TensorData[] {
  const held = new Set<ArrayBufferLike>();
  for (const { latents, promptEmbeds } of batch) held.add(latents.buffer).add(promptEmbeds.buffer);
  for (const { source } of decoderBatch) {
    for (const { keyValues } of Object.values(source ?? {}).flat()) {
      for (const { buffer } of [...keyValues.keys, ...keyValues.values]) held.add(buffer);
    }
  }
  return Object.values(feeds).filter(({ data }) => data.byteLength >= WORTH_HANDING_OVER && !held.has(data.buffer));
}

function timesteps(type: TensorData['type'], values: number[]): TensorData {
  const dims = [values.length];
  switch (type) {
    case 'int64':
      return { type, dims, data: BigInt64Array.from(values, BigInt) };
    case 'int32':
      return { type, dims, data: Int32Array.from(values) };
    default:
      return { type: 'float32', dims, data: Float32Array.from(values) };
  }
}
