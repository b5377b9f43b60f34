/** What a set of tensors is, told from their names and shapes: a checkpoint and of which family, or something else that people have beside it. */
import * as fs from 'node:fs';
import { bfloat16, float16 } from '../halfFloats';
import { type StoredTensor } from './header';
import { type WeightSet } from './weights';

export type Family =
  | 'sd1'
  | 'sd2'
  | 'sdxl'
  | 'sdxl-refiner'
  | 'sd3'
  | 'flux'
  /** A UNet with cross-attention of a width that no published family has. */
  | 'other-unet'
  | 'other-transformer';

export type Kind =
  | { kind: 'checkpoint'; family: Family; inputChannels: number; hasText: boolean; hasVae: boolean; lcm: boolean }
  | {
      kind: 'lora';
      of: 'LoRA' | 'LoHa' | 'LoKr' | 'DoRA' | 'OFT' | 'BOFT' | 'GLoRA' | 'IA3' | 'VeRA' | 'FourierFT' | 'T-LoRA';
    }
  | { kind: 'vae' }
  | { kind: 'text-encoder' }
  | { kind: 'controlnet' }
  | { kind: 'adapter'; what: string }
  | { kind: 'embedding' }
  | { kind: 'upscaler' }
  | { kind: 'unknown' };

export type Prediction = 'epsilon' | 'v_prediction';

type Tensors = ReadonlyMap<string, StoredTensor>;

/** Where a checkpoint's UNet is, and by whose names. */
export interface UnetPlace {
  prefix: string;
  naming: 'original' | 'diffusers' | 'averaged';
}

export function unetPlace(tensors: Tensors): UnetPlace | undefined {
  for (const prefix of ['model.diffusion_model.', 'diffusion_model.', 'unet.', ''])
    for (const [first, naming] of [
      ['input_blocks.0.0.weight', 'original'],
      ['conv_in.weight', 'diffusers'],
    ] as const)
      // A VAE of diffusers has a conv_in too, but within its halves.
      if (tensors.has(prefix + first)) return { prefix, naming };
  return tensors.has('model_ema.diffusion_modelinput_blocks00weight')
    ? { prefix: 'model_ema.', naming: 'averaged' }
    : undefined;
}

/** Prefix of a VAE; '' for a file that is one. */
export function vaePrefix(tensors: Tensors): string | undefined {
  return ['first_stage_model.', 'vae.', ''].find((prefix) => tensors.has(`${prefix}decoder.conv_in.weight`));
}

export interface TextPlace {
  prefix: string;
  naming: 'transformers' | 'openclip';
}

/** The text encoder of Stable Diffusion 1.x or 2.x. */
export function textPlace(tensors: Tensors): TextPlace | undefined {
  for (const prefix of ['cond_stage_model.transformer.', 'cond_stage_model.', 'text_encoder.', ''])
    for (const old of ['text_model.', ''])
      if (tensors.has(`${prefix}${old}embeddings.token_embedding.weight`)) return { prefix, naming: 'transformers' };
  for (const prefix of ['cond_stage_model.model.', 'cond_stage_model.', ''])
    if (tensors.has(`${prefix}token_embedding.weight`) && tensors.has(`${prefix}positional_embedding`))
      return { prefix, naming: 'openclip' };
  return undefined;
}

const widthOf = (tensors: Tensors, pattern: RegExp, axis: number): number | undefined => {
  for (const [name, { shape }] of tensors) if (pattern.test(name)) return shape[axis];
  return undefined;
};

/** Width of the text vectors that a UNet reads. */
export const contextWidth = (tensors: Tensors): number | undefined => widthOf(tensors, /attn2\.?to_k\.?weight$/, 1);

const some = (tensors: Tensors, pattern: RegExp): boolean => {
  for (const name of tensors.keys()) if (pattern.test(name)) return true;
  return false;
};

/** Other things, by a name that only they have; in the order in which they are looked for. */
const OTHERS: [pattern: RegExp, kind: Kind][] = [
  [
    /(^|\.)control_model\.|input_hint_block\.|controlnet_cond_embedding\.|^lllite_|^controlnet_/,
    { kind: 'controlnet' },
  ],
  [/\.hada_(w[12]_[ab]|t[12])/, { kind: 'lora', of: 'LoHa' }],
  [/\.lokr_(w[12]|t2)/, { kind: 'lora', of: 'LoKr' }],
  [/\.dora_scale$|\.lora_magnitude_vector/, { kind: 'lora', of: 'DoRA' }],
  [/\.boft_[RS]/i, { kind: 'lora', of: 'BOFT' }],
  [/\.oft_(blocks|diag|R)\b/i, { kind: 'lora', of: 'OFT' }],
  [/\.vera_lambda_/, { kind: 'lora', of: 'VeRA' }],
  [/\.fourierft_/, { kind: 'lora', of: 'FourierFT' }],
  [/\.lambda_layer$/, { kind: 'lora', of: 'T-LoRA' }],
  [/\.on_input$|\.ia3_l/, { kind: 'lora', of: 'IA3' }],
  [/^lora_(unet|te).*\.[ab][12]\.weight$/, { kind: 'lora', of: 'GLoRA' }],
  [
    /\.lora_(up|down|A|B|mid)(\.|$)|[._]lora\.(up|down)\.|lora_linear_layer|^(unet|text_encoder):\d+:(up|down)$|\.(diff|diff_b|w_norm|b_norm)$|^lora_(unet|te)/,
    { kind: 'lora', of: 'LoRA' },
  ],
  [/motion_modules?\.|temporal_transformer/, { kind: 'adapter', what: 'a motion module for videos (AnimateDiff)' }],
  [/^ip_adapter\.|^image_proj\./, { kind: 'adapter', what: 'an IP-Adapter' }],
  [
    /^adapter\.body\.|^body\.\d+\.(block|resnets|in_conv)|^conditioner\..*_adapter/,
    { kind: 'adapter', what: 'a T2I-Adapter' },
  ],
];

