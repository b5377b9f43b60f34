import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { promptText } from '../../../graph';
import { graphError, rethrowAt } from '../../../protocol/errors';
import { sameSize, type Size, sizeText } from '../../../protocol/size';
import { colourDistance } from '../../evaluate/colour';
import { gramDistance } from '../../evaluate/gram';
import { type ObservedPicture, Observer } from '../../evaluate/observer';
import { maskIou } from '../../evaluate/overlap';
import { psnr, score } from '../../evaluate/truth';
import { readIndices } from '../../image/pngIndices';
import { type Execution, type Executor } from '../context';
import { optionalInput, requiredInput } from '../inputs';
import { type Metrics } from '../metrics';
import { pictureAt } from '../pictures';
import { readInput } from '../readInput';
import { type ImageValue } from '../values';

export const evaluate: Executor = async (execution) => {
  const { node, context } = execution;
  const { checkpoint } = requiredInput(execution, 'checkpoint', 'checkpoint');
  const image = requiredInput(execution, 'image', 'image');
  const { size } = checkpoint;
  const [result, structure, appearance] = (await Promise.all(
    ['image', 'structure', 'appearance'].map((port) => pictureOn(execution, port, size)),
  )) as [ObservedPicture, ObservedPicture, ObservedPicture];
  const prompt = optionalInput(execution, 'prompt', 'prompt')?.text ?? promptText(node.implied['prompt'] ?? {});
  if (!prompt) {
    throw graphError(
      `${node.id} has no prompt, and its checkpoint has no default one: wire a prompt node to it.`,
      node.id,
    );
  }
  const query = {
    noun: String(node.params['noun'] ?? optionalInput(execution, 'prompt', 'prompt')?.domain ?? ''),
    timestep: node.params['timestep'] as number,
    clusters: node.params['clusters'] as number,
  };

  const observer = new Observer(checkpoint, prompt, context.store);
  const given = await Promise.all(
    (['structureMask', 'appearanceMask'] as const).map((port) =>
      optionalInput(execution, port, 'mask')?.onGrid(...checkpoint.latentSize),
    ),
  );
  const wanted = [result, ...(given[0] ? [] : [structure]), ...(given[1] ? [] : [appearance])];
  const found = await observer.masks(wanted, query);
  const resultMask = found[0]!;
  const structureMask = given[0] ?? found[1]!;
  const appearanceMask = given[1] ?? found.at(-1)!;
  const metrics: Metrics = {};
  if (covers(structureMask)) metrics['structure'] = maskIou(resultMask, structureMask);
  for (const [name, mask] of Object.entries({ structure: structureMask, appearance: appearanceMask })) {
    if (covers(mask)) continue;
    context.warn(
      node.id,
      `No "${query.noun}" was found in the ${name}, so its whole picture is measured. Wire a mask to ${node.id}, or name another noun.`,
    );
  }
  // The result's object should lie where the structure's does: a mask of its own would let a wrong shape hide a wrong look.
  const [resultLook, appearanceLook] = await observer.gramMatrices([
    { picture: result, mask: structureMask, maskDigest: digestOf(structureMask) },
    { picture: appearance, mask: appearanceMask, maskDigest: digestOf(appearanceMask) },
  ]);
  metrics['appearance'] =
    resultLook!.reduce((sum, gram, layer) => sum + gramDistance(gram, appearanceLook![layer]!), 0) / resultLook!.length;
  metrics['colour'] = colourDistance(
    under(result.rgb, size, structureMask, checkpoint.latentSize),
    under(appearance.rgb, size, appearanceMask, checkpoint.latentSize),
  );
  Object.assign(metrics, await againstTruth(execution, result, size));

  context.emit({ event: 'metrics', runId: context.options.runId, node: node.id, metrics });
  const measured: ImageValue = { ...image, metrics: { ...image.metrics, ...metrics } };
  return { outputs: { image: measured }, computed: observer.computed ? true : 'inherit' };
};

async function pictureOn(execution: Execution, port: string, size: Size): Promise<ObservedPicture> {
  const rgb = await pictureAt(requiredInput(execution, port, 'image'), size).catch(
    rethrowAt(execution.node.inputs[port]![0]!.node),
  );
  return { rgb, digest: createHash('sha256').update(rgb).digest('hex') };
}

/** The numbers that need the right answer: PSNR, and with its parts the others. */
async function againstTruth(execution: Execution, result: ObservedPicture, size: Size): Promise<Metrics> {
  const { node } = execution;
  const named = node.params['parts'] !== undefined;
  if (!optionalInput(execution, 'truth', 'image')) {
    if (named) execution.context.warn(node.id, `${node.id} names the parts of a truth, but no truth is wired to it.`);
    return {};
  }
  const truth = await pictureOn(execution, 'truth', size);
  if (!named) return { psnr: psnr(result.rgb, truth.rgb, () => true) };
  const { file, bytes } = await readInput(execution, 'parts');
  const name = path.basename(file);
  const parts = readParts(bytes, name, node.id);
  if (!sameSize(parts, size)) {
    throw graphError(
      `${name} has ${sizeText(parts)} pixels; parts must have those of the checkpoint's pictures, ${sizeText(size)}.`,
      node.id,
    );
  }
  const scored = Object.entries(score(result.rgb, truth.rgb, parts.indices, size.width, size.height));
  return Object.fromEntries(scored.filter(([, value]) => value !== undefined));
}

function readParts(bytes: Uint8Array, name: string, node: string): ReturnType<typeof readIndices> {
  try {
    return readIndices(bytes);
  } catch (error) {
    throw graphError(`${name} can't be read as parts: ${(error as Error).message}.`, node);
  }
}

const covers = (mask: Float32Array): boolean => mask.some((value) => value > 0);
const digestOf = (mask: Float32Array): string => createHash('sha256').update(mask).digest('hex');

/** The pixels of a picture under a mask on the latent grid; all of them under a mask of nothing. */
function under(rgb: Uint8Array, size: Size, mask: Float32Array, [height, width]: [number, number]): Uint8Array {
  if (!covers(mask)) return rgb;
  const inside: number[] = [];
  for (let y = 0; y < size.height; y++) {
    const row = Math.floor((y * height) / size.height) * width;
    for (let x = 0; x < size.width; x++) {
      if (mask[row + Math.floor((x * width) / size.width)]! > 0) inside.push((y * size.width + x) * 3);
    }
  }
  const pixels = new Uint8Array(inside.length * 3);
  for (const [index, at] of inside.entries()) pixels.set(rgb.subarray(at, at + 3), index * 3);
  return pixels;
}
