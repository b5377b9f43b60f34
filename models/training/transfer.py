"""Appearance transfer in torch as Weft computes it (method.md): edit-friendly inversion, cross-image attention, AdaIN, self-segmentation.

Only for the training's own evaluation, so only with equal guidance (1) in inversion and denoising: then A and S follow their inverted
trajectories exactly, and the inversion is the reference pass.
"""
from dataclasses import dataclass

import numpy as np
import torch

import schedule
from rollout import masked_adain
from schedule import per_element
from unet import KeyValueSwap


@dataclass
class Settings:
    """The defaults of weft.json by their names there; ranges in per cent of `steps`."""

    steps: int = 50
    skip: int = 24
    contrast: float = 1.67
    swapHighRange: tuple = (10, 90)
    swapLowRange: tuple = (10, 70)
    structureEvery: int = 5
    structureUntil: float = 40
    adainRange: tuple = (20, 100)
    swapGuidance: float = 3.5
    swapGuidanceEnd: float = 1.75


def inside(step, limits, steps):
    return limits[0] * steps <= 100 * step < limits[1] * steps


@torch.inference_mode()
def transfer(unet, context, structure, appearance, settings, structure_mask, appearance_mask, generator):
    """Latents [b, 16, 16, 16] of structure and appearance -> latents of the output and of the structure's reconstruction.

    Masks are [b, 1, 16, 16]; 'self' for the structure mask asks for self-segmentation and returns its masks as a third value.
    """
    batch, steps, loops = len(structure), settings.steps, settings.steps - settings.skip
    timesteps = [schedule.timestep(steps, settings.skip + index) for index in range(loops)]
    guidances = np.linspace(settings.swapGuidance, max(settings.swapGuidanceEnd, 1), loops)
    segmenting = isinstance(structure_mask, str)
    mask_step = max(1, int(np.ceil(settings.adainRange[0] * steps / 100)))
    found = None

    def noised(clean, t):
        return schedule.add_noise(clean, torch.randn(clean.shape, generator=generator), torch.full((batch,), t))

    output = structure_state = noised(structure, timesteps[0])
    appearance_state = noised(appearance, timesteps[0])
    for index, t in enumerate(timesteps):
        counted = max(index - 1, 0)
        times = torch.full((batch,), t)
        injecting = settings.structureEvery > 0 and counted % settings.structureEvery == 0 and 100 * counted < settings.structureUntil * steps
        high, low = inside(counted, settings.swapHighRange, steps), inside(counted, settings.swapLowRange, steps)
        guidance = float(guidances[index]) if high or low else 1.0
        # O swapped, A, S, and O again without swap where guidance asks for it.
        states = [output, appearance_state, structure_state] + ([output] if guidance != 1.0 else [])
        keep = segmenting and index == mask_step
        layers = (unet.up_blocks[-1].attentions[-1].transformer_blocks[0].attn1, unet.up_blocks[-2].attentions[-1].transformer_blocks[0].attn2)
        for layer in layers:
            layer.keep_map = keep
        swap = None
        if high or low:
            first = 2 * batch if injecting else batch
            swap = KeyValueSwap(batch, torch.arange(first, first + batch), settings.contrast,
                                frozenset(tokens for tokens, on in ((256, high), (64, low)) if on))
        predicted = unet(torch.cat(states), times.repeat(len(states)), context.repeat(len(states), 1, 1), swap).chunk(len(states))
        if keep:
            found = segment(*(layer.attention_map for layer in layers), batch)
            structure_mask, appearance_mask = found[1], found[0]
        noise = predicted[0] if guidance == 1.0 else predicted[3] + guidance * (predicted[0] - predicted[3])
        steps_tensor = torch.full((batch,), steps)
        mean, _ = schedule.posterior_mean(output, noise, times, steps_tensor)
        reference, _ = schedule.posterior_mean(structure_state, predicted[2], times, steps_tensor)
        if index + 1 < loops:
            structure_state = noised(structure, timesteps[index + 1])
            appearance_state = noised(appearance, timesteps[index + 1])
            output = mean + (structure_state - reference)  # mean + sigma * z of the structure
        else:  # the last z is 0
            output, structure_state = mean, reference
            appearance_state, _ = schedule.posterior_mean(appearance_state, predicted[1], times, steps_tensor)
        if inside(index, settings.adainRange, steps):
            output = masked_adain(output, appearance_state, structure_mask, appearance_mask)
    return output, structure_state, found


def k_means(rows, clusters, generator, restarts=10, iterations=40):
    """Labels [n] of the best of several k-means++ runs over rows [n, d]."""
    best = None
    for _ in range(restarts):
        centers = rows[torch.randint(len(rows), (1,), generator=generator)]
        for _ in range(clusters - 1):
            distance = torch.cdist(rows, centers).min(1).values ** 2 + 1e-12
            centers = torch.cat([centers, rows[torch.multinomial(distance, 1, generator=generator)]])
        for _ in range(iterations):
            labels = torch.cdist(rows, centers).argmin(1)
            moved = torch.stack([rows[labels == k].mean(0) if (labels == k).any() else centers[k] for k in range(clusters)])
            if torch.equal(moved, centers):
                break
            centers = moved
        cost = (rows - centers[labels]).pow(2).sum().item()
        if best is None or cost < best[0]:
            best = (cost, labels)
    return best[1]


NOUN_TOKEN = 5  # "a photo of a NOUN" after the start token


def segment(self_map, cross_map, batch):
    """Masks [b, 1, 16, 16] of A and of S (method.md, section 4); rows of the maps are O, A, S."""
    generator = torch.Generator().manual_seed(0)
    masks = []
    for first in (batch, 2 * batch):
        of_role = []
        for row in range(first, first + batch):
            labels = k_means(self_map[row].mean(0), 5, generator)
            column = cross_map[row].mean(0)[:, NOUN_TOKEN].reshape(8, 8)
            column = column.repeat_interleave(2, 0).repeat_interleave(2, 1).reshape(-1)
            column = (column - column.min().abs()) / column.max()
            scores = torch.stack([column[labels == k].mean() if (labels == k).any() else torch.tensor(-1.0) for k in range(5)])
            threshold = 1.4 * scores.sort(descending=True).values[1:].mean()
            chosen = scores > threshold
            of_role.append(chosen[labels].float().reshape(1, 16, 16))
        masks.append(torch.stack(of_role))
    return masks
