/** What a file is, from the names and shapes in it: written by different programs, with and without what they add. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emitTextEncoder } from '../../../../extension/engine/onnx/emit/textEncoder';
import { emitUnet, unetShape } from '../../../../extension/engine/onnx/emit/unet';
import { emitVaeDecoder, emitVaeEncoder } from '../../../../extension/engine/onnx/emit/vae';
import { detectPrediction, identify, refusalOf } from '../../../../extension/engine/safetensors/identify';
import { textEncoderOf, unetOf, vaeOf } from '../../../../extension/engine/safetensors/parts';
import { readWeights, weightsIn, type WeightSet } from '../../../../extension/engine/safetensors/weights';
import { writeSafetensors } from '../../../support/safetensors';
import { type FileOptions, type SmallModel, writeDiffusersFolder, writeSingleFile } from '../../../support/smallModels';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-identify-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

let count = 0;
const model = (which: SmallModel, options: FileOptions = {}): WeightSet =>
  readWeights(writeSingleFile(path.join(folder, `${count++}`, 'model.safetensors'), which, options));

/** A file of tensors of these names and shapes. */
function made(shapes: Record<string, number[]>, metadata?: Record<string, string>, fill = 0): WeightSet {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(fill);
    return [name, { shape, data }] as const;
  });
  const place = path.join(folder, `${count++}.safetensors`);
  writeSafetensors(place, Object.fromEntries(tensors), metadata);
  return readWeights(place);
}

const emitAll = (set: WeightSet): void => {
  emitUnet(unetOf(set));
  emitVaeEncoder(vaeOf(set));
  emitVaeDecoder(vaeOf(set));
  const { source, openClip } = textEncoderOf(set);
  emitTextEncoder(source, {}, openClip);
};

