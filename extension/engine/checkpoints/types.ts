import * as path from 'node:path';
import { z } from 'zod';
import { type FoundModel } from '../../protocol/engine';
import { type FileStamp } from './digests';
import { graphTensorSchema, unetInterfaceSchema } from '../onnx/types';

/** What lies in the model folders. */
export interface FoundModels {
  models: FoundModel[];
  /** Sentences about folders that can't be listed. */
  problems: string[];
  /** Files of other kinds that were passed over, pickles among them. */
  others: { pickles: number; safetensors: number };
}

/** What a person says of a checkpoint that is added, beyond its files. */
export interface ImportChoices {
  /** What the UNet predicts, where the file does not tell. */
  prediction?: 'epsilon' | 'v_prediction';
  /** Absolute path of a VAE to use instead of the checkpoint's own. */
  vae?: string;
}

/** A VAE from a file of its own, in the place of a checkpoint's. */
export interface SeparateVae {
  /** SHA-256 of the checkpoint without it. */
  of: string;
  /** SHA-256 of its file. */
  sha256: string;
  /** Of its files, which are used where they are. */
  stamps: Record<string, FileStamp>;
  graphs: { vaeEncoder: Uint8Array; vaeDecoder: Uint8Array };
}

/** A LoRA to use, and how strongly. */
export interface LoraChoice {
  /** Absolute path. */
  file: string;
  strength: number;
  /** Of the text encoder, where it differs. */
  textStrength?: number;
  /** See LoraFile. */
  config?: string;
  /** Told how many of its layers the checkpoint has, and in a sentence what is left out. */
  onMatched?: (found: { message: string; left?: string }) => void;
}

/** LoRAs that change a checkpoint's weights. */
export interface FoldedLoras {
  /** The checkpoint without them. */
  of: PreparedCheckpoint;
  /** Of their files, which are used where they are. */
  stamps: Record<string, FileStamp>;
  /** In the order in which they are applied. */
  choices: LoraChoice[];
}

/** See Draft. */
export const draftSchema = z.object({
  steps: z.number().int().min(2).max(1000),
  skip: z.number().int().min(0).optional(),
  spacing: z.enum(['leading', 'trailing']).optional(),
  lora: z.string().max(200).optional(),
});

const count = z.number().int().positive();
/** Below the checkpoint's folder, forward slashes. */
const relativePath = z
  .string()
  .refine((file) => !/^$|^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)/i.test(file), 'a path outside');
const borders = { path: relativePath, input: graphTensorSchema, output: graphTensorSchema };

const checkpointFileSchema = z.object({ path: relativePath, size: z.number().nonnegative(), sha256: z.string() });
export type CheckpointFile = z.infer<typeof checkpointFileSchema>;

/** A file of weights that a checkpoint reads where it is. */
const weightFileSchema = z.object({
  /** Absolute path, symbolic links resolved. */
  file: z.string().refine(path.isAbsolute, 'no absolute path'),
  size: z.number().nonnegative(),
  sha256: z.string(),
  /** Which parts (unet, text_encoder, vae_encoder, vae_decoder) have weights in it. */
  parts: z.array(z.string()),
});
export type WeightFile = z.infer<typeof weightFileSchema>;

const schedulerSchema = z.object({
  trainTimesteps: z.number(),
  betaStart: z.number(),
  betaEnd: z.number(),
  /** `scaled_linear`: linspace of square roots, squared; `linear`: plain linspace. */
  betaSchedule: z.enum(['scaled_linear', 'linear']),
  /** What the UNet predicts, where it is not the noise (epsilon). */
  prediction: z.literal('v_prediction').optional(),
});
export type SchedulerConfig = z.infer<typeof schedulerSchema>;

