"""The decoder's last stage: where the latents hold the mean of many pictures, it learns to decide, and to draw outlines.

    python sharpen.py --vae vae.pt --data DIR --outputs DIR --out sharp.pt --minutes M [--choose LATENTS]

Absolute error asks for the median of all pictures that a latent may stand for: stripes become an even colour, thin lines vanish. Here it is one
loss of six:

    absolute, squared   of the pixels; the logarithm of the squared error is the PSNR that the others cost
    pattern             the deviation of patterned parts that the result lacks
    spread              inside each part, colours and differences of near pixels are distributed as in the truth, wherever they lie (sliced
                        Wasserstein distance)
    edges               the gradients on the object that the result lacks
    critic              a small discriminator of patches, conditioned on nothing, takes the result for a drawn picture

`--mix` averages the new weights with the old ones, which buys dB back.
"""
import argparse
import copy
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm

from data import Quads, load_maps, load_pictures
from evaluate import mean_scores, score
from renderer import is_object
from vae import Transfers, as_network, load_vae, to_pictures, transfer_loss

WEIGHTS = dict(absolute=0.3, squared=0.08, pattern=0.13, spread=0.05, edges=0.015, critic=0.005)
PLAIN_WEIGHT = 4  # of the absolute error of encoded pictures, whose patterns the latents hold
# As the measures have them (evaluate.py).
PARTS = range(1, 8)
FEWEST_PIXELS = 60
PATTERN_DEVIATION = 25 / 127.5
PROJECTIONS = 8
REPORT_EVERY = 200  # iterations


class Critic(nn.Module):
    """Pictures -> how much each patch of 26x26 pixels looks drawn; spectral norm keeps it gentle."""

    def __init__(self, width=32):
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(3, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 2 * width, 3, padding=1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 1, 3, padding=1)))

    def forward(self, pictures):
        return self.layers(pictures)


def part_masks(maps):
    """(row, mask) of every part of at least 60 pixels."""
    return [(row, inside) for row, labels in enumerate(maps) for part in PARTS if (inside := labels == part).sum() >= FEWEST_PIXELS]


def spread_loss(decoded, truths, parts):
    """Sliced Wasserstein distance inside each part, of the colours and of their differences from the pixels 2 and 5 to the right and below."""
    ours, theirs = (torch.cat([pictures, *(pictures - torch.roll(pictures, lag, axis) for lag in (2, 5) for axis in (2, 3))], 1)
                    for pictures in (decoded, truths))
    directions = F.normalize(torch.randn(PROJECTIONS, ours.shape[1]), dim=1)
    directions[:3] = torch.eye(3, ours.shape[1])
    sorted_pairs = [[(directions @ features[row][:, inside]).sort(1).values for features in (ours, theirs)] for row, inside in parts]
    return torch.stack([(first - second).abs().mean() for first, second in sorted_pairs]).mean()


def pattern_loss(decoded, truths, parts):
    """The share of the deviation of patterned parts that the result lacks (evaluate.pattern_kept)."""
    lacking = []
    for row, inside in parts:
        ours, theirs = ((pictures[row][:, inside].var(1, correction=0).mean() + 1e-5).sqrt() for pictures in (decoded, truths))
        if theirs > PATTERN_DEVIATION:
            lacking.append((1 - ours / theirs).clamp(min=0))
    return torch.stack(lacking).mean() if lacking else decoded.new_zeros(())


def gradient(pictures):
    """evaluate.gradient for a batch in -1..1: [b, 1, h, w]."""
    luminance = (pictures * pictures.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    padded = F.pad(luminance, (1, 1, 1, 1), mode='replicate')
    along, down = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2], padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    size = (along ** 2 + down ** 2 + 1e-6).sqrt() / 2
    return F.avg_pool2d(F.pad(size, (1, 1, 1, 1), mode='replicate'), 3, stride=1)


def edges_loss(decoded, truths, maps):
    """The share of the truth's gradients on the object that the result lacks (evaluate.edges_kept)."""
    inside = is_object(maps)[:, None]
    ours, theirs = gradient(decoded) * inside, gradient(truths) * inside
    return ((theirs - ours).clamp(min=0).sum((1, 2, 3)) / theirs.sum((1, 2, 3)).clamp(min=1)).mean()


