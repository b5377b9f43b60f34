/** Stable Diffusion 1.x with random weights in float16, as one .safetensors file: 2.13 GB at its full width. */
import * as fs from 'node:fs';

type Shapes = [name: string, shape: number[]][];

interface Widths {
  unet: number[];
  vae: number[];
  context: number;
  textLayers: number;
}

const FULL: Widths = { unet: [320, 640, 1280, 1280], vae: [128, 256, 512, 512], context: 768, textLayers: 12 };
/** The same blocks, as narrow as their 32 groups allow: 13 MB, for rehearsals. */
export const NARROW: Widths = { unet: [32, 64, 128, 128], vae: [32, 64, 128, 128], context: 64, textLayers: 1 };
const LAYERS = 2;

/** A layer's weight and bias. */
const layer = (name: string, ...shape: number[]): Shapes => [
  [`${name}.weight`, shape],
  [`${name}.bias`, [shape[0]!]],
];

/** Names and shapes of the original code (CompVis, stable-diffusion: UNetModel). */
function unet({ unet: channels, context }: Widths): Shapes {
  const p = 'model.diffusion_model.';
  const first = channels[0]!;
  const time = 4 * first;
  const resnet = (name: string, from: number, to: number): Shapes => [
    ...layer(`${name}.in_layers.0`, from),
    ...layer(`${name}.in_layers.2`, to, from, 3, 3),
    ...layer(`${name}.emb_layers.1`, to, time),
    ...layer(`${name}.out_layers.0`, to),
    ...layer(`${name}.out_layers.3`, to, to, 3, 3),
    ...(from === to ? [] : layer(`${name}.skip_connection`, to, from, 1, 1)),
  ];
  const attention = (name: string, c: number): Shapes => {
    const block = `${name}.transformer_blocks.0`;
    const look = (i: number, width: number): Shapes => [
      [`${block}.attn${i}.to_q.weight`, [c, c]],
      [`${block}.attn${i}.to_k.weight`, [c, width]],
      [`${block}.attn${i}.to_v.weight`, [c, width]],
      ...layer(`${block}.attn${i}.to_out.0`, c, c),
    ];
    return [
      ...layer(`${name}.norm`, c),
      ...layer(`${name}.proj_in`, c, c, 1, 1),
      ...look(1, c),
      ...look(2, context),
      ...layer(`${block}.ff.net.0.proj`, 8 * c, c),
      ...layer(`${block}.ff.net.2`, c, 4 * c),
      ...[1, 2, 3].flatMap((i) => layer(`${block}.norm${i}`, c)),
      ...layer(`${name}.proj_out`, c, c, 1, 1),
    ];
  };
  const shapes: Shapes = [
    ...layer(`${p}time_embed.0`, time, first),
    ...layer(`${p}time_embed.2`, time, time),
    ...layer(`${p}input_blocks.0.0`, first, 4, 3, 3),
  ];
  const last = channels.length - 1;
  const skips = [first];
  let now = first;
  let at = 1;
  for (const [level, c] of channels.entries()) {
    for (let j = 0; j < LAYERS; j++, at++) {
      shapes.push(...resnet(`${p}input_blocks.${at}.0`, now, c));
      if (level < last) shapes.push(...attention(`${p}input_blocks.${at}.1`, c));
      skips.push((now = c));
    }
    if (level === last) break;
    shapes.push(...layer(`${p}input_blocks.${at++}.0.op`, c, c, 3, 3));
    skips.push(c);
  }
  shapes.push(...resnet(`${p}middle_block.0`, now, now), ...attention(`${p}middle_block.1`, now));
  shapes.push(...resnet(`${p}middle_block.2`, now, now));
  at = 0;
  for (let level = last; level >= 0; level--) {
    const c = channels[level]!;
    for (let j = 0; j <= LAYERS; j++, at++) {
      shapes.push(...resnet(`${p}output_blocks.${at}.0`, now + skips.pop()!, c));
      if (level < last) shapes.push(...attention(`${p}output_blocks.${at}.1`, c));
      if (level > 0 && j === LAYERS)
        shapes.push(...layer(`${p}output_blocks.${at}.${level < last ? 2 : 1}.conv`, c, c, 3, 3));
      now = c;
    }
  }
  return [...shapes, ...layer(`${p}out.0`, now), ...layer(`${p}out.2`, 4, now, 3, 3)];
}

