"""What PyTorch computes with small models of Stable Diffusion's topology: python make_references.py (writes beside itself).

The weights come from a formula over the tensor's name and the element's index, which test/support/smallModels.ts computes as well, so only names, shapes and
results are kept: models.json.gz and expected.safetensors. The models are built under the names of single files (the original code of latent
diffusion), renamed by diffusers' own loader, and loaded strictly: so both sets of names are diffusers', not ours.

Versions used: torch 2.15, diffusers 0.42, transformers 5.24, safetensors 0.7."""
import gzip
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint, convert_open_clip_checkpoint
from safetensors.numpy import save_file
from transformers import CLIPTextConfig, CLIPTextModel

HERE = Path(__file__).parent


def uniform(name, count):
    """Numbers in [-1, 1), by a hash of the name and the index."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 & 0xffffffff
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9e3779b1) + np.uint32(seed)
    for shift, factor in (16, 0x85ebca6b), (13, 0xc2b2ae35):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return (x ^ (x >> np.uint32(16))) / 2.0**31 - 1


def weight(name, shape):
    u = uniform(name, int(np.prod(shape)))
    if len(shape) > 1:
        u = u * np.sqrt(3 / np.prod(shape[1:]))
    else:
        u = u * 0.1 + (1 if name.endswith('.weight') else 0)
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def ends(name, *shape):
    """A layer's weight and bias."""
    return {f'{name}.weight': list(shape), f'{name}.bias': [shape[0]]}


def ldm_unet(channels, context, linear, layers=2, levels_with_attention=3):
    """Names and shapes as the original UNetModel has them."""
    p = 'model.diffusion_model.'
    time = 4 * channels[0]
    out = ends(p + 'time_embed.0', time, channels[0]) | ends(p + 'time_embed.2', time, time) | ends(p + 'input_blocks.0.0', channels[0], 4, 3, 3)

    def res(name, i, o):
        found = ends(f'{name}.in_layers.0', i) | ends(f'{name}.in_layers.2', o, i, 3, 3) | ends(f'{name}.emb_layers.1', o, time)
        found |= ends(f'{name}.out_layers.0', o) | ends(f'{name}.out_layers.3', o, o, 3, 3)
        return found | (ends(f'{name}.skip_connection', o, i, 1, 1) if i != o else {})

    def attention(name, c):
        projection = (c, c) if linear else (c, c, 1, 1)
        t = f'{name}.transformer_blocks.0'
        found = ends(f'{name}.norm', c) | ends(f'{name}.proj_in', *projection) | ends(f'{name}.proj_out', *projection)
        for i, width in (1, c), (2, context):
            found |= {f'{t}.attn{i}.to_q.weight': [c, c], f'{t}.attn{i}.to_k.weight': [c, width], f'{t}.attn{i}.to_v.weight': [c, width]}
            found |= ends(f'{t}.attn{i}.to_out.0', c, c)
        found |= ends(f'{t}.ff.net.0.proj', 8 * c, c) | ends(f'{t}.ff.net.2', c, 4 * c)
        for i in 1, 2, 3:
            found |= ends(f'{t}.norm{i}', c)
        return found

    at, now, skips = 1, channels[0], [channels[0]]
    for level, c in enumerate(channels):
        for _ in range(layers):
            out |= res(f'{p}input_blocks.{at}.0', now, c)
            if level < levels_with_attention:
                out |= attention(f'{p}input_blocks.{at}.1', c)
            now, at = c, at + 1
            skips.append(c)
        if level < len(channels) - 1:
            out |= ends(f'{p}input_blocks.{at}.0.op', c, c, 3, 3)
            at += 1
            skips.append(c)
    out |= res(p + 'middle_block.0', now, now) | attention(p + 'middle_block.1', now) | res(p + 'middle_block.2', now, now)
    at = 0
    for level, c in reversed(list(enumerate(channels))):
        for j in range(layers + 1):
            out |= res(f'{p}output_blocks.{at}.0', now + skips.pop(), c)
            if level < levels_with_attention:
                out |= attention(f'{p}output_blocks.{at}.1', c)
            if level > 0 and j == layers:
                out |= ends(f'{p}output_blocks.{at}.{2 if level < levels_with_attention else 1}.conv', c, c, 3, 3)
            now, at = c, at + 1
    return out | ends(p + 'out.0', now) | ends(p + 'out.2', 4, now, 3, 3)


