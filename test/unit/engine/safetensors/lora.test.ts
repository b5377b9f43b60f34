/** LoRA files as the programs of others write them: which layers they change and how strongly, and what is said of those that are not run. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emitUnet } from '../../../../extension/engine/onnx/emit/unet';
import { Graph } from '../../../../extension/engine/onnx/graph';
import { matchLora } from '../../../../extension/engine/onnx/mergeLoras';
import { identify } from '../../../../extension/engine/safetensors/identify';
import { isProduct, type LoraFile, readLora } from '../../../../extension/engine/safetensors/lora';
import { unetOf } from '../../../../extension/engine/safetensors/parts';
import { readWeights } from '../../../../extension/engine/safetensors/weights';
import { writeSafetensors } from '../../../support/safetensors';
import { writeSingleFile } from '../../../support/smallModels';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-lora-kinds-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

type Tensors = Parameters<typeof writeSafetensors>[1];
const zeros = (...shape: number[]): Tensors[string] => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

let count = 0;
function written(tensors: Tensors, metadata?: Record<string, string>): string {
  const file = path.join(folder, `${count++}.safetensors`);
  writeSafetensors(file, tensors, metadata);
  return file;
}
const read = (tensors: Tensors, metadata?: Record<string, string>): LoraFile => readLora(written(tensors, metadata));

/** A layer of rank 2 from 4 to 8 numbers. */
const pair = (up: string, down: string): Tensors => ({ [up]: zeros(8, 2), [down]: zeros(2, 4) });
const kohya = (module: string): Tensors => pair(`${module}.lora_up.weight`, `${module}.lora_down.weight`);

const query = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q';
const original = 'input_blocks.1.1.transformer_blocks.0.attn1.to_q';
const word = 'text_model.encoder.layers.0.self_attn.q_proj';
const flat = (name: string): string => name.replaceAll('.', '_');
const UNET = `unet ${flat(query)}`;
const ORIGINAL = `unet ${flat(original)}`;
const TEXT = 'text_encoder encoder_layers_0_self_attn_q_proj';

const schemes: [program: string, key: string, tensors: Tensors][] = [
  ['kohya', UNET, kohya(`lora_unet_${flat(query)}`)],
  ['kohya, text encoder', TEXT, kohya(`lora_te_${flat(word)}`)],
  ['original names', ORIGINAL, kohya(`lora_unet_${flat(original)}`)],
  ["diffusers' conversion to kohya, text encoder", TEXT, kohya(`lora_te1_${flat(word)}`)],
  ["diffusers' conversion of a bare PEFT adapter", UNET, kohya(`base_model_model_${flat(query)}`)],
  ['LyCORIS alone', UNET, kohya(`lycoris_${flat(query)}`)],
  ['OneTrainer', UNET, kohya(`lora_unet.${query}`)],
  ['OneTrainer (OMI)', ORIGINAL, kohya(`unet.${original}`)],
  ['OneTrainer (OMI), text encoder', TEXT, kohya(`clip_l.${word}`)],
  ['ComfyUI', ORIGINAL, kohya(`diffusion_model.${original}`)],
  ['ComfyUI, text encoder', TEXT, kohya(`text_encoders.clip_l.transformer.${word}`)],
  ['PEFT', UNET, pair(`base_model.model.${query}.lora_B.weight`, `base_model.model.${query}.lora_A.weight`)],
  [
    'PEFT, text encoder',
    TEXT,
    pair(`base_model.model.${word}.lora_B.weight`, `base_model.model.${word}.lora_A.weight`),
  ],
  ['PEFT, state of the model', UNET, pair(`${query}.lora_B.default.weight`, `${query}.lora_A.default.weight`)],
  ['PEFT, a named adapter', UNET, pair(`unet.${query}.lora_B.cat-v2.weight`, `unet.${query}.lora_A.cat-v2.weight`)],
  ['parameters without .weight', UNET, pair(`unet.${query}.lora_B`, `unet.${query}.lora_A`)],
  [
    'PEFT inside diffusers',
    UNET,
    pair(`unet.base_model.model.${query}.lora_B.weight`, `unet.base_model.model.${query}.lora_A.weight`),
  ],
  ['diffusers', UNET, pair(`unet.${query}.lora.up.weight`, `unet.${query}.lora.down.weight`)],
  [
    'diffusers, text encoder',
    TEXT,
    pair(`text_encoder.${word}.lora_linear_layer.up.weight`, `text_encoder.${word}.lora_linear_layer.down.weight`),
  ],
  [
    'diffusers, attention processors',
    UNET,
    pair(
      `${query.replace('to_q', 'processor.to_q_lora')}.up.weight`,
      `${query.replace('to_q', 'processor.to_q_lora')}.down.weight`,
    ),
  ],
  [
    'old diffusers, text encoder',
    TEXT,
    pair(
      `text_encoder.${word.replace('q_proj', 'to_q_lora')}.up.weight`,
      `text_encoder.${word.replace('q_proj', 'to_q_lora')}.down.weight`,
    ),
  ],
];

