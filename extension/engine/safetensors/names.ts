/**
 * How tensors are called: the names that diffusers and transformers give them, which the emitter asks for, and under which names the
 * files in circulation have them. Source of the other names: the original code of latent diffusion (`model.diffusion_model.*`), CLIP as
 * OpenAI wrote it (`transformer.resblocks.*`), and the renaming in diffusers' loaders/single_file_utils.py.
 */
import { type StoredTensor } from './header';

/** A tensor of the file; of fused query, key and value projections, one third of it. */
export interface Candidate {
  key: string;
  third?: 0 | 1 | 2;
}

/** From a diffusers name to what the file may call it, likeliest first. */
export type Naming = (name: string) => Candidate[];

type Tensors = ReadonlyMap<string, StoredTensor>;
type Rename = [pattern: RegExp, by: string];

const renamed = (name: string, renames: Rename[]): string => {
  let result = name;
  for (const [pattern, by] of renames) result = result.replace(pattern, by);
  return result;
};

/** Every number in a name moved by a formula. */
const numbered = (name: string, pattern: RegExp, by: (...numbers: number[]) => string): string =>
  name.replace(pattern, (_, ...found: unknown[]) => by(...found.slice(0, -2).map(Number)));

const UNET_RESNET: Rename[] = [
  [/\.norm1\./, '.in_layers.0.'],
  [/\.conv1\./, '.in_layers.2.'],
  [/\.time_emb_proj\./, '.emb_layers.1.'],
  [/\.norm2\./, '.out_layers.0.'],
  [/\.conv2\./, '.out_layers.3.'],
  [/\.conv_shortcut\./, '.skip_connection.'],
];
const UNET_ENDS: Rename[] = [
  [/^time_embedding\.linear_1\./, 'time_embed.0.'],
  [/^time_embedding\.linear_2\./, 'time_embed.2.'],
  [/^conv_in\./, 'input_blocks.0.0.'],
  [/^conv_norm_out\./, 'out.0.'],
  [/^conv_out\./, 'out.2.'],
];

/** A UNet in the names of latent diffusion: its blocks are numbered through, resnets and attentions in one row. */
export function latentDiffusionUnet(tensors: Tensors, prefix: string): Naming {
  return under(
    prefix,
    originalUnet((key) => tensors.has(prefix + key)),
  );
}

/** The running averages of training (`model_ema.*`): the same names without their dots. */
export function averagedUnet(tensors: Tensors): Naming {
  const key = (name: string): string => `model_ema.${`diffusion_model.${name}`.replaceAll('.', '')}`;
  const original = originalUnet((name) => tensors.has(key(name)));
  return (name) => original(name).map((candidate) => ({ key: key(candidate.key) }));
}

export function originalUnet(has: (key: string) => boolean): Naming {
  // Resnets of a level; then comes its downsampler.
  let layers = 1;
  while (layers < 16 && !has(`input_blocks.${layers + 1}.0.op.weight`)) layers++;
  if (layers === 16) layers = 2;
  const block = layers + 1;
  return (name) => {
    if (/^(down|up|mid)_block/.test(name) && name.includes('.resnets.')) name = renamed(name, UNET_RESNET);
    name = renamed(name, UNET_ENDS);
    name = numbered(name, /^down_blocks\.(\d+)\.resnets\.(\d+)\./, (i, j) => `input_blocks.${block * i + j + 1}.0.`);
    name = numbered(name, /^down_blocks\.(\d+)\.attentions\.(\d+)\./, (i, j) => `input_blocks.${block * i + j + 1}.1.`);
    name = numbered(
      name,
      /^down_blocks\.(\d+)\.downsamplers\.0\.conv\./,
      (i) => `input_blocks.${block * (i + 1)}.0.op.`,
    );
    name = numbered(name, /^mid_block\.resnets\.(\d+)\./, (j) => `middle_block.${2 * j}.`);
    name = numbered(name, /^mid_block\.attentions\.0\./, () => 'middle_block.1.');
    name = numbered(name, /^up_blocks\.(\d+)\.resnets\.(\d+)\./, (i, j) => `output_blocks.${block * i + j}.0.`);
    name = numbered(name, /^up_blocks\.(\d+)\.attentions\.(\d+)\./, (i, j) => `output_blocks.${block * i + j}.1.`);
    const up = /^up_blocks\.(\d+)\.upsamplers\.0\.conv\.(.*)$/.exec(name);
    if (up === null) return [{ key: name }];
    // After an attention if its level has any.
    return [2, 1].map((at) => ({ key: `output_blocks.${block * Number(up[1]) + layers}.${at}.conv.${up[2]}` }));
  };
}

