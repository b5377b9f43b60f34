"""Transfers in flight: the training visits the very states that inference visits.

A trajectory follows the sampler of Weft (method.md, sections 2 and 3, guidance of the inversion 1): structure and appearance follow their
inverted trajectories, the output starts from the structure and takes its steps with the network's own predictions. Each training step takes
some trajectories, asks the network for their next noise with the appearance's K and V, compares it with the noise that would lead to the
drawn truth, and lets the trajectories take the step. So the network learns to correct its own errors, not only those of a mixture.

Transfers travel as couples: of two pictures, each is the structure of one transfer and the appearance of the other, so four rows of a batch
(two outputs, two pictures) make two transfers.
"""
import numpy as np
import torch

import schedule
from schedule import per_element

OTHER_SCHEDULES = (20, 25, 32, 40, 64, 80, 100)


def masked_adain(latents, reference, mask, reference_mask):
    """AdaIN of method.md, section 4: statistics inside the masks [b, 1, h, w], only what the mask covers changes."""
    def statistics(features, inside):
        count = inside.sum((2, 3), keepdim=True).clamp(min=2)
        mean = (features * inside).sum((2, 3), keepdim=True) / count
        variance = ((features - mean) ** 2 * inside).sum((2, 3), keepdim=True) / (count - 1)
        return mean, (variance + 1e-5).sqrt()

    mean, deviation = statistics(latents, mask)
    target_mean, target_deviation = statistics(reference, reference_mask)
    return latents * (1 - mask) + ((latents - mean) / deviation * target_deviation + target_mean) * mask


def signal_to_noise(t):
    alpha = schedule.alpha_at(t)
    return alpha / (1 - alpha)


def cell_weights(objects, parts):
    """Loss weight of each latent cell of [..., h, w], mean 1: half everywhere, a quarter on the object, a quarter on its parts, small ones alike."""
    inside = objects.mean((-2, -1), keepdim=True).clamp(min=1e-3)
    return 0.5 + 0.25 * objects / inside + 0.25 * parts * parts.shape[-2] * parts.shape[-1]


def rows_of(couples):
    """[n, 2, ...] -> [2n, ...]: the rows of a batch are all pictures 0, then all pictures 1."""
    return couples.transpose(0, 1).flatten(0, 1)


def couples_of(rows):
    """The inverse of rows_of."""
    return rows.unflatten(0, (2, -1)).transpose(0, 1)


