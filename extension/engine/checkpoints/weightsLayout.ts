/** A checkpoint as people have it: one .safetensors file, or a diffusers folder of them. Its graphs are Weft's own, over weights that stay where they are. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { type Config, numberIn } from '../onnx/emit/config';
import { emitTextEncoder, textEncoderShape } from '../onnx/emit/textEncoder';
import { emitUnet } from '../onnx/emit/unet';
import { emitVaeDecoder, emitVaeEncoder } from '../onnx/emit/vae';
import { type OnnxModel } from '../onnx/modelFile';
import { contextWidth, detectPrediction, identify, type Kind, refusalOf } from '../safetensors/identify';
import { textEncoderOf, unetOf, vaeOf } from '../safetensors/parts';
import { readWeights, weightsIn, type WeightSet } from '../safetensors/weights';
import {
  checkpointFolder,
  type CheckpointLayout,
  findTokenizer,
  graphsLayoutOf,
  hasGraphs,
  hubCacheRoot,
  readManifest,
  readScheduler,
  refuseFamily,
} from './layout';
import { readModelJson } from './modelText';
import { type PartName, type PartWeights, type Weights } from './parts';
import { type ImportChoices } from './types';

/** To be raised when emitted graphs change in what they compute or how they are called: what was prepared from weights is made anew. */
export const EMIT_VERSION = 1;

/** Ids of CLIP's tokenizer; a text encoder that knows fewer was made for another one. */
const CLIP_VOCABULARY = 49408;
/** A model that predicts v was trained at 768 pixels, as a rule; the others at 512. */
const LATENT_SIZE = { epsilon: 64, v_prediction: 96 };

const XL_SCALING = 0.13025;

const isWeights = (file: string): boolean => /\.safetensors(\.index(\.\w+)?\.json)?$/i.test(file);
const refuse = (message: string): WeftError => new WeftError('checkpoint', message);

/**
 * The layout of what a person pointed at: a .safetensors file, a folder in ONNX or diffusers' form or one of its parts, or the loose files of one checkpoint.
 * @throws WeftError `checkpoint` saying what is missing or what it is instead, and what to do.
 */
export function layoutOf(paths: string[], choices: ImportChoices = {}): CheckpointLayout {
  if (paths.length === 0) throw refuse('Nothing to import. Give a .safetensors file or the folder of a checkpoint.');
  for (const given of paths) if (!fs.existsSync(given)) throw refuse(`${given} does not exist.`);
  const weights = weightsLayoutOf(paths, choices);
  if (weights !== undefined) return weights;
  if (choices.vae !== undefined)
    throw refuse(
      'Another VAE can be given for a .safetensors file or a diffusers folder only: the VAE of an ONNX folder is a graph in it.',
    );
  const layout = graphsLayoutOf(paths);
  if (choices.prediction === undefined) return layout;
  const prediction = choices.prediction === 'v_prediction' ? choices.prediction : undefined;
  return { ...layout, scheduler: { ...layout.scheduler, prediction }, predictionStated: true };
}

/** Undefined when the files are not of this kind. */
function weightsLayoutOf(paths: string[], choices: ImportChoices): CheckpointLayout | undefined {
  const first = paths[0]!;
  if (paths.length === 1 && fs.statSync(first).isDirectory()) return folderLayout(checkpointFolder(first), choices);
  const foreign = /\.(ckpt|pt|pth|bin|gguf)$/i;
  // What lies beside graphs belongs to them, whatever it is called.
  if (paths.some((file) => /\.onnx$/i.test(file))) return undefined;
  if (!paths.some((file) => isWeights(file) || foreign.test(file))) return undefined;
  if (paths.length === 1) {
    // A part of a diffusers folder: the folder is meant.
    const folder = path.dirname(path.dirname(first));
    if (['unet', 'vae', 'text_encoder'].includes(path.basename(path.dirname(first))) && holdsWeights(folder))
      return folderLayout(folder, choices);
    return fileLayout(first, choices);
  }
  // A checkpoint and the VAE to use with it, in any order.
  const sets = paths.map((file) => ({ file, kind: identify(readWeights(file)) }));
  const vae = sets.find(({ kind }) => kind.kind === 'vae');
  const rest = sets.filter((set) => set !== vae);
  if (vae === undefined || rest.length !== 1)
    throw refuse(
      `${paths.map((file) => path.basename(file)).join(', ')}: add one checkpoint at a time, and at most one VAE with it.`,
    );
  return fileLayout(rest[0]!.file, { ...choices, vae: choices.vae ?? vae.file });
}

