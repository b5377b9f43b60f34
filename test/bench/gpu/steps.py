"""The steps of a transfer in PyTorch fp16 on a CUDA card, as the authors' program runs them: two passes of three rows a step.

    python steps.py FOLDER/pytorch --steps 10 --height 64 --width 64

Attention is PyTorch's own (flash) attention without swap or contrast, which favours PyTorch. Prints one line of JSON: seconds a step and
peak memory in bytes."""
import argparse
import json
import time

import torch
from diffusers import UNet2DConditionModel

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('folder')
parser.add_argument('--steps', type=int, default=10)
parser.add_argument('--height', type=int, default=64)
parser.add_argument('--width', type=int, default=64)
options = parser.parse_args()
if not torch.cuda.is_available():
    raise SystemExit('PyTorch finds no CUDA card.')
unet = UNet2DConditionModel.from_pretrained(f'{options.folder}/unet', torch_dtype=torch.float16).to('cuda').eval()
sample = torch.randn(3, 4, options.height, options.width, dtype=torch.float16, device='cuda')
context = torch.randn(3, 77, unet.config.cross_attention_dim, dtype=torch.float16, device='cuda')


@torch.no_grad()
def step(timestep):
    for _ in range(2):
        unet(sample, timestep, context)


step(981)
torch.cuda.synchronize()
torch.cuda.reset_peak_memory_stats()
start = time.perf_counter()
for index in range(options.steps):
    step(981 - 10 * index)
torch.cuda.synchronize()
print(json.dumps({
    'secondsPerStep': (time.perf_counter() - start) / options.steps,
    'peakBytes': torch.cuda.max_memory_allocated(),
    'card': torch.cuda.get_device_name(),
}))