def latent_map(encoder, pictures, change):
    """The affine map [17, 16] that does to latent cells what `change` does to pictures, fitted to uint8 pictures [n, 128, 128, 3]."""
    with torch.no_grad():
        before, after = encoder(as_network(pictures)), encoder(change(as_network(pictures)))
    if change is mirrored:
        after = after.flip(3)
    cells = [values.permute(0, 2, 3, 1).reshape(-1, values.shape[1]) for values in (before, after)]
    return torch.linalg.lstsq(F.pad(cells[0], (0, 1), value=1.0), cells[1]).solution


def mirrored(pictures):
    return pictures.flip(3)


def recoloured(pictures):
    """Red and blue exchanged."""
    return pictures.flip(1)


class Variety:
    """Mirrors and recolours transfers at random, which makes four of each: the encoder is linear, and its components, like the pictures, are
    almost the same either way (0.1 % and 1 % of the latents' variance are lost)."""

    def __init__(self, encoder, pictures):
        self.maps = {change: latent_map(encoder, pictures, change) for change in (mirrored, recoloured)}

    def apply(self, rng, latents, truths, weights, maps):
        for change, moves in ((mirrored, True), (recoloured, False)):
            rows = torch.from_numpy(np.flatnonzero(rng.random(len(latents)) < 0.5))
            matrix = self.maps[change]
            changed = torch.einsum('bihw,io->bohw', latents[rows], matrix[:-1]) + matrix[-1].view(1, -1, 1, 1)
            latents[rows], truths[rows] = changed.flip(3) if moves else changed, change(truths[rows])
            if moves:
                weights[rows], maps[rows] = weights[rows].flip(3), maps[rows].flip(2)
        return latents, truths, weights, maps


def half():
    """Convolutions in bfloat16 and with the channels last are many times as fast on CPUs."""
    return torch.autocast('cpu', torch.bfloat16)


class Sharpening:
    """The decoder in training and its critic."""

    def __init__(self, decoder, weights):
        self.decoder, self.critic, self.weights = decoder, Critic(), weights
        self.optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=1e-4)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=4e-4, betas=(0.5, 0.98))
        for network in (self.decoder, self.critic):
            network.to(memory_format=torch.channels_last)

    def step(self, latents, pictures, cell_weights, maps, rate):
        """One step on a batch whose last rows are transfers, those with part maps; the losses by their names."""
        with half():
            decoded = self.decoder(latents)
        decoded = decoded.float()
        ours, theirs, parts = decoded[-len(maps):], pictures[-len(maps):], part_masks(maps)
        with half():
            found_out = F.relu(1 - self.critic(theirs)).float().mean() + F.relu(1 + self.critic(ours.detach())).float().mean()
        self.critic_optimizer.zero_grad()
        found_out.backward()
        self.critic_optimizer.step()
        with half():
            fooled = -self.critic(ours).float().mean()
        losses = dict(
            absolute=transfer_loss(decoded, pictures, cell_weights),
            squared=(decoded - pictures).pow(2).mean((1, 2, 3)).add(1e-3).log().mean(),
            pattern=pattern_loss(ours, theirs, parts), spread=spread_loss(ours, theirs, parts), edges=edges_loss(ours, theirs, maps), critic=fooled)
        for group in self.optimizer.param_groups:
            group['lr'] = rate
        self.optimizer.zero_grad()
        sum(self.weights[name] * value for name, value in losses.items()).backward()
        nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self.optimizer.step()
        return {name: value.item() for name, value in losses.items()}


@torch.no_grad()
def scores_of(decoder, chosen):
    """Mean scores of held-out transfers (evaluate.py --latents)."""
    results = np.concatenate([to_pictures(decoder(part)) for part in chosen['latents'].split(16)])
    return mean_scores([score(*row) for row in zip(results, chosen['truths'].numpy(), chosen['labels'].numpy())])