describe('a checkpoint', () => {
  it('of each family is told by what its UNet reads', () => {
    expect(identify(model('sd1'))).toEqual({
      kind: 'checkpoint',
      family: 'sd1',
      inputChannels: 4,
      hasText: true,
      hasVae: true,
      lcm: false,
    });
    expect(identify(model('sd2'))).toMatchObject({ kind: 'checkpoint', family: 'sd2', inputChannels: 4 });
    expect(refusalOf(identify(model('sd1')))).toBeUndefined();
  });

  it('is read with what programs add to it, and without what they leave out', () => {
    const more = {
      alphas_cumprod: { shape: [4], data: new Float32Array(4) },
      'model_ema.decay': { shape: [1], data: new Float32Array(1) },
      'model_ema.diffusion_modelinput_blocks00weight': { shape: [32, 4, 3, 3], data: new Float32Array(1152) },
      'cond_stage_model.transformer.text_model.embeddings.position_ids': { shape: [1, 77], data: new Float32Array(77) },
      'first_stage_model.loss.logvar': { shape: [1], data: new Float32Array(1) },
    };
    emitAll(
      model('sd1', {
        more,
        metadata: { 'modelspec.title': 'x', 'modelspec.thumbnail': 'data:image/jpeg;base64,AAAA' },
      }),
    );
    // Old files have CLIP's tensors without text_model.
    emitAll(model('sd1', { rename: (name) => name.replace('transformer.text_model.', 'transformer.') }));
    // Linear layers where the original has convolutions, and other names in the VAE's attention.
    emitAll(
      model('sd1', {
        rename: (name) =>
          name.replace(/(mid\.attn_1)\.proj_out\./, '$1.to_out.0.').replace(/(mid\.attn_1)\.([qkv])\./, '$1.to_$2.'),
      }),
    );
  });

  it('with nothing but the running averages of training is read from those', () => {
    const averaged = (name: string): string =>
      name.startsWith('model.diffusion_model.') ? `model_ema.${name.slice('model.'.length).replaceAll('.', '')}` : name;
    const set = model('sd1', { rename: averaged });
    expect(identify(set)).toMatchObject({ kind: 'checkpoint', family: 'sd1', inputChannels: 4 });
    expect(unetShape(unetOf(set))).toEqual(unetShape(unetOf(model('sd1'))));
    emitAll(set);
  });

  it('says which tensor of which part is missing', () => {
    const without = (part: string) => model('sd1', { rename: (name) => (name.includes(part) ? undefined : name) });
    expect(() => emitAll(without('input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight'))).toThrow(
      /^model.safetensors is incomplete: the tensor model\.diffusion_model\.input_blocks\.4\.1\.transformer_blocks\.0\.attn2\.to_k\.weight of its UNet is missing/,
    );
    expect(() => emitAll(without('decoder.up.2.block.1.norm2.bias'))).toThrow(
      /first_stage_model\.decoder\.up\.2\.block\.1\.norm2\.bias of its VAE is missing/,
    );
    expect(() => emitAll(without('layers.1.mlp.fc2.weight'))).toThrow(
      /text_model\.encoder\.layers\.1\.mlp\.fc2\.weight of its text encoder is missing/,
    );
    expect(() => emitAll(without('first_stage_model'))).toThrow(/has no VAE/);
    expect(() => emitAll(without('output_blocks.11.0.in_layers.2.weight'))).toThrow(
      /output_blocks\.11\.0\.in_layers\.2\.weight of its UNet is missing/,
    );
  });

  it('with a tensor of another shape, or of FP8, is refused by the name of that tensor', () => {
    const set = model('sd1');
    const name = 'model.diffusion_model.middle_block.0.in_layers.2.weight';
    set.tensors.set(name, { ...set.tensors.get(name)!, shape: [64, 64, 9] });
    expect(() => emitAll(set)).toThrow(
      /middle_block\.0\.in_layers\.2\.weight of its UNet has the shape \[64, 64, 9\] instead of \[64, 64, 3, 3\]/,
    );
    set.tensors.set(name, { ...set.tensors.get(name)!, shape: [64, 64, 3, 3], dtype: 'F8_E4M3' });
    expect(() => emitAll(set)).toThrow(
      /is an FP8 model \(.*middle_block.*F8_E4M3\), which Weft does not run. Get the same model in float16/,
    );
    set.tensors.set(name, { ...set.tensors.get(name)!, dtype: 'U8' });
    expect(() => emitAll(set)).toThrow(/is a quantised model/);
  });
});

