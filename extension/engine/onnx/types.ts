/**
 * What crosses the border between the engine and onnxruntime, and what the rewritten UNet offers.
 * Letters in shapes: B rows of the encoder half, Bd rows of the decoder half, C latent channels, L context length,
 * N tokens of a layer (height × width), W = heads × head width, E external rows.
 */

import { z } from 'zod';

/** Element types of tensors that models take and give. Half precision stays inside graphs: their borders are float32. */
export type TensorType = 'float32' | 'int64' | 'int32' | 'bool' | 'uint8';

export type TensorData =
  | { type: 'float32'; dims: number[]; data: Float32Array }
  | { type: 'int64'; dims: number[]; data: BigInt64Array }
  | { type: 'int32'; dims: number[]; data: Int32Array }
  | { type: 'bool' | 'uint8'; dims: number[]; data: Uint8Array }
  /** Weights alone, as they lie in a file. */
  | { type: 'float16'; dims: number[]; data: Uint16Array };

/**
 * How the processor holds weights. `plain`: packed for matrix products, but not laid out anew for convolutions, which takes seconds and as much memory
 * again. `low-memory`: as they lie in their file, mapped; the system takes the memory back when it needs it.
 */
export type WeightForm = 'plain' | 'low-memory';

export interface SessionOptions {
  /** Execution provider by onnxruntime's name; `cpu` always exists. No fallback to another one. */
  provider: string;
  /** Intra-op threads; {@link defaultThreads} of session.ts when absent. */
  threads?: number;
  /** False: as the file has it, which opens faster and runs slower: to see whether it opens. */
  optimise?: boolean;
  /** True: weights of convolutions are not laid out anew, see {@link WeightForm}. */
  keepLayout?: boolean;
  /** Absolute folder of the weights, where they don't lie beside the graph. */
  weights?: string;
  /** Where optimised graphs are kept, and the name of this model's. */
  optimised?: { folder: string; name: string };
}

/** Number of nodes by provider. */
export type Placement = Record<string, number>;

export interface SessionTimes {
  /** Milliseconds spent inside onnxruntime's run(), summed over all sessions of the host. */
  runMs: number;
  /** Milliseconds spent creating sessions. */
  loadMs: number;
  runs: number;
}

/** Owner of onnxruntime sessions: the worker thread in production, the calling thread in tests. */
export interface SessionHost {
  /** Says that sessions will be asked for: a host that takes time to start does so meanwhile. Never rejects. */
  start?(): Promise<void>;
  /**
   * Opens the model under a key of the caller's choice; a key that is already open with the same path and options is
   * kept, one with others is replaced. A model given as bytes is one of Weft's own small graphs, named by its key.
   * @throws WeftError `checkpoint` if the model or the provider is refused.
   */
  load(key: string, model: string | Uint8Array, options: SessionOptions): Promise<void>;
  /**
   * Runs one session. Runs are executed one after another in the order of the calls. The tensors of `transfer` are handed over and can't be
   * used by the caller afterwards (saves their copy on the way to a worker); a view into a larger buffer is copied all the same.
   */
  run(
    key: string,
    feeds: Record<string, TensorData>,
    fetches: string[],
    options?: { transfer?: TensorData[] },
  ): Promise<Record<string, TensorData>>;
  release(key: string): Promise<void>;
  /**
   * Nodes of the graph by the provider that ran them: on the processor all that the model has; elsewhere from onnxruntime's own profile of
   * the session's first run, undefined before it.
   */
  placement(key: string): Placement | undefined;
  /** Counters since the host was made, or since the last call with `reset`. */
  times(reset?: boolean): SessionTimes;
}

/** The two resolutions at which attention is swapped: the decoder's highest, and the one below it. */
export type SwapLevel = 'high' | 'low';

const count = z.number().int().positive();

const probeLayerSchema = z.object({
  heads: count,
  /** W = heads × head width: the last axis of q, k and v. */
  width: count,
  /** Factor on q·kᵀ before the softmax. */
  scale: z.number(),
  /** log2 of the layer's downsample factor, as `checkpoint.json` keeps it; see {@link tokenGrid}. */
  halvings: z.number().int().nonnegative(),
});
export type ProbeLayer = z.infer<typeof probeLayerSchema>;

const swapLayerSchema = z.object({
  /** Position in decoder order: the `i` of weft_k_i, weft_v_i, weft_key_i, weft_value_i, weft_query_i. */
  index: z.number().int().nonnegative(),
  level: z.enum(['high', 'low']),
  ...probeLayerSchema.shape,
});
export type SwapLayer = z.infer<typeof swapLayerSchema>;

/** Height and width of a layer's N tokens on latents [h, w]: the latents' own without a layer. */
export function tokenGrid([height, width]: readonly [number, number], layer?: { halvings: number }): [number, number] {
  const downsampleFactor = 2 ** (layer?.halvings ?? 0);
  return [Math.floor(height / downsampleFactor), Math.floor(width / downsampleFactor)];
}

export const graphTensorSchema = z.object({
  name: z.string(),
  type: z.enum(['float32', 'int64', 'int32', 'bool', 'uint8']),
});
export type GraphTensor = z.infer<typeof graphTensorSchema>;

