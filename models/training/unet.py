"""The UNet of mini: Stable Diffusion's topology (diffusers' UNet2DConditionModel names), small enough for two CPU cores.

128x128 pictures are 16x16 latents of 16 channels; three resolutions (16, 8, 4) of 48, 96 and 160 channels. The two higher ones carry
transformer blocks (self-attention, cross-attention to the text, GEGLU feed-forward), so the decoder has self-attention at 16^2 and
8^2 tokens: the two resolutions that cross-image attention works on.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(
    in_channels=16,
    block_out_channels=(48, 96, 160),
    heads=(3, 4, 5),
    attention_blocks=(True, True, False),
    cross_attention_dim=64,
    norm_num_groups=8,
    feed_forward_factor=4,
    time_embedding_dim=256,
    sample_size=16,
)


@dataclass
class KeyValueSwap:
    """Cross-image attention: the first `rows` elements of the batch read K and V of the elements `sources`.

    `contrast` is the factor on the softmax map of those rows, clip(contrast * (M - 1/N) + 1/N, 0, 1); 1 leaves it alone. A tensor of the shape
    [rows, 1, 1, 1] gives each row its own.
    `tokens` are the resolutions (numbers of tokens) that swap.
    """

    rows: int
    sources: torch.Tensor
    contrast: float | torch.Tensor = 1.0
    tokens: frozenset = frozenset((256, 64))


def sharpen(maps, contrast):
    """The contrast of cross-image attention on softmax maps [..., N]; the mean of a row is 1/N."""
    mean = 1.0 / maps.shape[-1]
    return ((maps - mean) * contrast + mean).clamp(0, 1)


class Attention(nn.Module):
    """Self-attention (no context) or cross-attention, written out as MatMul, Softmax, MatMul: so it exports unfused, and so it is faster to
    train on CPUs. With `keep_map` the softmax map [b, heads, N, M], before the contrast, stays in `attention_map`."""

    def __init__(self, channels, context_channels=None, heads=4):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_channels or channels, channels, bias=False)
        self.to_v = nn.Linear(context_channels or channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])
        self.keep_map = False
        self.attention_map = None

    def forward(self, tokens, context=None, swap=None):
        batch, count, channels = tokens.shape
        source = tokens if context is None else context
        if swap is not None and count not in swap.tokens:
            swap = None
        head_size = channels // self.heads

        def split_heads(projected):
            return projected.reshape(batch, -1, self.heads, head_size).transpose(1, 2)

        query, key, value = self.to_q(tokens), self.to_k(source), self.to_v(source)
        if swap is not None:
            key = torch.cat([key[swap.sources], key[swap.rows:]])
            value = torch.cat([value[swap.sources], value[swap.rows:]])
        query, key, value = split_heads(query), split_heads(key), split_heads(value)
        maps = ((query * head_size ** -0.5) @ key.transpose(-1, -2)).softmax(-1)
        if self.keep_map:
            self.attention_map = maps
        if swap is not None and (torch.is_tensor(swap.contrast) or swap.contrast != 1.0):
            maps = torch.cat([sharpen(maps[:swap.rows], swap.contrast), maps[swap.rows:]])
        mixed = maps @ value
        return self.to_out[0](mixed.transpose(1, 2).reshape(batch, count, channels))


class GEGLU(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.proj = nn.Linear(channels, 2 * hidden)

    def forward(self, tokens):
        value, gate = self.proj(tokens).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, channels, factor):
        super().__init__()
        self.net = nn.ModuleList([GEGLU(channels, channels * factor), nn.Identity(), nn.Linear(channels * factor, channels)])

    def forward(self, tokens):
        return self.net[2](self.net[0](tokens))


class BasicTransformerBlock(nn.Module):
    def __init__(self, channels, context_channels, heads, factor):
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, None, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, context_channels, heads)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, factor)

    def forward(self, tokens, context, swap):
        tokens = tokens + self.attn1(self.norm1(tokens), None, swap)
        tokens = tokens + self.attn2(self.norm2(tokens), context)
        return tokens + self.ff(self.norm3(tokens))


class Transformer2DModel(nn.Module):
    def __init__(self, channels, context_channels, heads, groups, factor):
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([BasicTransformerBlock(channels, context_channels, heads, factor)])
        self.proj_out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, features, context, swap=None):
        batch, channels, height, width = features.shape
        tokens = self.proj_in(self.norm(features)).permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        tokens = self.transformer_blocks[0](tokens, context, swap)
        return features + self.proj_out(tokens.reshape(batch, height, width, channels).permute(0, 3, 1, 2))


class ResnetBlock2D(nn.Module):
    def __init__(self, channels_in, channels_out, time_channels, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_channels, channels_out)
        self.norm2 = nn.GroupNorm(groups, channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)
        self.conv_shortcut = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else None

    def forward(self, features, time):
        hidden = self.conv1(F.silu(self.norm1(features))) + self.time_emb_proj(time)[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return (features if self.conv_shortcut is None else self.conv_shortcut(features)) + hidden


class Resample(nn.Module):
    """Halves (strided convolution) or doubles (nearest, then convolution) the resolution."""

    def __init__(self, channels, down):
        super().__init__()
        self.down = down
        self.conv = nn.Conv2d(channels, channels, 3, stride=2 if down else 1, padding=1)

    def forward(self, features):
        return self.conv(features if self.down else F.interpolate(features, scale_factor=2.0, mode='nearest'))


class Block(nn.Module):
    """A namespace for the layers of one down, middle or up block."""

    def __init__(self):
        super().__init__()
        self.resnets = nn.ModuleList()
        self.attentions = nn.ModuleList()


class UNet2DConditionModel(nn.Module):
    """sample [b, 16, 16, 16], timestep [b] (float), encoder_hidden_states [b, 16, 64] -> predicted noise [b, 16, 16, 16]."""

    def __init__(self, in_channels, block_out_channels, heads, attention_blocks, cross_attention_dim, norm_num_groups, feed_forward_factor,
                 time_embedding_dim, sample_size):
        super().__init__()
        first, groups, levels = block_out_channels[0], norm_num_groups, len(block_out_channels)

        def transformer(level):
            return Transformer2DModel(block_out_channels[level], cross_attention_dim, heads[level], groups, feed_forward_factor)

        def resnet(channels_in, channels_out):
            return ResnetBlock2D(channels_in, channels_out, time_embedding_dim, groups)

        self.conv_in = nn.Conv2d(in_channels, first, 3, padding=1)
        self.time_embedding = nn.Module()
        self.time_embedding.linear_1 = nn.Linear(first, time_embedding_dim)
        self.time_embedding.linear_2 = nn.Linear(time_embedding_dim, time_embedding_dim)

        self.down_blocks = nn.ModuleList()
        skips, channels = [first], first
        for level, width in enumerate(block_out_channels):
            block = Block()
            block.resnets.append(resnet(channels, width))
            channels = width
            skips.append(width)
            if attention_blocks[level]:
                block.attentions.append(transformer(level))
            if level < levels - 1:
                block.downsamplers = nn.ModuleList([Resample(width, down=True)])
                skips.append(width)
            self.down_blocks.append(block)

        self.mid_block = Block()
        self.mid_block.resnets.extend([resnet(channels, channels), resnet(channels, channels)])
        self.mid_block.attentions.append(transformer(levels - 1))

        self.up_blocks = nn.ModuleList()
        for level in reversed(range(levels)):
            width, block = block_out_channels[level], Block()
            for _ in range(2):
                block.resnets.append(resnet(channels + skips.pop(), width))
                channels = width
                if attention_blocks[level]:
                    block.attentions.append(transformer(level))
            if level > 0:
                block.upsamplers = nn.ModuleList([Resample(width, down=False)])
            self.up_blocks.append(block)

        self.conv_norm_out = nn.GroupNorm(groups, first)
        self.conv_out = nn.Conv2d(first, in_channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)
        half = first // 2
        self.register_buffer('frequencies', torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half), persistent=False)

    def forward(self, sample, timestep, encoder_hidden_states, swap=None):
        angles = timestep.float()[:, None] * self.frequencies[None]
        time = torch.cat([angles.cos(), angles.sin()], -1)
        time = F.silu(self.time_embedding.linear_2(F.silu(self.time_embedding.linear_1(time))))

        hidden = self.conv_in(sample)
        skips = [hidden]
        for block in self.down_blocks:
            hidden = block.resnets[0](hidden, time)
            if len(block.attentions):
                hidden = block.attentions[0](hidden, encoder_hidden_states)
            skips.append(hidden)
            if hasattr(block, 'downsamplers'):
                hidden = block.downsamplers[0](hidden)
                skips.append(hidden)

        middle = self.mid_block
        hidden = middle.resnets[1](middle.attentions[0](middle.resnets[0](hidden, time), encoder_hidden_states), time)

        for block in self.up_blocks:
            for index, resnet in enumerate(block.resnets):
                hidden = resnet(torch.cat([hidden, skips.pop()], 1), time)
                if len(block.attentions):
                    hidden = block.attentions[index](hidden, encoder_hidden_states, swap)
            if hasattr(block, 'upsamplers'):
                hidden = block.upsamplers[0](hidden)
        return self.conv_out(F.silu(self.conv_norm_out(hidden)))