describe('the layers of a LoRA', () => {
  it.each(schemes)('in the names of %s are found', (_, key, tensors) => {
    const { layers, strange } = read(tensors);
    expect([[...layers.keys()], strange]).toEqual([[key], []]);
    expect(identify({ tensors: readWeights(written(tensors)).tensors })).toEqual({ kind: 'lora', of: 'LoRA' });
  });

  it('may be whole differences, of biases and norms too', () => {
    const at = 'lora_unet_down_blocks_0_resnets_0';
    const { layers, strange, version } = read({
      [`${at}_conv1.diff`]: zeros(8, 4, 3, 3),
      [`${at}_conv1.diff_b`]: zeros(8),
      [`${at}_norm1.w_norm`]: zeros(8),
      [`${at}_norm1.b_norm`]: zeros(8),
      'lora_te_text_model_final_layer_norm.w_norm': zeros(8),
    });
    expect([...layers.values()].map(({ name, scale }) => [name, scale])).toEqual([
      [`${at}_conv1`, 1],
      [`${at}_conv1.bias`, 1],
      [`${at}_norm1`, 1],
      [`${at}_norm1.bias`, 1],
      ['lora_te_text_model_final_layer_norm', 1],
    ]);
    expect([strange, version]).toEqual([[], 3]);
  });

  it("have PEFT's bias of the second matrix at the strength of the matrices", () => {
    const { layers } = read(
      {
        ...pair(`unet.${query}.lora_B.weight`, `unet.${query}.lora_A.weight`),
        [`unet.${query}.lora_B.bias`]: zeros(8),
      },
      { lora_adapter_metadata: JSON.stringify({ 'unet.lora_alpha': 6 }) },
    );
    expect([...layers].map(([key, { scale }]) => [key, scale])).toEqual([
      [UNET, 3],
      [`${UNET} bias`, 3],
    ]);
  });

  it('may have a third matrix, whose sides must fit', () => {
    const conv = 'lora_unet_down_blocks_0_resnets_0_conv1';
    const tucker = (middle: number[]): Tensors => ({
      [`${conv}.lora_up.weight`]: zeros(8, 2, 1, 1),
      [`${conv}.lora_mid.weight`]: zeros(...middle),
      [`${conv}.lora_down.weight`]: zeros(3, 4, 1, 1),
      [`${conv}.alpha`]: { shape: [], data: Float32Array.of(1) },
    });
    const [layer] = read(tucker([2, 3, 3, 3])).layers.values();
    expect(layer!.scale).toBeCloseTo(1 / 3, 12);
    expect(isProduct(layer!.added) && layer!.added.mid?.shape).toEqual([2, 3, 3, 3]);
    expect(() => read(tucker([3, 2, 3, 3]))).toThrow(
      "have the shapes [8, 2, 1, 1] and [3, 2, 3, 3] and [3, 4, 1, 1], which don't multiply",
    );
  });

  it('that bring words for prompts are told apart from those words', () => {
    const lora = read({
      ...kohya(`lora_unet_${flat(query)}`),
      'bundle_emb.mycat.string_to_param.*': zeros(2, 8),
      'bundle_emb.mycat.clip_l': zeros(2, 8),
    });
    expect([lora.words, lora.strange, lora.layers.size]).toEqual([['mycat'], [], 1]);
  });
});

