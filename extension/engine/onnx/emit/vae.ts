/** Both halves of Stable Diffusion's VAE (diffusers: AutoencoderKL) as ONNX graphs. */
import { type OnnxModel } from '../modelFile';
import { mapAttention, type Norm, resnet } from './blocks';
import { Builder, FLOAT, type Maps } from './builder';
import { type Config, countOf, groupsOf, requirePlain, sideOf } from './config';
import { type WeightSource } from './weights';

export interface VaeShape {
  /** Of each level, the picture's own resolution first. */
  channels: number[];
  latentChannels: number;
  /** Resnets of a level in the encoder; the decoder has one more. */
  layers: number;
  norm: Norm;
}

const PLAIN = { act_fn: 'silu', in_channels: 3, out_channels: 3, shift_factor: null, mid_block_add_attention: true };

/** @throws WeftError `checkpoint` if the weights are no VAE of this kind. */
export function vaeShape(source: WeightSource, config: Config = {}): VaeShape {
  requirePlain(source, config, PLAIN);
  const levels = Math.max(
    1,
    countOf(source, (i) => `encoder.down_blocks.${i}.resnets.0.conv1.weight`),
  );
  const channels = Array.from({ length: levels }, (_, i) =>
    sideOf(source, `encoder.down_blocks.${i}.resnets.0.conv1.weight`, 0),
  );
  return {
    channels,
    latentChannels: sideOf(source, 'decoder.conv_in.weight', 1),
    layers: Math.max(
      1,
      countOf(source, (j) => `encoder.down_blocks.0.resnets.${j}.conv1.weight`),
    ),
    norm: { groups: groupsOf(source, config, channels), epsilon: 1e-6 },
  };
}

/** sample [B, 3, H, W] → latent_sample [B, C, h, w]: the mean of the posterior, which is its mode. */
export function emitVaeEncoder(source: WeightSource, config: Config = {}): OnnxModel {
  const { channels, latentChannels, layers, norm } = vaeShape(source, config);
  const b = new Builder(source, 'vae_encoder');
  const sample = b.input('sample', FLOAT, ['batch', 3, 'height', 'width']);
  const last = channels.length - 1;
  let x = b.conv({ tensor: sample, channels: 3, sides: b.sidesOf(sample) }, 'encoder.conv_in', channels[0]!, 3);
  for (let level = 0; level <= last; level++) {
    const name = `encoder.down_blocks.${level}`;
    for (let j = 0; j < layers; j++) x = resnet(b, x, `${name}.resnets.${j}`, channels[level]!, norm);
    // One row and one column of zeros, after the picture only.
    if (level < last) x = b.conv(x, `${name}.downsamplers.0.conv`, x.channels, 3, { stride: 2, pads: [0, 1] });
  }
  x = middle(b, x, 'encoder.mid_block', norm);
  x = b.groupNorm(x, 'encoder.conv_norm_out', norm.groups, norm.epsilon);
  x = { ...x, tensor: b.silu(x.tensor) };
  // The variances, which come after the means, are not computed at all.
  const means = { rows: { from: 0, of: 2 * latentChannels } };
  if (b.has('quant_conv.weight')) {
    x = b.conv(x, 'encoder.conv_out', 2 * latentChannels, 3);
    x = b.conv(x, 'quant_conv', latentChannels, 1, means);
  } else x = b.conv(x, 'encoder.conv_out', latentChannels, 3, means);
  return b.model('latent_sample', x.tensor, ['batch', latentChannels, 'latent_height', 'latent_width']);
}

/** latent_sample [B, C, h, w] → sample [B, 3, H, W]. */
export function emitVaeDecoder(source: WeightSource, config: Config = {}): OnnxModel {
  const { channels, latentChannels, layers, norm } = vaeShape(source, config);
  const b = new Builder(source, 'vae_decoder');
  const latents = b.input('latent_sample', FLOAT, ['batch', latentChannels, 'latent_height', 'latent_width']);
  const last = channels.length - 1;
  let x: Maps = { tensor: latents, channels: latentChannels, sides: b.sidesOf(latents) };
  if (b.has('post_quant_conv.weight')) x = b.conv(x, 'post_quant_conv', latentChannels, 1);
  x = b.conv(x, 'decoder.conv_in', channels[last]!, 3);
  x = middle(b, x, 'decoder.mid_block', norm);
  for (let level = last; level >= 0; level--) {
    const name = `decoder.up_blocks.${last - level}`;
    for (let j = 0; j <= layers; j++) x = resnet(b, x, `${name}.resnets.${j}`, channels[level]!, norm);
    if (level > 0) x = b.conv(b.upsample(x), `${name}.upsamplers.0.conv`, x.channels, 3);
  }
  x = b.groupNorm(x, 'decoder.conv_norm_out', norm.groups, norm.epsilon);
  x = b.conv({ ...x, tensor: b.silu(x.tensor) }, 'decoder.conv_out', 3, 3);
  return b.model('sample', x.tensor, ['batch', 3, 'height', 'width']);
}

function middle(b: Builder, x: Maps, name: string, norm: Norm): Maps {
  const first = resnet(b, x, `${name}.resnets.0`, x.channels, norm);
  return resnet(b, mapAttention(b, first, `${name}.attentions.0`, norm), `${name}.resnets.1`, x.channels, norm);
}
