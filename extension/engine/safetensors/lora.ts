/** LoRA files: the names that programs give to their layers, brought to one form, and what alpha and rank make of their strength. */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { z } from 'zod';
import { WeftError } from '../../protocol/errors';
import { readModelJson } from '../checkpoints/modelText';
import { quoted, readHeader, type StoredTensor } from './header';
import { identify, type Kind, readNumbers } from './identify';

export type LoraPart = 'unet' | 'text_encoder';

/** What is added to one weight or bias, times scale. */
export interface LoraLayer {
  /** As the file has it, for messages. */
  name: string;
  part: LoraPart;
  /** A product of small matrices, or a tensor of the weight's own size. */
  added: LoraProduct | StoredTensor;
  scale: number;
}

interface LoraProduct {
  /** [out, rank] and [rank, in × kernel], whatever sides of 1 the file writes. */
  up: StoredTensor;
  down: StoredTensor;
  /** [rank, rank, …kernel] between them, where `down` has no kernel (LyCORIS' Tucker decomposition). */
  mid?: StoredTensor;
}

export const isProduct = (added: LoraLayer['added']): added is LoraProduct => 'up' in added;

export interface LoraFile {
  name: string;
  /** Absolute path, symbolic links resolved. */
  file: string;
  /** By part and module (`unet mid_block_attentions_0_proj_in`); those of biases by {@link biasKey}. */
  layers: Map<string, LoraLayer>;
  /** Tensors that belong to no layer that Weft knows. */
  strange: string[];
  /** Words for prompts that lie in the file beside the layers. */
  words: string[];
  /** Of the text vectors that its UNet layers read; undefined where none of them does. */
  contextWidth?: number;
  /** Goes into cache keys: 2, or 3 where the file has what version 2 left out. */
  version: 2 | 3;
  /** Digest of what an adapter_config.json beside the file says of its strength; absent where there is none. */
  config?: string;
}

/** What a tensor is to its layer. */
type Piece = 'up' | 'down' | 'mid' | 'bias' | 'alpha' | 'scale' | 'scalar' | 'diff' | 'diff_b';
const PIECES: Record<string, Piece> = { A: 'down', B: 'up', w_norm: 'diff', b_norm: 'diff_b' };
/** What version 2 left out. */
const NEW_PIECES: Piece[] = ['bias', 'scale', 'scalar', 'diff', 'diff_b'];

/** Name of a layer and what of it a tensor is, by the programs that write them. */
const FORMS: RegExp[] = [
  // kohya's sd-scripts, LyCORIS (LoCon) and PEFT, the latter with the name of its adapter or without, with `.weight` or without.
  /^(?<module>.*)\.lora_(?<which>up|down|mid|A|B)(?:\.(?<adapter>[^.]+))?\.weight$/,
  /^(?<module>.*)\.lora_(?<which>A|B)$/,
  // PEFT's bias of the second matrix.
  /^(?<module>.*)\.lora_B(?:\.(?<adapter>[^.]+))?\.(?<which>bias)$/,
  // diffusers before PEFT: attention processors, then layers of their own; transformers' text encoders.
  /^(?<module>.*)\.processor\.(?<layer>to_q|to_k|to_v|to_out)_lora\.(?<which>up|down)\.weight$/,
  /^(?<module>text_encoder\..*)\.(?<layer>to_q|to_k|to_v|to_out)_lora\.(?<which>up|down)\.weight$/,
  /^(?<module>.*)\.(?:lora_linear_layer|lora)\.(?<which>up|down)\.weight$/,
  /^(?<module>.*)\.processor\.(?<layer>to_q|to_k|to_v|to_out)_lora\.(?<which>alpha)$/,
  // LyCORIS and ComfyUI: whole weights, biases and norms; a factor instead of alpha, or beside it.
  /^(?<module>.*)\.(?<which>diff|diff_b|w_norm|b_norm|scale|scalar)$/,
  /^(?<module>.*?)(?:\.lora_linear_layer|\.lora)?\.(?<which>alpha)$/,
];

