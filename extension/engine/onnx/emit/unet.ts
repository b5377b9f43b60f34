/** Stable Diffusion's UNet (diffusers: UNet2DConditionModel) as an ONNX graph. */
import { type OnnxModel } from '../modelFile';
import { resnet, transformer } from './blocks';
import { Builder, FLOAT, type Maps, type Tokens } from './builder';
import { type Config, countOf, groupsOf, numberIn, requirePlain, sideOf } from './config';
import { type WeightSource } from './weights';

export interface UnetShape {
  inChannels: number;
  outChannels: number;
  /** Of each level, the highest resolution first. */
  channels: number[];
  /** Resnets of a level on the way down; on the way up there is one more. */
  layers: number;
  /** Transformer blocks in an attention of each level, 0 where there is none. */
  depths: number[];
  middleDepth: number;
  /** Attention heads of each level. */
  heads: number[];
  contextWidth: number;
  groups: number;
  epsilon: number;
}

/** What {@link emitUnet} is written for. */
const PLAIN = {
  act_fn: 'silu',
  flip_sin_to_cos: true,
  freq_shift: 0,
  downsample_padding: 1,
  mid_block_scale_factor: 1,
  resnet_time_scale_shift: 'default',
  resnet_out_scale_factor: 1,
  resnet_skip_time_act: false,
  time_embedding_type: 'positional',
  center_input_sample: false,
  dual_cross_attention: false,
  only_cross_attention: false,
  class_embed_type: null,
  addition_embed_type: null,
  encoder_hid_dim_type: null,
  time_cond_proj_dim: null,
  timestep_post_act: null,
  conv_in_kernel: 3,
  conv_out_kernel: 3,
};

const depthOf = (source: WeightSource, attention: string): number =>
  countOf(source, (i) => `${attention}.transformer_blocks.${i}.norm1.weight`);

/** @throws WeftError `checkpoint` if the weights are no UNet of this kind. */
export function unetShape(source: WeightSource, config: Config = {}): UnetShape {
  requirePlain(source, config, PLAIN);
  const levels = Math.max(
    1,
    countOf(source, (i) => `down_blocks.${i}.resnets.0.conv1.weight`),
  );
  const layers = Math.max(
    1,
    countOf(source, (j) => `down_blocks.0.resnets.${j}.conv1.weight`),
  );
  const perLevel = Array.from({ length: levels }, (_, i) => i);
  const channels = perLevel.map((i) => sideOf(source, `down_blocks.${i}.resnets.0.conv1.weight`, 0));
  const contextWidth =
    numberIn(config, 'cross_attention_dim') ??
    sideOf(source, 'mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight', 1);
  return {
    inChannels: sideOf(source, 'conv_in.weight', 1),
    outChannels: sideOf(source, 'conv_out.weight', 0),
    channels,
    layers,
    depths: perLevel.map((i) => depthOf(source, `down_blocks.${i}.attentions.0`)),
    middleDepth: depthOf(source, 'mid_block.attentions.0'),
    heads: perLevel.map((i) => headsOf(config, i, channels[i]!, contextWidth)),
    contextWidth,
    groups: groupsOf(source, config, channels),
    epsilon: numberIn(config, 'norm_eps') ?? 1e-5,
  };
}

/** Stable Diffusion 1.x has eight heads at each level, 2.x and XL have heads of 64 numbers. A configuration calls the number of heads `attention_head_dim`. */
function headsOf(config: Config, level: number, channels: number, contextWidth: number): number {
  const stated = config['num_attention_heads'] ?? config['attention_head_dim'];
  const own: unknown = Array.isArray(stated) ? stated[level] : stated;
  if (typeof own === 'number' && own > 0) return own;
  return contextWidth === 1024 || contextWidth === 2048 ? Math.max(1, Math.round(channels / 64)) : 8;
}

/** The UNet: sample [B, C, h, w], timestep [B], encoder_hidden_states [B, L, D] → out_sample [B, C, h, w]. */
export function emitUnet(source: WeightSource, config: Config = {}): OnnxModel {
  const shape = unetShape(source, config);
  const { channels, layers, depths, heads, groups, epsilon } = shape;
  const b = new Builder(source, 'unet');
  const sample = b.input('sample', FLOAT, ['batch', shape.inChannels, 'height', 'width']);
  const timestep = b.input('timestep', FLOAT, ['batch']);
  const context = b.input('encoder_hidden_states', FLOAT, ['batch', 'sequence', shape.contextWidth]);
  const prompt: Tokens = { tensor: context, width: shape.contextWidth };
  const time = timeEmbedding(b, timestep, channels[0]!);
  const last = channels.length - 1;

  const attend = (x: Maps, name: string, level: number, depth = depths[level]!): Maps =>
    depth === 0 ? x : transformer(b, x, name, { depth, heads: heads[level]!, groups }, prompt);
  const block = (x: Maps, name: string, level: number, j: number): Maps => {
    const h = resnet(b, x, `${name}.resnets.${j}`, channels[level]!, { groups, epsilon }, time);
    return attend(h, `${name}.attentions.${j}`, level);
  };

  let x = b.conv({ tensor: sample, channels: shape.inChannels, sides: b.sidesOf(sample) }, 'conv_in', channels[0]!, 3);
  const skips = [x];
  for (let level = 0; level <= last; level++) {
    for (let j = 0; j < layers; j++) skips.push((x = block(x, `down_blocks.${level}`, level, j)));
    if (level < last)
      skips.push((x = b.conv(x, `down_blocks.${level}.downsamplers.0.conv`, channels[level]!, 3, { stride: 2 })));
  }

  x = resnet(b, x, 'mid_block.resnets.0', channels[last]!, { groups, epsilon }, time);
  x = attend(x, 'mid_block.attentions.0', last, shape.middleDepth);
  x = resnet(b, x, 'mid_block.resnets.1', channels[last]!, { groups, epsilon }, time);

  for (let level = last; level >= 0; level--) {
    const name = `up_blocks.${last - level}`;
    for (let j = 0; j <= layers; j++) x = block(b.concat(x, skips.pop()!), name, level, j);
    if (level > 0) x = b.conv(b.upsample(x), `${name}.upsamplers.0.conv`, channels[level]!, 3);
  }

  x = b.groupNorm(x, 'conv_norm_out', groups, epsilon);
  x = b.conv({ ...x, tensor: b.silu(x.tensor) }, 'conv_out', shape.outChannels, 3);
  return b.model('out_sample', x.tensor, ['batch', shape.outChannels, 'height', 'width']);
}

/** Cosines and sines of the timestep at falling frequencies, through two layers; the silu with which every resnet reads it is taken once. */
function timeEmbedding(b: Builder, timestep: string, channels: number): { tensor: string; width: number } {
  const half = channels / 2;
  const frequencies = Array.from({ length: half }, (_, i) => Math.exp((-Math.log(10000) * i) / half));
  const angles = b.mul(b.reshape(timestep, [-1, 1]), b.graph.float(frequencies, [1, half]));
  const waves = ['Cos', 'Sin'].map((wave) => b.graph.add(wave, [angles], wave.toLowerCase()));
  const width = sideOf(b.source, 'time_embedding.linear_1.weight', 0);
  const joined = b.graph.add('Concat', waves, 'waves', { axis: -1 });
  const h = b.silu(b.linear(joined, 'time_embedding.linear_1', [channels, width]));
  return { tensor: b.silu(b.linear(h, 'time_embedding.linear_2', [width, width])), width };
}
