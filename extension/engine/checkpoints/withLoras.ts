/** A checkpoint whose weights are changed by LoRA files. */
import { fromBinary } from '@bufbuild/protobuf';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';
import { Graph } from '../onnx/graph';
import { matchLora, mergeLoras, type MergeOptions } from '../onnx/mergeLoras';
import { modelBytes, readModel } from '../onnx/modelFile';
import { ModelProtoSchema } from '../onnx/proto/onnx_pb';
import { type LoraFile, type LoraPart, readLora } from '../safetensors/lora';
import { type DigestMemory } from './digestMemory';
import { stampOf } from './digests';
import { requirePart, weightsOf } from './stored';
import { type LoraChoice, type PreparedCheckpoint } from './types';

const PARTS: [part: LoraPart, key: 'unet' | 'textEncoder', title: string][] = [
  ['unet', 'unet', 'UNet'],
  ['text_encoder', 'textEncoder', 'text encoder'],
];

const strengthOf = ({ strength, textStrength = strength }: LoraChoice, part: LoraPart): number =>
  part === 'unet' ? strength : textStrength;

/**
 * The checkpoint with a LoRA added to those that it has: its weights are changed when a session opens. At strength 0 it is the checkpoint itself.
 * @throws WeftError `checkpoint` saying why the file does not fit
 */
export async function withLora(
  checkpoint: PreparedCheckpoint,
  choice: LoraChoice,
  digests: DigestMemory,
): Promise<PreparedCheckpoint> {
  const plain = checkpoint.loras?.of ?? checkpoint;
  const lora = readLora(choice.file);
  const matched = new Set<string>();
  const counts: string[] = [];
  for (const [part, key, title] of PARTS) {
    await requirePart(plain, part);
    const bytes = await graphBytes(plain, part, path.join(plain.folder, plain[key].path));
    const graph = new Graph(fromBinary(ModelProtoSchema, bytes));
    const found = matchLora(graph, part, lora, plain.id);
    for (const [, layer] of found) matched.add(layer.name);
    counts.push(`${found.length} of the ${title}`);
  }
  if (matched.size === 0)
    throw new WeftError(
      'checkpoint',
      weightsOf(plain, 'unet') === undefined
        ? `${lora.name} can't be used with the checkpoint ${plain.id}: its ONNX graphs tell none of the file's ${lora.layers.size} layers, as an export drops or shortens their names unless optimum makes it. ` +
            'Use the same model as a .safetensors file or a diffusers folder.'
        : `${lora.name} does not fit the checkpoint ${plain.id}: none of its ${lora.layers.size} layers is there. Use a LoRA of Stable Diffusion 1.x or 2.x.`,
    );
  choice.onMatched?.({
    message: `${lora.name}: ${matched.size} of ${lora.layers.size} layers fit the checkpoint ${plain.id} (${counts.join(', ')}).`,
    left: leftOut(lora, matched, plain.id),
  });
  if (PARTS.every(([part]) => strengthOf(choice, part) === 0)) return checkpoint;
  // Taken before it is read: what is written meanwhile shows when it is opened.
  const stamp = await stampOf(lora.file, '');
  const sha256 = await digests.digest(lora.file);
  const strengths = PARTS.map(([part]) => strengthOf(choice, part));
  const identity = [lora.version, sha256, ...(lora.config === undefined ? [] : [lora.config]), ...strengths].join(' ');
  const weights = (checkpoint.weights ?? []).filter(({ file }) => file !== lora.file);
  return {
    ...checkpoint,
    sha256: createHash('sha256').update(`${checkpoint.sha256} lora ${identity}\n`).digest('hex'),
    weights: [...weights, { file: lora.file, size: stamp.size, sha256, parts: PARTS.map(([part]) => part) }],
    loras: {
      of: plain,
      stamps: { ...checkpoint.loras?.stamps, [lora.file]: { ...stamp, sha256 } },
      choices: [...(checkpoint.loras?.choices ?? []), { ...choice, config: lora.config }],
    },
  };
}

/** A part's graph without its large weights, which then lie in the part's folder. */
export const graphBytes = async (checkpoint: PreparedCheckpoint, part: LoraPart, file: string): Promise<Uint8Array> =>
  weightsOf(checkpoint, part) === undefined
    ? modelBytes(readModel(file), path.dirname(file))
    : fs.promises.readFile(file);

function leftOut({ name, layers, strange, words }: LoraFile, matched: Set<string>, id: string): string | undefined {
  const listed = (all: string[]): string =>
    `${all
      .slice(0, 3)
      .map((each) => JSON.stringify(each.slice(0, 100)))
      .join(', ')}${all.length > 3 ? ', …' : ''}`;
  const missing = [...layers.values()].filter((layer) => !matched.has(layer.name)).map((layer) => layer.name);
  const all = [...missing, ...strange];
  const sentences = [
    all.length > 0 &&
      `${all.length === 1 ? '1 part' : `${all.length} parts`} of ${name} without a place in the checkpoint ${id} ${all.length === 1 ? 'is' : 'are'} left out: ${listed(all)}.`,
    words.length > 0 &&
      `${name} brings ${words.length === 1 ? 'a word' : `${words.length} words`} for prompts (${listed(words)}), which Weft does not read: prompts know nothing of ${words.length === 1 ? 'it' : 'them'}.`,
  ].filter((sentence) => sentence !== false);
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

/**
 * The graph of a part over weights that the LoRAs are in, which are written to a file.
 * @throws WeftError `checkpoint`
 */
export async function mergedGraph(
  bytes: Uint8Array,
  part: LoraPart,
  { id, loras }: PreparedCheckpoint,
  options: Omit<MergeOptions, 'checkpoint'>,
): Promise<Uint8Array> {
  const acting = (loras?.choices ?? []).flatMap((choice) => {
    const strength = strengthOf(choice, part);
    if (strength === 0) return [];
    const lora = readLora(choice.file);
    if (lora.config !== choice.config)
      throw new WeftError(
        'checkpoint',
        `The adapter_config.json of ${lora.name} was changed or removed while the run used it. Run again to use it as it is now.`,
      );
    return [{ lora, strength }];
  });
  const graph = new Graph(fromBinary(ModelProtoSchema, bytes));
  await mergeLoras(graph, part, acting, { ...options, checkpoint: id });
  return graph.bytes();
}
