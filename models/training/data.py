"""Training and held-out data: quads of two shapes in two looks, drawn by the renderer, so that the answer of a transfer is known.

    python data.py shards --out DIR --vae vae.pt --quads 10000        training data (latents of the encoder; pictures of every tenth quad)
    python data.py shards --out DIR --vae vae.pt --quads 1000 --first 400 --pictures 250        other quads, the pictures of all
    python data.py pairs --out DIR --count 64 --seed S   held-out pairs with truth, part maps and masks, for evaluate.py and `npm run eval`

A shard is an .npz of `latents` [n, shape, look, 16, 16, 16] (fp16), `objects` [n, shape, 16, 16] (share of each latent cell that the object
covers), `parts` [n, shape, 16, 16] (share of each cell in the object's parts, every part of at least 24 pixels weighing the same; sums to 1),
`labels` [n, shape, 16, 16, 16] (uint8, share of each label in each cell, 255 = all) and `meta` (JSON: domain, the two kinds, the two textures).
Beside it lie the kept pictures and their part maps (load_pictures, load_maps).
"""
import argparse
import glob
import json
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from PIL import Image

import renderer

SHARD_SIZE = 250
DOMAIN_SHARES = dict(animal=.38, house=.24, cake=.18, fish=.20)
# Seeds of training quads and of held-out pairs never meet.
TRAINING_SEEDS = 500_000_000
HELD_OUT_SEEDS = 900_000_000
LATENT_CELL = 8


def cells(mask):
    """[128, 128] -> [16, 16]: the mean of each latent cell."""
    size = renderer.PICTURE_SIZE // LATENT_CELL
    return mask.reshape(size, LATENT_CELL, size, LATENT_CELL).mean((1, 3))


def part_shares(labels):
    """[16, 16], sums to 1: where the object's parts lie, large and small ones weighing the same (the eye does not count)."""
    shares, count = np.zeros((16, 16), np.float32), 0
    for part in range(1, 8):
        pixels = labels == part
        if pixels.sum() >= 24:
            shares += cells(pixels) * (LATENT_CELL ** 2 / pixels.sum())
            count += 1
    return shares / max(count, 1)


def to_network(pictures):
    """uint8 [..., 128, 128, 3] -> float32 [n, 3, 128, 128] in -1..1."""
    flat = pictures.reshape(-1, renderer.PICTURE_SIZE, renderer.PICTURE_SIZE, 3)
    return np.ascontiguousarray((flat.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2))


def draw_shard(folder, number, pictures_kept, encoder_weight, encoder_bias):
    """Draws shard `number` and keeps the pictures of its first quads; the encoder is linear: one matrix [16, 192] over 8x8 patches."""
    rng = np.random.default_rng(31_000 + number)
    domains, shares = list(DOMAIN_SHARES), list(DOMAIN_SHARES.values())
    latents = np.empty((SHARD_SIZE, 2, 2, 16, 16, 16), np.float16)
    objects, parts = (np.empty((SHARD_SIZE, 2, 16, 16), np.float16) for _ in range(2))
    label_shares = np.empty((SHARD_SIZE, 2, 16, 16, 16), np.uint8)
    meta, kept, maps = [], [], []
    for index in range(SHARD_SIZE):
        domain = domains[int(rng.choice(len(domains), p=shares))]
        pictures, labels, description = renderer.render_quad(domain, TRAINING_SEEDS + number * 1000 + index)
        patches = to_network(pictures).reshape(4, 3, 16, 8, 16, 8).transpose(0, 2, 4, 1, 3, 5).reshape(4, 16, 16, 192)
        latents[index] = (patches @ encoder_weight.T + encoder_bias).transpose(0, 3, 1, 2).reshape(2, 2, 16, 16, 16)
        for row in range(2):
            objects[index, row] = cells(renderer.is_object(labels[row]))
            parts[index, row] = part_shares(labels[row])
            label_shares[index, row] = [np.round(cells(labels[row] == label) * 255) for label in range(16)]
        meta.append(description)
        if index < pictures_kept:
            kept.append(pictures)
            maps.append(labels)
    np.save(pictures_path(folder, number), np.stack(kept))
    np.save(maps_path(folder, number), np.stack(maps).astype(np.uint8))
    path = shard_path(folder, number)
    np.savez(path + '.partial.npz', latents=latents, objects=objects, parts=parts, labels=label_shares, meta=json.dumps(meta))
    os.replace(path + '.partial.npz', path)


