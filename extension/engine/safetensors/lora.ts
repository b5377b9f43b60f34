/** LoRA files: the names that programs give to their layers, brought to one form, and what alpha and rank make of their strength. */
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { z } from 'zod';
import { WeftError } from '../../protocol/errors';
import { readModelJson } from '../checkpoints/modelText';
import { quoted, readHeader, type StoredTensor } from './header';
import { identify, readFloats } from './identify';

export type LoraPart = 'unet' | 'text_encoder';

/** What is added to one weight: up · down · scale. */
export interface LoraLayer {
  /** As the file has it, for messages. */
  name: string;
  part: LoraPart;
  /** [out, rank] and [rank, in × kernel], whatever sides of 1 the file writes. */
  up: StoredTensor;
  down: StoredTensor;
  rank: number;
  /** alpha / rank. */
  scale: number;
}

export interface LoraFile {
  name: string;
  /** Absolute path, symbolic links resolved. */
  file: string;
  /** By part and module: `unet mid_block_attentions_0_proj_in`. */
  layers: Map<string, LoraLayer>;
  /** Tensors that belong to no layer that Weft knows. */
  strange: string[];
  /** Digest of what an adapter_config.json beside the file says of its strength; absent where there is none. */
  config?: string;
}

/** Name of a layer and what of it a tensor is, by the programs that write them. */
const FORMS: RegExp[] = [
  // kohya's sd-scripts, LyCORIS (LoCon) and PEFT, the latter with the name of its adapter or without.
  /^(?<module>.*)\.lora_(?<which>up|down|A|B)(?:\.default)?\.weight$/,
  // diffusers before PEFT: attention processors, then layers of their own; transformers' text encoders.
  /^(?<module>.*)\.processor\.(?<layer>to_q|to_k|to_v|to_out)_lora\.(?<which>up|down)\.weight$/,
  /^(?<module>text_encoder\..*)\.(?<layer>to_q|to_k|to_v|to_out)_lora\.(?<which>up|down)\.weight$/,
  /^(?<module>.*)\.(?:lora_linear_layer|lora)\.(?<which>up|down)\.weight$/,
  /^(?<module>.*)\.processor\.(?<layer>to_q|to_k|to_v|to_out)_lora\.(?<which>alpha)$/,
  /^(?<module>.*?)(?:\.lora_linear_layer|\.lora)?\.(?<which>alpha)$/,
];

const UNET =
  /^(?:lora_unet_|(?:base_model_model_)?(?:unet_|(?:model_)?diffusion_model_)?)((?:down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block|conv_in|conv_out|time_embed|time_embedding|out)_?.*)$/;
const TEXT = /^(?:lora_te_|(?:base_model_model_)?(?:text_encoder_)?)(?:text_model_)?(encoder_layers_\d+_.*)$/;

/** Families that Weft does not run, by names that only their LoRAs have. */
const OTHER_FAMILIES: [pattern: RegExp, family: string][] = [
  [/lora_te[12]_|text_encoder_2[._]/, 'Stable Diffusion XL'],
  [/joint_blocks|lora_te3_|text_encoder_3[._]/, 'Stable Diffusion 3'],
  [/(double|single)_blocks|single_transformer_blocks/, 'Flux'],
  [/^lora_transformer_|^(base_model\.model\.)?transformer[._]/, 'a transformer such as Flux or Stable Diffusion 3'],
];

const PLAIN = 'Use a LoRA of Stable Diffusion 1.x or 2.x.';

/** The place of a module, and its name with underscores only: kohya's files have no dots. */
function placeOf(module: string): { part: LoraPart; name: string } | undefined {
  const flat = module.replaceAll('.', '_');
  const text = TEXT.exec(flat)?.[1];
  if (text !== undefined) {
    const name = text
      .replace(/_self_attn_to_([qkv])$/, '_self_attn_$1_proj')
      .replace(/_self_attn_to_out$/, '_self_attn_out_proj');
    return { part: 'text_encoder', name };
  }
  const unet = UNET.exec(flat)?.[1];
  return unet === undefined ? undefined : { part: 'unet', name: unet.replace(/(_attn[12]_to_out)$/, '$1_0') };
}

export const layerKey = (part: LoraPart, name: string): string => `${part} ${name}`;

