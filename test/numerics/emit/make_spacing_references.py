"""Timesteps and steps of diffusers' DDIM with trailing spacing, and TurboEdit's noise maps: python make_spacing_references.py (writes spacing.safetensors beside itself).

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

# TurboEdit (arXiv 2408.00735): x_t is noised for the timestep one step later, and is x0 where that is 0 or less. The noise of the last step,
# as it is added, has at most the norm 15.5 with latents of 4 x 64 x 64.
for steps in 2, 4, 8, 12, 16:
    scheduler.set_timesteps(steps)
    later = scheduler.timesteps - (scheduler.timesteps[0] - scheduler.timesteps[1])
    for index, timestep in enumerate(later):
        noised = x if timestep <= 0 else scheduler.add_noise(x[None], z[None], timestep[None])[0]
        expected[f'shifted.{steps}.{index}'] = noised.numpy()
    before = scheduler.timesteps[-1] - 1000 // steps
    sigma = scheduler._get_variance(scheduler.timesteps[-1], before) ** 0.5
    for name, length in ('long', 400.0), ('short', 0.5):
        added = torch.from_numpy(uniform('added', 4 * 64 * 64).astype(np.float32))
        added = added * length / added.norm()
        expected[f'z.{steps}.{name}'] = (added / sigma).numpy()[:256]
        expected[f'limited.{steps}.{name}'] = (added * min(1.0, 15.5 / added.norm().item()) / sigma).numpy()[:256]
        expected[f'scale.{steps}.{name}'] = (length / sigma)[None].numpy()
save_file(expected, HERE / 'spacing.safetensors')