/** Names of transformers that stand where a UNet would. */
const TRANSFORMERS: [pattern: RegExp, family: Family][] = [
  [/(^|\.)joint_blocks\.\d+\./, 'sd3'],
  [/(^|\.)(double_blocks|single_blocks)\.\d+\.|^single_transformer_blocks\./, 'flux'],
  [/^transformer_blocks\.\d+\.attn\.add_q_proj/, 'sd3'],
  [
    /(^|\.)(diffusion_model|transformer)\.(blocks|layers|transformer_blocks|joint_transformer_blocks)\.\d+\.|^(blocks|transformer_blocks)\.\d+\./,
    'other-transformer',
  ],
];

export function identify({ tensors }: Pick<WeightSet, 'tensors'>): Kind {
  const other = OTHERS.find(([pattern]) => some(tensors, pattern));
  if (other !== undefined) return other[1];
  const hasVae = vaePrefix(tensors) !== undefined;
  const hasText = textPlace(tensors) !== undefined || some(tensors, /^(conditioner\.embedders|text_encoders)\./);
  const common = { hasVae, hasText, lcm: some(tensors, /(time_embed|time_embedding)\.cond_proj\./) };
  const place = unetPlace(tensors);
  if (place !== undefined)
    return { kind: 'checkpoint', family: familyOf(tensors), inputChannels: inputChannels(tensors, place), ...common };
  const transformer = TRANSFORMERS.find(([pattern]) => some(tensors, pattern));
  if (transformer !== undefined) return { kind: 'checkpoint', family: transformer[1], inputChannels: 0, ...common };
  if (hasVae) return { kind: 'vae' };
  if (hasText) return { kind: 'text-encoder' };
  if (some(tensors, /^(emb_params|string_to_param|clip_[lg]|<.*>)/) && tensors.size <= 4) return { kind: 'embedding' };
  if (some(tensors, /^(conv_first|conv_body|body\.\d+\.rdb\d)|\.rdb\d\.|^model\.\d+\.(sub|weight)|residual_group/i))
    return { kind: 'upscaler' };
  const [only] = tensors.values();
  if (tensors.size === 1 && only?.shape.length === 2) return { kind: 'embedding' };
  return { kind: 'unknown' };
}

function familyOf(tensors: Tensors): Family {
  if (some(tensors, /^conditioner\.embedders\.1\./)) return 'sdxl';
  switch (contextWidth(tensors)) {
    case 768:
      return 'sd1';
    case 1024:
      return 'sd2';
    case 2048:
      return 'sdxl';
    case 1280:
      return some(tensors, /label_emb|add_embedding/) ? 'sdxl-refiner' : 'other-unet';
    default:
      return 'other-unet';
  }
}

function inputChannels(tensors: Tensors, { prefix, naming }: UnetPlace): number {
  const first = {
    original: `${prefix}input_blocks.0.0.weight`,
    diffusers: `${prefix}conv_in.weight`,
    averaged: 'model_ema.diffusion_modelinput_blocks00weight',
  }[naming];
  return tensors.get(first)?.shape[1] ?? 0;
}

/** Why something that was given as a checkpoint is none that Weft runs: the rest of a sentence that begins with the file's name. Undefined if it is. */
export function refusalOf(kind: Kind): string | undefined {
  const plain = 'Use a plain Stable Diffusion 1.x or 2.x checkpoint.';
  const beside = (what: string): string =>
    `is ${what}, which changes a checkpoint and is none itself. Add the checkpoint that it was made for (several GB as a rule).`;
  switch (kind.kind) {
    case 'lora':
      return beside(kind.of === 'LoRA' ? 'a LoRA' : `a LoRA of the kind ${kind.of}`);
    case 'controlnet':
      return `${beside('a ControlNet').replace(/ Add/, ' Weft does not run ControlNets. Add')}`;
    case 'adapter':
      return `is ${kind.what}, which Weft does not run. ${plain}`;
    case 'vae':
      return 'is a VAE, which turns pictures into latents and back, without the UNet and the text encoder of a checkpoint. Add a whole checkpoint.';
    case 'text-encoder':
      return 'is a text encoder, without the UNet and the VAE of a checkpoint. Add a whole checkpoint.';
    case 'embedding':
      return 'is a textual inversion (a word for prompts), not a checkpoint. Add a whole checkpoint.';
    case 'upscaler':
      return `is an upscaler, which Weft does not run. ${plain}`;
    case 'unknown':
      return `is nothing that Weft knows: none of its tensors has a name of Stable Diffusion's. ${plain}`;
    case 'checkpoint':
      return checkpointRefusal(kind, plain);
  }
}

