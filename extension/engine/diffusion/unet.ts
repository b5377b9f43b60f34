/** What the method asks of a UNet: batches of latents in, predictions of the noise out. */

/** The two highest resolutions of the decoder's self-attention, whose keys and values can come from another picture. */
export type SwapLevel = 'high' | 'low';

/** Latents of one picture, [C, h, w] flat. */
export type Latents = Float32Array;

/** Keys and values of all swapped layers for one row, by layer index: each [N, W] flat, as their projections give them. */
export interface RowKeyValues {
  keys: Float32Array[];
  values: Float32Array[];
}

/** Queries and keys of the layers that masks come from, for one row: self [N, W], cross query [N/4, W'], cross key [L, W']. */
export interface RowProbe {
  selfQuery: Float32Array;
  selfKey: Float32Array;
  crossQuery?: Float32Array;
  crossKey?: Float32Array;
}

/** Gains of FreeU: backbone and low frequencies at the width of the middle block, the same at half that width; 1 is off. */
export type FreeuGains = [b1: number, s1: number, b2: number, s2: number];
export const FREEU_OFF: FreeuGains = [1, 1, 1, 1];

/** A row of the encoder half: what it denoises, when, and under which prompt ([L, D] flat). */
export interface UnetRow {
  latents: Latents;
  timestep: number;
  context: Float32Array;
}

/** Keys and values that a row attends to, and how much of the output each latent pixel [h·w] takes from them; absent: all. */
export interface Share {
  keyValues: RowKeyValues;
  weights?: Float32Array;
}

/** A row of the decoder half. */
export interface DecoderRow {
  /** The encoder row it continues. */
  from: number;
  /** Where its keys and values come from, by level; its own where absent. Several: their attentions' outputs are added up. */
  source?: Partial<Record<SwapLevel, Share[]>>;
  /** Contrast β of its attention maps, by level; none where absent. */
  contrast?: Partial<Record<SwapLevel, number>>;
}

export interface UnetCall {
  rows: UnetRow[];
  /** Absent: every encoder row is continued once, with its own keys and values. */
  decoderRows?: DecoderRow[];
  freeu: FreeuGains;
  keep?: { keyValues?: boolean; probe?: boolean; queries?: boolean };
}

export interface UnetAnswer {
  /** ε for each decoder row, [C, h, w] flat. */
  epsilons: Latents[];
  keyValues?: RowKeyValues[];
  probes?: RowProbe[];
  /** Queries of the swapped layers for each decoder row, by layer index. */
  queries?: Float32Array[][];
}

/** Batch rows through each half of the UNet: the unit in which work is counted. */
export interface RowCounts {
  encoder: number;
  decoder: number;
}

/** A UNet whose decoder can read keys and values from outside. Rows of one call may differ in timestep, prompt and everything else. */
export interface Unet {
  /** The layers that cross-image attention acts on. */
  readonly swapLayers: readonly { index: number; level: SwapLevel }[];
  run(call: UnetCall): Promise<UnetAnswer>;
  /** Rows that the next call of many should have. */
  batchRows(): number;
}
