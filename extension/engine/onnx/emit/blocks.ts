/** Blocks that the UNet and the VAE share (diffusers: ResnetBlock2D, BasicTransformerBlock, Attention). */
import { type Builder, type Maps, type Tokens } from './builder';

export interface Norm {
  groups: number;
  epsilon: number;
}

/** norm → silu → conv, twice; between them what the timestep adds; beside them the input itself. `embedding`: silu of the time embedding, [B, width]. */
export function resnet(
  b: Builder,
  x: Maps,
  name: string,
  channels: number,
  { groups, epsilon }: Norm,
  embedding?: { tensor: string; width: number },
): Maps {
  const first = b.groupNorm(x, `${name}.norm1`, groups, epsilon);
  let h = b.conv({ ...first, tensor: b.silu(first.tensor) }, `${name}.conv1`, channels, 3);
  if (embedding !== undefined) {
    const shift = b.linear(embedding.tensor, `${name}.time_emb_proj`, [embedding.width, channels]);
    h = { ...h, tensor: b.add(h.tensor, b.reshape(shift, [-1, channels, 1, 1])) };
  }
  const second = b.groupNorm(h, `${name}.norm2`, groups, epsilon);
  h = b.conv({ ...second, tensor: b.silu(second.tensor) }, `${name}.conv2`, channels, 3);
  const beside = x.channels === channels ? x : b.conv(x, `${name}.conv_shortcut`, channels, 1);
  return { ...h, tensor: b.add(beside.tensor, h.tensor) };
}

export interface TransformerShape {
  /** Transformer blocks in a row. */
  depth: number;
  heads: number;
  groups: number;
}

/** Maps as tokens through transformer blocks that read the prompt, added to the maps. */
export function transformer(
  b: Builder,
  x: Maps,
  name: string,
  { depth, heads, groups }: TransformerShape,
  prompt: Tokens,
): Maps {
  const { channels } = x;
  let tokens = b.toTokens(b.groupNorm(x, `${name}.norm`, groups, 1e-6));
  // A convolution of 1×1 in older checkpoints, a linear layer in newer ones: the same sums.
  tokens = { ...tokens, tensor: b.linear(tokens.tensor, `${name}.proj_in`, [channels, channels]) };
  for (let i = 0; i < depth; i++)
    tokens = transformerBlock(b, tokens, `${name}.transformer_blocks.${i}`, heads, prompt);
  const out = b.linear(tokens.tensor, `${name}.proj_out`, [channels, channels]);
  return { ...x, tensor: b.add(b.toMaps({ ...tokens, tensor: out }, x).tensor, x.tensor) };
}

/** Self-attention, cross-attention, feed-forward: each on normalised tokens and added to them. */
function transformerBlock(b: Builder, x: Tokens, name: string, heads: number, prompt: Tokens): Tokens {
  const plus = (to: Tokens, tensor: string): Tokens => ({ ...to, tensor: b.add(to.tensor, tensor) });
  const first = b.layerNorm(x, `${name}.norm1`);
  let h = plus(x, projectedAttention(b, first, first, `${name}.attn1`, heads));
  h = plus(h, projectedAttention(b, b.layerNorm(h, `${name}.norm2`), prompt, `${name}.attn2`, heads));
  return plus(h, feedForward(b, b.layerNorm(h, `${name}.norm3`), `${name}.ff`));
}

/** Queries of one row of tokens look at keys and values of another. */
function projectedAttention(b: Builder, from: Tokens, to: Tokens, name: string, heads: number): string {
  const project = (x: Tokens, which: string): string =>
    b.linear(x.tensor, `${name}.${which}`, [x.width, from.width], { bias: b.has(`${name}.${which}.bias`) });
  const mixed = b.attention(project(from, 'to_q'), project(to, 'to_k'), project(to, 'to_v'), from.width, heads);
  return b.linear(mixed, `${name}.to_out.0`, [from.width, from.width]);
}

/** GEGLU: one half of a layer four times as wide, times the gelu of the other half. */
function feedForward(b: Builder, x: Tokens, name: string): string {
  const inner = 4 * x.width;
  const half = (from: number): string =>
    b.linear(x.tensor, `${name}.net.0.proj`, [x.width, inner], { rows: { from, of: 2 * inner } });
  return b.linear(b.mul(half(0), b.gelu(half(inner))), `${name}.net.2`, [inner, x.width]);
}

/** The VAE's attention: one head over all positions, added to the maps. */
export function mapAttention(b: Builder, x: Maps, name: string, { groups, epsilon }: Norm): Maps {
  const { channels } = x;
  const tokens = b.toTokens(b.groupNorm(x, `${name}.group_norm`, groups, epsilon));
  const project = (which: string): string => b.linear(tokens.tensor, `${name}.${which}`, [channels, channels]);
  const mixed = b.attention(project('to_q'), project('to_k'), project('to_v'), channels, 1);
  const out = b.linear(mixed, `${name}.to_out.0`, [channels, channels]);
  return { ...x, tensor: b.add(b.toMaps({ tensor: out, width: channels }, x).tensor, x.tensor) };
}