const holdsWeights = (folder: string): boolean =>
  ['unet', 'vae', 'text_encoder'].every((part) => weightsIn(path.join(folder, part)) !== undefined);

/** Why a file is no checkpoint that Weft runs, as the rest of a sentence that begins with its name. */
export function fileRefusal(kind: Kind, withVae = false): string | undefined {
  const refusal = refusalOf(kind);
  if (refusal !== undefined || kind.kind !== 'checkpoint' || kind.hasVae || withVae) return refusal;
  return 'has no VAE. Add it together with one (`weft models add FILE --vae VAE`).';
}

function fileLayout(file: string, choices: ImportChoices): CheckpointLayout {
  const set = readWeights(file);
  const vae = choices.vae === undefined ? undefined : readVae(choices.vae);
  const kind = identify(set);
  const reason = fileRefusal(kind, vae !== undefined);
  if (reason !== undefined) throw refuse(`${path.basename(file)} ${reason}`);
  const part = { set, config: {} };
  return layoutOfWeights(
    {
      folder: file,
      name: path.basename(file).replace(/\.safetensors.*$/i, ''),
      manifest: {},
      tokenizer: [],
      scheduler: undefined,
    },
    { unet: part, text: part, vae: vae ?? part },
    choices,
  );
}

/** A VAE, alone in its file or inside a checkpoint of Stable Diffusion 1.x or 2.x. @throws WeftError `checkpoint` saying what the file is instead */
export function readVae(file: string): PartWeights {
  const set = readWeights(file);
  const kind = identify(set);
  const use = 'Use a VAE of Stable Diffusion 1.x or 2.x, for instance vae-ft-mse-840000-ema-pruned.safetensors.';
  const xl = kind.kind === 'vae' ? markOfXl(file, set) : undefined;
  if (xl !== undefined)
    throw refuse(`${path.basename(file)}, given as the VAE, is a VAE of Stable Diffusion XL (${xl}). ${use}`);
  if (kind.kind === 'vae') return { set, config: {} };
  const fits = kind.kind === 'checkpoint' && ['sd1', 'sd2', 'other-unet'].includes(kind.family);
  if (fits && kind.hasVae) return { set, config: {} };
  // What it is, without what to do about it as a checkpoint.
  const what = fits ? 'is a checkpoint without a VAE.' : refusalOf(kind)?.replace(/(?<=\.) (?=[A-Z]).*$/s, '');
  throw refuse(`${path.basename(file)}, given as the VAE, ${what ?? 'is none.'} ${use}`);
}

/** What tells a VAE of Stable Diffusion XL: its tensors are called and shaped like those of 1.x, but its latents have another scale. */
function markOfXl(file: string, { metadata }: WeightSet): string | undefined {
  const architecture = metadata['modelspec.architecture'] ?? '';
  if (/stable-diffusion-xl/i.test(architecture)) return `its header says ${architecture}`;
  // Beside any other file, a config.json may be about anything.
  if (!/^diffusion_pytorch_model\b/.test(path.basename(file))) return undefined;
  const config: Config = readModelJson(path.join(path.dirname(file), 'config.json')) ?? {};
  return numberIn(config, 'scaling_factor') === XL_SCALING
    ? `its config.json says scaling_factor ${XL_SCALING}`
    : undefined;
}