class Couples:
    """A pool of `size` couples at different steps. Latents are [size, 2, 16, 16, 16]: one for each of the couple's two pictures.

    Latents live on the device of the quads; what decides where a couple is and goes (numbers of steps, settings) in numpy, so that a GPU is
    never waited for.
    """

    def __init__(self, quads, size, rng, with_pictures=0.0, anywhere=True, ideal=0.0):
        """`with_pictures`: share of the couples drawn from the quads whose pictures were kept; their outputs are put into `finished`.
        `ideal`: share of the later couples that begin, like those of a fresh pool, somewhere on an ideal transfer's way."""
        self.quads, self.size, self.rng, self.with_pictures, self.ideal, self.finished = quads, size, rng, with_pictures, ideal, []
        self.device, self.on_device = quads.latents.device, quads.on_device

        def latents(channels=16):
            return torch.zeros(size, 2, channels, 16, 16, device=self.device)

        self.pictures, self.truths, self.outputs, self.noises, self.labels = (latents() for _ in range(5))
        self.masks, self.weights = latents(1), latents(1)
        self.quad, self.look, self.steps, self.first, self.index = (np.zeros(size, np.int64) for _ in range(5))
        self.guidance, self.adain = np.ones((size, 2), np.float32), np.zeros((size, 2), np.float32)
        self.whole = np.zeros(size, bool)
        self.begin(np.arange(size), np.full(size, anywhere))

    def begin(self, slots, anywhere):
        """Draws new couples into `slots` [n]; `anywhere` [n]: not at the first step but somewhere on an ideal transfer's way."""
        rng, quads, count = self.rng, self.quads, len(slots)
        quad, look = rng.integers(len(quads), size=count), rng.integers(2, size=count)
        pictured = rng.random(count) < self.with_pictures
        if pictured.any():
            quad[pictured] = rng.choice(np.flatnonzero(quads.pictured), pictured.sum())
        self.whole[slots] = ~anywhere
        usual = rng.random(count) < 0.85
        steps = np.where(usual, 50, rng.choice(OTHER_SCHEDULES, count))
        first = np.where(usual & (rng.random(count) < 0.9), 24, (steps * rng.uniform(0.3, 0.6, count)).astype(np.int64))
        begin = np.where(rng.random(count) < 0.8, 0, np.ceil(0.1 * steps).astype(np.int64) + 1)
        index = np.where(anywhere, rng.integers(begin, steps - first), begin)
        self.quad[slots], self.look[slots], self.steps[slots], self.first[slots], self.index[slots] = quad, look, steps, first, index
        draw = rng.random(count)[:, None]
        self.guidance[slots] = np.where(draw < 0.05, (3.5, 1.75), np.where(draw < 0.1, (2.0, 1.0), (1.0, 1.0)))
        draw = rng.random(count)[:, None]
        self.adain[slots] = np.where(draw < 0.15, (20, 100), np.where(draw < 0.3, (20, 40), (0, 0)))

        at, quad, shape = self.on_device(slots), self.on_device(quad)[:, None], torch.arange(2, device=self.device)
        # Picture `shape` has the look `look` for shape 0 and the other one for shape 1; its truth has the other's look.
        own = self.on_device(np.stack([look, 1 - look], 1))
        pictures, truths = quads.latents[quad, shape, own].float(), quads.latents[quad, shape, 1 - own].float()
        objects, parts = quads.objects[quad, shape].float(), quads.parts[quad, shape].float()
        self.pictures[at], self.truths[at] = pictures, truths
        self.labels[at] = quads.labels[quad, shape].float() / 255
        self.masks[at] = (objects > 0.4).float()[:, :, None]
        self.weights[at] = cell_weights(objects, parts)[:, :, None]
        t, t_first = (self.on_device(schedule.timestep(steps, first + place)) for place in (index, begin))
        noises = torch.randn_like(pictures)
        self.noises[at] = noises
        left = per_element(signal_to_noise(t_first) / signal_to_noise(t))[..., None]
        mixed = left * pictures + (1 - left) * truths
        self.outputs[at] = couples_of(schedule.add_noise(rows_of(mixed), rows_of(noises), t.repeat(2)))

    def pick(self, count):
        """`count` slots and what their next step needs, as a dict; rows are [2 count], pictures 0 first."""
        slots = self.rng.choice(self.size, count, replace=False)
        at = self.on_device(slots)
        t = self.on_device(schedule.timestep(self.steps[slots], self.first[slots] + self.index[slots])).repeat(2)
        picked = {name: rows_of(values[at]) for name, values in dict(
            picture=self.pictures, truth=self.truths, output=self.outputs, noise=self.noises, weights=self.weights, mask=self.masks,
            labels=self.labels).items()}
        picked['t'], picked['state'] = t, schedule.add_noise(picked['picture'], picked['noise'], t)
        alpha = per_element(schedule.alpha_at(t))
        picked['target'] = (picked['output'] - alpha.sqrt() * picked['truth']) / (1 - alpha).sqrt()
        loops = self.steps[slots] - self.first[slots]
        begin, end = self.guidance[slots].T
        guidance = begin + (end - begin) * self.index[slots] / np.maximum(loops - 1, 1)
        picked['guidance'] = np.tile(guidance.astype(np.float32), 2)
        return slots, picked

    def advance(self, slots, picked, output_noise, picture_noise):
        """Takes the DDPM step of the outputs with z of their structures (edit-friendly inversion), then AdaIN; finished couples are replaced."""
        count, t, at = len(slots), picked['t'], self.on_device(slots)
        index = self.index[slots] + 1
        steps = self.on_device(self.steps[slots]).repeat(2)
        following = self.on_device(np.maximum(schedule.timestep(self.steps[slots], self.first[slots] + index), 0)).repeat(2)
        fresh = torch.randn_like(picked['noise'])
        state = schedule.add_noise(picked['picture'], fresh, following)
        mean, _ = schedule.posterior_mean(picked['output'], output_noise, t, steps)
        structure_mean, _ = schedule.posterior_mean(picked['state'], picture_noise, t, steps)
        done = index >= self.steps[slots] - self.first[slots]
        last = per_element(self.on_device(done).repeat(2))
        output = torch.where(last, mean, mean + state - structure_mean)  # the last z is 0
        place = 100.0 * self.index[slots] / self.steps[slots]
        inside = np.flatnonzero(np.tile((self.adain[slots, 0] <= place) & (place < self.adain[slots, 1]), 2))
        if len(inside):
            rows = self.on_device(inside)
            reference, reference_mask = state.roll(count, 0), picked['mask'].roll(count, 0)
            output[rows] = masked_adain(output[rows], reference[rows], picked['mask'][rows], reference_mask[rows])
        self.outputs[at], self.noises[at] = couples_of(output), couples_of(fresh)
        self.index[slots] = index
        if self.with_pictures:
            kept = np.flatnonzero(done & self.whole[slots] & self.quads.pictured[self.quad[slots]])
            if len(kept):
                latents = couples_of(output)[self.on_device(kept)].half().cpu().numpy()
                self.finished.extend(zip(self.quad[slots[kept]], self.look[slots[kept]], latents))
        if done.any():
            self.begin(slots[done], self.rng.random(done.sum()) < self.ideal)