def ldm_vae(channels, layers=2, latent=4):
    p = 'first_stage_model.'

    def res(name, i, o):
        found = ends(f'{name}.norm1', i) | ends(f'{name}.conv1', o, i, 3, 3) | ends(f'{name}.norm2', o) | ends(f'{name}.conv2', o, o, 3, 3)
        return found | (ends(f'{name}.nin_shortcut', o, i, 1, 1) if i != o else {})

    def middle(name, c):
        found = res(f'{name}.block_1', c, c) | res(f'{name}.block_2', c, c) | ends(f'{name}.attn_1.norm', c)
        for which in 'q', 'k', 'v', 'proj_out':
            found |= ends(f'{name}.attn_1.{which}', c, c, 1, 1)
        return found

    last = channels[-1]
    out, now = ends(p + 'encoder.conv_in', channels[0], 3, 3, 3), channels[0]
    for level, c in enumerate(channels):
        for j in range(layers):
            out |= res(f'{p}encoder.down.{level}.block.{j}', now, c)
            now = c
        if level < len(channels) - 1:
            out |= ends(f'{p}encoder.down.{level}.downsample.conv', c, c, 3, 3)
    out |= middle(p + 'encoder.mid', last) | ends(p + 'encoder.norm_out', last) | ends(p + 'encoder.conv_out', 2 * latent, last, 3, 3)
    out |= ends(p + 'quant_conv', 2 * latent, 2 * latent, 1, 1) | ends(p + 'post_quant_conv', latent, latent, 1, 1)
    out |= ends(p + 'decoder.conv_in', last, latent, 3, 3) | middle(p + 'decoder.mid', last)
    for level, c in reversed(list(enumerate(channels))):
        for j in range(layers + 1):
            out |= res(f'{p}decoder.up.{level}.block.{j}', now, c)
            now = c
        if level > 0:
            out |= ends(f'{p}decoder.up.{level}.upsample.conv', c, c, 3, 3)
    return out | ends(p + 'decoder.norm_out', now) | ends(p + 'decoder.conv_out', 3, now, 3, 3)


def clip(width, inner, layers, vocabulary, length):
    p = 'cond_stage_model.transformer.text_model.'
    out = {p + 'embeddings.token_embedding.weight': [vocabulary, width], p + 'embeddings.position_embedding.weight': [length, width]}
    for i in range(layers):
        n = f'{p}encoder.layers.{i}.'
        for which in 'q_proj', 'k_proj', 'v_proj', 'out_proj':
            out |= ends(f'{n}self_attn.{which}', width, width)
        out |= ends(n + 'mlp.fc1', inner, width) | ends(n + 'mlp.fc2', width, inner) | ends(n + 'layer_norm1', width) | ends(n + 'layer_norm2', width)
    return out | ends(p + 'final_layer_norm', width)


def open_clip(width, inner, layers, vocabulary, length):
    p = 'cond_stage_model.model.'
    out = {p + 'token_embedding.weight': [vocabulary, width], p + 'positional_embedding': [length, width], p + 'text_projection': [width, width]}
    for i in range(layers):
        n = f'{p}transformer.resblocks.{i}.'
        out |= {n + 'attn.in_proj_weight': [3 * width, width], n + 'attn.in_proj_bias': [3 * width]}
        out |= ends(n + 'attn.out_proj', width, width) | ends(n + 'mlp.c_fc', inner, width) | ends(n + 'mlp.c_proj', width, inner)
        out |= ends(n + 'ln_1', width) | ends(n + 'ln_2', width)
    return out | ends(p + 'ln_final', width)