describe('the strength of a layer', () => {
  const module = `lora_unet_${flat(query)}`;
  const peft = pair(`unet.${query}.lora_B.weight`, `unet.${query}.lora_A.weight`);
  const number = (data: Tensors[string]['data'], dtype?: 'F16' | 'BF16', shape: number[] = []): Tensors[string] => ({
    shape,
    data,
    ...(dtype === undefined ? {} : { dtype }),
  });
  const alpha = (tensor: Tensors[string]): Tensors => ({ ...kohya(module), [`${module}.alpha`]: tensor });
  const metadata = (values: object): Record<string, string> => ({ lora_adapter_metadata: JSON.stringify(values) });

  it.each<[what: string, scale: number, tensors: Tensors, metadata?: Record<string, string>]>([
    ['is 1 where nothing is stated', 1, kohya(module)],
    ['is alpha through the rank', 0.5, alpha(number(Float32Array.of(1)))],
    ['of a list of one', 0.5, alpha(number(Float32Array.of(1), undefined, [1]))],
    ['in float16', 1.5, alpha(number(Uint16Array.of(0x4200), 'F16'))],
    ['in bfloat16', 1.5, alpha(number(Uint16Array.of(0x4040), 'BF16'))],
    ['in float64', 2, alpha(number(Float64Array.of(4)))],
    ['in whole numbers, as diffusers converts', 2, alpha(number(BigInt64Array.of(4n)))],
    ['in whole numbers of 32 bits', 2, alpha(number(Int32Array.of(4)))],
    [
      'is what `scale` says',
      0.25,
      { ...alpha(number(Float32Array.of(1))), [`${module}.scale`]: number(Float32Array.of(0.25)) },
    ],
    [
      'has the factor that LyCORIS trained',
      1.5,
      { ...alpha(number(Float32Array.of(1))), [`${module}.scalar`]: number(Float32Array.of(3)) },
    ],
    [
      'of rank 0 is nothing',
      0,
      {
        [`${module}.lora_up.weight`]: zeros(8, 0),
        [`${module}.lora_down.weight`]: zeros(0, 4),
        [`${module}.alpha`]: number(Float32Array.of(1)),
      },
    ],
    ["is PEFT's alpha in the metadata", 4, peft, metadata({ 'unet.lora_alpha': 8, 'text_encoder.lora_alpha': 2 })],
    ['through the root of the rank', 8 / Math.SQRT2, peft, metadata({ 'unet.lora_alpha': 8, 'unet.use_rslora': true })],
    [
      'for the layer that a pattern names',
      1.5,
      peft,
      metadata({ 'unet.lora_alpha': 8, 'unet.alpha_pattern': { 'attn1.to_q': 3 } }),
    ],
    [
      'for the end of a name only at a dot',
      4,
      peft,
      metadata({ 'unet.lora_alpha': 8, 'unet.alpha_pattern': { o_q: 3 } }),
    ],
    ['for a whole name', 1.5, peft, metadata({ 'unet.lora_alpha': 8, 'unet.alpha_pattern': { [`^${query}`]: 3 } })],
    [
      'for a whole name that is another',
      4,
      peft,
      metadata({ 'unet.lora_alpha': 8, 'unet.alpha_pattern': { '^to_q': 3 } }),
    ],
  ])('%s', (_, scale, tensors, stated) => {
    const [layer] = read(tensors, stated).layers.values();
    expect(layer!.scale).toBeCloseTo(scale, 12);
  });

  it('that nobody can know is not guessed', () => {
    expect(() => read(alpha(number(Float32Array.of(NaN))))).toThrow(
      /is damaged: the alpha of its layer .* is no number/,
    );
    expect(() => read(peft, metadata({ 'unet.alpha_pattern': { '(a+)+b': 3 } }))).toThrow(
      /gives alpha by the pattern "\(a\+\)\+b", which Weft does not read\. Save it with an alpha for each layer/,
    );
  });
});