/** @throws WeftError `checkpoint`: one sentence that names the file and says what it is, or what is wrong with it, and what to do */
export function readLora(given: string): LoraFile {
  const { file, tensors, metadata } = readHeader(given);
  const name = path.basename(given);
  const refuse = (message: string): WeftError => new WeftError('checkpoint', `${name} ${message}`);
  const names = [...tensors.keys()];
  const kind = identify({ tensors });
  if (kind.kind === 'lora' && kind.of !== 'LoRA')
    throw refuse(`is a ${kind.of}, a kind of LoRA that Weft does not run. Use a plain LoRA or LoCon.`);
  for (const [pattern, family] of OTHER_FAMILIES)
    if (names.some((each) => pattern.test(each) && /lora|alpha/i.test(each)))
      throw refuse(`is a LoRA of ${family}, which Weft does not run. ${PLAIN}`);
  if (names.some((each) => /lora_mid\./.test(each)))
    throw refuse(
      'is a LoCon with a third matrix in its layers (Tucker decomposition), which Weft does not run. Use a plain LoRA or LoCon.',
    );

  const found = new Map<string, { name: string; part: LoraPart; tensors: Record<string, StoredTensor> }>();
  const strange: string[] = [];
  for (const [key, tensor] of tensors) {
    const groups = FORMS.map((form) => form.exec(key)?.groups).find((each) => each !== undefined);
    const module = groups && [groups['module'], groups['layer']].filter((word) => word !== undefined).join('.');
    const place = module === undefined ? undefined : placeOf(module);
    if (groups === undefined || module === undefined || place === undefined) {
      strange.push(key);
      continue;
    }
    const which = { A: 'down', B: 'up' }[groups['which']!] ?? groups['which']!;
    const layer = layerKey(place.part, place.name);
    const entry = found.get(layer) ?? { name: module, part: place.part, tensors: {} };
    if (entry.tensors[which] !== undefined)
      throw refuse(`has the layer ${quoted(module)} twice, under two names. Use a file of one program.`);
    entry.tensors[which] = tensor;
    found.set(layer, entry);
  }
  const config = metadata['lora_adapter_metadata'] === undefined ? adapterConfig(given, refuse) : undefined;
  const stated = statedAlpha(config ?? metadata['lora_adapter_metadata']);
  const layers = new Map<string, LoraLayer>();
  for (const [key, entry] of found) {
    const { up, down, alpha } = entry.tensors;
    const what = quoted(entry.name);
    if (up === undefined && down === undefined) {
      strange.push(`${entry.name}.alpha`);
      continue;
    }
    if (up === undefined || down === undefined)
      throw refuse(
        `is incomplete: its layer ${what} has only one of the two matrices of a LoRA. Download the file again.`,
      );
    const rank = down.shape[0] ?? 0;
    const flat = up.shape.length >= 2 && up.shape.slice(2).every((side) => side === 1);
    if (!flat || down.shape.length < 2 || rank === 0 || up.shape[1] !== rank)
      throw refuse(
        `is no LoRA that Weft reads: the matrices of its layer ${what} have the shapes [${up.shape.join(', ')}] and [${down.shape.join(', ')}], which don't multiply. ${PLAIN}`,
      );
    for (const { dtype } of [up, down])
      if (!['F64', 'F32', 'F16', 'BF16'].includes(dtype))
        throw refuse(
          `has the numbers of its layer ${what} in the format ${dtype}, which Weft does not run. Get it in float32, float16 or bfloat16.`,
        );
    if (/attn2[._]to_k$/.test(entry.name) && down.shape[1] === 2048)
      throw refuse(`is a LoRA of Stable Diffusion XL, which Weft does not run. ${PLAIN}`);
    const own = alpha === undefined ? stated(entry.name, rank) : scaleOf(alpha, rank);
    if (own === undefined || !Number.isFinite(own))
      throw refuse(`is damaged: the alpha of its layer ${what} is no number. Download it again.`);
    layers.set(key, { name: entry.name, part: entry.part, up, down, rank, scale: own });
  }
  if (layers.size === 0)
    throw refuse(
      `is no LoRA that Weft knows: ${names.length === 0 ? 'it has no tensors' : `none of its layers (such as ${quoted(names[0]!)}) has a name of a LoRA for Stable Diffusion 1.x or 2.x`}. ${PLAIN}`,
    );
  const digest = config === undefined ? undefined : createHash('sha256').update(config).digest('hex');
  return { name, file, layers, strange, ...(digest === undefined ? {} : { config: digest }) };
}

/**
 * What PEFT's own `adapter_config.json` says of the strength of the `adapter_model.safetensors` beside it, as text. Files of other names are not PEFT's:
 * a configuration that lies beside them is not theirs.
 */
function adapterConfig(file: string, refuse: (message: string) => WeftError): string | undefined {
  if (path.basename(file) !== 'adapter_model.safetensors') return undefined;
  const json = readModelJson(path.join(path.dirname(file), 'adapter_config.json'));
  if (json === undefined) return undefined;
  const { peft_type: type, lora_alpha, alpha_pattern, use_rslora, use_dora } = json;
  const kind = use_dora === true ? 'DoRA' : type;
  if (kind !== undefined && kind !== 'LORA')
    throw refuse(
      `is a ${quoted(String(kind))} by its adapter_config.json, which Weft does not run. Use a plain LoRA or LoCon.`,
    );
  return JSON.stringify({ lora_alpha, alpha_pattern, use_rslora });
}

const scaleOf = (alpha: StoredTensor, rank: number): number | undefined => {
  const value = readFloats(alpha)?.[0];
  return value === undefined ? undefined : value / rank;
};

const adapterSchema = z.record(z.string(), z.unknown());

/**
 * What PEFT writes about its adapters, as diffusers keeps it in the metadata or PEFT itself in adapter_config.json: alpha of all layers (`unet.lora_alpha`), of those that a pattern names
 * (`unet.alpha_pattern`), and whether it is divided by the root of the rank. Without any, alpha is the rank.
 */
function statedAlpha(text: string | undefined): (module: string, rank: number) => number | undefined {
  let stated: Record<string, unknown> = {};
  try {
    stated = adapterSchema.parse(JSON.parse(text ?? '{}'));
  } catch {
    // No word of PEFT's.
  }
  return (module, rank) => {
    const component = /^(unet|text_encoder)\./.exec(module)?.[1];
    const of = (name: string): unknown =>
      (component === undefined ? undefined : stated[`${component}.${name}`]) ?? stated[name];
    const patterns = adapterSchema.safeParse(of('alpha_pattern'));
    const inside = component === undefined ? module : module.slice(component.length + 1);
    const pattern = Object.entries(patterns.data ?? {}).find(
      ([name]) => inside === name || inside.endsWith(`.${name}`),
    );
    const alpha = pattern?.[1] ?? of('lora_alpha');
    if (alpha === undefined) return 1;
    if (typeof alpha !== 'number') return undefined;
    return alpha / (of('use_rslora') === true ? Math.sqrt(rank) : rank);
  };
}