def renamed(shapes, convert):
    """diffusers' name → [original name, third of it], by converting tensors that hold their own number."""
    names = list(shapes)
    numbered = {}
    for i, name in enumerate(names):
        tensor = torch.full(shapes[name], float(i), dtype=torch.float64)
        if '.in_proj_' in name:
            for third, part in enumerate(tensor.chunk(3)):
                part += third / 4
        numbered[name] = tensor
    out = {}
    for name, tensor in convert(numbered).items():
        number = tensor.flatten()[0].item()
        original = names[int(number)]
        out[name] = [original, int(number % 1 * 4)] if '.in_proj_' in original else [original]
    return out


ROUND = {'F32': lambda t: t, 'F16': lambda t: t.half().float(), 'BF16': lambda t: t.bfloat16().float()}


def load(model, names, shapes, dtype, prefix=''):
    def tensor(name, third=None):
        t = ROUND[dtype](weight(name, shapes[name]))
        return t if third is None else t.chunk(3)[third]
    own = model.state_dict()
    state = {}
    for name, origin in names.items():
        key = name if name in own else name.removeprefix(prefix)
        # The encoder of 2.x drops its last layer; pooling is not used.
        if key in own:
            state[key] = tensor(*origin).reshape(own[key].shape)
        else:
            assert 'text_projection' in key or f'layers.{model.config.num_hidden_layers}.' in key, key
    model.load_state_dict({k: v for k, v in own.items() if 'position_ids' in k} | state, strict=True)
    return model.eval()


def inputs(name, *shape):
    return torch.from_numpy(uniform(name, int(np.prod(shape))).astype(np.float32).reshape(shape))


MODELS = {
    'sd1': dict(
        unet=dict(block_out_channels=(32, 64, 64, 64), cross_attention_dim=768, attention_head_dim=8),
        text=dict(hidden_size=768, intermediate_size=96, num_hidden_layers=2, num_attention_heads=12, hidden_act='quick_gelu'),
        shapes=dict(unet=ldm_unet((32, 64, 64, 64), 768, False), vae=ldm_vae((32, 32, 64, 64)), text=clip(768, 96, 2, 512, 77)),
    ),
    'sd2': dict(
        unet=dict(block_out_channels=(64, 128, 64, 64), cross_attention_dim=1024, attention_head_dim=(1, 2, 1, 1), use_linear_projection=True),
        text=dict(hidden_size=1024, intermediate_size=96, num_hidden_layers=1, num_attention_heads=16, hidden_act='gelu'),
        shapes=dict(unet=ldm_unet((64, 128, 64, 64), 1024, True), vae=ldm_vae((32, 32, 64, 64)), text=open_clip(1024, 96, 2, 512, 77)),
    ),
    # A whole vocabulary, for runs with prompts; narrow, so that it stays small.
    'tiny': dict(
        unet=dict(block_out_channels=(32, 64, 64, 64), cross_attention_dim=32, attention_head_dim=8),
        text=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=1, hidden_act='quick_gelu', vocab_size=49408),
        shapes=dict(unet=ldm_unet((32, 64, 64, 64), 32, False), vae=ldm_vae((32, 32, 64, 64)), text=clip(32, 64, 2, 49408, 77)),
    ),
}