describe('something else', () => {
  const unet = (input: number, context: number, more: Record<string, number[]> = {}) =>
    made({
      'model.diffusion_model.input_blocks.0.0.weight': [8, input, 3, 3],
      'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight': [8, context],
      'first_stage_model.decoder.conv_in.weight': [8, 4, 3, 3],
      'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight': [9, 8],
      ...more,
    });
  const OTHERS: [what: RegExp, set: () => WeightSet][] = [
    [/inpainting checkpoint \(its UNet reads 9 channels\)/, () => unet(9, 768)],
    [/InstructPix2Pix checkpoint \(its UNet reads 8 channels\)/, () => unet(8, 768)],
    [/depth-to-image/, () => unet(5, 1024)],
    [/Stable Diffusion XL checkpoint/, () => unet(4, 2048)],
    [
      /Stable Diffusion XL checkpoint/,
      () => unet(9, 2048, { 'conditioner.embedders.1.model.positional_embedding': [7, 8] }),
    ],
    [/refiner/, () => unet(4, 1280, { 'model.diffusion_model.label_emb.0.0.weight': [8, 8] })],
    [/latent consistency/, () => unet(4, 768, { 'model.diffusion_model.time_embed.cond_proj.weight': [8, 8] })],
    [
      /Stable Diffusion 3 checkpoint/,
      () => made({ 'model.diffusion_model.joint_blocks.0.x_block.mlp.fc1.weight': [8, 8] }),
    ],
    [/Stable Diffusion 3 checkpoint/, () => made({ 'transformer_blocks.0.attn.add_q_proj.weight': [8, 8] })],
    [/Flux checkpoint/, () => made({ 'double_blocks.0.img_attn.norm.key_norm.scale': [8] })],
    [/Flux checkpoint/, () => made({ 'model.diffusion_model.double_blocks.0.img_attn.qkv.weight': [8, 8] })],
    [
      /a transformer instead of a UNet/,
      () => made({ 'model.diffusion_model.layers.0.adaLN_modulation.0.weight': [8, 8] }),
    ],
    [
      /is a LoRA, which/,
      () => made({ 'lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight': [4, 8], 'lora_unet_x.alpha': [1] }),
    ],
    [
      /is a LoRA, which/,
      () => made({ 'unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight': [4, 8] }),
    ],
    [
      /is a LoRA, which/,
      () => made({ 'unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight': [4, 8] }),
    ],
    [/LoRA of the kind LoHa/, () => made({ 'lora_unet_x.hada_w1_a': [4, 8], 'lora_unet_x.hada_w1_b': [4, 8] })],
    [/LoRA of the kind LoKr/, () => made({ 'lora_unet_x.lokr_w1': [4, 8] })],
    [/LoRA of the kind DoRA/, () => made({ 'lora_unet_x.lora_down.weight': [4, 8], 'lora_unet_x.dora_scale': [8] })],
    [/is a VAE, which/, () => model('sd1', { parts: ['vae'] })],
    [
      /is a VAE, which/,
      () => model('sd1', { parts: ['vae'], rename: (name) => name.replace('first_stage_model.', '') }),
    ],
    [
      /is a text encoder/,
      () => model('sd1', { parts: ['text'], rename: (name) => name.replace('cond_stage_model.transformer.', '') }),
    ],
    [/holds a UNet only/, () => model('sd1', { parts: ['unet'] })],
    [
      /holds a UNet only/,
      () => model('sd1', { parts: ['unet'], rename: (name) => name.replace('model.diffusion_model.', '') }),
    ],
    [/ControlNet/, () => made({ 'control_model.input_blocks.0.0.weight': [8, 4, 3, 3] })],
    [
      /ControlNet/,
      () => made({ 'controlnet_cond_embedding.conv_in.weight': [8, 3, 3, 3], 'conv_in.weight': [8, 4, 3, 3] }),
    ],
    [/IP-Adapter/, () => made({ 'ip_adapter.1.to_k_ip.weight': [8, 8], 'image_proj.proj.weight': [8, 8] })],
    [/motion module/, () => made({ 'down_blocks.0.motion_modules.0.temporal_transformer.norm.weight': [8] })],
    [/textual inversion/, () => made({ emb_params: [2, 768] })],
    [/an upscaler/, () => made({ 'conv_first.weight': [8, 3, 3, 3], 'body.0.rdb1.conv1.weight': [8, 8, 3, 3] })],
    [/nothing that Weft knows/, () => made({ 'encoder.layer.0.weight': [8, 8], x: [3] })],
  ];
  it.each(OTHERS)('%s is said to be that', (what, set) => {
    const sentence = refusalOf(identify(set()));
    expect(sentence).toMatch(what);
    expect(sentence).toMatch(/\. (Use|Add|Get|Weft) .*\.$/);
  });
});

