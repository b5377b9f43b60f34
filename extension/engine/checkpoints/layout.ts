/** An ordinary Stable Diffusion ONNX folder: where its parts are and what its configurations say. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { checkpointError, type WeftError } from '../../protocol/errors';
import { readModelJson } from './modelText';
import { PICKLE } from '../safetensors/foreign';
import { weightsIn } from '../safetensors/weights';
import { partOf } from './partOf';
import { TOKENIZER_FILES } from './tokenizer';
import { type PartName, PARTS, type Weights } from './parts';
import { draftSchema, type SchedulerConfig } from './types';

const PART_WORDS: Record<PartName, string> = {
  unet: 'UNet',
  text_encoder: 'text encoder',
  vae_encoder: 'VAE encoder',
  vae_decoder: 'VAE decoder',
};

export interface CheckpointLayout {
  /** What `weft.json` lies in; of a single file, that file. */
  folder: string;
  /** What it is called where nothing else names it. */
  name: string;
  /** Folder that weights beside the graphs have to lie in; without it each graph's own. */
  root?: string;
  /** Absolute paths of the graphs, or of the weights that graphs are made for. */
  models: Record<PartName, string>;
  /** Weights without graphs. */
  weights?: Weights;
  /** CLIP's own tokenizer is used: there are no files of one. */
  clip?: { padding?: string };
  /** Absolute paths of the tokenizer's files. */
  tokenizer: string[];
  scheduler: SchedulerConfig;
  /** Whether the configuration says what the UNet predicts; else it is taken to be noise. */
  predictionStated: boolean;
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

/** What `weft.json` in a checkpoint's folder may say. */
const manifestSchema = z.looseObject({
  id: z.string().optional(),
  title: z.string().max(200).optional(),
  licence: z.string().max(200).optional(),
  origin: z
    .object({
      source: z.string().max(500),
      revision: z.string().max(200),
      commit: z
        .string()
        .regex(/^[0-9a-f]{40}$/)
        .optional(),
    })
    .optional(),
  pictureSize: z.number().int().min(8).max(8192).optional(),
  promptTemplate: z.string().max(500).optional(),
  domains: z.array(z.object({ noun: z.string(), kinds: z.array(z.string()).default([]) })).optional(),
  /** Overrides of the engine's parameter defaults, as the manifest has them. */
  defaults: z.record(z.string(), z.unknown()).optional(),
  /** The schedule of a draft; absent: as its kind of checkpoint has it. */
  draft: draftSchema.optional(),
  knows: z.object({ pictures: z.string().max(100), difference: z.number().positive() }).optional(),
  /** SHA-256 of files by relative path: checked when the checkpoint is prepared. */
  files: z
    .record(
      // What a stranger's manifest names is read and its digest told: only files of its own folder.
      z.string().refine((file) => !/^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)/i.test(file), 'a path outside the folder'),
      z.string().regex(/^[0-9a-f]{64}$/),
    )
    .optional(),
});
type CheckpointManifest = z.infer<typeof manifestSchema>;

const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
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
    throw checkpointError(
      `${part}/ holds ${listed.length} models (${listed.sort().join(', ')}). Keep the one to use, or name it model.onnx.`,
    );
  for (const name of [`${part}.onnx`, `${part}_model.onnx`]) {
    const flat = path.join(folder, name);
    if (fs.existsSync(flat)) return flat;
  }
  return undefined;
}

/** The tokenizer's files in a checkpoint's folder. */
export function findTokenizer(folder: string): string[] | undefined {
  for (const place of [path.join(folder, 'tokenizer'), folder]) {
    const files = TOKENIZER_FILES.map((name) => path.join(place, name)).filter((file) => fs.existsSync(file));
    const names = files.map((file) => path.basename(file));
    if (names.includes('tokenizer.json') || (names.includes('vocab.json') && names.includes('merges.txt')))
      return files;
  }
  return undefined;
}

function requireTokenizer(folder: string): string[] {
  const files = findTokenizer(folder);
  if (files !== undefined) return files;
  throw checkpointError(
    'The checkpoint has no tokenizer: neither tokenizer.json nor vocab.json with merges.txt was found in tokenizer/ or beside the models.',
  );
}