listing, expected = {}, {}
for model, parts in MODELS.items():
    shapes = parts['shapes']
    vae_config = dict(down_block_types=('DownEncoderBlock2D',) * 4, up_block_types=('UpDecoderBlock2D',) * 4, block_out_channels=(32, 32, 64, 64),
                      layers_per_block=2, latent_channels=4, scaling_factor=0.18215)
    names = {
        'unet': renamed(shapes['unet'], lambda t: convert_ldm_unet_checkpoint(t, dict(layers_per_block=2))),
        'vae': renamed(shapes['vae'], lambda t: convert_ldm_vae_checkpoint(t, vae_config)),
    }
    make_text = lambda: CLIPTextModel(CLIPTextConfig(**dict(vocab_size=512, max_position_embeddings=77, eos_token_id=511, bos_token_id=510) | parts['text']))
    if model != 'sd2':
        names['text'] = {name.removeprefix('cond_stage_model.transformer.'): [name] for name in shapes['text']}
    else:
        names['text'] = renamed(shapes['text'], lambda t: convert_open_clip_checkpoint(make_text(), t))
    listing[model] = {part: dict(shapes=shapes[part], names=names[part]) for part in shapes}
    listing[model]['config'] = dict(unet=parts['unet'], text=parts['text'])
    for dtype in ROUND if model != 'tiny' else ['F32']:
        unet = load(UNet2DConditionModel(sample_size=16, layers_per_block=2, **parts['unet']), names['unet'], shapes['unet'], dtype)
        vae = load(AutoencoderKL(**vae_config), names['vae'], shapes['vae'], dtype)
        text = load(make_text(), names['text'], shapes['text'], dtype, 'text_model.')
        with torch.no_grad():
            results = dict(
                unet=unet(inputs('sample', 2, 4, 8, 16) * 2, torch.tensor([801, 21]), inputs('context', 2, 77, parts['unet']['cross_attention_dim'])).sample,
                encoded=vae.encode(inputs('picture', 1, 3, 32, 64)).latent_dist.mode(),
                decoded=vae.decode(inputs('latents', 1, 4, 4, 8) * 4).sample,
                text=text(torch.arange(77)[None] * 37 % 512).last_hidden_state[:, ::11],
            )
        for name, tensor in results.items():
            print(model, dtype, name, list(tensor.shape), float(tensor.std()))
            expected[f'{model}.{dtype}.{name}'] = tensor.contiguous().numpy()

# Clip skip: text encoders of five layers (OpenCLIP: six, of which Stable Diffusion 2.x has five) that end earlier, as diffusers' clip_skip does it.
DEEP = {
    'deep': (dict(hidden_act='quick_gelu'), clip(64, 96, 5, 512, 77)),
    'deep2': (dict(hidden_act='gelu'), open_clip(64, 96, 6, 512, 77)),
}
for model, (config, shapes) in DEEP.items():
    make_text = lambda: CLIPTextModel(CLIPTextConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=5, num_attention_heads=1, vocab_size=512,
                                                     max_position_embeddings=77, eos_token_id=511, bos_token_id=510, **config))
    if model == 'deep':
        names = {name.removeprefix('cond_stage_model.transformer.'): [name] for name in shapes}
    else:
        names = renamed(shapes, lambda t: convert_open_clip_checkpoint(make_text(), t))
    listing[model] = dict(text=dict(shapes=shapes, names=names))
    text = load(make_text(), names, shapes, 'F32', 'text_model.')
    with torch.no_grad():
        states = text(torch.arange(77)[None] * 37 % 512, output_hidden_states=True).hidden_states
        norm = next(module for name, module in text.named_modules() if name.endswith('final_layer_norm'))
        for skip in range(5):
            expected[f'{model}.F32.text.{skip}'] = norm(states[-(skip + 1)])[:, ::11].contiguous().numpy()

# A step of the schedule that Weft walks (eta = 1, noise given), for both things that a UNet can predict.
for prediction in 'epsilon', 'v_prediction':
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear', clip_sample=False, set_alpha_to_one=False, steps_offset=1,
                              timestep_spacing='leading', prediction_type=prediction)
    scheduler.set_timesteps(20)
    for index in 0, 10, 19:
        step = scheduler.step(inputs('prediction', 64), scheduler.timesteps[index], inputs('x', 64), eta=1.0, variance_noise=inputs('z', 64))
        expected[f'{prediction}.{index}.previous'] = step.prev_sample.numpy()
        expected[f'{prediction}.{index}.original'] = step.pred_original_sample.numpy()

(HERE / 'models.json.gz').write_bytes(gzip.compress(json.dumps(listing, separators=(',', ':')).encode(), mtime=0))
save_file(expected, HERE / 'expected.safetensors')