/** What programs write before the names of a part's modules, with underscores for dots. */
const OWNERS: [prefix: RegExp, part: LoraPart, version: 2 | 3][] = [
  [/^(?:lora_unet_|lycoris_)?(?:base_model_model_|unet_|(?:model_)?diffusion_model_)*/, 'unet', 2],
  [/^(?:lora_te_)?(?:base_model_model_|text_encoder_)*(?:text_model_)?/, 'text_encoder', 2],
  // diffusers' conversion to kohya's names counts the one text encoder; OneTrainer's (OMI) and ComfyUI's call it CLIP-L.
  [
    /^(?:lora_te1_|clip_l_|text_encoders_clip_[lh]_transformer_|cond_stage_model_transformer_)(?:text_model_)?/,
    'text_encoder',
    3,
  ],
];

const MODULES: Record<LoraPart, RegExp> = {
  unet: /^(?:down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block|conv_in|conv_norm_out|conv_out|time_embed|time_embedding|out)(?:_|$)/,
  text_encoder: /^(?:encoder_layers_\d+_|final_layer_norm$|embeddings_)/,
};

const SDXL = 'Stable Diffusion XL';
const BLOCK = String.raw`(?:(?:down|up|input|output)_blocks|mid(?:dle)?_block)[._]`;
/** What Weft does not run, by names that only its LoRAs have; the first that fits is named. */
const OTHER_FAMILIES: [pattern: RegExp, family: string][] = [
  [/(double|single)_blocks|single_transformer_blocks/, 'Flux'],
  [/joint_blocks|lora_te3_|text_encoder_3[._]/, 'Stable Diffusion 3'],
  [/^lora_prior_/, 'Stable Cascade'],
  [/motion_modules?[._]|temporal_transformer/, 'AnimateDiff, for videos'],
  [
    /^lora_transformer_|^(base_model\.model\.)?transformer[._]|^(?:lora_unet_|(?:base_model\.model\.)?(?:diffusion_model|model)\.)?(?:blocks|layers|transformer_blocks|joint_transformer_blocks)[._]\d/,
    'a transformer such as Flux or Stable Diffusion 3',
  ],
  [/lora_te2_|text_encoder_2[._]|^clip_g[._]|[._]clip_g[._]/, SDXL],
  // Stable Diffusion 1.x and 2.x have one of these in an attention.
  [new RegExp(`${BLOCK}.*transformer_blocks[._][1-9]`), SDXL],
];

/** The same by what trainers write in the metadata, where names and shapes don't tell. */
const STATED_FAMILIES: [pattern: RegExp, family: string][] = [
  [/^sdxl|^stable-diffusion-xl/i, SDXL],
  [/^flux/i, 'Flux'],
  [/^sd3|^stable-diffusion-3/i, 'Stable Diffusion 3'],
];

const PLAIN = 'Use a LoRA of Stable Diffusion 1.x or 2.x.';

/** The place of a module, and its name with underscores only: kohya's files have no dots. */
function placeOf(module: string): { part: LoraPart; name: string; version: 2 | 3 } | undefined {
  const flat = module.replaceAll('.', '_');
  for (const [prefix, part, version] of OWNERS) {
    const before = prefix.exec(flat)?.[0];
    const own = before === undefined ? '' : flat.slice(before.length);
    if (!MODULES[part].test(own)) continue;
    const name =
      part === 'unet'
        ? own.replace(/(_attn[12]_to_out)$/, '$1_0')
        : own
            .replace(/_self_attn_to_([qkv])$/, '_self_attn_$1_proj')
            .replace(/_self_attn_to_out$/, '_self_attn_out_proj');
    return { part, name, version };
  }
  return undefined;
}

export const layerKey = (part: LoraPart, name: string): string => `${part} ${name}`;
/** Of a layer's bias. */
export const biasKey = (layer: string): string => `${layer} bias`;

interface Found {
  name: string;
  part: LoraPart;
  tensors: Partial<Record<Piece, StoredTensor>>;
}

type Refuse = (message: string) => WeftError;

