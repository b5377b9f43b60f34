/** What the method asks of a UNet: batches of latents in, predictions of the noise out. */

/** The two highest resolutions of the decoder's self-attention, whose keys and values can come from another picture. */
export type SwapLevel = 'high' | 'low';

/** Latents of one picture, [C, h, w] flat. */
export type Latents = Float32Array;

/** Keys and values of all swapped layers for one entry of a batch, by layer index: each [N, W] flat, as their projections give them. */
export interface KeyValues {
  keys: Float32Array[];
  values: Float32Array[];
}

/** Queries and keys of the layers that masks come from, for one entry of a batch: self [N, W], cross query [N/4, W'], cross key [L, W']. */
export interface AttentionProbe {
  selfQuery: Float32Array;
  selfKey: Float32Array;
  crossQuery?: Float32Array;
  crossKey?: Float32Array;
}

/** Gains of FreeU: backbone and low frequencies at the width of the middle block, the same at half that width; 1 is off. */
export type FreeuGains = [b1: number, s1: number, b2: number, s2: number];
export const FREEU_OFF: FreeuGains = [1, 1, 1, 1];

/** An entry of the encoder half's batch: what it denoises, when, and under which prompt ([L, D] flat). */
export interface UnetInput {
  latents: Latents;
  timestep: number;
  promptEmbeds: Float32Array;
}

/** Keys and values that an entry attends to. */
export interface Share {
  keyValues: KeyValues;
  /** How much of the output each latent pixel [h·w] takes from them; absent: all. */
  weights?: Float32Array;
  /**
   * How much each latent pixel [h·w] of their picture counts, w ≥ 0: M = softmax(scale·q·kᵀ + ln w), in the contrast against the mean over
   * the rest, clip(β·M + (1 − β)·w/Σw, 0, 1). Absent: all alike.
   */
  keyWeights?: Float32Array;
}

/** An entry of the decoder half's batch. */
export interface DecoderInput {
  /** The entry of the encoder's batch that it continues. */
  from: number;
  /** Where its keys and values come from, by level; its own where absent. Several: their attentions' outputs are added up. */
  source?: Partial<Record<SwapLevel, Share[]>>;
  /** Contrast β of its attention maps, by level; none where absent. */
  contrast?: Partial<Record<SwapLevel, number>>;
}

export interface UnetCall {
  batch: UnetInput[];
  /** Absent: every entry is continued once, with its own keys and values. */
  decoderBatch?: DecoderInput[];
  freeu: FreeuGains;
  keep?: { keyValues?: boolean; probe?: boolean; queries?: boolean };
}

export interface UnetAnswer {
  /** ε for each entry of the decoder's batch, [C, h, w] flat. */
  epsilons: Latents[];
  keyValues?: KeyValues[];
  probes?: AttentionProbe[];
  /** Queries of the swapped layers for each entry of the decoder's batch, by layer index. */
  queries?: Float32Array[][];
}

/** Batch entries through each half of the UNet: the unit in which work is counted. */
export interface BatchCounts {
  encoder: number;
  decoder: number;
  /** Attentions with weighted keys (source regions and pins) of the decoder's entries; absent: none. */
  masked?: number;
}

/** A UNet whose decoder can read keys and values from outside. What shares a batch may differ in timestep, prompt and everything else. */
export interface Unet {
  /** The layers that cross-image attention acts on. */
  readonly swapLayers: readonly { index: number; level: SwapLevel }[];
  run(call: UnetCall): Promise<UnetAnswer>;
  /** The batch size that the next call of many should have. */
  bestBatchSize(): number;
}