/** Stable Diffusion 1.x's schedule is the default; another parametrisation than ε and v is refused by name. */
export function readScheduler(config: Json | undefined): SchedulerConfig {
  const prediction = config?.['prediction_type'] ?? 'epsilon';
  if (prediction !== 'epsilon' && prediction !== 'v_prediction')
    throw checkpointError(
      `This checkpoint predicts "${String(prediction)}"; Weft runs those that predict epsilon or v_prediction.`,
    );
  if (config?.['rescale_betas_zero_snr'] === true)
    throw checkpointError(
      'The scheduler asks for rescale_betas_zero_snr (a schedule that ends in pure noise), which Weft does not run. Use a checkpoint without it.',
    );
  const schedule = config?.['beta_schedule'] ?? 'scaled_linear';
  if (schedule !== 'scaled_linear' && schedule !== 'linear')
    throw checkpointError(
      `The scheduler's beta_schedule "${String(schedule)}" is not supported. Weft supports scaled_linear and linear.`,
    );
  if (Array.isArray(config?.['trained_betas']))
    throw checkpointError('The scheduler lists its betas one by one (trained_betas), which Weft does not read.');
  return {
    trainTimesteps: number(config?.['num_train_timesteps']) ?? 1000,
    betaStart: number(config?.['beta_start']) ?? 0.00085,
    betaEnd: number(config?.['beta_end']) ?? 0.012,
    betaSchedule: schedule,
    ...(prediction === 'v_prediction' ? { prediction } : {}),
  };
}

export function readManifest(folder: string): CheckpointManifest {
  const json = readModelJson(path.join(folder, 'weft.json'));
  if (json === undefined) return {};
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw checkpointError(
      `weft.json of the checkpoint: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}.`,
    );
  }
  return parsed.data;
}

/** Pipelines that are no plain Stable Diffusion 1.x, by the class that model_index.json names or the parts there are. */
const OTHER_FAMILIES: [pattern: RegExp, sentence: string][] = [
  [/XL/, 'This is a Stable Diffusion XL checkpoint; Weft runs Stable Diffusion 1.x.'],
  [/StableDiffusion3|SD3/, 'This is a Stable Diffusion 3 checkpoint; Weft runs Stable Diffusion 1.x.'],
  [/Flux/i, 'This is a Flux checkpoint; Weft runs Stable Diffusion 1.x.'],
  [/Inpaint/i, 'This is an inpainting checkpoint, which Weft does not run. Use the plain one.'],
  [/ControlNet/i, 'This is a ControlNet pipeline, which Weft does not run. Use the plain checkpoint it was made for.'],
  [/Pix2Pix/i, 'This is an InstructPix2Pix checkpoint, which Weft does not run. Use a plain Stable Diffusion 1.x one.'],
  [/Upscale/i, 'This is an upscaler, which Weft does not run. Use a plain Stable Diffusion 1.x checkpoint.'],
  [/Depth2Img/i, 'This is a depth-to-image checkpoint, which Weft does not run. Use a plain Stable Diffusion 1.x one.'],
];

/** @throws WeftError `checkpoint` if a folder says, or shows by its parts, that it is of a family that Weft does not run. */
export function refuseFamily(folder: string): void {
  const family = String(readModelJson(path.join(folder, 'model_index.json'))?.['_class_name'] ?? '');
  const known = OTHER_FAMILIES.find(([pattern]) => pattern.test(family));
  if (known !== undefined) throw checkpointError(known[1]);
  const has = (part: string): boolean => fs.existsSync(path.join(folder, part));
  if (has('text_encoder_2') && !has('transformer')) throw checkpointError(OTHER_FAMILIES[0]![1]);
  if (has('transformer') && !has('unet'))
    throw checkpointError(
      'This checkpoint has a transformer instead of a UNet (Stable Diffusion 3, Flux or a later one); Weft runs Stable Diffusion 1.x.',
    );
}

const TORCH_FILE = /\.(safetensors|ckpt|pt|pth)$|pytorch_model.*\.bin$/i;

function torchFileIn(folder: string): string | undefined {
  for (const place of ['', 'unet', 'transformer'].map((part) => path.join(folder, part))) {
    if (!fs.existsSync(place)) continue;
    const names = fs.readdirSync(place);
    if (names.some((name) => name.endsWith('.onnx'))) return undefined;
    const found = names.find((name) => TORCH_FILE.test(name));
    if (found !== undefined) return path.join(place, found);
  }
  return undefined;
}

