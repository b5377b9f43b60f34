"""Rebuilds the checkpoints that training continues from out of mini's ONNX folder, which holds the same weights.

    python restore.py [--mini ../mini] [--out state]        writes state.pt and vae.pt

The weights are the moving average in float16, without optimiser state.
"""
import argparse
import os

import onnx
import torch
from onnx import numpy_helper

from text_encoder import tokenize
from train import build_network
from vae import VAE

HERE = os.path.dirname(os.path.abspath(__file__))
ITERATIONS, ROWS = 14_582, 2_199_836  # how far mini is trained (the README's stage 9)


def load_part(mini, name, module, inputs, uncalled=()):
    """Loads one exported model's weights into `module`. The exporter keeps no name for a weight that it turned or reshaped, but it stores these
    weights in the order in which `module` calls its layers, after those of layers that it reads without a call."""
    model = onnx.load(os.path.join(mini, name, 'model.onnx'))
    stored = {weight.name.removesuffix('_h'): torch.from_numpy(numpy_helper.to_array(weight).copy()) for weight in model.graph.initializer}
    weights = {key: stored.pop(key) for key in module.state_dict() if key in stored}
    nameless = iter([stored.pop(key) for key in list(stored) if key.startswith('onnx::')])
    path_of = {layer: path for path, layer in module.named_modules()}

    def take(layer, *_):
        for key, parameter in layer.named_parameters(path_of[layer], recurse=False):
            if key not in weights:
                weight = next(nameless)
                weights[key] = weight.t() if isinstance(layer, torch.nn.Linear) else weight.reshape(parameter.shape)

    for layer in uncalled:
        take(layer)
    hooks = [layer.register_forward_hook(take) for layer in path_of]
    with torch.inference_mode():
        module(*inputs)
    for hook in hooks:
        hook.remove()
    if next(nameless, None) is not None or stored:
        raise SystemExit(f'{name}: its model.onnx holds weights that this code has no place for; use the code that exported it')
    module.load_state_dict({key: weight.float() for key, weight in weights.items()})


def restore(mini=os.path.join(HERE, '..', 'mini')):
    """The network and the VAE of an exported folder."""
    network, vae = build_network().eval(), VAE().eval()
    load_part(mini, 'text_encoder', network['text_encoder'], [tokenize([''])], [network['text_encoder'].position_embedding])
    load_part(mini, 'unet', network['unet'], [torch.zeros(1, 16, 16, 16), torch.zeros(1), torch.zeros(1, 16, 64)])
    load_part(mini, 'vae_encoder', vae.encoder, [torch.zeros(1, 3, 128, 128)])
    load_part(mini, 'vae_decoder', vae.decoder, [torch.zeros(1, 16, 16, 16)])
    return network, vae


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--mini', default=os.path.join(HERE, '..', 'mini'), help='folder of export.py')
    parser.add_argument('--out', default=os.path.join(HERE, 'state'))
    arguments = parser.parse_args()
    network, vae = restore(arguments.mini)
    halves = [{key: weight.half() for key, weight in module.state_dict().items()} for module in (network, vae)]
    os.makedirs(arguments.out, exist_ok=True)
    torch.save(dict(ema=halves[0], rows=ROWS, iterations=ITERATIONS), os.path.join(arguments.out, 'state.pt'))
    torch.save(halves[1], os.path.join(arguments.out, 'vae.pt'))


if __name__ == '__main__':
    main()
