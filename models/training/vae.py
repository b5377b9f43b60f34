"""The VAE of mini: a linear encoder (the first 16 principal components of 8x8 patches, partly whitened) and a small convolutional decoder.

    python vae.py basis --out vae.pt                     the PCA, from freshly drawn pictures
    python vae.py train --vae vae.pt --data DIR --minutes M [--outputs DIR]
                                                         the decoder; with --outputs it also learns to decode transfers (outputs.py)

The latents have unit variance over all channels together (scaling_factor 1.0). A learned encoder was no better.
"""
import argparse
import glob
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from rollout import cell_weights

LATENT_CHANNELS = 16
PATCH = 8


class Residual(nn.Module):
    def __init__(self, channels, groups=8):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, features):
        hidden = self.conv1(F.silu(self.norm1(features)))
        return features + self.conv2(F.silu(self.norm2(hidden)))


class Encoder(nn.Module):
    """Pictures [b, 3, 128, 128] in -1..1 -> latents [b, 16, 16, 16]; no randomness, the latent is the mode."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, LATENT_CHANNELS, PATCH, stride=PATCH)

    def forward(self, pictures):
        return self.conv(pictures)


class Decoder(nn.Module):
    """The PCA's own reconstruction plus what a small convolutional network adds to it."""

    def __init__(self, widths=(128, 64, 32), trunk=3):
        super().__init__()
        self.lin = nn.ConvTranspose2d(LATENT_CHANNELS, 3, PATCH, stride=PATCH)
        self.conv_in = nn.Conv2d(LATENT_CHANNELS, widths[0], 3, padding=1)
        self.res0, self.res1 = Residual(widths[0]), Residual(widths[0])
        self.trunk = nn.Sequential(*(Residual(widths[0]) for _ in range(trunk)))
        self.up0 = nn.Conv2d(widths[0], widths[1], 3, padding=1)
        self.res2, self.res3 = Residual(widths[1]), Residual(widths[1])
        self.up1 = nn.Conv2d(widths[1], widths[2], 3, padding=1)
        self.res4 = Residual(widths[2])
        self.norm_out, self.conv_out = nn.GroupNorm(8, widths[2]), nn.Conv2d(widths[2], 12, 3, padding=1)
        nn.init.normal_(self.conv_out.weight, std=1e-3)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, latents):
        hidden = self.trunk(self.res1(self.res0(self.conv_in(latents))))
        hidden = self.res3(self.res2(self.up0(F.interpolate(hidden, scale_factor=2.0, mode='nearest'))))
        hidden = self.res4(self.up1(F.interpolate(hidden, scale_factor=2.0, mode='nearest')))
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(hidden))), 2) + self.lin(latents)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()


def load_vae(path):
    vae = VAE()
    vae.load_state_dict({name: value.float() for name, value in torch.load(path, map_location='cpu').items()})
    return vae.eval()


def to_pictures(decoded):
    """Network output [b, 3, h, w] -> uint8 [b, h, w, 3]."""
    return ((decoded.clamp(-1, 1) + 1) * 127.5 + 0.5).byte().permute(0, 2, 3, 1).numpy()


def fit_basis(pictures):
    """A VAE whose encoder and linear decoder are the PCA of 8x8 patches of uint8 pictures [n, 128, 128, 3].

    A channel's deviation in the pictures is shared half and half between encoder and decoder (each is divided and multiplied by its square
    root), so strong components stay stronger in the latents; all channels together have unit variance.
    """
    patches = F.unfold(as_network(torch.from_numpy(pictures)), PATCH, stride=PATCH).transpose(1, 2).reshape(-1, 3 * PATCH * PATCH)
    mean = patches.mean(0)
    centered = patches - mean
    values, vectors = torch.linalg.eigh((centered.T @ centered / len(centered)).double())
    vectors = vectors[:, -LATENT_CHANNELS:].flip(1).float()
    deviation = values[-LATENT_CHANNELS:].flip(0).float().sqrt()
    scale = deviation.sqrt()
    scale = scale * (deviation / scale).pow(2).mean().sqrt()
    vae = VAE()
    with torch.no_grad():
        filters = (vectors / scale).T.reshape(LATENT_CHANNELS, 3, PATCH, PATCH)
        vae.encoder.conv.weight.copy_(filters)
        vae.encoder.conv.bias.copy_(-(filters.reshape(LATENT_CHANNELS, -1) @ mean))
        vae.decoder.lin.weight.copy_((vectors * scale).T.reshape(LATENT_CHANNELS, 3, PATCH, PATCH))
        vae.decoder.lin.bias.copy_(mean.reshape(3, PATCH, PATCH).mean((1, 2)))
    return vae