/**
 * How to call a rewritten UNet. Beyond the export's own inputs (`sample` [B,C,h,w], `timestep` [B],
 * `encoderHiddenStates` [B,L,D]) and output ([Bd,C,h,w]) it has, with the names of `unetNames`:
 * - weft_rows int64 [Bd]: which encoder row each decoder row continues;
 * - for level ∈ {high, low} the attention rows: weft_plain_rows_{level}, weft_plain_kv_{level} int64 [P], without contrast, and
 *   weft_contrast_rows_{level}, weft_contrast_kv_{level} int64 [R], with it. `rows` names the decoder row whose queries they are (a
 *   decoder row may occur in several), `kv` the row of K_all = Concat(own K of the Bd rows, external K) and of V_all that they attend
 *   to. weft_mix_rows_{level} int64 [M,K]: positions in Concat(plain, contrast) whose outputs are added up, with the weights
 *   weft_mix_weights_{level} float [M,K,N,1]; K ≥ 1, M ≥ 0. weft_restore_{level} int64 [Bd]: position of each decoder row's output in
 *   Concat(plain, contrast, mixed). weft_contrast_{level} float [R]: β of each contrast row
 *   (1 = none, but costs what contrast costs); weft_query_slices_{level} int64 [1], ≥ 1: number of query slices the contrast
 *   maps are computed in (4 · R · heads · N² / slices bytes, twice; slices of about 4 MB fit a cache and
 *   take 0.6 of the time of a whole map at 4096 tokens);
 * - for each level attentions of chosen queries to chosen keys (source regions and pins), in blocks that are computed one after another.
 *   weft_masked_blocks_{level} int64 [blocks+1,3]: how many attentions, queries and keys come before each block; the attentions of a block
 *   have the same numbers of queries and keys. weft_masked_queries_{level}: positions among the tokens of the Bd rows, row by row;
 *   weft_masked_keys_{level}: among those of K_all. weft_masked_bias_{level}, weft_masked_offset_{level} float, one a key, and
 *   weft_masked_contrast_{level} float, one an attention: clip(β·softmax(scale·q·kᵀ + bias) + offset, 0, 1). Their outputs, behind a row
 *   that counts for nothing, are picked by weft_masked_mix_{level} int64 [Bd,S,N] with the weights weft_masked_mix_weights_{level} float
 *   [Bd,S,N,1], and added to the decoder rows' outputs. With no queries nothing of it runs;
 * - weft_k_{i}, weft_v_{i} float [E,N,W]: external keys and values of swapped layer i, before the head split; E ≥ 0;
 * - weft_freeu float [4] = b1, s1, b2, s2; 1, 1, 1, 1 = off;
 * and the outputs weft_query_{i}, weft_key_{i}, weft_value_{i} [Bd,N,W] (of the layer's own projections) and
 * weft_self_query, weft_self_key (last decoder self-attention of level high), weft_cross_query [Bd,N,W],
 * weft_cross_key [Bd,L,W] (last decoder cross-attention of level low).
 */
export const unetInterfaceSchema = z.object({
  sample: graphTensorSchema,
  timestep: graphTensorSchema,
  encoderHiddenStates: graphTensorSchema,
  output: graphTensorSchema,
  latentChannels: count,
  /** D, width of the text encoder's output. */
  contextWidth: count,
  /** L where the export fixes it. */
  contextLength: count.optional(),
  /** [h, w] where the export fixes them. */
  latentSize: z.tuple([count, count]).optional(),
  /** Channels of the middle block: FreeU's W. */
  middleChannels: count,
  /** Channels at the entry of each up block, in order: which of FreeU's gains act where. */
  upBlockChannels: z.array(count),
  swapLayers: z.array(swapLayerSchema),
  selfProbe: probeLayerSchema,
  /** Absent when the decoder has no cross-attention at level low. */
  crossProbe: probeLayerSchema.optional(),
});
export type UnetInterface = z.infer<typeof unetInterfaceSchema>;

/** Names of the inputs and outputs that surgery adds. */
export const unetNames = {
  rows: 'weft_rows',
  plainRows: (level: SwapLevel) => `weft_plain_rows_${level}`,
  plainKv: (level: SwapLevel) => `weft_plain_kv_${level}`,
  contrastRows: (level: SwapLevel) => `weft_contrast_rows_${level}`,
  contrastKv: (level: SwapLevel) => `weft_contrast_kv_${level}`,
  mixRows: (level: SwapLevel) => `weft_mix_rows_${level}`,
  mixWeights: (level: SwapLevel) => `weft_mix_weights_${level}`,
  restore: (level: SwapLevel) => `weft_restore_${level}`,
  contrast: (level: SwapLevel) => `weft_contrast_${level}`,
  querySlices: (level: SwapLevel) => `weft_query_slices_${level}`,
  masked: {
    blocks: (level: SwapLevel) => `weft_masked_blocks_${level}`,
    queries: (level: SwapLevel) => `weft_masked_queries_${level}`,
    keys: (level: SwapLevel) => `weft_masked_keys_${level}`,
    bias: (level: SwapLevel) => `weft_masked_bias_${level}`,
    offset: (level: SwapLevel) => `weft_masked_offset_${level}`,
    contrast: (level: SwapLevel) => `weft_masked_contrast_${level}`,
    mix: (level: SwapLevel) => `weft_masked_mix_${level}`,
    mixWeights: (level: SwapLevel) => `weft_masked_mix_weights_${level}`,
  },
  freeu: 'weft_freeu',
  externalKey: (layer: number) => `weft_k_${layer}`,
  externalValue: (layer: number) => `weft_v_${layer}`,
  query: (layer: number) => `weft_query_${layer}`,
  key: (layer: number) => `weft_key_${layer}`,
  value: (layer: number) => `weft_value_${layer}`,
  selfQuery: 'weft_self_query',
  selfKey: 'weft_self_key',
  crossQuery: 'weft_cross_query',
  crossKey: 'weft_cross_key',
} as const;
