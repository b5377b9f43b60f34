"""Scores transfers against the drawn truth.

    python evaluate.py --state state.pt --vae vae.pt --pairs DIR [--seeds 3] [--set contrast=1.0 adainRange=0,0]... [--sheet FILE]

PSNR over the picture and over the object (dB); part colour: mean over the object's parts of at least 24 pixels of the distance between mean
RGB colours (0..255); IoU: object = pixels whose mean absolute difference from their row's median background colour exceeds 26, against
the true mask of the structure (the truth itself scores about 0.86 through it). PSNR of the reconstruction: inversion without swap.
Pattern: the deviation inside the truth's patterned parts, edges: the size of the truth's gradients on the object; how much of either is left,
at most 1 (as Weft measures it, extension/engine/evaluate/truth.ts).
"""
import argparse
import json
import os
import time

import numpy as np
import torch
from PIL import Image

from data import cells, to_network
from renderer import is_object
from text_encoder import fill, tokenize
from train import build_network
from transfer import Settings, transfer
from vae import load_vae, to_pictures


DEFAULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'defaults.json')


def psnr(result, truth, mask=None):
    squared = ((result.astype(np.float32) - truth.astype(np.float32)) / 255) ** 2
    return float(-10 * np.log10((squared if mask is None else squared[mask]).mean() + 1e-8))


def part_colour_error(result, truth, labels):
    return float(np.mean([np.linalg.norm(result[labels == part].mean(0) - truth[labels == part].mean(0))
                          for part in range(1, 8) if (labels == part).sum() >= 24]))


def object_iou(result, labels, threshold=26):
    picture, inside, last = result.astype(np.float32), is_object(labels), None
    backdrop = np.zeros((len(picture), 3), np.float32)
    for row in range(len(picture)):
        if (~inside[row]).sum() >= 4:
            last = np.median(picture[row][~inside[row]], 0)
        backdrop[row] = last if last is not None else np.median(picture[0], 0)
    seen = np.abs(picture - backdrop[:, None]).mean(-1) > threshold
    return float((seen & inside).sum() / max((seen | inside).sum(), 1))


def patterned_parts(truth, labels):
    """Masks of the parts of at least 60 pixels whose colours deviate by more than 25, with that deviation."""
    found = [(labels == part, np.sqrt(truth[labels == part].astype(np.float64).var(0).mean())) for part in range(1, 8) if (labels == part).sum() >= 60]
    return [(inside, deviation) for inside, deviation in found if deviation > 25]


def pattern_kept(result, truth, labels):
    """NaN where the truth has no pattern."""
    kept = [min(1, np.sqrt(result[inside].astype(np.float64).var(0).mean()) / deviation) for inside, deviation in patterned_parts(truth, labels)]
    return float(np.mean(kept)) if kept else float('nan')


