"""Stable Diffusion 1.5 at its full width with random weights, for benches of size, memory and time.

    pip install -r requirements.txt
    python make.py FOLDER            # about 10 GB of disk, 10 GB of memory, a few minutes

writes FOLDER/onnx (fp32: an ordinary export by diffusers' conversion, the UNet's weights in unet/weights.pb), FOLDER/onnx-fp16 (half
precision inside and at the borders, each graph one file: the UNet's is 1.7 GB) and FOLDER/pytorch (the same weights as diffusers'
folders, for the comparison with PyTorch). `--split` leaves the fp32 UNet as TorchScript's exporter writes it: one file a tensor.

The weights are drawn so that a network of this depth stays alive: each matrix keeps the size of what it is given, the UNet's
prediction has a standard deviation of 1 on unit noise, the VAE's latents about 1 after scaling. Each part is made in a process of
its own, so that its memory is given back."""
import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

PARTS = ['text_encoder', 'vae', 'unet']


def revive(model):
    """Normal weights of variance 1 / fan-in, small biases."""
    import torch

    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.02 if 'embedding' in name and 'time' not in name else parameter[0].numel() ** -0.5)
        elif 'norm' not in name or name.endswith('bias'):
            torch.nn.init.normal_(parameter, std=0.02)
    return model.eval()


def scale(layer, factor):
    layer.weight.data *= factor
    layer.bias.data *= factor


def build(part):
    import torch

    torch.manual_seed(0)
    if part == 'text_encoder':
        from transformers import CLIPTextConfig, CLIPTextModel

        return revive(CLIPTextModel(CLIPTextConfig(
            vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
            max_position_embeddings=77, hidden_act='quick_gelu', projection_dim=768, bos_token_id=49406, eos_token_id=49407)))
    from diffusers import AutoencoderKL, UNet2DConditionModel

    if part == 'vae':
        model = revive(AutoencoderKL(
            down_block_types=('DownEncoderBlock2D',) * 4, up_block_types=('UpDecoderBlock2D',) * 4,
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512))
        with torch.no_grad():
            latents = model.encode(torch.rand(1, 3, 128, 128) * 2 - 1).latent_dist.mean
            scale(model.quant_conv, 1 / (model.config.scaling_factor * latents.std()))
            picture = model.decode(torch.randn(1, 4, 16, 16) / model.config.scaling_factor).sample
            scale(model.decoder.conv_out, 0.5 / picture.std())
        return model
    model = revive(UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8))
    with torch.no_grad():
        epsilon = model(torch.randn(1, 4, 32, 32), 301, torch.randn(1, 77, 768)).sample
        scale(model.conv_out, 1 / epsilon.std())
    return model


def examples(part, half):
    """(graph's folder, forward, arguments, inputs, output names, dynamic axes) of the graphs of a part, as diffusers' script has them."""
    import torch

    dtype = torch.float16 if half else torch.float32
    picture = {0: 'batch', 1: 'channels', 2: 'height', 3: 'width'}
    if part == 'text_encoder':
        return [('text_encoder', lambda m: m.forward, (torch.zeros(1, 77, dtype=torch.int32),), ['input_ids'],
                 ['last_hidden_state', 'pooler_output'], {'input_ids': {0: 'batch', 1: 'sequence'}})]
    if part == 'vae':
        return [
            ('vae_encoder', lambda m: lambda sample, return_dict: m.encode(sample, return_dict)[0].sample(),
             (torch.randn(1, 3, 16, 16, dtype=dtype), False), ['sample', 'return_dict'], ['latent_sample'], {'sample': picture}),
            ('vae_decoder', lambda m: m.decode, (torch.randn(1, 4, 4, 4, dtype=dtype), False),
             ['latent_sample', 'return_dict'], ['sample'], {'latent_sample': picture})]
    return [('unet', lambda m: m.forward,
             (torch.randn(2, 4, 8, 8, dtype=dtype), torch.LongTensor([0, 1]), torch.randn(2, 77, 768, dtype=dtype), False),
             ['sample', 'timestep', 'encoder_hidden_states', 'return_dict'], ['out_sample'],
             {'sample': picture, 'timestep': {0: 'batch'}, 'encoder_hidden_states': {0: 'batch', 1: 'sequence'}})]