def draw_shards(folder, quads, first, pictures_kept, encoder_weight, encoder_bias, processes=None):
    """Draws what is missing of `quads` training quads, from shard `first` on."""
    os.makedirs(folder, exist_ok=True)
    missing = [number for number in range(first, first + -(-quads // SHARD_SIZE)) if not os.path.exists(shard_path(folder, number))]
    with ProcessPoolExecutor(processes) as executor:
        for future in [executor.submit(draw_shard, folder, number, pictures_kept, encoder_weight, encoder_bias) for number in missing]:
            future.result()


class Quads:
    """All shards of a folder as torch tensors on `device`; `extend` takes in what has been drawn since."""

    TENSORS = ('latents', 'objects', 'parts', 'labels')

    def __init__(self, folder, device='cpu'):
        self.folder, self.device, self.numbers, self.meta, self.pictured = folder, device, [], [], np.zeros(0, bool)
        self.extend()
        if not self.numbers:
            raise FileNotFoundError(f'no shard*.npz in {folder}: draw them first (python data.py shards)')

    def extend(self):
        """Appends the shards that are new in the folder; what is in memory keeps its place."""
        import torch

        new = [number for number in shard_numbers(self.folder) if number not in self.numbers]
        loaded = [np.load(shard_path(self.folder, number)) for number in new]
        for name in self.TENSORS if new else ():
            added = [torch.from_numpy(shard[name]).to(self.device) for shard in loaded]
            setattr(self, name, torch.cat([getattr(self, name), *added] if self.numbers else added))
        for number, shard in zip(new, loaded):
            meta, kept = json.loads(str(shard['meta'])), len(np.load(pictures_path(self.folder, number), mmap_mode='r'))
            self.meta.extend(meta)
            # Whose pictures were kept (load_pictures).
            self.pictured = np.concatenate([self.pictured, np.arange(len(meta)) < kept])
        self.numbers.extend(new)

    def on_device(self, values):
        """A numpy array as a tensor beside the quads; a GPU is not waited for."""
        import torch

        return torch.from_numpy(values).to(self.device, non_blocking=True)

    def __len__(self):
        return len(self.meta)


def shard_path(folder, number):
    return os.path.join(folder, f'shard{number:03d}.npz')


def pictures_path(folder, number):
    return os.path.join(folder, f'pictures{number:03d}.npy')


def maps_path(folder, number):
    return os.path.join(folder, f'maps{number:03d}.npy')


def shard_numbers(folder):
    return sorted(int(os.path.basename(path)[5:-4]) for path in glob.glob(os.path.join(folder, 'shard*[0-9].npz')))


def load_pictures(folder):
    """The kept pictures, uint8 [n, shape, look, 128, 128, 3], in the order of Quads."""
    return np.concatenate([np.load(pictures_path(folder, number)) for number in shard_numbers(folder)])


def load_maps(folder):
    """The part maps of the kept pictures, uint8 [n, shape, 128, 128], in the order of Quads."""
    return np.concatenate([np.load(maps_path(folder, number)) for number in shard_numbers(folder)])


# Held-out pairs.

PAIR_DOMAINS = ['animal', 'house', 'animal', 'cake', 'fish']


def part_palette():
    palette = np.zeros((256, 3), np.uint8)
    palette[1:16] = np.random.default_rng(3).integers(40, 255, (15, 3))
    return palette.ravel().tolist()


def save_png(path, array, palette=None):
    image = Image.fromarray(array)
    if palette:
        image = image.convert('P') if image.mode == 'P' else Image.frombytes('P', image.size, array.tobytes())
        image.putpalette(palette)
    image.save(path, optimize=True)


def draw_pairs(folder, count, seed):
    """Writes NN_structure.png, NN_appearance.png, NN_ground_truth.png, NN_*_parts.png, NN_*_mask.png and examples.json."""
    os.makedirs(folder, exist_ok=True)
    examples = []
    for index in range(count):
        domain = PAIR_DOMAINS[index % len(PAIR_DOMAINS)]
        pictures, labels, (_, structure_kind, appearance_kind, _, texture) = renderer.render_quad(domain, HELD_OUT_SEEDS + seed * 10_000 + index)
        prefix = os.path.join(folder, f'{index:02d}_')
        save_png(prefix + 'structure.png', pictures[0, 0])
        save_png(prefix + 'appearance.png', pictures[1, 1])
        save_png(prefix + 'ground_truth.png', pictures[0, 1])
        for row, role in enumerate(('structure', 'appearance')):
            save_png(f'{prefix}{role}_parts.png', labels[row], part_palette())
            save_png(f'{prefix}{role}_mask.png', (renderer.is_object(labels[row]) * 255).astype(np.uint8))
        names = {str(part): name for part, name in renderer.PARTS[domain].items()}
        examples.append(dict(id=index, seed=HELD_OUT_SEEDS + seed * 10_000 + index, domain=domain, structure_kind=structure_kind,
                             appearance_kind=appearance_kind, texture=texture, parts={**names, '0': 'backdrop', '15': 'ground'}))
    with open(os.path.join(folder, 'examples.json'), 'w') as file:
        json.dump(examples, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    shards = commands.add_parser('shards', help='draw the training quads')
    shards.add_argument('--out', required=True)
    shards.add_argument('--vae', required=True, help='checkpoint of vae.py, whose encoder makes the latents')
    shards.add_argument('--quads', type=int, default=10_000)
    shards.add_argument('--first', type=int, default=0, help='number of the first shard: quads of other numbers are other quads')
    shards.add_argument('--pictures', type=int, default=25, help=f'pictures kept of the {SHARD_SIZE} quads of a shard')
    pairs = commands.add_parser('pairs', help='draw held-out pairs')
    pairs.add_argument('--out', required=True)
    pairs.add_argument('--count', type=int, default=64)
    pairs.add_argument('--seed', type=int, required=True)
    arguments = parser.parse_args()
    if arguments.command == 'pairs':
        draw_pairs(arguments.out, arguments.count, arguments.seed)
    else:
        from vae import load_vae

        encoder = load_vae(arguments.vae).encoder.conv
        weight, bias = encoder.weight.detach().reshape(16, -1).numpy(), encoder.bias.detach().numpy()
        draw_shards(arguments.out, arguments.quads, arguments.first, arguments.pictures, weight, bias)


if __name__ == '__main__':
    main()
