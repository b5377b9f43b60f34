"""What PyTorch computes with the small model `tiny` when a LoRA is merged into its weights: python make_lora_references.py (writes lora.safetensors beside itself).

The LoRA's numbers come from a formula over the layer's name, which lora.test.ts has as well. Versions as in make_references.py."""
import gzip
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from safetensors.numpy import save_file
from transformers import CLIPTextConfig, CLIPTextModel

HERE = Path(__file__).parent
source = (HERE / 'make_references.py').read_text()
functions = {}
# Its formulas alone: the rest of the file makes the other references.
exec(source[source.index('def uniform'):source.index('def ends')], dict(np=np, torch=torch), functions)
uniform = functions['uniform']
weight = eval('lambda f: f', {})(functions['weight'])
weight.__globals__['uniform'] = uniform

listing = json.loads(gzip.decompress((HERE / 'models.json.gz').read_bytes()))['tiny']


def inputs(name, *shape):
    return torch.from_numpy(uniform(name, int(np.prod(shape))).astype(np.float32).reshape(shape))


def product(module, value, rank, kind):
    """What a LoRA adds to a weight: alpha is half the rank."""
    up = inputs(f'{module} up', value.shape[0], rank)
    within = value.shape[1:2] if kind == 'tucker' else value.shape[1:]
    down = inputs(f'{module} down', rank, *within) * (0.5 / np.sqrt(rank * np.prod(within)))
    if kind == 'mixed':
        up, down = up.half().float(), down.bfloat16().float()
    if kind == 'tucker':
        mid = inputs(f'{module} mid', rank, rank, *value.shape[2:])
        return 0.5 * torch.einsum('nmkl,on,mi->oikl', mid.double(), up.double(), down.double()).float()
    return 0.5 * (up.double() @ down.flatten(1).double()).reshape(value.shape).float()


def merged(part, rank, strength, kind='lora'):
    state = {}
    for name, (original, *_) in listing[part]['names'].items():
        value = weight(original, listing[part]['shapes'][original])
        bare = name.removeprefix('text_model.')
        changed = 'embeddings' not in name and strength != 0
        if kind != 'full':
            changed = changed and name.endswith('.weight') and value.ndim > 1
        if kind == 'tucker':
            changed = changed and value.ndim == 4 and value.shape[2] == 3
        if changed and kind == 'full':
            value = value + strength * inputs(f'{bare} diff', *value.shape) * 0.05
        elif changed:
            value = value + strength * product(bare.removesuffix('.weight'), value, rank, kind)
        state[name] = value
    return state


def fitting(module, state):
    """The state under the module's names and in its shapes."""
    own = module.state_dict()
    out = {}
    for name, value in own.items():
        bare = name.removeprefix('text_model.')
        found = state.get(name, state.get(bare, state.get('text_model.' + bare)))
        out[name] = value if found is None else found.reshape(value.shape)
        assert found is not None or 'position_ids' in name, name
    module.load_state_dict(out)
    return module.eval()


expected = {}
cases = [(f'{rank}.{strength}', (rank, strength)) for rank in (4, 32) for strength in (0.7, 1, -1)] + [('0.0', (0, 0))]
# A third matrix in convolutions; whole differences of weights, biases and norms; matrices in float16 and bfloat16.
cases += [(kind, (4, 0.7, kind)) for kind in ('tucker', 'full', 'mixed')]
for case, how in cases:
    unet = fitting(UNet2DConditionModel(sample_size=16, layers_per_block=2, **listing['config']['unet']), merged('unet', *how))
    config = dict(vocab_size=512, max_position_embeddings=77, eos_token_id=511, bos_token_id=510) | listing['config']['text']
    text = fitting(CLIPTextModel(CLIPTextConfig(**config)), merged('text', *how))
    with torch.no_grad():
        width = listing['config']['unet']['cross_attention_dim']
        result = unet(inputs('sample', 2, 4, 8, 16) * 2, torch.tensor([801, 21]), inputs('context', 2, 77, width)).sample
        words = text(torch.arange(77)[None] * 37 % 512).last_hidden_state[:, ::11]
    for name, tensor in ('unet', result), ('text', words):
        expected[f'{case}.{name}'] = tensor.contiguous().numpy()
        print(case, name, float(tensor.std()))
save_file(expected, HERE / 'lora.safetensors')