describe('the prediction', () => {
  const NAME = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias';
  const K = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight';
  /** Alternating ±size has that deviation. */
  const biases = (size: number, name = NAME): WeightSet => {
    const place = path.join(folder, `${count++}.safetensors`);
    const data = Float32Array.from({ length: 64 }, (_, i) => (i % 2 ? size : -size));
    writeSafetensors(place, { [name]: { shape: [64], data }, [K]: { shape: [8, 1024], data: new Float32Array(8192) } });
    return readWeights(place);
  };

  it('is read from marks, from the family, and for 2.x from the deviation of one tensor', () => {
    expect(detectPrediction(model('sd1'))).toBe('epsilon');
    expect(detectPrediction(biases(0.05))).toBe('epsilon');
    expect(detectPrediction(biases(0.12))).toBe('v_prediction');
    expect(
      detectPrediction(
        biases(0.12, NAME.replace('model.diffusion_model.output_blocks.11.1', 'up_blocks.3.attentions.2')),
      ),
    ).toBe('v_prediction');
    expect(detectPrediction(made({ v_pred: [0], [K]: [8, 768] }))).toBe('v_prediction');
    expect(detectPrediction(made({ [K]: [8, 1024] }))).toBeUndefined();
    expect(detectPrediction(made({ [K]: [8, 1024] }, { 'modelspec.prediction_type': 'v' }))).toBe('v_prediction');
    expect(detectPrediction(made({ [K]: [8, 1024] }, { 'modelspec.prediction_type': 'epsilon' }))).toBe('epsilon');
    expect(detectPrediction(made({ [K]: [8, 768] }, { ss_v_parameterization: 'True' }))).toBe('v_prediction');
  });
});

describe("a diffusers folder's part", () => {
  const named = (...names: string[]): string => {
    const place = path.join(folder, `${count++}`);
    fs.mkdirSync(place);
    for (const name of names) fs.writeFileSync(path.join(place, name), '');
    const found = weightsIn(place);
    return found === undefined ? 'nothing' : path.basename(found);
  };

  it('is read from full precision before a variant, from one file before several, never from other formats', () => {
    const whole = 'diffusion_pytorch_model.safetensors';
    const half = 'diffusion_pytorch_model.fp16.safetensors';
    const training = 'diffusion_pytorch_model.non_ema.safetensors';
    const index = 'diffusion_pytorch_model.safetensors.index.json';
    const shard = 'diffusion_pytorch_model-00001-of-00002.safetensors';
    expect(named(half, training, whole, index)).toBe(whole);
    expect(named(half, training)).toBe(half);
    expect(named(training)).toBe(training);
    expect(named(index, shard, half)).toBe(index);
    expect(named('diffusion_pytorch_model.safetensors.index.fp16.json', shard)).toBe(
      'diffusion_pytorch_model.safetensors.index.fp16.json',
    );
    expect(named('model.fp16.safetensors', 'config.json', 'pytorch_model.bin')).toBe('model.fp16.safetensors');
    expect(named('diffusion_pytorch_model.bin', 'model.onnx')).toBe('nothing');
  });

  it('in shards is whole or refused: a missing shard, a tensor that is not where the index says, a path out of the folder', () => {
    const place = writeDiffusersFolder(path.join(folder, 'sharded'), 'sd1', { shards: 2 });
    const index = weightsIn(path.join(place, 'vae'))!;
    expect(readWeights(index).files).toHaveLength(2);
    const shards = fs.readdirSync(path.join(place, 'vae')).filter((name) => name.includes('-of-'));
    const map = (change: (map: Record<string, string>) => void): void => {
      const json = JSON.parse(fs.readFileSync(index, 'utf8')) as { weight_map: Record<string, string> };
      change(json.weight_map);
      fs.writeFileSync(index, JSON.stringify(json));
    };
    map((names) => (names['conv.extra'] = shards[0]!));
    expect(() => readWeights(index)).toThrow(/says that ".*" holds "conv.extra", which it doesn't/);
    map((names) => (names['conv.extra'] = '../unet/x.safetensors'));
    expect(() => readWeights(index)).toThrow(/names "\.\.\/unet\/x\.safetensors", which is not beside it/);
    map((names) => delete names['conv.extra']);
    fs.rmSync(path.join(place, 'vae', shards[1]!));
    expect(() => readWeights(index)).toThrow(
      /names "diffusion_pytorch_model-00002-of-00002.safetensors", which is missing/,
    );
    fs.writeFileSync(index, '[]');
    expect(() => readWeights(index)).toThrow(/is not an index of .safetensors files/);
  });
});