/** Weights of PyTorch where graphs are missing: pickles, or a folder that has not all of its .safetensors files. */
function torchProblem(folder: string, file: string): WeftError {
  if (!/\.safetensors$/i.test(file)) return checkpointError(`${path.basename(file)} ${PICKLE}`);
  const lacking = ['unet', 'vae', 'text_encoder'].filter((part) => weightsIn(path.join(folder, part)) === undefined);
  return checkpointError(
    `${path.basename(folder)} has no .safetensors file in ${lacking.map((part) => `${part}/`).join(', ')}. Download the whole folder, or a single .safetensors file of the model.`,
  );
}

/**
 * In the cache of huggingface_hub a snapshot is a folder of links into ../../blobs: the repository's folder, within which they stay.
 */
export function hubCacheRoot(folder: string): string | undefined {
  const real = fs.realpathSync(folder);
  const snapshots = path.dirname(real);
  const repository = path.dirname(snapshots);
  const cached = path.basename(snapshots) === 'snapshots' && path.basename(repository).startsWith('models--');
  return cached ? repository : undefined;
}

/**
 * Of checkpoints as wide as Stable Diffusion 2.x both kinds exist, and the graph looks the same: the configuration has to tell.
 * @param contextWidth width of the text vectors that the UNet reads.
 */
export function requireStatedPrediction(layout: CheckpointLayout, contextWidth: number): void {
  if (contextWidth !== 1024 || layout.predictionStated) return;
  throw checkpointError(
    'This is a Stable Diffusion 2.x checkpoint (its UNet reads text vectors of 1024 numbers), and nothing says whether it predicts ' +
      'noise (2.x base, made for 512 pixels) or velocity (made for 768): say so with `weft models add PATH --prediction epsilon`, or `--prediction v`.',
  );
}

/** The checkpoint folder that a path means: itself, the one it is a part of, or the only one inside it. */
export function checkpointFolder(given: string): string {
  const looksWhole = (folder: string): boolean =>
    PARTS.filter((part) => fs.existsSync(path.join(folder, part)) || fs.existsSync(path.join(folder, `${part}.onnx`)))
      .length >= 2 || fs.existsSync(path.join(folder, 'model_index.json'));
  if (looksWhole(given)) return given;
  if ((PARTS as readonly string[]).includes(path.basename(given)) && looksWhole(path.dirname(given)))
    return path.dirname(given);
  const subfolders = (folder: string): string[] => {
    try {
      const entries = fs.readdirSync(folder, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(folder, entry.name));
    } catch {
      return [];
    }
  };
  const inside = [...subfolders(given), ...subfolders(path.join(given, 'snapshots'))];
  const whole = inside.filter(looksWhole);
  return whole.length === 1 ? whole[0]! : given;
}

/** Whether a folder has the graph of every part. */
export const hasGraphs = (folder: string): boolean => PARTS.every((part) => findModel(folder, part) !== undefined);

/**
 * The layout of ONNX graphs: of a folder, or of the loose files of one checkpoint.
 * @throws WeftError `checkpoint` saying what is missing or what it is instead.
 */
export function graphsLayoutOf(paths: string[]): CheckpointLayout {
  const first = paths[0]!;
  if (paths.length === 1 && fs.statSync(first).isDirectory()) return readLayout(checkpointFolder(first));
  if (paths.length === 1) {
    // One file of a folder that has the others: the folder is meant.
    const folders = [path.dirname(first), path.dirname(path.dirname(first))];
    const whole = folders.find(hasGraphs);
    if (whole !== undefined) return readLayout(whole);
  }
  return readLooseFiles(paths);
}