function vae({ vae: channels }: Widths): Shapes {
  const p = 'first_stage_model.';
  const resnet = (name: string, from: number, to: number): Shapes => [
    ...layer(`${name}.norm1`, from),
    ...layer(`${name}.conv1`, to, from, 3, 3),
    ...layer(`${name}.norm2`, to),
    ...layer(`${name}.conv2`, to, to, 3, 3),
    ...(from === to ? [] : layer(`${name}.nin_shortcut`, to, from, 1, 1)),
  ];
  const middle = (name: string, c: number): Shapes => [
    ...resnet(`${name}.block_1`, c, c),
    ...layer(`${name}.attn_1.norm`, c),
    ...['q', 'k', 'v', 'proj_out'].flatMap((which) => layer(`${name}.attn_1.${which}`, c, c, 1, 1)),
    ...resnet(`${name}.block_2`, c, c),
  ];
  const last = channels.length - 1;
  const [first, widest] = [channels[0]!, channels[last]!];
  const shapes = layer(`${p}encoder.conv_in`, first, 3, 3, 3);
  let now = first;
  for (const [level, c] of channels.entries()) {
    for (let j = 0; j < LAYERS; j++) {
      shapes.push(...resnet(`${p}encoder.down.${level}.block.${j}`, now, c));
      now = c;
    }
    if (level < last) shapes.push(...layer(`${p}encoder.down.${level}.downsample.conv`, c, c, 3, 3));
  }
  shapes.push(...middle(`${p}encoder.mid`, widest), ...layer(`${p}encoder.norm_out`, widest));
  shapes.push(...layer(`${p}encoder.conv_out`, 8, widest, 3, 3));
  shapes.push(...layer(`${p}quant_conv`, 8, 8, 1, 1), ...layer(`${p}post_quant_conv`, 4, 4, 1, 1));
  shapes.push(...layer(`${p}decoder.conv_in`, widest, 4, 3, 3), ...middle(`${p}decoder.mid`, widest));
  for (let level = last; level >= 0; level--) {
    const c = channels[level]!;
    for (let j = 0; j <= LAYERS; j++) {
      shapes.push(...resnet(`${p}decoder.up.${level}.block.${j}`, now, c));
      now = c;
    }
    if (level > 0) shapes.push(...layer(`${p}decoder.up.${level}.upsample.conv`, c, c, 3, 3));
  }
  return [...shapes, ...layer(`${p}decoder.norm_out`, now), ...layer(`${p}decoder.conv_out`, 3, now, 3, 3)];
}

function textEncoder({ context, textLayers }: Widths): Shapes {
  const p = 'cond_stage_model.transformer.text_model.';
  const blocks = Array.from({ length: textLayers }, (_, i): Shapes => {
    const block = `${p}encoder.layers.${i}`;
    return [
      ...['q', 'k', 'v', 'out'].flatMap((which) => layer(`${block}.self_attn.${which}_proj`, context, context)),
      ...layer(`${block}.mlp.fc1`, 4 * context, context),
      ...layer(`${block}.mlp.fc2`, context, 4 * context),
      ...layer(`${block}.layer_norm1`, context),
      ...layer(`${block}.layer_norm2`, context),
    ];
  });
  return [
    [`${p}embeddings.token_embedding.weight`, [49408, context]],
    [`${p}embeddings.position_embedding.weight`, [77, context]],
    ...blocks.flat(),
    ...layer(`${p}final_layer_norm`, context),
  ];
}

/** Bits of a float16, of numbers between 2⁻¹⁴ and 2, cut. */
function half(value: number): number {
  const size = Math.abs(value);
  if (size < 2 ** -14) return 0;
  const exponent = Math.floor(Math.log2(size));
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | (Math.floor((size / 2 ** exponent - 1) * 1024) & 1023);
}

/** Each matrix keeps the size of what it is given, so that a network of this depth stays alive. */
export function writeFullWidth(file: string, widths = FULL, seed = 1): void {
  const shapes = [...unet(widths), ...vae(widths), ...textEncoder(widths)];
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, shape] of shapes) {
    const end = at + 2 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F16', shape, data_offsets: [at, end] };
    at = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const fd = fs.openSync(file, 'w');
  fs.writeSync(fd, Buffer.concat([length, text]));
  let state = seed;
  for (const [name, shape] of shapes) {
    const values = new Uint16Array(shape.reduce((a, b) => a * b, 1));
    const matrix = shape.length > 1;
    const size =
      matrix && !name.includes('embedding') ? Math.sqrt(3 / shape.slice(1).reduce((a, b) => a * b, 1)) : 0.03;
    const middle = !matrix && name.endsWith('.weight') ? 1 : 0;
    // A table, because there are a billion.
    const table = Uint16Array.from({ length: 4096 }, (_, i) => half(middle + size * ((2 * i + 1) / 4096 - 1)));
    for (let i = 0; i < values.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      values[i] = table[state >>> 20]!;
    }
    fs.writeSync(fd, values);
  }
  fs.closeSync(fd);
}
