/** CLIP's text encoder (transformers: CLIPTextModel) as an ONNX graph. */
import { type OnnxModel } from '../modelFile';
import { Builder, INT64, type Tokens } from './builder';
import { type Config, countOf, numberIn, sideOf } from './config';
import { type WeightSource } from './weights';
import { checkpointError } from '../../../protocol/errors';

export interface TextEncoderShape {
  /** Layers that are computed. */
  layers: number;
  width: number;
  inner: number;
  heads: number;
  contextLength: number;
  vocabulary: number;
  activation: 'quick_gelu' | 'gelu';
}

/** CLIP reads 77 tokens, LongCLIP 248. */
const LONGEST_CONTEXT = 1024;

/**
 * @param openClip OpenCLIP's encoder, that of Stable Diffusion 2.x: gelu instead of its approximation, and what its last layer but one gives.
 */
export function textEncoderShape(source: WeightSource, config: Config = {}, openClip = false): TextEncoderShape {
  const [vocabulary, width] = [0, 1].map((axis) => sideOf(source, 'embeddings.token_embedding.weight', axis)) as [
    number,
    number,
  ];
  const stored = Math.max(
    1,
    countOf(source, (i) => `encoder.layers.${i}.layer_norm1.weight`),
  );
  const activation = config['hidden_act'] ?? (openClip ? 'gelu' : 'quick_gelu');
  if (activation !== 'quick_gelu' && activation !== 'gelu')
    throw checkpointError(
      `${source.file}: the text encoder's config.json has hidden_act = ${JSON.stringify(activation)}, which Weft does not run. Use a plain Stable Diffusion model.`,
    );
  const contextLength = sideOf(source, 'embeddings.position_embedding.weight', 0);
  if (contextLength > LONGEST_CONTEXT)
    throw checkpointError(
      `${source.file}: its text encoder reads ${contextLength} tokens at once, which no Stable Diffusion model does. Use a plain Stable Diffusion model.`,
    );
  return {
    layers: Math.min(stored, numberIn(config, 'num_hidden_layers') ?? (openClip ? stored - 1 : stored)),
    width,
    inner: sideOf(source, 'encoder.layers.0.mlp.fc1.weight', 0),
    heads: numberIn(config, 'num_attention_heads') ?? Math.max(1, Math.round(width / 64)),
    contextLength,
    vocabulary,
    activation,
  };
}

/** input_ids [B, L] → last_hidden_state [B, L, D], after the final normalisation. */
export function emitTextEncoder(source: WeightSource, config: Config = {}, openClip = false): OnnxModel {
  const shape = textEncoderShape(source, config, openClip);
  const { width, contextLength } = shape;
  const b = new Builder(source, 'text_encoder');
  const ids = b.input('input_ids', INT64, ['batch', contextLength]);
  const words = b.lookUp('embeddings.token_embedding.weight', [shape.vocabulary, width], ids);
  const places = b.weight('embeddings.position_embedding.weight', [contextLength, width]);
  let x: Tokens = { tensor: b.add(words, places), width };
  const mask = causalMask(b, contextLength);
  for (let i = 0; i < shape.layers; i++) x = layer(b, x, `encoder.layers.${i}`, shape, mask);
  x = b.layerNorm(x, 'final_layer_norm');
  return b.model('last_hidden_state', x.tensor, ['batch', contextLength, width]);
}

/** [L, L]: 0 up to the own place, the lowest number beyond it. */
function causalMask(b: Builder, length: number): string {
  const lowest = -3.4028234663852886e38;
  return b.graph.tensor(
    'causal_mask',
    [length, length],
    Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? lowest : 0)),
  );
}

function layer(
  b: Builder,
  x: Tokens,
  name: string,
  { width, inner, heads, activation }: TextEncoderShape,
  mask: string,
): Tokens {
  const first = b.layerNorm(x, `${name}.layer_norm1`);
  const project = (which: string): string => b.linear(first.tensor, `${name}.self_attn.${which}_proj`, [width, width]);
  const mixed = b.attention(project('q'), project('k'), project('v'), width, heads, mask);
  const h = { ...x, tensor: b.add(x.tensor, b.linear(mixed, `${name}.self_attn.out_proj`, [width, width])) };
  const wide = b.linear(b.layerNorm(h, `${name}.layer_norm2`).tensor, `${name}.mlp.fc1`, [width, inner]);
  const active = activation === 'gelu' ? b.gelu(wide) : b.quickGelu(wide);
  return { ...h, tensor: b.add(h.tensor, b.linear(active, `${name}.mlp.fc2`, [inner, width])) };
}