describe('what is no LoRA that Weft runs is named', () => {
  const known = `lora_unet_${flat(query)}`;
  const wide = (width: number): Tensors => {
    const module = known.replace('attn1_to_q', 'attn2_to_k');
    return { [`${module}.lora_up.weight`]: zeros(8, 2), [`${module}.lora_down.weight`]: zeros(2, width) };
  };
  const one = (...names: string[]): Tensors => Object.fromEntries(names.map((name) => [name, zeros(2, 8)]));

  it.each<[words: RegExp, tensors: Tensors, metadata?: Record<string, string>]>([
    [/is a LoHa, a kind of LoRA that Weft does not run/, one(`${known}.hada_w1_a`, `${known}.hada_w1_b`)],
    [/is a LoHa/, one(`base_model.model.${query}.hada_w1_a.default`)],
    [/is a LoKr/, one(`${known}.lokr_w1_a`, `${known}.lokr_w2`)],
    [/is a LoKr/, one(`lycoris_${flat(query)}.lokr_t2`)],
    [/is a DoRA/, { ...kohya(known), ...one(`${known}.dora_scale`) }],
    [/is a DoRA/, one(`unet.${query}.lora_A.weight`, `unet.${query}.lora_magnitude_vector.weight`)],
    [/is an OFT/, one(`${known}.oft_blocks`)],
    [/is an OFT/, one(`unet.${query}.oft_R.weight`)],
    [/is a BOFT/, one(`base_model.model.${query}.boft_R`)],
    [/is a GLoRA/, one(`${known}.a1.weight`, `${known}.a2.weight`, `${known}.b1.weight`, `${known}.b2.weight`)],
    [/is an IA3/, one(`${known}.weight`, `${known}.on_input`)],
    [/is an IA3/, one(`base_model.model.${query}.ia3_l`)],
    [/is a VeRA/, one(`base_model.model.${query}.vera_lambda_b`)],
    [/is a FourierFT/, one(`base_model.model.${query}.fourierft_spectrum`)],
    [/is a T-LoRA/, one(`${known}.q_layer.weight`, `${known}.p_layer.weight`, `${known}.lambda_layer`)],
    [/numbers its layers instead of naming them/, one('unet:0:up', 'unet:0:down')],
    [
      /holds several LoRAs in one \(the adapters "cat", "dog"\)\. Save each to a file of its own/,
      one(
        `${query}.lora_A.cat.weight`,
        `${query}.lora_B.cat.weight`,
        `${query}.lora_A.dog.weight`,
        `${query}.lora_B.dog.weight`,
      ),
    ],
    [/is a LoRA of Stable Diffusion XL/, kohya('lora_te2_text_model_encoder_layers_0_mlp_fc1')],
    [/is a LoRA of Stable Diffusion XL/, kohya('lora_unet_input_blocks_7_1_transformer_blocks_3_attn1_to_q')],
    [/is a LoRA of Stable Diffusion XL/, kohya('unet.down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q')],
    [/is a LoRA of Stable Diffusion XL/, wide(2048)],
    [/is a LoRA of the refiner of Stable Diffusion XL/, wide(1280)],
    [/is a LoRA of Stable Diffusion XL/, kohya(`lora_te1_${flat(word)}`), { ss_base_model_version: 'sdxl_base_v1-0' }],
    [
      /is a LoRA of Flux/,
      { ...kohya('lora_te1_text_model_encoder_layers_0_mlp_fc1'), ...kohya('lora_unet_double_blocks_0_img_attn_proj') },
    ],
    [/is a LoRA of Stable Diffusion 3/, kohya('lora_unet_joint_blocks_0_x_block_attn_proj')],
    [/is a LoRA of Stable Cascade/, kohya('lora_prior_unet_down_blocks_0_2_attention')],
    [/is a LoRA of a transformer/, kohya('diffusion_model.blocks.0.self_attn.q')],
    [/is a LoRA of a transformer/, kohya('transformer.transformer_blocks.0.attn.to_q')],
    [
      /is a LoRA of AnimateDiff, for videos/,
      one(
        'down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.processor.to_q_lora.down.weight',
      ),
    ],
    [/is incomplete: its layer .* has only one of the two matrices/, one(`${known}.lora_up.weight`)],
    [
      /in the format I32/,
      { ...kohya(known), [`${known}.lora_up.weight`]: { shape: [8, 2], data: new Int32Array(16) } },
    ],
    [/changes its layer .* in two ways/, { ...kohya(known), ...one(`${known}.diff`) }],
    [
      /is a checkpoint, not a LoRA\. Choose it in the checkpoint node/,
      one('model.diffusion_model.input_blocks.0.0.weight'),
    ],
    [/is a VAE, not a LoRA\. Choose it as the VAE/, one('decoder.conv_in.weight')],
    [/is a text encoder, not a LoRA/, one('text_model.embeddings.token_embedding.weight')],
    [/is a textual inversion \(a word for prompts\)/, one('emb_params')],
    [
      /is a ControlNet/,
      one('lora_controlnet', 'input_hint_block.0.weight', 'input_blocks.1.1.transformer_blocks.0.attn1.to_q.up'),
    ],
    [/is a ControlNet/, one('lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.down.0.weight')],
    [/is an IP-Adapter/, one('image_proj.proj.weight', 'ip_adapter.1.to_k_ip.weight')],
    [/is no LoRA that Weft knows: it has no tensors/, {}],
    [
      /is no LoRA that Weft knows: none of its layers \(such as "some\.other\.weight"\)/,
      one('some.other.weight', 'some.other.bias'),
    ],
  ])('%s', (words, tensors, metadata) => {
    const file = written(tensors, metadata);
    expect(() => readLora(file)).toThrow(words);
    // The file by its name, and what to do.
    expect(() => readLora(file)).toThrow(
      new RegExp(`^${path.basename(file)} [^]*(Use|Choose|Save|Get|Download) [^]*\\.$`),
    );
  });

  it('and where it is no .safetensors file at all, what it is', () => {
    const whole = fs.readFileSync(written(kohya(known)));
    for (const [name, bytes, words] of [
      [
        'lfs.safetensors',
        'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 37\n',
        /is a Git LFS pointer/,
      ],
      ['page.safetensors', '<!DOCTYPE html><html><body>Log in</body></html>', /is a web page \(HTML\)/],
      ['short.safetensors', whole.subarray(0, whole.length - 8), /is cut short/],
      ['empty.safetensors', '', /is empty \(0 bytes\)/],
      ['style.pt', Buffer.from('800263636f6c6c656374696f6e73', 'hex'), /is a PyTorch pickle/],
    ] as const) {
      fs.writeFileSync(path.join(folder, name), bytes);
      expect(() => readLora(path.join(folder, name))).toThrow(words);
    }
  });

  it('by its family, where the checkpoint is of the other', () => {
    const graph = new Graph(
      emitUnet(unetOf(readWeights(writeSingleFile(path.join(folder, 'sd1.safetensors'), 'sd1')))).proto,
    );
    expect(() => matchLora(graph, 'unet', read(wide(1024)), 'dreams')).toThrow(
      /is a LoRA of Stable Diffusion 2\.x \(it reads text vectors of 1024 numbers\), and the checkpoint dreams is one of Stable Diffusion 1\.x \(768 numbers\)\. Use a LoRA of Stable Diffusion 1\.x, or a checkpoint of Stable Diffusion 2\.x\.$/,
    );
  });
});
