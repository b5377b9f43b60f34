"""Writes mini as an ordinary Stable Diffusion ONNX folder and checks it against torch with onnxruntime.

    python export.py --state state.pt --vae vae.pt --out DIR [--parts unet text_encoder] [--weft defaults.json]

TorchScript exporter, opset 17, dynamic batch, fp32 inputs and outputs, float timestep [batch], unfused attention. Weights are stored as fp16
followed by a Cast to fp32, which halves the file and which a rewriter must see through.
"""
import argparse
import json
import os
import re

import numpy as np
import onnx
import torch

os.environ['ORT_DISABLE_TELEMETRY'] = '1'  # read when the library loads
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper

import renderer
from evaluate import load_network
from text_encoder import CONTEXT_LENGTH, END, NOUNS, START, TOKENIZER, UNKNOWN, build_tokenizer, tokenize
from unet import CONFIG
from vae import load_vae

TRAINED_DOMAINS = ('animal', 'house', 'cake', 'fish')


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = re.sub(r'\[\s+([^\[\]{}]*?)\s+\]', lambda match: '[' + re.sub(r'\s+', ' ', match[1]) + ']', json.dumps(value, indent=2))
    with open(path, 'w') as file:
        file.write(text + '\n')


def store_half_precision(path):
    """Rewrites the model in place: every fp32 weight of at least 64 numbers becomes fp16 followed by a Cast."""
    model = onnx.load(path)
    weights, casts = [], []
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) >= 64:
            weights.append(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), weight.name + '_h'))
            casts.append(helper.make_node('Cast', [weight.name + '_h'], [weight.name], to=TensorProto.FLOAT, name='w16_' + weight.name))
        else:
            weights.append(weight)
    nodes = casts + list(model.graph.node)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def check(path, module, inputs):
    """Largest difference from torch, for the batch as given and for a batch of one."""
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    worst = 0.0
    for rows in (slice(None), slice(1, 2)):
        with torch.inference_mode():
            expected = module(*(value[rows] for value in inputs.values())).numpy()
        actual = session.run(None, {name: value[rows].numpy() for name, value in inputs.items()})[0]
        worst = max(worst, float(np.abs(actual - expected).max()))
    return worst, float(np.abs(expected).max())


def export_part(folder, name, module, inputs, output):
    path = os.path.join(folder, name, 'model.onnx')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    module.eval()
    torch.onnx.export(module, tuple(inputs.values()), path, dynamo=False, opset_version=17, input_names=list(inputs), output_names=[output],
                      dynamic_axes={name: {0: 'batch'} for name in [*inputs, output]}, do_constant_folding=True)
    store_half_precision(path)
    difference, largest = check(path, module, inputs)
    print(f'{name}: {os.path.getsize(path)} bytes, differs from torch by {difference:.2e} of {largest:.2f}', flush=True)
    if difference > 0.01 * largest + 1e-5:
        raise SystemExit(f'{name}: the exported model does not compute what torch computes')


def write_configs(folder):
    channels, heads = list(CONFIG['block_out_channels']), list(CONFIG['heads'])
    version = '0.30.0'
    part = ['diffusers', 'OnnxRuntimeModel']
    write_json(f'{folder}/model_index.json', dict(
        _class_name='OnnxStableDiffusionPipeline', _diffusers_version=version, scheduler=['diffusers', 'DDIMScheduler'], text_encoder=part,
        tokenizer=['transformers', 'PreTrainedTokenizerFast'], unet=part, vae_encoder=part, vae_decoder=part))
    write_json(f'{folder}/scheduler/scheduler_config.json', dict(
        _class_name='DDIMScheduler', num_train_timesteps=1000, beta_schedule='scaled_linear', beta_start=0.00085, beta_end=0.012,
        prediction_type='epsilon', steps_offset=1, set_alpha_to_one=False, clip_sample=False, timestep_spacing='leading',
        _diffusers_version=version))
    write_json(f'{folder}/tokenizer/tokenizer_config.json', dict(
        tokenizer_class='PreTrainedTokenizerFast', model_max_length=CONTEXT_LENGTH, bos_token=START, eos_token=END, pad_token=END,
        unk_token=UNKNOWN, clean_up_tokenization_spaces=False))
    build_tokenizer(f'{folder}/tokenizer/tokenizer.json')
    write_json(f'{folder}/text_encoder/config.json', dict(
        _class_name='CLIPTextModel', vocab_size=TOKENIZER.get_vocab_size(), hidden_size=64, intermediate_size=256, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=CONTEXT_LENGTH, hidden_act='quick_gelu', bos_token_id=0, eos_token_id=1, pad_token_id=1))
    write_json(f'{folder}/unet/config.json', dict(
        _class_name='UNet2DConditionModel', sample_size=CONFIG['sample_size'], in_channels=16, out_channels=16, block_out_channels=channels,
        layers_per_block=1, attention_head_dim=heads, down_block_types=['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
        mid_block_type='UNetMidBlock2DCrossAttn', up_block_types=['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
        cross_attention_dim=64, norm_num_groups=8, norm_eps=1e-5, act_fn='silu', flip_sin_to_cos=True, freq_shift=0,
        time_embedding_dim=CONFIG['time_embedding_dim'], center_input_sample=False, downsample_padding=1, mid_block_scale_factor=1))
    for name in ('vae_encoder', 'vae_decoder'):
        write_json(f'{folder}/{name}/config.json', dict(_class_name='AutoencoderKL', in_channels=3, out_channels=3, latent_channels=16,
                                                        sample_size=128, scaling_factor=1.0))


def write_manifest(folder, defaults):
    kinds = dict(animal=['giraffe', 'zebra', 'horse', 'cow', 'dog'])
    domains = [dict(noun=noun, kinds=kinds.get(noun, NOUNS[noun][1:])) for noun in TRAINED_DOMAINS]
    write_json(f'{folder}/weft.json', dict(
        id='mini', title='Mini (drawn pictures)', licence='MIT', pictureSize=renderer.PICTURE_SIZE,
        promptTemplate='a photo of a {domain}', domains=domains, defaults=defaults))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--state', required=True)
    parser.add_argument('--vae', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--defaults', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), 'defaults.json'),
                        help='the defaults of weft.json')
    parser.add_argument('--parts', nargs='*', default=['text_encoder', 'unet', 'vae_encoder', 'vae_decoder'])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network, vae = load_network(arguments.state), load_vae(arguments.vae)
    write_configs(arguments.out)
    with open(arguments.defaults) as file:
        write_manifest(arguments.out, json.load(file))
    generator = torch.Generator().manual_seed(1)
    prompts = tokenize(['a photo of a animal', '', 'a photo of a house'])
    latents = torch.randn(3, 16, 16, 16, generator=generator)
    pictures = torch.randn(3, 3, 128, 128, generator=generator).clamp(-1, 1)
    states = network['text_encoder'](prompts).detach()
    parts = dict(
        text_encoder=(network['text_encoder'], dict(input_ids=prompts), 'last_hidden_state'),
        unet=(network['unet'], dict(sample=latents, timestep=torch.tensor([5., 400., 671.]), encoder_hidden_states=states), 'out_sample'),
        vae_encoder=(vae.encoder, dict(sample=pictures), 'latent'),
        vae_decoder=(vae.decoder, dict(latent=latents), 'sample'))
    for name in arguments.parts:
        export_part(arguments.out, name, *parts[name])


if __name__ == '__main__':
    main()
