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
    alpha = schedule.ALPHAS[t]
    return alpha / (1 - alpha)


def cell_weights(objects, parts):
    """Loss weight of each latent cell, mean 1: half everywhere, a quarter on the object, a quarter on its parts, small ones alike."""
    return 0.5 + 0.25 * objects / objects.mean().clamp(min=1e-3) + 0.25 * parts * parts.numel()


def both(first, second):
    """Rows of a batch in the order of all pictures 0, all pictures 1."""
    return torch.cat([first, second])


class Couples:
    """A pool of `size` couples at different steps. Latents are [size, 2, 16, 16, 16]: one for each of the couple's two pictures."""

    def __init__(self, quads, size, rng, with_pictures=0.0, anywhere=True, ideal=0.0):
        """`with_pictures`: share of the couples drawn from the quads whose pictures were kept; their outputs are put into `finished`.
        `ideal`: share of the later couples that begin, like those of a fresh pool, somewhere on an ideal transfer's way."""
        self.quads, self.size, self.rng, self.with_pictures, self.ideal, self.finished = quads, size, rng, with_pictures, ideal, []
        self.pictures, self.truths, self.outputs, self.noises = (torch.zeros(size, 2, 16, 16, 16) for _ in range(4))
        self.masks, self.weights = torch.zeros(size, 2, 1, 16, 16), torch.zeros(size, 2, 1, 16, 16)
        self.labels = torch.zeros(size, 2, 16, 16, 16)
        self.quad, self.look, self.steps, self.first, self.index = (np.zeros(size, np.int64) for _ in range(5))
        self.guidance, self.adain = np.ones((size, 2), np.float32), np.zeros((size, 2), np.float32)
        self.whole = np.zeros(size, bool)
        for slot in range(size):
            self.begin(slot, anywhere)

    def begin(self, slot, anywhere=False):
        """Draws a new couple into `slot`; `anywhere`: not at its first step but somewhere on an ideal transfer's way."""
        rng, quads = self.rng, self.quads
        quad, look = int(rng.integers(len(quads))), int(rng.integers(2))
        if rng.random() < self.with_pictures:
            quad = int(rng.choice(np.flatnonzero(quads.pictured)))
        self.whole[slot] = not anywhere
        usual = rng.random() < 0.85
        steps = 50 if usual else int(rng.choice(OTHER_SCHEDULES))
        first = 24 if usual and rng.random() < 0.9 else int(steps * rng.uniform(0.3, 0.6))
        begin = 0 if rng.random() < 0.8 else int(np.ceil(0.1 * steps)) + 1
        index = int(rng.integers(begin, steps - first)) if anywhere else begin
        self.quad[slot], self.look[slot], self.steps[slot], self.first[slot], self.index[slot] = quad, look, steps, first, index
        clean = quads.latents[quad].float()
        for shape in range(2):
            # Picture `shape` has the look `look` for shape 0 and the other one for shape 1; its truth has the other's look.
            own = look if shape == 0 else 1 - look
            self.pictures[slot, shape], self.truths[slot, shape] = clean[shape, own], clean[shape, 1 - own]
            objects, parts = quads.objects[quad, shape].float(), quads.parts[quad, shape].float()
            self.labels[slot, shape] = quads.labels[quad, shape].float() / 255
            self.masks[slot, shape, 0] = (objects > 0.4).float()
            self.weights[slot, shape, 0] = cell_weights(objects, parts)
        draw = rng.random()
        self.guidance[slot] = (3.5, 1.75) if draw < 0.05 else (2.0, 1.0) if draw < 0.1 else (1.0, 1.0)
        draw = rng.random()
        self.adain[slot] = (20, 100) if draw < 0.15 else (20, 40) if draw < 0.3 else (0, 0)
        t = torch.tensor([schedule.timestep(steps, first + index)] * 2)
        self.noises[slot] = torch.randn(2, 16, 16, 16)
        left = signal_to_noise(schedule.timestep(steps, first + begin)) / signal_to_noise(int(t[0]))
        mixed = left * self.pictures[slot] + (1 - left) * self.truths[slot]
        self.outputs[slot] = schedule.add_noise(mixed, self.noises[slot], t)

    def pick(self, count):
        """`count` slots and what their next step needs, as a dict; rows are [2 count], pictures 0 first."""
        slots = self.rng.choice(self.size, count, replace=False)
        t = torch.from_numpy(schedule.timestep(self.steps, self.first + self.index)[slots]).repeat(2)

        def rows(values):
            return both(values[slots, 0], values[slots, 1])

        picked = dict(t=t, picture=rows(self.pictures), truth=rows(self.truths), output=rows(self.outputs), noise=rows(self.noises),
                      weights=rows(self.weights), mask=rows(self.masks), labels=rows(self.labels))
        picked['state'] = schedule.add_noise(picked['picture'], picked['noise'], t)
        alpha = per_element(schedule.ALPHAS[t])
        picked['target'] = (picked['output'] - alpha.sqrt() * picked['truth']) / (1 - alpha).sqrt()
        loops = self.steps[slots] - self.first[slots]
        begin, end = self.guidance[slots].T
        guidance = begin + (end - begin) * self.index[slots] / np.maximum(loops - 1, 1)
        picked['guidance'] = torch.from_numpy(guidance.astype(np.float32)).repeat(2)
        return slots, picked

    def advance(self, slots, picked, output_noise, picture_noise):
        """Takes the DDPM step of the outputs with z of their structures (edit-friendly inversion), then AdaIN; finished couples are replaced."""
        count, t = len(slots), picked['t']
        steps = torch.from_numpy(self.steps[slots]).repeat(2)
        index = self.index[slots] + 1
        following = torch.from_numpy(np.maximum(schedule.timestep(self.steps[slots], self.first[slots] + index), 0)).repeat(2)
        fresh = torch.randn_like(picked['noise'])
        state = schedule.add_noise(picked['picture'], fresh, following)
        mean, _ = schedule.posterior_mean(picked['output'], output_noise, t, steps)
        structure_mean, _ = schedule.posterior_mean(picked['state'], picture_noise, t, steps)
        done = index >= self.steps[slots] - self.first[slots]
        last = torch.from_numpy(done).repeat(2)[:, None, None, None]
        output = torch.where(last, mean, mean + state - structure_mean)  # the last z is 0
        place = 100.0 * self.index[slots] / self.steps[slots]
        inside = torch.from_numpy((self.adain[slots, 0] <= place) & (place < self.adain[slots, 1])).repeat(2)
        if inside.any():
            reference, reference_mask = state.roll(count, 0), picked['mask'].roll(count, 0)
            output[inside] = masked_adain(output[inside], reference[inside], picked['mask'][inside], reference_mask[inside])
        for shape in range(2):
            rows = slice(shape * count, (shape + 1) * count)
            self.outputs[slots, shape], self.noises[slots, shape] = output[rows], fresh[rows]
        self.index[slots] = index
        for row in np.flatnonzero(done):
            slot = slots[row]
            if self.with_pictures and self.whole[slot] and self.quads.pictured[self.quad[slot]]:
                self.finished.append((self.quad[slot], self.look[slot], output[[row, count + row]].half().numpy()))
            self.begin(slot, self.rng.random() < self.ideal)
