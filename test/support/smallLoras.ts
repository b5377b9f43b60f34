/** LoRAs for the small model `tiny`, as the programs that make them name and store them; make_lora_references.py has the same numbers. */
import { writeSafetensors } from './safetensors';
import { listingOf, rounded, uniform } from './smallModels';

export const loraFormats = ['kohya', 'kohya, original names', 'PEFT', 'PEFT, bare', 'old diffusers'] as const;
/** Of programs that write what the others do under other names. */
export const rarerFormats = [
  "diffusers' conversion to kohya",
  'PEFT, named adapter',
  'OneTrainer',
  'OneTrainer, OMI',
  'ComfyUI',
] as const;
export type LoraFormat = (typeof loraFormats)[number] | (typeof rarerFormats)[number];

type Tensors = Parameters<typeof writeSafetensors>[1];

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
  const own = original.replace('model.diffusion_model.', '');
  const kohya = (module: string): { up: string; down: string; alpha: string } => ({
    up: `${module}.lora_up.weight`,
    down: `${module}.lora_down.weight`,
    alpha: `${module}.alpha`,
  });
  switch (format) {
    case "diffusers' conversion to kohya":
      return kohya(part === 'unet' ? `lora_unet_${flat(name)}` : `lora_te1_${flat(text)}`);
    case 'OneTrainer':
      return kohya(part === 'unet' ? `lora_unet.${name}` : `lora_te.${text}`);
    case 'OneTrainer, OMI':
      return kohya(part === 'unet' ? `unet.${own}` : `clip_l.${text}`);
    case 'ComfyUI':
      return kohya(part === 'unet' ? `diffusion_model.${own}` : `text_encoders.clip_l.transformer.${text}`);
    case 'PEFT, named adapter': {
      const module = `base_model.model.${part === 'unet' ? name : text}`;
      return { up: `${module}.lora_B.my-style.weight`, down: `${module}.lora_A.my-style.weight` };
    }
    case 'kohya':
    case 'kohya, original names':
      return kohya(part === 'unet' ? `lora_unet_${flat(format === 'kohya' ? name : own)}` : `lora_te_${flat(text)}`);
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
  const tensors: Tensors = {};
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
    // diffusers' conversion says that alpha is the rank, in whole numbers.
    const whole = format === "diffusers' conversion to kohya";
    const stated = (key.alpha !== undefined && !whole) || metadata !== undefined;
    const ones = rest.slice(1).map(() => 1);
    tensors[key.up] = { shape: [out, rank, ...ones], data: stated ? up : up.map((u) => u / 2) };
    tensors[key.down] = { shape: [rank, ...rest], data: down };
    if (key.alpha !== undefined)
      tensors[key.alpha] = { shape: [], data: whole ? BigInt64Array.of(BigInt(rank)) : Float32Array.of(rank / 2) };
  }
  writeSafetensors(file, tensors, metadata);
  return file;
}

/** LoCon with a third matrix in its convolutions (LyCORIS, use_tucker). */
export function writeTucker(file: string, rank = 4): string {
  const tensors: Tensors = {};
  for (const module of loraModules(['unet']).filter(({ shape }) => shape[2] === 3)) {
    const [out = 0, within = 0, ...kernel] = module.shape;
    const { up, down } = loraNumbers({ ...module, shape: [out, within] }, rank);
    const key = names('kohya', module);
    const middle = uniform(`${module.name} mid`, rank * rank * product(kernel));
    tensors[key.up] = { shape: [out, rank, 1, 1], data: up };
    tensors[key.down] = { shape: [rank, within, 1, 1], data: down };
    tensors[key.up.replace('lora_up', 'lora_mid')] = {
      shape: [rank, rank, ...kernel],
      data: Float32Array.from(middle),
    };
    tensors[key.alpha!] = { shape: [], data: Float32Array.of(rank / 2) };
  }
  writeSafetensors(file, tensors);
  return file;
}

/** Every weight, bias and norm by its whole difference, as LyCORIS (full, train_norm) and ComfyUI write them. */
export function writeFull(file: string): string {
  const tensors: Tensors = {};
  for (const part of ['unet', 'text'] as const) {
    const { names: all, shapes } = listingOf('tiny')[part];
    for (const [full, [original]] of Object.entries(all)) {
      if (full.includes('embeddings')) continue;
      const name = full.replace(/^text_model\./, '');
      const [, module = '', kind] = /^(.*)\.(weight|bias)$/.exec(name)!;
      const what = (
        module.includes('norm') ? { weight: 'w_norm', bias: 'b_norm' } : { weight: 'diff', bias: 'diff_b' }
      )[kind as 'weight' | 'bias'];
      const key = `${part === 'unet' ? 'lora_unet_' : 'lora_te_text_model_'}${module.replaceAll('.', '_')}.${what}`;
      const shape = shapes[original]!;
      const values = uniform(`${name} diff`, product(shape));
      tensors[key] = { shape, data: Float32Array.from(Float32Array.from(values), (u) => u * 0.05) };
    }
  }
  writeSafetensors(file, tensors);
  return file;
}

/** kohya's form, its matrices in the two halves of precision and alpha in doubles. */
export function writeMixed(file: string, rank = 4): string {
  const tensors: Tensors = {};
  for (const module of loraModules()) {
    const { up, down } = loraNumbers(module, rank);
    const [out = 0, ...rest] = module.shape;
    const key = names('kohya', module);
    tensors[key.up] = {
      shape: [out, rank, ...rest.slice(1).map(() => 1)],
      data: rounded(up, 'F16') as Uint16Array,
      dtype: 'F16',
    };
    tensors[key.down] = { shape: [rank, ...rest], data: rounded(down, 'BF16') as Uint16Array, dtype: 'BF16' };
    tensors[key.alpha!] = { shape: [1], data: Float64Array.of(rank / 2) };
  }
  writeSafetensors(file, tensors);
  return file;
}