def reconstruction_loss(decoded, pictures):
    """Absolute and squared error, and the absolute error of the differences between neighbours (edges)."""
    error = decoded - pictures
    edges = (error[:, :, 1:] - error[:, :, :-1]).abs().mean() + (error[:, :, :, 1:] - error[:, :, :, :-1]).abs().mean()
    return error.abs().mean() + 4 * error.pow(2).mean() + 0.5 * edges


def transfer_loss(decoded, pictures, weights):
    """Absolute error alone. What the network is not sure of has many answers: squares ask for their mean, a blur; this for their median, a decision."""
    return (weights * (decoded - pictures).abs()).mean()


class Transfers:
    """Final latents of transfers between drawn quads (outputs.py), their drawn truths, the weight of each cell and the part maps, on `device`.

    `quads` (data.py), and `pictures` uint8 [n, shape, look, 128, 128, 3] and `maps` uint8 [n, shape, 128, 128] of those whose pictures were kept."""

    def __init__(self, folder, quads, pictures, maps, device='cpu'):
        files = [np.load(path) for path in sorted(glob.glob(os.path.join(folder, '*.npz')))]
        if not files:
            raise FileNotFoundError(f'no *.npz in {folder}: make them first (python outputs.py)')
        chosen, looks, latents = (np.concatenate([file[name] for file in files]) for name in ('quads', 'looks', 'latents'))
        place = (np.cumsum(quads.pictured) - 1)[chosen]
        # The output with shape 0 has the look 1 - look, the one with shape 1 the look `look`.
        truths = np.stack([pictures[place, 0, 1 - looks], pictures[place, 1, looks]], 1)
        weights = cell_weights(quads.objects[chosen].float(), quads.parts[chosen].float())
        self.latents, self.truths, self.weights, self.maps = (
            values.flatten(0, 1).to(device)
            for values in (torch.from_numpy(latents), torch.from_numpy(truths), weights[:, :, None], torch.from_numpy(maps[place])))
        # One quad in 16 is kept from the training: its loss tells when the decoder begins to know the others by heart.
        held = np.repeat(chosen % 16 == 0, 2)
        self.training, self.held = np.flatnonzero(~held), np.flatnonzero(held)

    def batch(self, rows):
        rows = torch.as_tensor(rows, device=self.latents.device)
        weights = F.interpolate(self.weights[rows], scale_factor=float(PATCH), mode='nearest')
        return self.latents[rows].float(), as_network(self.truths[rows]), weights, self.maps[rows]


