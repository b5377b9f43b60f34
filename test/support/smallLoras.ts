/** LoRAs for the small model `tiny`, as the programs that make them name and store them; make_lora_references.py has the same numbers. */
import { writeSafetensors } from './safetensors';
import { listingOf, uniform } from './smallModels';

export type LoraFormat = 'kohya' | 'kohya, original names' | 'PEFT' | 'PEFT, bare' | 'old diffusers';
export const loraFormats: LoraFormat[] = ['kohya', 'kohya, original names', 'PEFT', 'PEFT, bare', 'old diffusers'];

interface Module {
  part: 'unet' | 'text';
  /** By diffusers' or transformers' name. */
  name: string;
  /** By the name of single files. */
  original: string;
  shape: number[];
}

const product = (sides: number[]): number => sides.reduce((a, b) => a * b, 1);
const bare = (name: string): string => name.replace(/\.weight$/, '').replace(/^text_model\./, '');

/** Every layer of the model that a LoRA may change: linear ones and convolutions. */
export function loraModules(parts: ('unet' | 'text')[] = ['unet', 'text']): Module[] {
  return parts.flatMap((part) =>
    Object.entries(listingOf('tiny')[part].names)
      .map(([name, [original]]) => ({ part, name, original, shape: listingOf('tiny')[part].shapes[original]! }))
      .filter(({ name, shape }) => name.endsWith('.weight') && shape.length > 1 && !name.includes('embeddings'))
      .map((each) => ({ ...each, name: bare(each.name), original: bare(each.original) })),
  );
}

/** up [out, rank] and down [rank, in × kernel]; alpha is half the rank. */
export function loraNumbers({ name, shape }: Module, rank: number): { up: Float32Array; down: Float32Array } {
  const [out = 0, ...rest] = shape;
  const scale = 0.5 / Math.sqrt(rank * product(rest));
  return {
    up: Float32Array.from(uniform(`${name} up`, out * rank)),
    down: Float32Array.from(Float32Array.from(uniform(`${name} down`, rank * product(rest))), (u) => u * scale),
  };
}

const attention = /^(.*\.attn[12])\.(to_q|to_k|to_v|to_out)(?:\.0)?$/;

/** Names of one layer's matrices, and of its alpha where the format has it. */
function names(format: LoraFormat, { part, name, original }: Module): { up: string; down: string; alpha?: string } {
  const flat = (text: string): string => text.replaceAll('.', '_');
  const text = `text_model.${name}`;
  switch (format) {
    case 'kohya':
    case 'kohya, original names': {
      const own = format === 'kohya' ? name : original.replace('model.diffusion_model.', '');
      const module = part === 'unet' ? `lora_unet_${flat(own)}` : `lora_te_${flat(text)}`;
      return { up: `${module}.lora_up.weight`, down: `${module}.lora_down.weight`, alpha: `${module}.alpha` };
    }
    case 'PEFT':
    case 'PEFT, bare': {
      const module =
        format === 'PEFT, bare'
          ? `base_model.model.${part === 'unet' ? name : text}`
          : part === 'unet'
            ? `unet.${name}`
            : `text_encoder.${text}`;
      return { up: `${module}.lora_B.weight`, down: `${module}.lora_A.weight` };
    }
    case 'old diffusers': {
      const found = part === 'unet' ? attention.exec(name) : null;
      const module =
        part === 'text'
          ? `text_encoder.${text}.lora_linear_layer`
          : found
            ? `unet.${found[1]}.processor.${found[2]}_lora`
            : `unet.${name}.lora`;
      return { up: `${module}.up.weight`, down: `${module}.down.weight` };
    }
  }
}

/** A LoRA file of any form. Where the format has no alpha, `up` is stored at half its size. */
export function writeLora(
  file: string,
  format: LoraFormat,
  { rank = 4, parts }: { rank?: number; parts?: ('unet' | 'text')[] } = {},
): string {
  const tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
  const metadata =
    format === 'PEFT'
      ? {
          lora_adapter_metadata: JSON.stringify(
            Object.fromEntries(['unet', 'text_encoder'].map((part) => [`${part}.lora_alpha`, rank / 2])),
          ),
        }
      : undefined;
  for (const module of loraModules(parts)) {
    const { up, down } = loraNumbers(module, rank);
    const [out = 0, ...rest] = module.shape;
    const key = names(format, module);
    const stated = key.alpha !== undefined || metadata !== undefined;
    const ones = rest.slice(1).map(() => 1);
    tensors[key.up] = { shape: [out, rank, ...ones], data: stated ? up : up.map((u) => u / 2) };
    tensors[key.down] = { shape: [rank, ...rest], data: down };
    if (key.alpha !== undefined) tensors[key.alpha] = { shape: [], data: Float32Array.of(rank / 2) };
  }
  writeSafetensors(file, tensors, metadata);
  return file;
}
