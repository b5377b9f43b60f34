/** An ordinary Stable Diffusion ONNX folder: where its parts are and what its configurations say. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { WeftError } from '../../protocol/errors';
import { TOKENIZER_FILES } from './tokenizer';
import { type CheckpointManifest, type SchedulerConfig } from './types';

export const PARTS = ['unet', 'text_encoder', 'vae_encoder', 'vae_decoder'] as const;
export type PartName = (typeof PARTS)[number];

export interface CheckpointLayout {
  folder: string;
  /** Absolute paths of the graphs. */
  models: Record<PartName, string>;
  /** Absolute paths of the tokenizer's files. */
  tokenizer: string[];
  scheduler: SchedulerConfig;
  scalingFactor: number;
  /** Side of the latents from the UNet's configuration. */
  sampleSize?: number;
  /** Pixels per latent position from the VAE's configuration. */
  vaeScale?: number;
  /** Context length from the text encoder's configuration. */
  contextLength?: number;
  manifest: CheckpointManifest;
}

type Json = Record<string, unknown>;

const manifestSchema = z.looseObject({
  id: z.string().optional(),
  title: z.string().max(200).optional(),
  licence: z.string().max(200).optional(),
  pictureSize: z.number().int().min(8).max(8192).optional(),
  promptTemplate: z.string().max(500).optional(),
  domains: z.array(z.object({ noun: z.string(), kinds: z.array(z.string()).default([]) })).optional(),
  defaults: z.record(z.string(), z.unknown()).optional(),
  previewRgb: z
    .object({ weight: z.array(z.array(z.number())).length(3), bias: z.array(z.number()).length(3) })
    .optional(),
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)).optional(),
});

function readJson(file: string): Json | undefined {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new WeftError(
      'checkpoint',
      `${path.basename(path.dirname(file))}/${path.basename(file)} is not JSON. Download it again.`,
    );
  }
}

const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/** The graph of a part: PART/model.onnx, the only .onnx in PART/, or PART.onnx beside the others. */
function findModel(folder: string, part: PartName): string | undefined {
  const own = path.join(folder, part);
  const usual = path.join(own, 'model.onnx');
  if (fs.existsSync(usual)) return usual;
  let listed: string[] = [];
  try {
    listed = fs.readdirSync(own).filter((name) => name.endsWith('.onnx'));
  } catch {
    // no folder of that name
  }
  if (listed.length === 1) return path.join(own, listed[0]!);
  if (listed.length > 1)
    throw new WeftError(
      'checkpoint',
      `${part}/ holds ${listed.length} models (${listed.sort().join(', ')}). Keep the one to use, or name it model.onnx.`,
    );
  for (const name of [`${part}.onnx`, `${part}_model.onnx`]) {
    const flat = path.join(folder, name);
    if (fs.existsSync(flat)) return flat;
  }
  return undefined;
}

function findTokenizer(folder: string): string[] {
  for (const place of [path.join(folder, 'tokenizer'), folder]) {
    const files = TOKENIZER_FILES.map((name) => path.join(place, name)).filter((file) => fs.existsSync(file));
    const names = files.map((file) => path.basename(file));
    if (names.includes('tokenizer.json') || (names.includes('vocab.json') && names.includes('merges.txt')))
      return files;
  }
  throw new WeftError(
    'checkpoint',
    'The checkpoint has no tokenizer: neither tokenizer.json nor vocab.json with merges.txt was found in tokenizer/ or beside the models.',
  );
}