def as_network(pictures):
    """uint8 [n, h, w, 3] -> float [n, 3, h, w] in -1..1."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def train_decoder(vae, pictures, minutes, learning_rate, transfers=None, batch=16, seed=0):
    """Trains the decoder, where it is, on pictures uint8 [n, 128, 128, 3]; with transfers, three quarters of half a batch are these and their truths.

    Without transfers it sees `batch` random 64x64 crops, with them half as many whole pictures."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    vae.train().requires_grad_(False)
    vae.decoder.requires_grad_(True)
    optimizer = torch.optim.AdamW(vae.decoder.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=1e-4)
    moving, device = {name: value.clone() for name, value in vae.state_dict().items()}, pictures.device
    crop, batch, of_transfers = (128, batch // 8, 3 * batch // 8) if transfers else (64, batch, 0)
    begun, iteration, losses, order = time.time(), 0, [], []
    while (progress := (time.time() - begun) / (minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group['lr'] = learning_rate * min(1, (iteration + 1) / 30) * (0.03 + 0.97 * (0.5 + 0.5 * math.cos(math.pi * progress)))
        chosen = pictures[torch.as_tensor(rng.integers(0, len(pictures), batch), device=device)]
        top, left = rng.integers(0, (128 - crop) // PATCH + 1, 2) * PATCH
        wanted = as_network(chosen[:, top:top + crop, left:left + crop])
        with torch.no_grad():
            latents = vae.encoder(wanted)
            latents = latents + torch.randn_like(latents) * ((0.03 if transfers else 0.12) * torch.rand(batch, 1, 1, 1, device=device))
        if transfers:
            if len(order) < of_transfers:
                order = list(rng.permutation(transfers.training))
            outputs, truths, of_outputs, _ = transfers.batch([order.pop() for _ in range(of_transfers)])
            weights = torch.cat([2 * torch.ones(batch, 1, crop, crop, device=device), of_outputs])
            loss = transfer_loss(vae.decoder(torch.cat([latents, outputs])), torch.cat([wanted, truths]), weights)
        else:
            loss = reconstruction_loss(vae.decoder(latents), wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(vae.decoder.parameters(), 1.0)
        optimizer.step()
        iteration += 1
        losses.append(loss.detach())
        keep = min(0.995, (1 + iteration) / (10 + iteration))
        with torch.no_grad():
            for name, value in vae.state_dict().items():
                moving[name].lerp_(value, 1 - keep)
        if iteration % 50 == 0:
            held = f' held back {held_back_loss(vae, moving, transfers, 8 * of_transfers):.4f}' if transfers and len(transfers.held) else ''
            print(f'{iteration} {time.time() - begun:.0f} s loss {torch.stack(losses).mean():.4f}{held}', flush=True)
            losses = []

    vae.load_state_dict(moving)
    return vae.eval()


@torch.no_grad()
def held_back_loss(vae, weights, transfers, count):
    """The loss of the transfers of quads that are kept from the training, with these weights."""
    outputs, truths, of_outputs, _ = transfers.batch(transfers.held[:count])
    decoder = {name.removeprefix('decoder.'): value for name, value in weights.items() if name.startswith('decoder.')}
    return transfer_loss(torch.func.functional_call(vae.decoder, decoder, (outputs,)), truths, of_outputs).item()


def basis_pictures(quads=120):
    import renderer
    from data import DOMAIN_SHARES

    rng, domains = np.random.default_rng(5), list(DOMAIN_SHARES)
    drawn = [renderer.render_quad(domains[int(rng.choice(len(domains), p=list(DOMAIN_SHARES.values())))], 400_000_000 + index)[0]
             for index in range(quads)]
    return np.concatenate(drawn).reshape(-1, renderer.PICTURE_SIZE, renderer.PICTURE_SIZE, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    basis = commands.add_parser('basis')
    basis.add_argument('--out', required=True)
    train = commands.add_parser('train')
    train.add_argument('--vae', required=True, help='read, and written back')
    train.add_argument('--data', required=True)
    train.add_argument('--minutes', type=float, required=True)
    train.add_argument('--learning-rate', type=float, default=2e-3)
    train.add_argument('--outputs', help='folder of outputs.py')
    train.add_argument('--batch', type=int, default=16)
    train.add_argument('--threads', type=int, default=1)
    train.add_argument('--device', default='cpu', help='cpu or cuda')
    arguments = parser.parse_args()
    if arguments.command == 'basis':
        torch.save(fit_basis(basis_pictures()).state_dict(), arguments.out)
    else:
        from data import Quads, load_maps, load_pictures

        torch.set_num_threads(arguments.threads)
        pictures, device = load_pictures(arguments.data), arguments.device
        transfers = Transfers(arguments.outputs, Quads(arguments.data), pictures, load_maps(arguments.data), device) if arguments.outputs else None
        vae = train_decoder(load_vae(arguments.vae).to(device), torch.from_numpy(pictures).flatten(0, 2).to(device), arguments.minutes,
                            arguments.learning_rate, transfers, arguments.batch)
        torch.save(vae.cpu().state_dict(), arguments.vae)


if __name__ == '__main__':
    main()
