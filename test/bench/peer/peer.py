"""Appearance transfer as the authors of cross-image attention run it, on PyTorch and diffusers' UNet: what Weft's speed is measured against.

All T inversion steps of both pictures, one at a time, empty prompt and prompt each; then, at every step of the loop, two passes of three
pictures (O, A, S), with swap and without. Constants and orders as in the authors' released program; written from its description alone.
It is faster than that program where PyTorch makes that easy: scaled_dot_product_attention wherever no whole map is needed.

Speaks JSON lines: {"do": "load" | "invert" | "transfer" | "flops" | "end", ...} on stdin, an answer each on stdout. Pictures, noise,
latents and embeddings come from one safetensors file, the same that Weft reads."""
import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

O, A, S = 0, 1, 2
REPOSITORY = Path(__file__).resolve().parents[3]


def load_mini():
    """mini's weights in diffusers' UNet, as the ONNX files hold them."""
    sys.path.insert(0, str(REPOSITORY / 'models' / 'training'))
    from diffusers import UNet2DConditionModel
    from restore import restore

    network, vae = restore()
    config = json.loads((REPOSITORY / 'models' / 'mini' / 'unet' / 'config.json').read_text())
    unet = UNet2DConditionModel.from_config(config)
    unet.load_state_dict(network['unet'].state_dict())
    return unet.eval(), vae.encoder, vae.decoder, 1.0