def gradient(picture):
    """Size of the luminance's central differences, averaged over 3x3 pixels; the border repeats its pixels."""
    padded = np.pad(picture.astype(np.float64) @ (0.299, 0.587, 0.114), 1, mode='edge')
    size = np.pad(np.hypot(padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2, 1, mode='edge')
    return np.lib.stride_tricks.sliding_window_view(size, (3, 3)).mean((-2, -1))


def edges_kept(result, truth, labels):
    ours, theirs = (gradient(picture)[is_object(labels)] for picture in (result, truth))
    return float(np.minimum(ours, theirs).sum() / theirs.sum())


def score(result, truth, labels):
    return dict(psnr=psnr(result, truth), object_psnr=psnr(result, truth, is_object(labels)), part_colour=part_colour_error(result, truth, labels),
                iou=object_iou(result, labels), pattern=pattern_kept(result, truth, labels), edges=edges_kept(result, truth, labels))


class Pairs:
    """A folder of held-out pairs (data.py)."""

    def __init__(self, folder, count=None):
        with open(os.path.join(folder, 'examples.json')) as file:
            self.examples = json.load(file)[:count]

        def read(name):
            return np.stack([np.asarray(Image.open(os.path.join(folder, f'{example["id"]:02d}_{name}.png'))) for example in self.examples])

        self.structure, self.appearance, self.truth = read('structure'), read('appearance'), read('ground_truth')
        self.structure_labels, self.appearance_labels = read('structure_parts'), read('appearance_parts')

    def masks(self, labels):
        return torch.from_numpy(np.stack([cells(is_object(of_pair)) > 0.4 for of_pair in labels])[:, None].astype(np.float32))


def load_network(path, weights='ema'):
    network = build_network()
    network.load_state_dict({name: value.float() for name, value in torch.load(path, map_location='cpu', weights_only=False)[weights].items()})
    return network.eval()


@torch.inference_mode()
def evaluate(network, vae, pairs, settings, seeds=(0,), masks='given', batch=8):
    """Mean scores over all pairs and seeds, the pictures of the first seed, and the latents of the results of all seeds."""
    prompts = [fill('a photo of a {noun}', example['domain']) for example in pairs.examples]
    context = network['text_encoder'](tokenize(prompts))
    structure, appearance = (vae.encoder(torch.from_numpy(to_network(pictures))) for pictures in (pairs.structure, pairs.appearance))
    structure_masks, appearance_masks = pairs.masks(pairs.structure_labels), pairs.masks(pairs.appearance_labels)
    rows, pictures, outputs = [], [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        for first in range(0, len(prompts), batch):
            part = slice(first, first + batch)
            given = (structure_masks[part], appearance_masks[part])
            if masks == 'self':
                given = ('self', 'self')
            elif masks == 'none':
                given = tuple(torch.ones_like(mask) for mask in given)
            output, reconstruction, found = transfer(network['unet'], context[part], structure[part], appearance[part], settings, *given, generator)
            outputs.append(output)
            results, reconstructions = to_pictures(vae.decoder(output)), to_pictures(vae.decoder(reconstruction))
            for offset, result in enumerate(results):
                index = first + offset
                row = score(result, pairs.truth[index], pairs.structure_labels[index])
                row['reconstruction'] = psnr(reconstructions[offset], pairs.structure[index])
                if found is not None:
                    for name, mask, true in zip(('appearance_mask_iou', 'structure_mask_iou'), found, (appearance_masks, structure_masks)):
                        ours, theirs = mask[offset] > 0, true[index] > 0
                        row[name] = float((ours & theirs).sum() / max((ours | theirs).sum(), 1))
                rows.append(row)
            if seed == seeds[0]:
                pictures.extend(results)
    scores = mean_scores(rows)
    for name in ('appearance_mask_iou', 'structure_mask_iou'):
        if name in rows[0]:
            scores[name + '_median'] = round(float(np.median([row[name] for row in rows])), 3)
    return scores, np.stack(pictures), torch.cat(outputs)


def mean_scores(rows):
    return {name: round(float(np.nanmean([row[name] for row in rows])), 3) for name in rows[0]}


def contact_sheet(path, pairs, results, columns=3):
    """Structure, appearance, result, truth; `columns` pairs side by side."""
    records = [np.concatenate([pairs.structure[index], pairs.appearance[index], results[index], pairs.truth[index]], 1) for index in range(len(results))]
    gap = np.full((128, 8, 3), 255, np.uint8)
    lines = []
    for first in range(0, len(records) - columns + 1, columns):
        pieces = [piece for record in records[first:first + columns] for piece in (record, gap)][:-1]
        lines.append(np.concatenate(pieces, 1))
    Image.fromarray(np.concatenate(lines, 0)).save(path, optimize=True)


def parse_settings(assignments):
    """The defaults of defaults.json, changed by NAME=VALUE assignments."""
    with open(DEFAULTS) as file:
        defaults = json.load(file)
    settings = Settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in defaults.items()
                           if name in Settings.__dataclass_fields__})
    for assignment in assignments:
        name, text = assignment.split('=')
        # By the declared type: JSON writes a whole number of a float without its point.
        kind = type(getattr(Settings(), name))
        setattr(settings, name, tuple(float(piece) for piece in text.split(',')) if kind is tuple else kind(text))
    return settings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--state', required=True)
    parser.add_argument('--weights', default='ema', choices=('ema', 'network'))
    parser.add_argument('--vae', required=True)
    parser.add_argument('--pairs', required=True)
    parser.add_argument('--count', type=int)
    parser.add_argument('--seeds', type=int, default=1)
    parser.add_argument('--masks', default='given', choices=('given', 'self', 'none'))
    parser.add_argument('--set', nargs='*', action='append', default=[], help='NAME=VALUE of transfer.Settings; several --set are several runs')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--sheet')
    parser.add_argument('--latents', help='write the latents of the results with their truths and part maps, to score decoders on them')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    network, vae, pairs = load_network(arguments.state, arguments.weights), load_vae(arguments.vae), Pairs(arguments.pairs, arguments.count)
    for assignments in arguments.set or [[]]:
        begun = time.time()
        scores, pictures, latents = evaluate(network, vae, pairs, parse_settings(assignments), range(arguments.seeds), arguments.masks)
        print(' '.join(assignments) or 'defaults', json.dumps(scores), f'{time.time() - begun:.0f} s', flush=True)
        if arguments.sheet:
            contact_sheet(arguments.sheet, pairs, pictures)
        if arguments.latents:
            truths, labels = (torch.from_numpy(values).repeat(arguments.seeds, 1, 1, *[1] * (values.ndim - 3)) for values in (pairs.truth, pairs.structure_labels))
            torch.save(dict(latents=latents, truths=truths, labels=labels), arguments.latents)


if __name__ == '__main__':
    main()