function checkpointRefusal(kind: Extract<Kind, { kind: 'checkpoint' }>, plain: string): string | undefined {
  const OTHER_FAMILIES: Partial<Record<Family, string>> = {
    sdxl: 'a Stable Diffusion XL checkpoint',
    'sdxl-refiner': 'the refiner of Stable Diffusion XL',
    sd3: 'a Stable Diffusion 3 checkpoint',
    flux: 'a Flux checkpoint',
    'other-transformer': 'a checkpoint whose network is a transformer instead of a UNet',
  };
  const family = OTHER_FAMILIES[kind.family];
  if (family !== undefined) return `is ${family}, which Weft does not run. ${plain}`;
  const channels: Record<number, string> = {
    9: 'an inpainting checkpoint (its UNet reads 9 channels)',
    8: 'an InstructPix2Pix checkpoint (its UNet reads 8 channels)',
    7: 'an upscaler (its UNet reads 7 channels)',
    5: 'a depth-to-image checkpoint (its UNet reads 5 channels)',
  };
  const other = channels[kind.inputChannels];
  if (other !== undefined) return `is ${other}, which Weft does not run. ${plain}`;
  if (kind.lcm) return `is a latent consistency model (LCM), which Weft does not run. ${plain}`;
  if (!kind.hasText && !kind.hasVae)
    return 'holds a UNet only, without the text encoder and the VAE of a checkpoint. Add a whole checkpoint.';
  if (!kind.hasText) return 'has no text encoder. Add a whole checkpoint.';
  return undefined;
}

/** Its deviation tells the two kinds of Stable Diffusion 2.x apart; the test and its threshold are ComfyUI's (model_detection.py). */
const TELLING =
  /^(?:model\.diffusion_model\.)?(?:output_blocks\.11\.1|up_blocks\.3\.attentions\.2)\.transformer_blocks\.0\.norm1\.bias$/;
const V_DEVIATION = 0.09;

/**
 * What the UNet predicts, from marks that trainers leave, from the family, or for Stable Diffusion 2.x from the numbers of one small tensor,
 * which are read. Undefined when nothing tells.
 */
export function detectPrediction({
  tensors,
  metadata,
}: Pick<WeightSet, 'tensors' | 'metadata'>): Prediction | undefined {
  if (tensors.has('v_pred')) return 'v_prediction';
  const stated = (metadata['modelspec.prediction_type'] ?? metadata['prediction_type'] ?? '').toLowerCase();
  if (/^v(_|-|$)/.test(stated) || /^true$/i.test(metadata['ss_v_parameterization'] ?? '')) return 'v_prediction';
  if (/^eps/.test(stated)) return 'epsilon';
  if (contextWidth(tensors) !== 1024) return 'epsilon';
  const telling = [...tensors].find(([name]) => TELLING.test(name));
  const values = telling === undefined ? undefined : readNumbers(telling[1]);
  if (values === undefined || values.length < 2) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  if (!Number.isFinite(deviation)) return undefined;
  return deviation > V_DEVIATION ? 'v_prediction' : 'epsilon';
}

/** Numbers of a small tensor; undefined for a large one, and for a type that is neither floating point nor a whole number. */
export function readNumbers({ dtype, file, offset, length }: StoredTensor): number[] | undefined {
  if (length > 1 << 20) return undefined;
  const bytes = Buffer.alloc(length);
  const fd = fs.openSync(file, 'r');
  try {
    if (fs.readSync(fd, bytes, 0, length, offset) !== length) return undefined;
  } finally {
    fs.closeSync(fd);
  }
  const every = (size: number, read: (at: number) => number): number[] =>
    Array.from({ length: length / size }, (_, i) => read(i * size));
  switch (dtype) {
    case 'F64':
      return every(8, (at) => bytes.readDoubleLE(at));
    case 'F32':
      return every(4, (at) => bytes.readFloatLE(at));
    case 'BF16':
      return every(2, (at) => bfloat16(bytes.readUInt16LE(at)));
    case 'F16':
      return every(2, (at) => float16(bytes.readUInt16LE(at)));
    case 'I64':
      return every(8, (at) => Number(bytes.readBigInt64LE(at)));
    case 'I32':
      return every(4, (at) => bytes.readInt32LE(at));
    case 'I16':
      return every(2, (at) => bytes.readInt16LE(at));
    case 'U8':
      return every(1, (at) => bytes.readUInt8(at));
    default:
      return undefined;
  }
}