/** A folder in diffusers' form, or one with a single file in it; undefined for any other. */
function folderLayout(folder: string, choices: ImportChoices): CheckpointLayout | undefined {
  if (hasGraphs(folder)) return undefined;
  if (!holdsWeights(folder)) {
    const own = fs.readdirSync(folder).filter((name) => /\.safetensors$/i.test(name));
    const parts = ['unet', 'transformer', 'model_index.json'].some((name) => fs.existsSync(path.join(folder, name)));
    if (own.length === 0 || parts) return undefined;
    if (own.length > 1)
      throw refuse(
        `${path.basename(folder)} holds ${own.length} .safetensors files (${own.sort().slice(0, 5).join(', ')}${own.length > 5 ? ', …' : ''}). Add the one to use.`,
      );
    // Such is a download: what the folder's weft.json says of the file counts.
    return { ...fileLayout(path.join(folder, own[0]!), choices), folder, manifest: readManifest(folder) };
  }
  refuseFamily(folder);
  const read = (part: string): PartWeights => ({
    set: readWeights(weightsIn(path.join(folder, part))!),
    config: readModelJson(path.join(folder, part, 'config.json')) ?? {},
  });
  const weights = {
    unet: read('unet'),
    text: read('text_encoder'),
    vae: choices.vae === undefined ? read('vae') : readVae(choices.vae),
  };
  const kind = identify(weights.unet.set);
  // A UNet alone is what the folder has in this file.
  const reason = refusalOf(kind.kind === 'checkpoint' ? { ...kind, hasText: true, hasVae: true } : kind);
  if (reason !== undefined) throw refuse(`unet/${weights.unet.set.name} of ${path.basename(folder)} ${reason}`);
  const config = readModelJson(path.join(folder, 'scheduler', 'scheduler_config.json'));
  return layoutOfWeights(
    {
      folder,
      name: path.basename(folder),
      root: hubCacheRoot(folder) ?? fs.realpathSync(folder),
      manifest: readManifest(folder),
      tokenizer: findTokenizer(folder) ?? [],
      scheduler: config,
    },
    weights,
    choices,
  );
}

function layoutOfWeights(
  about: Pick<CheckpointLayout, 'folder' | 'name' | 'root' | 'manifest' | 'tokenizer'> & {
    scheduler: Config | undefined;
  },
  weights: Weights,
  choices: ImportChoices,
): CheckpointLayout {
  const stated = about.scheduler?.['prediction_type'];
  const prediction = choices.prediction ?? (stated === undefined ? detectPrediction(weights.unet.set) : stated);
  const scheduler = readScheduler({
    ...about.scheduler,
    ...(prediction === undefined ? {} : { prediction_type: prediction }),
  });
  const { source, openClip } = textEncoderOf(weights.text.set);
  const clip = about.tokenizer.length === 0;
  const { vocabulary } = textEncoderShape(source, weights.text.config, openClip);
  if (clip && vocabulary < CLIP_VOCABULARY)
    throw refuse(
      `${weights.text.set.name}: its text encoder knows ${vocabulary} tokens, and CLIP's tokenizer, which Weft has for files without one, gives ${CLIP_VOCABULARY}. ` +
        'Add a folder that has its tokenizer.',
    );
  const files: Record<PartName, string> = {
    unet: weights.unet.set.files[0]!,
    text_encoder: weights.text.set.files[0]!,
    vae_encoder: weights.vae.set.files[0]!,
    vae_decoder: weights.vae.set.files[0]!,
  };
  const wide = contextWidth(weights.unet.set.tensors) === 1024;
  return {
    ...about,
    models: files,
    weights,
    // OpenCLIP was trained with zeros after the end.
    ...(clip ? { clip: openClip || wide ? { padding: '!' } : {} } : {}),
    scheduler,
    predictionStated: prediction !== undefined,
    scalingFactor: numberIn(weights.vae.config, 'scaling_factor') ?? 0.18215,
    sampleSize:
      numberIn(weights.unet.config, 'sample_size') ??
      LATENT_SIZE[wide ? (scheduler.prediction ?? 'epsilon') : 'epsilon'],
  };
}

/** The graph of each part. */
export function emitPart(part: PartName, { unet, text, vae }: Weights): OnnxModel {
  switch (part) {
    case 'unet':
      return emitUnet(unetOf(unet.set), unet.config);
    case 'vae_encoder':
      return emitVaeEncoder(vaeOf(vae.set), vae.config);
    case 'vae_decoder':
      return emitVaeDecoder(vaeOf(vae.set), vae.config);
    case 'text_encoder': {
      const { source, openClip } = textEncoderOf(text.set);
      return emitTextEncoder(source, text.config, openClip);
    }
  }
}

/** Files that a part's weights lie in. */
export const filesOf = (part: PartName, { unet, text, vae }: Weights): string[] =>
  (part === 'unet' ? unet : part === 'text_encoder' ? text : vae).set.files;

/** What besides the files decides the graphs. */
export const decidedBy = ({ unet, text, vae }: Weights): unknown => [
  EMIT_VERSION,
  unet.config,
  text.config,
  vae.config,
];