/** Names of the VAE's one attention, in the order in which programs have changed them. */
const VAE_ATTENTION: [name: string, others: string[]][] = [
  ['.group_norm.', ['.norm.']],
  ['.to_q.', ['.q.', '.query.']],
  ['.to_k.', ['.k.', '.key.']],
  ['.to_v.', ['.v.', '.value.']],
  ['.to_out.0.', ['.proj_out.', '.proj_attn.']],
];

/** A VAE, by latent diffusion's names or by diffusers', the old ones of its attention among them. */
export function vaeNames(tensors: Tensors, prefix: string): Naming {
  let levels = 0;
  while (levels < 16 && tensors.has(`${prefix}decoder.up.${levels}.block.0.norm1.weight`)) levels++;
  const original = (name: string): string => {
    name = name.replace('.conv_shortcut.', '.nin_shortcut.').replace('.conv_norm_out.', '.norm_out.');
    name = numbered(name, /^encoder\.down_blocks\.(\d+)\.resnets\.(\d+)\./, (i, j) => `encoder.down.${i}.block.${j}.`);
    name = numbered(name, /^encoder\.down_blocks\.(\d+)\.downsamplers\.0\./, (i) => `encoder.down.${i}.downsample.`);
    // Numbered from the picture's end.
    name = numbered(
      name,
      /^decoder\.up_blocks\.(\d+)\.resnets\.(\d+)\./,
      (i, j) => `decoder.up.${levels - 1 - i}.block.${j}.`,
    );
    name = numbered(
      name,
      /^decoder\.up_blocks\.(\d+)\.upsamplers\.0\./,
      (i) => `decoder.up.${levels - 1 - i}.upsample.`,
    );
    name = numbered(name, /\.mid_block\.resnets\.(\d+)\./, (j) => `.mid.block_${j + 1}.`);
    return name.replace('.mid_block.attentions.0.', '.mid.attn_1.');
  };
  return under(prefix, (name) => {
    const attention = VAE_ATTENTION.find(([part]) => name.includes('.attentions.') && name.includes(part));
    const spelt =
      attention === undefined ? [name] : [name, ...attention[1].map((other) => name.replace(attention[0], other))];
    const all = levels === 0 ? spelt : spelt.map(original);
    // The likeliest first: the one that a message names when there is none of them.
    const likeliest = levels > 0 && all.length > 1 ? [all[1]!, all[0]!, ...all.slice(2)] : all;
    return likeliest.map((key) => ({ key }));
  });
}

/** A CLIP text encoder as transformers names it, with or without `text_model.`. */
export function clipNames(prefix: string): Naming {
  return (name) => [{ key: `${prefix}text_model.${name}` }, { key: prefix + name }];
}

const OPEN_CLIP: Rename[] = [
  [/^embeddings\.token_embedding\./, 'token_embedding.'],
  [/^embeddings\.position_embedding\.weight$/, 'positional_embedding'],
  [/^final_layer_norm\./, 'ln_final.'],
  [/^encoder\.layers\./, 'transformer.resblocks.'],
  [/\.layer_norm(\d)\./, '.ln_$1.'],
  [/\.mlp\.fc1\./, '.mlp.c_fc.'],
  [/\.mlp\.fc2\./, '.mlp.c_proj.'],
  [/\.self_attn\.out_proj\./, '.attn.out_proj.'],
];

/** A text encoder as OpenCLIP names it, whose three projections are one matrix. */
export function openClipNames(prefix: string): Naming {
  return under(prefix, (name) => {
    const projection = /^(.*)\.self_attn\.([qkv])_proj\.(weight|bias)$/.exec(name);
    if (projection === null) return [{ key: renamed(name, OPEN_CLIP) }];
    const [, layer, which, kind] = projection;
    return [
      { key: `${renamed(`${layer}.`, OPEN_CLIP)}attn.in_proj_${kind}`, third: 'qkv'.indexOf(which!) as 0 | 1 | 2 },
    ];
  });
}

/** diffusers' own names. */
export const plainNames = (prefix: string): Naming => under(prefix, (name) => [{ key: name }]);

const under =
  (prefix: string, naming: Naming): Naming =>
  (name) =>
    naming(name).map((candidate) => ({ ...candidate, key: prefix + candidate.key }));