/** Stable Diffusion 1.x's schedule is the default; another parametrisation than ε is refused by name. */
function readScheduler(config: Json | undefined): SchedulerConfig {
  const prediction = config?.['prediction_type'] ?? 'epsilon';
  if (prediction === 'v_prediction')
    throw new WeftError(
      'checkpoint',
      'This checkpoint predicts velocity (v_prediction: Stable Diffusion 2.x at 768 pixels). Weft runs checkpoints that predict ' +
        'noise (epsilon): Stable Diffusion 1.x, or 2.x base.',
    );
  if (prediction !== 'epsilon')
    throw new WeftError(
      'checkpoint',
      `This checkpoint predicts "${String(prediction)}"; Weft runs those that predict epsilon.`,
    );
  const schedule = config?.['beta_schedule'] ?? 'scaled_linear';
  if (schedule !== 'scaled_linear' && schedule !== 'linear')
    throw new WeftError(
      'checkpoint',
      `The scheduler's beta_schedule "${String(schedule)}" is none that Weft knows (scaled_linear, linear).`,
    );
  if (Array.isArray(config?.['trained_betas']))
    throw new WeftError(
      'checkpoint',
      'The scheduler lists its betas one by one (trained_betas), which Weft does not read.',
    );
  return {
    trainTimesteps: number(config?.['num_train_timesteps']) ?? 1000,
    betaStart: number(config?.['beta_start']) ?? 0.00085,
    betaEnd: number(config?.['beta_end']) ?? 0.012,
    betaSchedule: schedule,
  };
}

export function readManifest(folder: string): CheckpointManifest {
  const json = readJson(path.join(folder, 'weft.json'));
  if (json === undefined) return {};
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new WeftError(
      'checkpoint',
      `weft.json of the checkpoint: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}.`,
    );
  }
  return parsed.data;
}

/**
 * Reads the layout of a checkpoint's folder; configurations may be absent.
 * @throws WeftError `checkpoint` naming the missing part, or the architecture that Weft does not run.
 */
export function readLayout(folder: string): CheckpointLayout {
  if (!fs.existsSync(folder) || !fs.statSync(folder).isDirectory())
    throw new WeftError(
      'checkpoint',
      `${folder} is no folder. Give the folder of a Stable Diffusion checkpoint in ONNX form.`,
    );
  const index = readJson(path.join(folder, 'model_index.json'));
  const family = String(index?.['_class_name'] ?? '');
  if (/XL/.test(family) || fs.existsSync(path.join(folder, 'text_encoder_2')))
    throw new WeftError('checkpoint', 'This is a Stable Diffusion XL checkpoint; Weft runs Stable Diffusion 1.x.');
  if (/Inpaint/i.test(family))
    throw new WeftError('checkpoint', 'This is an inpainting checkpoint, which Weft does not run. Use the plain one.');
  const models: Partial<Record<PartName, string>> = {};
  for (const part of PARTS) {
    const model = findModel(folder, part);
    if (model !== undefined) models[part] = model;
  }
  const missing = PARTS.filter((part) => models[part] === undefined);
  if (missing.length > 0)
    throw new WeftError(
      'checkpoint',
      `${path.basename(folder)} lacks ${missing.map((part) => `${part}/model.onnx`).join(', ')}. Weft needs a Stable Diffusion folder ` +
        'in ONNX form with unet, text_encoder, vae_encoder, vae_decoder and tokenizer.',
    );
  const config = (part: string): Json | undefined => readJson(path.join(folder, part, 'config.json'));
  const vae = config('vae_encoder') ?? config('vae_decoder') ?? config('vae') ?? {};
  // One config.json for all, as a checkpoint that is trained at home may have it.
  const whole = readJson(path.join(folder, 'config.json')) ?? {};
  const unet = config('unet') ?? {};
  const blocks = vae['block_out_channels'];
  const scheduler =
    readJson(path.join(folder, 'scheduler', 'scheduler_config.json')) ??
    readJson(path.join(folder, 'scheduler_config.json')) ??
    (whole['scheduler'] as Json | undefined);
  return {
    folder,
    models: models as Record<PartName, string>,
    tokenizer: findTokenizer(folder),
    scheduler: readScheduler(scheduler),
    scalingFactor: number(vae['scaling_factor']) ?? number(whole['scaling_factor']) ?? 0.18215,
    sampleSize: number(unet['sample_size']) ?? number(whole['latent_size']),
    vaeScale: Array.isArray(blocks) ? 2 ** (blocks.length - 1) : number(whole['vae_scale_factor']),
    contextLength: number((config('text_encoder') ?? {})['max_position_embeddings']) ?? number(whole['context_length']),
    manifest: readManifest(folder),
  };
}