def mixed(old, new, share):
    """A decoder whose weights lie between those of `old` and `new`."""
    decoder = copy.deepcopy(old)
    decoder.load_state_dict({name: torch.lerp(value, new[name], share) for name, value in old.state_dict().items()})
    return decoder


def save(path, vae, decoder):
    state = {name: value for name, value in vae.state_dict().items() if not name.startswith('decoder.')}
    state.update({'decoder.' + name: value.contiguous() for name, value in decoder.state_dict().items()})
    torch.save(state, path + '.partial')
    os.replace(path + '.partial', path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--vae', required=True)
    parser.add_argument('--data', required=True)
    parser.add_argument('--outputs', required=True, help='folder of outputs.py; what it has gained is read with every report')
    parser.add_argument('--out', required=True, help='the VAE with its new decoder')
    parser.add_argument('--choose', help='latents of held-out transfers (evaluate.py --latents); their scores are printed')
    parser.add_argument('--minutes', type=float, required=True)
    parser.add_argument('--learning-rate', type=float, default=8e-4)
    parser.add_argument('--weights', nargs='*', default=[], help='NAME=VALUE of ' + ', '.join(WEIGHTS))
    parser.add_argument('--mix', type=float, default=1.0, help='share of the new weights in the saved decoder')
    parser.add_argument('--transfers', type=int, default=6, help='transfers in a batch')
    parser.add_argument('--pictures', type=int, default=2, help='encoded pictures in a batch')
    parser.add_argument('--threads', type=int, default=1, help='on a busy machine one is faster than two')
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    weights = {**WEIGHTS, **{name: float(value) for name, value in (text.split('=') for text in arguments.weights)}}
    vae = load_vae(arguments.vae)
    old, quads, pictures, maps = copy.deepcopy(vae.decoder), Quads(arguments.data), load_pictures(arguments.data), load_maps(arguments.data)
    plain = torch.from_numpy(pictures).flatten(0, 2)
    transfers = Transfers(arguments.outputs, quads, pictures, maps)
    chosen = torch.load(arguments.choose) if arguments.choose else None
    variety = Variety(vae.encoder, plain[:200])
    training = Sharpening(vae.decoder.train(), weights)
    if chosen:
        print('before', json.dumps(scores_of(old, chosen)), flush=True)
    moving = {name: value.clone() for name, value in vae.decoder.state_dict().items()}
    begun, iteration, losses, order = time.time(), 0, [], []
    while (progress := (time.time() - begun) / (arguments.minutes * 60)) < 1:
        rate = arguments.learning_rate * min(1, (iteration + 1) / 30) * (0.03 + 0.97 * (0.5 + 0.5 * math.cos(math.pi * progress)))
        if len(order) < arguments.transfers:
            order = list(rng.permutation(transfers.training))
        outputs, truths, of_outputs, labels = variety.apply(rng, *transfers.batch([order.pop() for _ in range(arguments.transfers)]))
        wanted = as_network(plain[rng.integers(0, len(plain), arguments.pictures)])
        with torch.no_grad():
            clean = vae.encoder(wanted)
        cell_weights = torch.cat([PLAIN_WEIGHT * torch.ones(len(wanted), 1, *wanted.shape[2:]), of_outputs])
        losses.append(training.step(torch.cat([clean, outputs]), torch.cat([wanted, truths]), cell_weights, labels, rate))
        iteration += 1
        keep = min(0.995, (1 + iteration) / (10 + iteration))
        with torch.no_grad():
            for name, value in vae.decoder.state_dict().items():
                moving[name].lerp_(value, 1 - keep)
        if iteration % REPORT_EVERY == 0:
            means = {name: round(float(np.mean([row[name] for row in losses])), 4) for name in losses[0]}
            decoder = mixed(old, moving, arguments.mix)
            print(iteration, f'{time.time() - begun:.0f} s', json.dumps(means), json.dumps(scores_of(decoder, chosen)) if chosen else '', flush=True)
            save(arguments.out, vae, decoder)
            losses, order, transfers = [], [], Transfers(arguments.outputs, quads, pictures, maps)
    save(arguments.out, vae, mixed(old, moving, arguments.mix))


if __name__ == '__main__':
    main()