/** What `checkpoint.json` in a prepared checkpoint's folder says; paths are relative to the folder. */
export const storedSchema = z.object({
  format: z.number(),
  id: z.string(),
  title: z.string(),
  licence: z.string().optional(),
  /** Where it was downloaded from; absent of one that was imported from elsewhere. */
  origin: z.object({ source: z.string(), revision: z.string(), commit: z.string().optional() }).optional(),
  /** Digest over the digests of the files the checkpoint was made from, and the version of the surgery. */
  sha256: z.string(),
  files: z.array(checkpointFileSchema),
  /** Files of the person's own that the graphs read their weights from, in place; absent where all weights lie in `files`. */
  weights: z.array(weightFileSchema).optional(),
  precision: z.enum(['fp32', 'fp16', 'bf16', 'mixed']),
  /** Floating point numbers in the weights of each part, by their size; absent in checkpoints of older versions of Weft. */
  parameters: z.record(z.string(), z.object({ half: z.number(), single: z.number() })).optional(),
  /** Side of the square pictures it was made for, in pixels: latentSize × vaeScale. */
  pictureSize: count,
  latentSize: count,
  /** A part was exported for that size alone; absent in checkpoints of older versions of Weft. */
  fixedSize: z.boolean().optional(),
  latentChannels: count,
  /** Pixels per latent position along a side. */
  vaeScale: count,
  /** Latents of the UNet = latents of the VAE × scalingFactor. */
  scalingFactor: z.number(),
  scheduler: schedulerSchema,
  unet: z.object({ path: relativePath, interface: unetInterfaceSchema }),
  /** input [B, L] of token ids → output [B, L, D]. */
  textEncoder: z.object({
    ...borders,
    contextLength: count,
    /** How many of its last layers can be left out; 0 where they can't be told apart, absent in checkpoints of older versions of Weft. */
    clipSkip: z.number().int().nonnegative().optional(),
  }),
  /** input [B, 3, H, W] in [-1, 1] → output [B, C, h, w]: the mode, or 2C channels of which the first C are the mean. */
  vaeEncoder: z.object(borders),
  /** input [B, C, h, w] (divided by scalingFactor) → output [B, 3, H, W] in [-1, 1]. */
  vaeDecoder: z.object(borders),
  /** Folder of the tokenizer's files. */
  tokenizer: z.object({ path: relativePath }),
  /** With `{domain}` where the noun goes. */
  promptTemplate: z.string(),
  /** Nouns it knows, empty when any noun will do. */
  domains: z.array(z.object({ noun: z.string(), kinds: z.array(z.string()) })),
  defaults: z.record(z.string(), z.unknown()),
  draft: draftSchema.optional(),
  /**
   * The only kind of pictures that it can work with, in words ("drawn scenes"); its VAE gives back such a picture with at most this difference,
   * see LoadedCheckpoint.difference. Absent: any picture will do.
   */
  knows: z.object({ pictures: z.string(), difference: z.number() }).optional(),
});
export type StoredCheckpoint = z.infer<typeof storedSchema>;

/** A checkpoint ready to run. */
export interface PreparedCheckpoint extends StoredCheckpoint {
  builtIn: boolean;
  /** Absolute folder of the prepared files. */
  folder: string;
  /** Never stored: made for a run. `vaeEncoder`, `vaeDecoder`, `weights` and `sha256` are then those of the whole. */
  vae?: SeparateVae;
  /** LoRAs that its weights are changed by. */
  loras?: FoldedLoras;
}

/** A prompt as token ids. */
export interface TokenizedPrompt {
  /** contextLength ids: begin, words, end, padding. */
  ids: number[];
  /** Words of the prompt in order, each with the positions in `ids` of its tokens (none when cut off by the context's end). */
  words: { text: string; positions: number[] }[];
  /** The end of the prompt that does not fit; empty where all of it does. */
  unread: string;
}

export interface PromptTokenizer {
  readonly contextLength: number;
  tokenize(prompt: string): TokenizedPrompt;
  /** Positions of all tokens of each occurrence of a noun (one or more words, case ignored); empty when it does not occur. */
  positionsOf(prompt: string, noun: string): number[];
}

export interface PrepareProgress {
  /** A sentence for the log or a bar: what is being done. */
  message: string;
  /** Bytes that will be copied because hard links across file systems are impossible. */
  copyBytes?: number;
  /** A file in a model folder is a checkpoint of the library from now on. */
  added?: boolean;
}
