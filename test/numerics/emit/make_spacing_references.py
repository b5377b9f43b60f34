"""Timesteps and steps of diffusers' DDIM with trailing spacing: python make_spacing_references.py (writes spacing.safetensors beside itself).

The latents come from the formula of make_references.py. Versions as there."""
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler
from safetensors.numpy import save_file

HERE = Path(__file__).parent
source = (HERE / 'make_references.py').read_text()
functions = {}
# Its formula alone: the rest of the file makes the other references.
exec(source[source.index('def uniform'):source.index('def weight')], dict(np=np), functions)
uniform = functions['uniform']
x, prediction, z = (torch.from_numpy(uniform(name, 64).astype(np.float32)) for name in ('x', 'prediction', 'z'))

expected = {}
for kind in 'epsilon', 'v_prediction':
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear', clip_sample=False, set_alpha_to_one=False,
                              timestep_spacing='trailing', prediction_type=kind)
    # 16 rounds halves to even numbers, 48 only nearly; at 61 numpy's arange makes one element too many, -1, which is left out.
    for steps in 1, 2, 7, 8, 12, 16, 30, 48, 61, 100, 666:
        scheduler.set_timesteps(steps)
        timesteps = scheduler.timesteps[:steps]
        expected[f'timesteps.{steps}'] = timesteps.numpy().astype(np.float32)
        for index in sorted({0, steps // 2, steps - 1}):
            step = scheduler.step(prediction, timesteps[index], x, eta=1.0, variance_noise=z)
            expected[f'{kind}.{steps}.{index}.previous'] = step.prev_sample.numpy()
            expected[f'{kind}.{steps}.{index}.original'] = step.pred_original_sample.numpy()
save_file(expected, HERE / 'spacing.safetensors')