def export(part, model, out, half, split):
    import onnx
    import torch

    class Forward(torch.nn.Module):
        def __init__(self, forward):
            super().__init__()
            self.model = model
            self.call = forward

        def forward(self, *args):
            return self.call(*args)

    for name, forward_of, args, inputs, outputs, axes in examples(part, half):
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        file = folder / 'model.onnx'
        with torch.no_grad():
            torch.onnx.export(Forward(forward_of(model)), args, str(file), dynamo=False, opset_version=14, input_names=inputs,
                              output_names=outputs, dynamic_axes=axes)
        if len(list(folder.iterdir())) > 1 and not split:
            whole = onnx.load(str(file))
            shutil.rmtree(folder)
            folder.mkdir()
            onnx.save_model(whole, str(file), save_as_external_data=True, all_tensors_to_one_file=True, location='weights.pb',
                            convert_attribute=False)
        config = {k: v for k, v in dict(model.config.to_dict() if hasattr(model.config, 'to_dict') else model.config).items()}
        (folder / 'config.json').write_text(json.dumps(config, indent=2, default=str))


def make(part, half, folder, split):
    saved = folder / 'pytorch' / part
    if half:
        import diffusers
        import transformers

        kinds = {'text_encoder': transformers.CLIPTextModel, 'vae': diffusers.AutoencoderKL, 'unet': diffusers.UNet2DConditionModel}
        export(part, kinds[part].from_pretrained(saved).eval().half(), folder / 'onnx-fp16', True, False)
    else:
        model = build(part)
        model.save_pretrained(saved)
        export(part, model, folder / 'onnx', False, split)


def around(folder):
    """What stands beside the graphs: a small tokenizer of CLIP's kind, the scheduler's configuration, the index."""
    tokenizer = Path(__file__).resolve().parents[2] / 'fixtures' / 'onnx' / 'tokenizer'
    scheduler = dict(_class_name='PNDMScheduler', beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear',
                     num_train_timesteps=1000, prediction_type='epsilon', steps_offset=1, set_alpha_to_one=False)
    for out in (folder / 'onnx', folder / 'onnx-fp16'):
        shutil.copytree(tokenizer, out / 'tokenizer', dirs_exist_ok=True)
        (out / 'scheduler').mkdir(parents=True, exist_ok=True)
        (out / 'scheduler' / 'scheduler_config.json').write_text(json.dumps(scheduler, indent=2))
        (out / 'model_index.json').write_text(json.dumps({'_class_name': 'OnnxStableDiffusionPipeline'}, indent=2))
    (folder / 'README.md').write_text(
        'Stable Diffusion 1.5 at full width with random weights (seed 0), made by test/bench/fullwidth/make.py: onnx/ (fp32, diffusers\' '
        'conversion: TorchScript, opset 14), onnx-fp16/ (half precision), pytorch/ (the same weights for diffusers). It draws nothing: '
        'it proves size, memory and time.\n')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--part', choices=PARTS, help='make this part alone, in this process')
    parser.add_argument('--half', action='store_true', help='with --part: its half precision graphs, from the saved weights')
    parser.add_argument('--split', action='store_true', help="one file a tensor, as TorchScript's exporter leaves them")
    options = parser.parse_args()
    if options.part:
        make(options.part, options.half, options.folder, options.split)
    else:
        around(options.folder)
        for more in (['--split'] if options.split else [], ['--half']):
            for each in PARTS:
                subprocess.run([sys.executable, __file__, str(options.folder), '--part', each, *more], check=True)
