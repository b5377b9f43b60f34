/** LoRAs in a graph: what they change, how often they are computed, and what is said of files that are none. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GraphDocument, standardGraph, validateGraph, writeGraph } from '../../../../extension/graph';
import { difference } from '../../../fixtures/onnx/feeds';
import { type Bench, makeEngine, pictures, ran, resultOf } from '../../../support/mini';
import { writeSafetensors } from '../../../support/safetensors';
import { loraModules, loraNumbers, writeFull, writeLora } from '../../../support/smallLoras';
import { listingOf, weight, writeSingleFile } from '../../../support/smallModels';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'weft-lora-')));
let bench: Bench;

/** The checkpoint with the LoRA added to its weights, by sums of its own. */
function writeMerged(file: string, strength: number): string {
  const merged = new Map(
    loraModules().map((module) => {
      const original = `${module.original}.weight`;
      const { up, down } = loraNumbers(module, 4);
      const values = weight(original, module.shape).slice();
      const row = values.length / module.shape[0]!;
      for (let i = 0; i < values.length; i++) {
        let sum = 0;
        for (let r = 0; r < 4; r++) sum += up[Math.floor(i / row) * 4 + r]! * down[r * row + (i % row)]!;
        values[i]! += strength * 0.5 * sum;
      }
      return [original, { shape: module.shape, data: values }];
    }),
  );
  return writeSingleFile(file, 'tiny', {
    rename: (name) => (merged.has(name) ? undefined : name),
    more: Object.fromEntries(merged),
  });
}

beforeAll(async () => {
  bench = makeEngine();
  for (const name of ['giraffe.png', 'zebra.png']) fs.copyFileSync(path.join(pictures, name), path.join(root, name));
  writeLora(path.join(root, 'style.safetensors'), 'kohya');
  writeLora(path.join(root, 'same.safetensors'), 'PEFT');
  fs.mkdirSync(path.join(root, 'models'));
  const add = (file: string): Promise<unknown> => bench.engine.handlers['models.add']({ paths: [file] });
  await add(writeSingleFile(path.join(root, 'models', 'tiny.safetensors'), 'tiny'));
  await add(writeSingleFile(path.join(root, 'models', 'half.safetensors'), 'tiny', { precision: 'F16' }));
  await add(writeSingleFile(path.join(root, 'models', 'bf16.safetensors'), 'tiny', { precision: 'BF16' }));
  await add(writeMerged(path.join(root, 'models', 'merged.safetensors'), 0.7));
});
afterAll(() => {
  for (const used of [bench.home, bench.out, root]) fs.rmSync(used, { recursive: true, force: true });
});

type Lora = { path: string; strength?: number; textStrength?: number };

function graph(loras: Lora[], checkpoint = 'tiny'): GraphDocument {
  const document = standardGraph({
    structure: 'giraffe.png',
    appearance: 'zebra.png',
    domain: 'animal',
    checkpoint,
    steps: 4,
    skip: 1,
    ...(checkpoint === 'mini' ? {} : { width: 64, height: 64 }),
  });
  let from = 'model.checkpoint';
  for (const [i, params] of loras.entries()) {
    document.nodes[`lora-${i}`] = { type: 'lora', params: { ...params }, inputs: { checkpoint: from } };
    from = `lora-${i}.checkpoint`;
  }
  for (const id of ['invert-structure', 'invert-appearance']) document.nodes[id]!.inputs!['checkpoint'] = from;
  return document;
}
const run = (loras: Lora[], checkpoint?: string) =>
  bench.run(graph(loras, checkpoint), { graphPath: path.join(root, 'test.weft.json') });

const warnings = ({ result }: Awaited<ReturnType<typeof run>>): string[] =>
  result.warnings.filter(({ node }) => node.startsWith('lora')).map(({ message }) => message);