/** @throws WeftError `checkpoint`: one sentence that names the file and says what it is, or what is wrong with it, and what to do */
export function readLora(given: string): LoraFile {
  const { file, tensors, metadata } = readHeader(given);
  const name = path.basename(given);
  const refuse: Refuse = (message) => new WeftError('checkpoint', `${name} ${message}`);
  const names = [...tensors.keys()];
  const other = noLora(identify({ tensors }));
  if (other !== undefined) throw refuse(other);
  if (names.some((each) => /^(unet|text_encoder):\d+:(up|down)$/.test(each)))
    throw refuse(
      `numbers its layers instead of naming them, as the program cloneofsimo/lora does, which Weft does not run. ${PLAIN}`,
    );
  const family = OTHER_FAMILIES.find(([pattern]) => names.some((each) => pattern.test(each)))?.[1];
  if (family !== undefined) throw refuse(`is a LoRA of ${family}, which Weft does not run. ${PLAIN}`);

  const found = new Map<string, Found>();
  const strange: string[] = [];
  const words = new Set<string>();
  const adapters = new Set<string>();
  let version: 2 | 3 = 2;
  for (const [key, tensor] of tensors) {
    const word = /^bundle_emb\.([^.]+)\./.exec(key)?.[1];
    const groups = FORMS.map((form) => form.exec(key)?.groups).find((each) => each !== undefined);
    const module = groups && [groups['module'], groups['layer']].filter((text) => text !== undefined).join('.');
    const place = module === undefined ? undefined : placeOf(module);
    if (word !== undefined) words.add(word);
    else if (groups === undefined || module === undefined || place === undefined) strange.push(key);
    else {
      const which = PIECES[groups['which']!] ?? (groups['which'] as Piece);
      const layer = layerKey(place.part, place.name);
      const entry = found.get(layer) ?? { name: module, part: place.part, tensors: {} };
      if (groups['adapter'] !== undefined) adapters.add(groups['adapter']);
      if (entry.tensors[which] !== undefined && adapters.size < 2)
        throw refuse(`has the layer ${quoted(module)} twice, under two names. Use a file of one program.`);
      entry.tensors[which] = tensor;
      found.set(layer, entry);
      if (place.version === 3 || NEW_PIECES.includes(which)) version = 3;
    }
  }
  if (adapters.size > 1)
    throw refuse(
      `holds several LoRAs in one (the adapters ${[...adapters].slice(0, 3).map(quoted).join(', ')}). Save each to a file of its own.`,
    );
  const config = metadata['lora_adapter_metadata'] === undefined ? adapterConfig(given, refuse) : undefined;
  const stated = statedAlpha(config ?? metadata['lora_adapter_metadata'], refuse);
  const layers = new Map<string, LoraLayer>();
  let contextWidth: number | undefined;
  for (const [key, entry] of found) {
    const { name: module, part } = entry;
    const added = addedOf(entry, refuse);
    const { bias, diff_b = bias } = entry.tensors;
    if (bias !== undefined && diff_b !== bias)
      throw refuse(`changes the bias of its layer ${quoted(module)} in two ways. Use a file of one program.`);
    if (added === undefined && diff_b === undefined)
      for (const piece of Object.keys(entry.tensors)) strange.push(`${module}.${piece}`);
    const scale = added !== undefined && isProduct(added) ? scaleOf(entry, added, stated, refuse) : 1;
    if (added !== undefined) layers.set(key, { name: module, part, added, scale });
    if (diff_b !== undefined)
      layers.set(biasKey(key), {
        name: `${module}.bias`,
        part,
        added: diff_b,
        scale: diff_b === bias ? scale : 1,
      });
    if (added !== undefined && /attn2[._]to_k$/.test(module))
      contextWidth ??= isProduct(added) ? added.down.shape[1] : added.shape[1];
  }
  const told =
    contextWidth === undefined
      ? [metadata['modelspec.architecture'], metadata['ss_base_model_version']].flatMap((text) =>
          text === undefined ? [] : (STATED_FAMILIES.find(([pattern]) => pattern.test(text))?.[1] ?? []),
        )[0]
      : ({ 1280: `the refiner of ${SDXL}`, 2048: SDXL } as Record<number, string>)[contextWidth];
  if (told !== undefined) throw refuse(`is a LoRA of ${told}, which Weft does not run. ${PLAIN}`);
  if (layers.size === 0)
    throw refuse(
      `is no LoRA that Weft knows: ${names.length === 0 ? 'it has no tensors' : `none of its layers (such as ${quoted(names[0]!)}) has a name of a LoRA for Stable Diffusion 1.x or 2.x`}. ${PLAIN}`,
    );
  if (stated.byPattern) version = 3;
  const digest = config === undefined ? undefined : createHash('sha256').update(config).digest('hex');
  return {
    name,
    file,
    layers,
    strange,
    words: [...words],
    version,
    ...(contextWidth === undefined ? {} : { contextWidth }),
    ...(digest === undefined ? {} : { config: digest }),
  };
}