def load_folder(folder, sample_size):
    """diffusers' folders as test/bench/fullwidth/make.py writes them."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(folder / 'unet').eval()
    vae = AutoencoderKL.from_pretrained(folder / 'vae').eval()
    return unet, lambda x: vae.encode(x).latent_dist.mode(), lambda z: vae.decode(z).sample, vae.config.scaling_factor


class Swap:
    """What the swapped layers shall do in the call under way."""

    def __init__(self):
        self.levels, self.source, self.contrast, self.keep = frozenset(), A, 1.0, False


class CrossImageProcessor:
    """diffusers' attention with the swap: in a swapped layer O takes keys and values of A or S, and its whole map passes the contrast."""

    def __init__(self, swap, level, is_self, probe):
        self.swap, self.level, self.is_self, self.probe = swap, level, is_self, probe
        self.map = None

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, **_):
        swap = self.swap
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        swapped = self.is_self and self.level in swap.levels
        if swapped:
            key[O], value[O] = key[swap.source], value[swap.source]
        batch, count, width = query.shape
        query, key, value = (x.view(batch, -1, attn.heads, width // attn.heads).transpose(1, 2) for x in (query, key, value))
        keep = swap.keep and self.probe
        if (swapped and swap.contrast != 1) or keep:
            maps = torch.softmax(query @ key.transpose(-1, -2) * attn.scale, -1)
            if keep:
                self.map = maps.mean(1)
            if swapped:
                mean = maps[O].mean(-1, keepdim=True)
                maps[O] = ((maps[O] - mean) * swap.contrast + mean).clamp(0, 1)
            mixed = maps @ value
        else:
            mixed = F.scaled_dot_product_attention(query, key, value, scale=attn.scale)
        return attn.to_out[1](attn.to_out[0](mixed.transpose(1, 2).reshape(batch, count, width)))


def freeu_hook(middle):
    """FreeU on the backbone at the entry of an up block, as the authors use it."""
    gains = {middle: (1.2, 0.9), middle // 2: (1.4, 0.2)}

    def hook(block, args, kwargs):
        x = kwargs['hidden_states'] if 'hidden_states' in kwargs else args[0]
        if x.shape[1] in gains:
            b, s = gains[x.shape[1]]
            x = x.clone()
            x[:, : x.shape[1] // 2] *= b
            frequencies = torch.fft.fftshift(torch.fft.fftn(x, dim=(-2, -1)), dim=(-2, -1))
            row, column = x.shape[-2] // 2, x.shape[-1] // 2
            frequencies[..., row - 1: row + 1, column - 1: column + 1] *= s
            x = torch.fft.ifftn(torch.fft.ifftshift(frequencies, dim=(-2, -1)), dim=(-2, -1)).real
            if 'hidden_states' in kwargs:
                kwargs['hidden_states'] = x
            else:
                args = (x, *args[1:])
        return args, kwargs

    return hook


class Schedule:
    def __init__(self, steps):
        betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=torch.float32) ** 2
        self.alphas = torch.cumprod(1 - betas, 0)
        self.gap = 1000 // steps
        self.timesteps = [(steps - 1 - j) * self.gap + 1 for j in range(steps)]

    def parts(self, t):
        now = self.alphas[t]
        before = self.alphas[t - self.gap] if t >= self.gap else self.alphas[0]
        variance = (1 - before) / (1 - now) * (1 - now / before)
        return now, before, variance

    def original(self, x, epsilon, t):
        now, _, _ = self.parts(t)
        return (x - (1 - now).sqrt() * epsilon) / now.sqrt()

    def mean(self, x, epsilon, t):
        _, before, variance = self.parts(t)
        return before.sqrt() * self.original(x, epsilon, t) + (1 - before - variance).sqrt() * epsilon


def adain(content, style, content_mask, style_mask):
    def statistics(x, mask):
        inside = x[:, mask] if mask is not None else x.flatten(1)
        return inside.mean(1)[:, None, None], (inside.var(1) + 1e-5).sqrt()[:, None, None]

    mean, std = statistics(content, content_mask)
    other_mean, other_std = statistics(style, style_mask)
    moved = (content - mean) / std * other_std + other_mean
    return moved if content_mask is None else torch.where(content_mask, moved, content)


class Peer:
    def __init__(self, options):
        self.options = options
        self.settings = json.loads(Path(options.settings).read_text())
        self.inputs = load_file(options.inputs)
        if options.model == 'mini':
            self.unet, self.encode, self.decode, self.scaling = load_mini()
        else:
            self.unet, self.encode, self.decode, self.scaling = load_folder(Path(options.model), self.settings['latentSize'])
        if options.channels_last:
            self.unet.to(memory_format=torch.channels_last)
        self.swap = Swap()
        self.schedule = Schedule(self.settings['steps'])
        self.install()

    def install(self):
        """The swap in the decoder, and the two layers that masks come from."""
        blocks = list(self.unet.up_blocks)
        levels = {len(blocks) - 1: 'high', len(blocks) - 2: 'low'}
        processors = {}
        for name in self.unet.attn_processors:
            parts = name.split('.')
            level = levels.get(int(parts[1])) if parts[0] == 'up_blocks' else None
            is_self = 'attn1' in name
            last = level and int(parts[3]) == len(blocks[int(parts[1])].attentions) - 1
            probe = bool(last) and ((level == 'high' and is_self) or (level == 'low' and not is_self))
            processors[name] = CrossImageProcessor(self.swap, level, is_self, probe)
            if probe:
                setattr(self, 'self_probe' if is_self else 'cross_probe', processors[name])
        self.unet.set_attn_processor(processors)
        if self.settings['freeu']:
            hook = freeu_hook(self.unet.config.block_out_channels[-1])
            for block in blocks:
                block.register_forward_pre_hook(hook, with_kwargs=True)

    def predict(self, x, t, context):
        return self.unet(x, torch.tensor(t), encoder_hidden_states=context, return_dict=False)[0]

    def invert(self, role):
        """All T steps of one picture: start and noise maps from the skipped step on."""
        settings, schedule = self.settings, self.schedule
        self.encode(self.inputs[f'{role}.picture'][None])
        x0, noise = self.inputs[f'{role}.x0'][None], self.inputs[f'{role}.noise']
        context, empty = self.inputs['context'][None], self.inputs['empty'][None]
        path = []
        for index, t in enumerate(schedule.timesteps):
            now = schedule.alphas[t]
            path.append(now.sqrt() * x0 + (1 - now).sqrt() * noise[index][None])
        path.append(x0)
        zs = []
        for index, t in enumerate(schedule.timesteps):
            unconditional = self.predict(path[index], t, empty)
            conditional = self.predict(path[index], t, context)
            epsilon = unconditional + settings['inversionGuidance'] * (conditional - unconditional)
            _, _, variance = schedule.parts(t)
            zs.append((path[index + 1] - schedule.mean(path[index], epsilon, t)) / variance.sqrt())
        zs[-1] = torch.zeros_like(x0)
        return path[settings['skip']], torch.cat(zs[settings['skip']:])

    def segment(self, row):
        from sklearn.cluster import KMeans

        side = self.settings['latentSize']
        rows, cross = self.self_probe.map[row].numpy(), self.cross_probe.map[row]
        labels = KMeans(5, n_init=10, random_state=42).fit(rows).labels_
        column = cross[:, self.settings['nounToken']].reshape(side // 2, side // 2)
        column = column.repeat_interleave(2, 0).repeat_interleave(2, 1).reshape(-1)
        column = ((column - column.min().abs()) / column.max()).numpy()
        scores = np.array([column[labels == k].mean() for k in range(5)])
        threshold = 1.4 * np.sort(scores)[:-1].mean()
        return torch.from_numpy((scores > threshold)[labels].reshape(side, side))

    def transfer(self, inversions, contrast):
        settings, schedule = self.settings, self.schedule
        steps, skip = settings['steps'], settings['skip']
        loops = steps - skip
        (start_s, zs_s), (start_a, zs_a) = inversions['structure'], inversions['appearance']
        x = torch.cat([start_s, start_a, start_s])
        zs = torch.stack([zs_s, zs_a, zs_s], 1)
        context = self.inputs['context'][None].repeat(3, 1, 1)
        guidance = np.linspace(settings['guidance'], max(settings['guidanceEnd'], 1), loops)
        mask_step = max(1, int(np.ceil(settings['adainRange'][0] * steps / 100)))
        masks = None
        inside = lambda k, limits: limits[0] * steps <= 100 * k < limits[1] * steps
        swap = self.swap
        swap.contrast = contrast
        for i in range(loops):
            t = schedule.timesteps[skip + i]
            k = max(i - 1, 0)
            swap.levels = frozenset(level for level, limits in (('high', settings['highRange']), ('low', settings['lowRange'])) if inside(k, limits))
            every = settings['structureEvery']
            swap.source = S if every and k % every == 0 and 100 * k < settings['structureUntil'] * steps else A
            with_swap = self.predict(x, t, context)
            swap.levels, swap.keep = frozenset(), settings['masked'] and i == mask_step
            without = self.predict(x, t, context)
            if swap.keep:
                masks = [self.segment(S), self.segment(A)]
                swap.keep = False
                for probe in (self.self_probe, self.cross_probe):
                    probe.map = None
                if not all(mask.any() for mask in masks):
                    masks = None
            # Only O differs between the passes.
            epsilon = without + float(guidance[i]) * (with_swap - without)
            _, _, variance = schedule.parts(t)
            x = schedule.mean(x, epsilon, t) + variance.sqrt() * zs[i]
            if inside(i, settings['adainRange']):
                x[O] = adain(x[O], x[A], *(masks or (None, None)))
        picture = self.decode(x[O:O + 1] / self.scaling)
        return x[O], picture[0], masks

    def flops(self):
        """Operations of one evaluation, and those of the decoder's blocks."""
        from torch.utils.flop_counter import FlopCounterMode

        x0, context = self.inputs['structure.x0'][None], self.inputs['context'][None]
        from torch.nn.attention import SDPBackend, sdpa_kernel

        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, depth=4) as counter:
            self.predict(x0, 1, context)
        counts = counter.get_flop_counts()
        total = sum(counts['Global'].values())
        name = type(self.unet).__name__
        decoder = sum(sum(of.values()) for key, of in counts.items() if key.count('.') == 2 and key.startswith(f'{name}.up_blocks.'))
        decoder += sum(sum(of.values()) for key, of in counts.items() if key == f'{name}.conv_out')
        return dict(total=total, decoder=decoder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--model', required=True, help="'mini' or a folder of diffusers' parts")
    parser.add_argument('--inputs', required=True)
    parser.add_argument('--settings', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--channels-last', action='store_true')
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    peer, inversions = None, {}
    with torch.inference_mode():
        for line in sys.stdin:
            request = json.loads(line)
            start, cpu = time.perf_counter(), time.process_time()
            answer = {}
            if request['do'] == 'load':
                peer = Peer(options)
                import sklearn.cluster  # noqa: F401  as part of the start, not of a run
            elif request['do'] == 'invert':
                inversions = {role: peer.invert(role) for role in ('structure', 'appearance')}
            elif request['do'] == 'transfer':
                latents, picture, masks = peer.transfer(inversions, request['contrast'])
                result = {'latents': latents.contiguous(), 'picture': picture.contiguous()}
                if masks:
                    result |= {'structure.mask': masks[0].float(), 'appearance.mask': masks[1].float()}
                save_file(result, options.out)
            elif request['do'] == 'flops':
                answer = peer.flops()
            print(json.dumps({'seconds': time.perf_counter() - start, 'cpu': time.process_time() - cpu, **answer}), flush=True)
            if request['do'] == 'end':
                return


if __name__ == '__main__':
    main()
