/**
 * Small models of Stable Diffusion's topology as files of any form: the weights come from a formula that numerics/emit/make_references.py has
 * as well, so what PyTorch computes with them is known.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { writeSafetensors } from './safetensors';

export type Precision = 'F32' | 'F16' | 'BF16';
type Part = 'unet' | 'vae' | 'text';

interface ModelListing {
  /** Shapes by the names of single files. */
  shapes: Record<string, number[]>;
  /** Names of diffusers' folders → name in single files, and which third of it. */
  names: Record<string, [original: string, third?: number]>;
}
/** `tiny` knows all of CLIP's words; `deep` and `deep2` (OpenCLIP) are text encoders of five layers, without other parts. */
export type SmallModel = 'sd1' | 'sd2' | 'tiny' | 'deep' | 'deep2';
type Listing = Record<Part, ModelListing> & { config: Record<'unet' | 'text', Record<string, unknown>> };

export const references = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'numerics', 'emit');
let listings: Record<SmallModel, Listing> | undefined;
/** Shapes, names and configurations of a model. */
export const listingOf = (model: SmallModel): Listing =>
  (listings ??= JSON.parse(gunzipSync(fs.readFileSync(path.join(references, 'models.json.gz'))).toString()) as Record<
    SmallModel,
    Listing
  >)[model];

/** Numbers in [-1, 1), by a hash of the name and the index. */
export function uniform(name: string, count: number): Float64Array {
  let seed = 2166136261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16777619);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 0x9e3779b1) + seed) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    out[i] = ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  }
  return out;
}

const weights = new Map<string, Float32Array>();

/** A weight of a single file by its name there. */
export function weight(name: string, shape: number[]): Float32Array {
  const key = `${name} ${shape.join()}`;
  let values = weights.get(key);
  if (values === undefined) {
    const flat = shape.length === 1;
    const scale = flat ? 0.1 : Math.sqrt(3 / shape.slice(1).reduce((a, b) => a * b, 1));
    const shift = flat && name.endsWith('.weight') ? 1 : 0;
    const u = uniform(
      name,
      shape.reduce((a, b) => a * b, 1),
    );
    for (let i = 0; i < u.length; i++) u[i] = u[i]! * scale + shift;
    values = Float32Array.from(u);
    weights.set(key, values);
  }
  return values;
}

/** Rounded to 16 bits, to nearest and to even. */
export function rounded(values: Float32Array, precision: Precision): Float32Array | Uint16Array {
  if (precision === 'F32') return values;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const b = bits[i]!;
    if (precision === 'BF16') {
      out[i] = (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
      continue;
    }
    // The step between neighbours there; below 2⁻¹⁴ all steps are alike.
    const exponent = Math.max(-14, ((b >>> 23) & 255) - 127);
    const steps = Math.abs(values[i]!) * 2 ** (10 - exponent);
    const floor = Math.floor(steps);
    const rest = steps - floor;
    const whole = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
    out[i] = ((b >>> 16) & 0x8000) | (whole + ((exponent + 14) << 10));
  }
  return out;
}

export interface FileOptions {
  precision?: Precision;
  /** Which parts it has; default: all. */
  parts?: Part[];
  /** The name under which a tensor is stored; undefined leaves it out. */
  rename?: (name: string) => string | undefined;
  /** Other tensors. */
  more?: Record<string, { shape: number[]; data: Float32Array }>;
  metadata?: Record<string, string>;
}

type Stored = { shape: number[]; data: Float32Array | Uint16Array; dtype?: 'F16' | 'BF16' };

function stored(values: Float32Array, shape: number[], precision: Precision): Stored {
  return { shape, data: rounded(values, precision), ...(precision === 'F32' ? {} : { dtype: precision }) };
}

/** A single file under the names of the original code. */
export function writeSingleFile(
  file: string,
  model: SmallModel,
  {
    precision = 'F32',
    parts = ['unet', 'vae', 'text'],
    rename = (name) => name,
    more = {},
    metadata,
  }: FileOptions = {},
): string {
  const tensors: Record<string, Stored> = {};
  for (const part of parts)
    for (const [name, shape] of Object.entries(listingOf(model)[part].shapes)) {
      const key = rename(name);
      if (key !== undefined) tensors[key] = stored(weight(name, shape), shape, precision);
    }
  fs.mkdirSync(path.dirname(file), { recursive: true });
  writeSafetensors(file, { ...tensors, ...more }, metadata);
  return file;
}

const FOLDERS: Record<Part, [folder: string, stem: string]> = {
  unet: ['unet', 'diffusion_pytorch_model'],
  vae: ['vae', 'diffusion_pytorch_model'],
  text: ['text_encoder', 'model'],
};

/** A folder in diffusers' form. `variant`: as in NAME.fp16.safetensors; `shards`: in how many files each part is. */
export function writeDiffusersFolder(
  folder: string,
  model: SmallModel,
  { precision = 'F32', variant, shards = 1 }: { precision?: Precision; variant?: string; shards?: number } = {},
): string {
  const listing = listingOf(model);
  for (const [part, [name, stem]] of Object.entries(FOLDERS) as [Part, [string, string]][]) {
    const place = path.join(folder, name);
    fs.mkdirSync(place, { recursive: true });
    const { shapes, names } = listing[part];
    const tensors = Object.entries(names).map(([key, [original, third]]): [string, Stored] => {
      const whole = weight(original, shapes[original]!);
      const size = whole.length / (third === undefined ? 1 : 3);
      const [first, ...rest] = shapes[original]!;
      // diffusers stores the VAE's attention as linear layers.
      const side = part === 'vae' && key.includes('.attentions.') ? rest.filter((n) => n !== 1) : rest;
      const values = third === undefined ? whole : whole.slice(third * size, (third + 1) * size);
      return [key, stored(values, [third === undefined ? first! : first! / 3, ...side], precision)];
    });
    const dot = variant === undefined ? '' : `.${variant}`;
    if (shards === 1) writeSafetensors(path.join(place, `${stem}${dot}.safetensors`), Object.fromEntries(tensors));
    else {
      const map: Record<string, string> = {};
      for (let i = 0; i < shards; i++) {
        const shard = `${stem}-0000${i + 1}-of-0000${shards}${dot}.safetensors`;
        const own = tensors.filter((_, at) => at % shards === i);
        writeSafetensors(path.join(place, shard), Object.fromEntries(own));
        for (const [key] of own) map[key] = shard;
      }
      const index = { metadata: {}, weight_map: map };
      fs.writeFileSync(path.join(place, `${stem}.safetensors.index${dot}.json`), JSON.stringify(index));
    }
    const config =
      part === 'vae' ? { scaling_factor: 0.18215, block_out_channels: [32, 32, 64, 64] } : listing.config[part];
    fs.writeFileSync(path.join(place, 'config.json'), JSON.stringify(config));
  }
  return folder;
}