/** What a file that is no LoRA of a kind that Weft runs is instead: the rest of a sentence. Undefined where it may be one. */
function noLora(kind: Kind): string | undefined {
  switch (kind.kind) {
    case 'lora':
      if (kind.of === 'LoRA') return undefined;
      return `is ${/^[AEIOU]/.test(kind.of) ? 'an' : 'a'} ${kind.of}, a kind of LoRA that Weft does not run. Use a plain LoRA or LoCon.`;
    case 'unknown':
      return undefined;
    case 'checkpoint':
      return `is a checkpoint, not a LoRA. Choose it in the checkpoint node, and a LoRA here.`;
    case 'vae':
      return `is a VAE, not a LoRA. Choose it as the VAE of the checkpoint node, and a LoRA here.`;
    case 'embedding':
      return `is a textual inversion (a word for prompts), which Weft does not run, not a LoRA. ${PLAIN}`;
    case 'controlnet':
      return `is a ControlNet, which Weft does not run, not a LoRA. ${PLAIN}`;
    case 'adapter':
      return `is ${kind.what}, which Weft does not run, not a LoRA. ${PLAIN}`;
    case 'text-encoder':
      return `is a text encoder, not a LoRA. ${PLAIN}`;
    case 'upscaler':
      return `is an upscaler, which Weft does not run, not a LoRA. ${PLAIN}`;
  }
}

/** What a layer adds to its weight; undefined where it changes the bias alone, or where nothing of it is there but a factor. */
function addedOf({ name, tensors }: Found, refuse: Refuse): LoraLayer['added'] | undefined {
  const { up, down, mid, bias, diff, diff_b } = tensors;
  const what = quoted(name);
  for (const tensor of [up, down, mid, bias, diff, diff_b])
    if (tensor !== undefined && !['F64', 'F32', 'F16', 'BF16'].includes(tensor.dtype))
      throw refuse(
        `has the numbers of its layer ${what} in the format ${tensor.dtype}, which Weft does not run. Get it in float32, float16 or bfloat16.`,
      );
  if ([up, down, mid, bias].every((tensor) => tensor === undefined)) return diff;
  if (up === undefined || down === undefined)
    throw refuse(
      `is incomplete: its layer ${what} has only one of the two matrices of a LoRA. Download the file again.`,
    );
  if (diff !== undefined) throw refuse(`changes its layer ${what} in two ways. Use a file of one program.`);
  const flat = ({ shape }: StoredTensor): boolean => shape.length >= 2 && shape.slice(2).every((side) => side === 1);
  const [rank, inner] = [down.shape[0], up.shape[1]];
  const fits =
    flat(up) &&
    down.shape.length >= 2 &&
    (mid === undefined ? inner === rank : flat(down) && mid.shape[0] === inner && mid.shape[1] === rank);
  if (!fits) {
    const shapes = [up, ...(mid === undefined ? [] : [mid]), down].map(({ shape }) => `[${shape.join(', ')}]`);
    throw refuse(
      `is no LoRA that Weft reads: the matrices of its layer ${what} have the shapes ${shapes.join(' and ')}, which don't multiply. ${PLAIN}`,
    );
  }
  return { up, down, ...(mid === undefined ? {} : { mid }) };
}

/**
 * What PEFT's own `adapter_config.json` says of the strength of the `adapter_model.safetensors` beside it, as text. Files of other names are not PEFT's:
 * a configuration that lies beside them is not theirs.
 */
function adapterConfig(file: string, refuse: Refuse): string | undefined {
  if (path.basename(file) !== 'adapter_model.safetensors') return undefined;
  const json = readModelJson(path.join(path.dirname(file), 'adapter_config.json'));
  if (json === undefined) return undefined;
  const { peft_type: type, lora_alpha, alpha_pattern, use_rslora, use_dora, init_lora_weights: start } = json;
  const kind = use_dora === true ? 'DoRA' : type;
  if (kind !== undefined && kind !== 'LORA')
    throw refuse(
      `is a ${quoted(String(kind))} by its adapter_config.json, which Weft does not run. Use a plain LoRA or LoCon.`,
    );
  if (typeof start === 'string' && /^(pissa|olora|corda|loftq)/i.test(start))
    throw refuse(
      `belongs to weights that PEFT changed before training (${quoted(start)} in its adapter_config.json), which are not the checkpoint's. Save it from PEFT as a plain LoRA (path_initial_model_for_weight_conversion).`,
    );
  return JSON.stringify({ lora_alpha, alpha_pattern, use_rslora });
}

