"""PyTorch on the same weights and the same numbers as Weft: python3 peer.py FILE.safetensors WORK --side 64 --steps 100

The UNet of Stable Diffusion 1.x straight from its file, in float16 on a CUDA card (in float32 on a machine without one, to rehearse), with
scaled_dot_product_attention and channels last. A transfer's steps are the authors' program's: each inversion step of both pictures one
at a time, with an empty prompt and with the prompt, then two passes of three rows a step, without swap, contrast or VAE, which favours
PyTorch. Each figure is a line of JSON as soon as it is known."""
import argparse
import json
import math
import time
from array import array

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('file')
parser.add_argument('work')
parser.add_argument('--side', type=int, default=64)
parser.add_argument('--steps', type=int, default=100)
parser.add_argument('--skip', type=int, default=32)
options = parser.parse_args()
on_card = torch.cuda.is_available()
device, dtype = ('cuda', torch.float16) if on_card else ('cpu', torch.float32)
torch.backends.cudnn.benchmark = True
HEADS = 8


def tell(**figures):
    print(json.dumps(figures), flush=True)


def read_weights():
    """The UNet's tensors of a .safetensors file: a length, a JSON header, numbers."""
    prefix = 'model.diffusion_model.'
    weights = {}
    with open(options.file, 'rb') as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
        begin = file.tell()
        for name, entry in header.items():
            if not name.startswith(prefix):
                continue
            start, end = entry['data_offsets']
            file.seek(begin + start)
            tensor = torch.frombuffer(bytearray(file.read(end - start)), dtype=torch.float16).view(entry['shape'])
            tensor = tensor.to(device, dtype)
            weights[name[len(prefix):]] = tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
    return weights


W = read_weights()


def conv(x, name, **other):
    return F.conv2d(x, W[f'{name}.weight'], W[f'{name}.bias'], padding=W[f'{name}.weight'].shape[-1] // 2, **other)


def linear(x, name):
    return F.linear(x, W[f'{name}.weight'], W.get(f'{name}.bias'))


def group_norm(x, name, epsilon):
    return F.group_norm(x, 32, W[f'{name}.weight'], W[f'{name}.bias'], epsilon)


def resnet(x, time_embedding, name):
    h = conv(F.silu(group_norm(x, f'{name}.in_layers.0', 1e-5)), f'{name}.in_layers.2')
    h = h + linear(F.silu(time_embedding), f'{name}.emb_layers.1')[:, :, None, None]
    h = conv(F.silu(group_norm(h, f'{name}.out_layers.0', 1e-5)), f'{name}.out_layers.3')
    return h + (conv(x, f'{name}.skip_connection') if f'{name}.skip_connection.weight' in W else x)


def attention(x, context, name):
    batch, count, width = x.shape
    query, key, value = (
        linear(of, f'{name}.to_{part}').view(batch, -1, HEADS, width // HEADS).transpose(1, 2)
        for part, of in (('q', x), ('k', context), ('v', context)))
    mixed = F.scaled_dot_product_attention(query, key, value)
    return linear(mixed.transpose(1, 2).reshape(batch, count, width), f'{name}.to_out.0')


def transformer(x, context, name):
    batch, channels, height, width = x.shape
    h = conv(group_norm(x, f'{name}.norm', 1e-6), f'{name}.proj_in').flatten(2).transpose(1, 2)
    block = f'{name}.transformer_blocks.0'
    norm = lambda at: F.layer_norm(h, (channels,), W[f'{block}.norm{at}.weight'], W[f'{block}.norm{at}.bias'])
    own = norm(1)
    h = h + attention(own, own, f'{block}.attn1')
    h = h + attention(norm(2), context, f'{block}.attn2')
    inner, gate = linear(norm(3), f'{block}.ff.net.0.proj').chunk(2, -1)
    h = h + linear(inner * F.gelu(gate), f'{block}.ff.net.2')
    h = h.transpose(1, 2).reshape(batch, channels, height, width).contiguous(memory_format=torch.channels_last)
    return x + conv(h, f'{name}.proj_out')


def block(x, time_embedding, context, name):
    """The parts of one numbered block, by what its weights are called."""
    for at in range(3):
        part = f'{name}.{at}'
        if f'{part}.in_layers.2.weight' in W:
            x = resnet(x, time_embedding, part)
        elif f'{part}.proj_in.weight' in W:
            x = transformer(x, context, part)
        elif f'{part}.op.weight' in W:
            x = conv(x, f'{part}.op', stride=2)
        elif f'{part}.conv.weight' in W:
            x = conv(F.interpolate(x, scale_factor=2.0), f'{part}.conv')
        elif f'{part}.weight' in W:
            x = conv(x, part)
    return x


@torch.inference_mode()
def unet(latents, timestep, context):
    half = W['time_embed.0.weight'].shape[1] // 2
    angles = timestep * torch.exp(-math.log(10000) * torch.arange(half, device=device) / half)
    embedding = torch.cat([angles.cos(), angles.sin()]).to(dtype)[None].expand(latents.shape[0], -1)
    time_embedding = linear(F.silu(linear(embedding, 'time_embed.0')), 'time_embed.2')
    x, skips = latents.contiguous(memory_format=torch.channels_last), []
    for at in range(12):
        x = block(x, time_embedding, context, f'input_blocks.{at}')
        skips.append(x)
    x = block(x, time_embedding, context, 'middle_block')
    for at in range(12):
        x = block(torch.cat([x, skips.pop()], 1), time_embedding, context, f'output_blocks.{at}')
    return conv(F.silu(group_norm(x, 'out.0', 1e-5)), 'out.2')


def numbers(name, *shape):
    values = array('f')
    with open(f'{options.work}/{name}', 'rb') as file:
        values.frombytes(file.read())
    return torch.tensor(values).view(shape).to(device, dtype)


def timed(work):
    if on_card:
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if on_card:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def steady(work):
    """The median of three, after one that warms up."""
    work()
    return sorted(timed(work) for _ in range(3))[1]


context_width = W['input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight'].shape[1]
latents = numbers('step.latents.f32', 1, 4, options.side, options.side)
context = numbers('step.prompt.f32', 1, 77, context_width)
rows = lambda count: (latents.expand(count, -1, -1, -1), 401, context.expand(count, -1, -1))
with open(f'{options.work}/step.pytorch.f32', 'wb') as file:
    array('f', unet(*rows(1)).float().flatten().tolist()).tofile(file)
tell(precision=str(dtype).removeprefix('torch.'), device=torch.cuda.get_device_name() if on_card else 'processor')
tell(plainRow=steady(lambda: unet(*rows(1))))
three = rows(3)
tell(swappedStep=steady(lambda: [unet(*three) for _ in range(2)]))


def transfer():
    for _ in range(4 * options.steps):
        unet(*rows(1))
    for _ in range(2 * (options.steps - options.skip)):
        unet(*three)


if on_card:
    torch.cuda.reset_peak_memory_stats()
tell(cold=timed(transfer))
if on_card:
    tell(peakTorchBytes=torch.cuda.max_memory_allocated())
for count in (1, 2, 4, 8, 16):
    batch = rows(count)
    tell(**{f'batch{count}': steady(lambda: unet(*batch)) / count})