/** Files of one checkpoint from anywhere, told apart by what they are. */
function readLooseFiles(paths: string[]): CheckpointLayout {
  const files = paths.flatMap((given) =>
    fs.statSync(given).isDirectory() ? fs.readdirSync(given).map((name) => path.join(given, name)) : [given],
  );
  const models: Partial<Record<PartName, string>> = {};
  for (const file of files.filter((name) => name.endsWith('.onnx'))) {
    const part = partOf(file);
    const known = models[part];
    if (known !== undefined)
      throw checkpointError(
        `${path.basename(known)} and ${path.basename(file)} are each a ${PART_WORDS[part]}. Choose one.`,
      );
    models[part] = file;
  }
  const missing = PARTS.filter((part) => models[part] === undefined);
  if (missing.length > 0)
    throw checkpointError(
      `Of a checkpoint's files the ${missing.map((part) => PART_WORDS[part]).join(', the ')} ` +
        `${missing.length === 1 ? 'is' : 'are'} missing. Choose all of UNet, text encoder, VAE encoder and VAE decoder (.onnx) with the tokenizer's files, ` +
        'or the folder they lie in.',
    );
  const named = (name: string): string | undefined => files.find((file) => path.basename(file) === name);
  const tokenizer = TOKENIZER_FILES.map(named).filter((file) => file !== undefined);
  const has = (name: string): boolean => tokenizer.some((file) => path.basename(file) === name);
  if (!has('tokenizer.json') && !(has('vocab.json') && has('merges.txt')))
    throw checkpointError(
      "The tokenizer's files are missing: choose tokenizer.json, or vocab.json and merges.txt, as well.",
    );
  const schedulerFile = named('scheduler_config.json');
  const scheduler = schedulerFile === undefined ? undefined : readModelJson(schedulerFile);
  const folder = path.dirname(models.unet!);
  return {
    folder,
    name: path.basename(folder),
    models: models as Record<PartName, string>,
    tokenizer,
    scheduler: readScheduler(scheduler),
    predictionStated: scheduler?.['prediction_type'] !== undefined,
    scalingFactor: 0.18215,
    manifest: named('weft.json') === path.join(folder, 'weft.json') ? readManifest(folder) : {},
  };
}

/**
 * Reads the layout of a checkpoint's folder; configurations may be absent.
 * @throws WeftError `checkpoint` naming the missing part, or the architecture that Weft does not run.
 */
export function readLayout(folder: string): CheckpointLayout {
  if (!fs.existsSync(folder) || !fs.statSync(folder).isDirectory())
    throw checkpointError(
      `${folder} is not a folder. Give a .safetensors file, or the folder of a Stable Diffusion checkpoint.`,
    );
  refuseFamily(folder);
  const models: Partial<Record<PartName, string>> = {};
  for (const part of PARTS) {
    const model = findModel(folder, part);
    if (model !== undefined) models[part] = model;
  }
  const missing = PARTS.filter((part) => models[part] === undefined);
  if (missing.length > 0) {
    const torch = torchFileIn(folder);
    if (torch !== undefined) throw torchProblem(folder, torch);
    throw checkpointError(
      `${path.basename(folder)} lacks ${missing.map((part) => `${part}/model.onnx`).join(', ')}. Weft needs a Stable Diffusion folder ` +
        "in ONNX form with unet, text_encoder, vae_encoder, vae_decoder and tokenizer, one in diffusers' form with .safetensors files, or a single .safetensors file.",
    );
  }
  const config = (part: string): Json | undefined => readModelJson(path.join(folder, part, 'config.json'));
  const vae = config('vae_encoder') ?? config('vae_decoder') ?? config('vae') ?? {};
  // One config.json for all, as a checkpoint that is trained at home may have it.
  const whole = readModelJson(path.join(folder, 'config.json')) ?? {};
  const unet = config('unet') ?? {};
  const blocks = vae['block_out_channels'];
  const scheduler =
    readModelJson(path.join(folder, 'scheduler', 'scheduler_config.json')) ??
    readModelJson(path.join(folder, 'scheduler_config.json')) ??
    asObject(whole['scheduler']);
  return {
    folder,
    name: path.basename(folder),
    root: hubCacheRoot(folder) ?? fs.realpathSync(folder),
    models: models as Record<PartName, string>,
    tokenizer: requireTokenizer(folder),
    scheduler: readScheduler(scheduler),
    predictionStated: scheduler?.['prediction_type'] !== undefined,
    scalingFactor: number(vae['scaling_factor']) ?? number(whole['scaling_factor']) ?? 0.18215,
    sampleSize: number(unet['sample_size']) ?? number(whole['latent_size']),
    vaeScale: Array.isArray(blocks) ? 2 ** (blocks.length - 1) : number(whole['vae_scale_factor']),
    contextLength: number((config('text_encoder') ?? {})['max_position_embeddings']) ?? number(whole['context_length']),
    manifest: readManifest(folder),
  };
}