/**
 * What the product of a layer is multiplied by: the file's own `scale`, or alpha / rank, alpha being the layer's, the one that PEFT states, or the rank;
 * times LyCORIS' `scalar` where it was kept apart from the matrices.
 */
function scaleOf({ name, tensors }: Found, { down }: LoraProduct, stated: Stated, refuse: Refuse): number {
  const rank = down.shape[0]!;
  const number = (piece: 'alpha' | 'scale' | 'scalar'): number | undefined => {
    const tensor = tensors[piece];
    if (tensor === undefined) return undefined;
    const value = readNumbers(tensor)?.[0];
    if (value === undefined || !Number.isFinite(value))
      throw refuse(`is damaged: the ${piece} of its layer ${quoted(name)} is no number. Download it again.`);
    return value;
  };
  const [alpha, scale, scalar = 1] = [number('alpha'), number('scale'), number('scalar')];
  // A product over no rows and columns adds nothing.
  if (rank === 0) return 0;
  return (scale ?? (alpha === undefined ? stated.of(name, rank) : alpha / rank)) * scalar;
}

const adapterSchema = z.record(z.string(), z.unknown());

interface Stated {
  /** alpha / rank of a module. */
  of(module: string, rank: number): number;
  /** Whether that depends on patterns that are more than names, which version 2 did not read. */
  byPattern: boolean;
}

/**
 * What PEFT writes about its adapters, as diffusers keeps it in the metadata or PEFT itself in adapter_config.json: alpha of all layers (`unet.lora_alpha`), of those that a pattern names
 * (`unet.alpha_pattern`; `^` at its beginning: the whole name), and whether it is divided by the root of the rank. Without any, alpha is the rank.
 */
function statedAlpha(text: string | undefined, refuse: Refuse): Stated {
  let stated: Record<string, unknown> = {};
  try {
    stated = adapterSchema.parse(JSON.parse(text ?? '{}'));
  } catch {
    // No word of PEFT's.
  }
  const patternsOf = (key: string): Record<string, unknown> => adapterSchema.safeParse(stated[key]).data ?? {};
  const all = Object.keys(stated)
    .filter((key) => /(^|\.)alpha_pattern$/.test(key))
    .flatMap((key) => Object.keys(patternsOf(key)));
  // PEFT takes them as regular expressions, which a stranger's file could make run for ever.
  const regular = all.find((pattern) => !/^\^?(\w|\\?\.)*\$?$/.test(pattern));
  if (regular !== undefined)
    throw refuse(
      `gives alpha by the pattern ${quoted(regular)}, which Weft does not read. Save it with an alpha for each layer (kohya's form).`,
    );
  return {
    byPattern: all.some((pattern) => !/^[\w.]*$/.test(pattern)),
    of(module, rank) {
      const component = /^(unet|text_encoder)\./.exec(module)?.[1];
      const key = (name: string): string =>
        component !== undefined && `${component}.${name}` in stated ? `${component}.${name}` : name;
      const inside = (component === undefined ? module : module.slice(component.length + 1)).replace(
        /^base_model\.model\./,
        '',
      );
      const pattern = Object.entries(patternsOf(key('alpha_pattern'))).find(([given]) => {
        const plain = given.replace(/^\^|\$$|\\/g, '');
        return inside === plain || (!given.startsWith('^') && inside.endsWith(`.${plain}`));
      });
      const alpha = pattern?.[1] ?? stated[key('lora_alpha')];
      if (alpha === undefined) return 1;
      if (typeof alpha !== 'number' || !Number.isFinite(alpha))
        throw refuse(`is damaged: the alpha of its layer ${quoted(module)} is no number. Download it again.`);
      return alpha / (stated[key('use_rslora')] === true ? Math.sqrt(rank) : rank);
    },
  };
}