describe('a LoRA', () => {
  it('is found by its name in a model folder, and by no other', async () => {
    const folder = path.join(root, 'folder');
    fs.mkdirSync(folder);
    fs.copyFileSync(path.join(root, 'style.safetensors'), path.join(folder, 'my style.safetensors'));
    await bench.engine.handlers['models.scan']({ remember: folder });
    const named = await run([{ path: 'my style' }]);
    expect(resultOf(named)).toEqual(resultOf(await run([{ path: 'style.safetensors' }])));
    await expect(run([{ path: 'hyper-sd15-8steps' }])).rejects.toThrow(
      'There is no LoRA called "hyper-sd15-8steps" on this machine; known: my style. Download it',
    );
    const absent = (name: string): string[] =>
      validateGraph(writeGraph(graph([{ path: name }])), { fileExists: (file) => !file.startsWith('my') }).map(
        ({ code }) => code,
      );
    expect([absent('my style'), absent('my style.safetensors')]).toEqual([[], ['missing-file']]);
  });

  it('makes the picture that merged weights make, also as the sum of two', async () => {
    const merged = resultOf(await run([], 'merged'));
    const with_ = await run([{ path: 'style.safetensors', strength: 0.7 }]);
    expect(difference(resultOf(with_), merged)).toBeLessThanOrEqual(1);
    expect(warnings(with_)).toEqual([]);
    const sum = await run([
      { path: 'style.safetensors', strength: 1 },
      { path: 'same.safetensors', strength: -0.3 },
    ]);
    expect(difference(resultOf(sum), merged)).toBeLessThanOrEqual(1);
    expect(difference(resultOf(await run([])), merged)).toBeGreaterThan(1);
    const half = await run([{ path: 'style.safetensors', strength: 0.7 }], 'half');
    expect(difference(resultOf(half), merged)).toBeLessThanOrEqual(3);
    // The eight bits of the checkpoint itself are the error; the LoRA is not rounded to them.
    const [coarse, plain, precise] = [
      resultOf(await run([{ path: 'style.safetensors', strength: 0.7 }], 'bf16')),
      resultOf(await run([], 'bf16')),
      resultOf(await run([])),
    ];
    expect(difference(coarse, merged)).toBeLessThanOrEqual(difference(plain, precise) + 3);
  });

  it('leaves none of the changed weights behind, and says where there is no room for them', async () => {
    const scratch = path.join(bench.home, 'scratch');
    await run([{ path: 'style.safetensors', strength: 0.31 }]);
    expect(fs.readdirSync(scratch)).toEqual([]);
    fs.rmSync(scratch, { recursive: true });
    fs.writeFileSync(scratch, 'a file where the folder should be');
    await expect(run([{ path: 'style.safetensors', strength: 0.32 }])).rejects.toThrow(
      /^The weights of the checkpoint tiny with its LoRAs could not be written to .*scratch.*: .*\. They take as much room there as the checkpoint\.$/,
    );
    fs.rmSync(scratch);
    expect(resultOf(await run([{ path: 'style.safetensors', strength: 0.32 }])).length).toBeGreaterThan(0);
  });

  it('of PEFT has the strength that its adapter_config.json says', async () => {
    const folder = path.join(root, 'adapter');
    fs.mkdirSync(folder);
    writeLora(path.join(folder, 'adapter_model.safetensors'), 'PEFT, bare');
    fs.copyFileSync(path.join(folder, 'adapter_model.safetensors'), path.join(folder, 'another.safetensors'));
    const config = (json: object): void =>
      fs.writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ r: 4, ...json }));
    const at = (strength: number, name = 'adapter_model'): ReturnType<typeof run> =>
      run([{ path: `adapter/${name}.safetensors`, strength }]);
    const merged = resultOf(await run([], 'merged'));
    expect(difference(resultOf(await at(0.7)), merged)).toBeLessThanOrEqual(1);
    config({ peft_type: 'LORA', lora_alpha: 8 });
    expect(difference(resultOf(await at(0.35)), merged)).toBeLessThanOrEqual(1);
    expect(difference(resultOf(await at(0.7)), merged)).toBeGreaterThan(1);
    // A configuration belongs to the file that PEFT writes beside it.
    expect(difference(resultOf(await at(0.7, 'another')), merged)).toBeLessThanOrEqual(1);
    config({ peft_type: 'LORA', lora_alpha: 8, use_rslora: true });
    expect(difference(resultOf(await at(0.175)), merged)).toBeLessThanOrEqual(1);
    config({ peft_type: 'LOHA' });
    await expect(at(0.7)).rejects.toThrow('adapter_model.safetensors is a "LOHA" by its adapter_config.json');
    fs.writeFileSync(path.join(folder, 'adapter_config.json'), '{ "lora_alpha": 8,');
    await expect(at(0.7)).rejects.toThrow(/adapter\/adapter_config\.json is not JSON/);
  });

  it('is kept by its file and its strengths; at strength 0 it is the checkpoint itself', async () => {
    const own = await run([]);
    const none = await run([{ path: 'style.safetensors', strength: 0 }]);
    expect(none.result.report.checkpoint.sha256).toBe(own.result.report.checkpoint.sha256);
    expect(resultOf(none)).toEqual(resultOf(own));
    expect(ran(none)).not.toContain('invert-structure');
    const shas = [];
    for (const params of [{ strength: 0.5 }, { strength: 0.5, textStrength: 0 }, { strength: 0, textStrength: 0.5 }]) {
      const made = await run([{ path: 'style.safetensors', ...params }]);
      expect(ran(made)).toContain('invert-structure');
      shas.push(made.result.report.checkpoint.sha256);
    }
    expect(new Set(shas).size).toBe(3);
    expect(ran(await run([{ path: 'style.safetensors', strength: 0.5 }]))).toEqual([]);
    // What was computed by earlier versions is found, but for files of which they left something out.
    const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
    const key = (file: string, version: number): string =>
      sha256(
        `${own.result.report.checkpoint.sha256} lora ${version} ${sha256(fs.readFileSync(path.join(root, file)))} 0.5 0.5\n`,
      );
    expect(shas[0]).toBe(key('style.safetensors', 2));
    writeFull(path.join(root, 'full.safetensors'));
    const full = await run([{ path: 'full.safetensors', strength: 0.5 }]);
    expect([full.result.report.checkpoint.sha256, warnings(full)]).toEqual([key('full.safetensors', 3), []]);
  });

  it('says which of its layers have no place, and is refused where none has', async () => {
    const stored = { shape: [4, 32], data: new Float32Array(128) };
    const layer = (module: string, shape = [32, 4]) => ({
      [`${module}.lora_up.weight`]: { shape, data: new Float32Array(shape[0]! * shape[1]!) },
      [`${module}.lora_down.weight`]: stored,
    });
    const known = 'lora_unet_mid_block_attentions_0_proj_in';
    const write = (name: string, tensors: Parameters<typeof writeSafetensors>[1]): Lora => {
      writeSafetensors(path.join(root, name), tensors);
      return { path: name };
    };
    const refused = (lora: Lora, checkpoint?: string) => expect(run([lora], checkpoint)).rejects;
    await refused(write('far.safetensors', layer('lora_unet_down_blocks_9_attentions_0_proj_in'))).toThrow(
      'far.safetensors does not fit the checkpoint tiny: none of its 1 layers is there. Use a LoRA of Stable Diffusion 1.x or 2.x.',
    );
    await refused(write('wide.safetensors', layer(known, [7, 4]))).toThrow(
      /^wide\.safetensors does not fit the checkpoint tiny: its layer "lora_unet_mid_block_attentions_0_proj_in" changes a weight of 7 × 32 numbers/,
    );
    const cases: [name: string, tensor: string, words: RegExp][] = [
      ['loha', `${known}.hada_w1_a`, /is a LoHa, a kind of LoRA that Weft does not run/],
      ['lokr', `${known}.lokr_w1`, /is a LoKr, a kind of LoRA that Weft does not run/],
      ['dora', `${known}.dora_scale`, /is a DoRA, a kind of LoRA that Weft does not run/],
      ['xl', 'lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight', /is a LoRA of Stable Diffusion XL/],
      ['flux', 'lora_unet_double_blocks_0_img_attn_proj.lora_up.weight', /is a LoRA of Flux/],
      ['sd3', 'lora_unet_joint_blocks_0_x_block_attn_proj.lora_up.weight', /is a LoRA of Stable Diffusion 3/],
      ['transformer', 'transformer.blocks.0.attn.to_q.lora_A.weight', /is a LoRA of a transformer/],
      ['half-a-layer', `${known}.lora_up.weight`, /is incomplete: its layer .* has only one of the two matrices/],
    ];
    fs.writeFileSync(path.join(root, 'old.pt'), Buffer.from('800263636f6c6c656374696f6e73', 'hex'));
    await refused({ path: 'old.pt' }).toThrow(/^old\.pt is a PyTorch pickle .* convert it/);
    for (const [name, tensor, words] of cases)
      await refused(write(`${name}.safetensors`, { [tensor]: stored })).toThrow(words);
    await refused({ path: 'zebra.png' }).toThrow(/zebra\.png/);
    await refused({ path: 'style.safetensors' }, 'mini').toThrow(
      /style\.safetensors can't be used with the checkpoint mini: its ONNX graphs tell none of the file's 293 layers/,
    );
    const partly = { ...layer(known), ...layer('lora_unet_down_blocks_9_attentions_0_proj_in') };
    const width = listingOf('tiny').unet.shapes['model.diffusion_model.middle_block.1.proj_in.weight']![0]!;
    partly[`${known}.lora_up.weight`] = { shape: [width, 4], data: new Float32Array(width * 4) };
    partly[`${known}.lora_down.weight`] = { shape: [4, width], data: new Float32Array(4 * width) };
    const made = await run([write('partly.safetensors', partly)]);
    expect(warnings(made)).toEqual([
      '1 part of partly.safetensors without a place in the checkpoint tiny is left out: "lora_unet_down_blocks_9_attentions_0_proj_in".',
    ]);
    const { [`${known}.lora_up.weight`]: up, [`${known}.lora_down.weight`]: down } = partly;
    const words = await run([
      write('words.safetensors', {
        [`${known}.lora_up.weight`]: up!,
        [`${known}.lora_down.weight`]: down!,
        'bundle_emb.mycat.clip_l': { shape: [1, 4], data: new Float32Array(4) },
      }),
    ]);
    expect(warnings(words)).toEqual([
      'words.safetensors brings a word for prompts ("mycat"), which Weft does not read: prompts know nothing of it.',
    ]);
  });

  it('of two inversions must be one, and the graph says which differ', () => {
    const document = graph([{ path: 'style.safetensors', strength: 0.5 }]);
    document.nodes['invert-appearance']!.inputs!['checkpoint'] = 'model.checkpoint';
    expect(validateGraph(writeGraph(document)).map(({ message }) => message)).toEqual([
      expect.stringMatching(/with LoRA "style\.safetensors", 0\.5.*their checkpoints differ/),
    ]);
  });
});
