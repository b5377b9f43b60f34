"""The noise schedule: betas scaled_linear 0.00085 -> 0.012, 1000 training steps, DDIM "leading" spacing with offset 1, eta = 1."""
from functools import lru_cache

import numpy as np
import torch

TRAINING_STEPS = 1000


def alphas_cumprod():
    betas = np.linspace(0.00085 ** 0.5, 0.012 ** 0.5, TRAINING_STEPS, dtype=np.float64) ** 2
    return torch.from_numpy(np.cumprod(1 - betas)).float()


ALPHAS = alphas_cumprod()


@lru_cache
def alphas_on(device):
    return ALPHAS.to(device)


def alpha_at(t):
    """Cumulative alpha at the timesteps `t` [b], on their device."""
    return alphas_on(t.device)[t]


def per_element(values):
    """[b] -> [b, 1, 1, 1]."""
    return values[:, None, None, None]


def timestep(steps, index):
    """Timestep of loop position `index` (0 = the noisiest) of a schedule of `steps` steps; works on numbers and tensors."""
    return (steps - 1 - index) * (TRAINING_STEPS // steps) + 1


def previous_alpha(t, steps):
    """Cumulative alpha after the step at timestep `t` [b]; below zero it is ALPHAS[0]."""
    return alpha_at((t - TRAINING_STEPS // steps).clamp(min=0))


def add_noise(clean, noise, t):
    alpha = per_element(alpha_at(t))
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise


def posterior_mean(latents, noise, t, steps):
    """(mean, sigma) of the DDPM step from timestep `t` [b] (method.md, section 1), with the predicted noise."""
    alpha, alpha_previous = per_element(alpha_at(t)), per_element(previous_alpha(t, steps))
    variance = (1 - alpha_previous) / (1 - alpha) * (1 - alpha / alpha_previous)
    clean = (latents - (1 - alpha).sqrt() * noise) / alpha.sqrt()
    mean = alpha_previous.sqrt() * clean + (1 - alpha_previous - variance).clamp(min=0).sqrt() * noise
    return mean, variance.sqrt()
