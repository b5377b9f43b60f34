/** A checkpoint whose VAE comes from a file of its own, such as vae-ft-mse-840000-ema-pruned.safetensors. */
import { createHash } from 'node:crypto';
import { checkpointError } from '../../protocol/errors';
import { emitVaeDecoder, emitVaeEncoder, vaeShape } from '../onnx/emit/vae';
import { modelBytes } from '../onnx/modelFile';
import { deterministicEncoder, plainDecoder } from '../onnx/vae';
import { vaeOf } from '../safetensors/parts';
import { type DigestMemory } from './digestMemory';
import { type FileStamp, stampOf } from './digests';
import { commonFolder } from './stored';
import { type PreparedCheckpoint } from './types';
import { EMIT_VERSION, readVae } from './weightsLayout';

const PARTS = ['vae_encoder', 'vae_decoder'];

/**
 * The checkpoint with that VAE in the place of its own. Nothing is written: the graphs are made in memory, over the file where it is.
 * @throws WeftError `checkpoint` saying what the file is instead, or why it does not fit
 */
export async function withVae(
  checkpoint: PreparedCheckpoint,
  file: string,
  digests: DigestMemory,
): Promise<PreparedCheckpoint> {
  const { set } = readVae(file);
  const source = vaeOf(set);
  const { latentChannels, channels } = vaeShape(source);
  const scale = 2 ** (channels.length - 1);
  if (latentChannels !== checkpoint.latentChannels || scale !== checkpoint.vaeScale)
    throw checkpointError(
      `${set.name} does not fit the checkpoint ${checkpoint.id}: its latents have ${latentChannels} channels and a ${nth(scale)} of the picture's sides, ` +
        `the checkpoint's have ${checkpoint.latentChannels} and a ${nth(checkpoint.vaeScale)}. Use a VAE that was made for this kind of checkpoint.`,
    );
  const stamps: Record<string, FileStamp> = {};
  const weights = [];
  for (const each of set.files) {
    // Taken before it is read: what is written meanwhile shows when it is opened.
    const stamp = await stampOf(each, '');
    const sha256 = await digests.digest(each);
    stamps[each] = { ...stamp, sha256 };
    weights.push({ file: each, size: stamp.size, sha256, parts: PARTS });
  }
  const [encoder, decoder] = [emitVaeEncoder(source), emitVaeDecoder(source)];
  const [encoding, decoding] = [deterministicEncoder(encoder, latentChannels), plainDecoder(decoder)];
  const folder = commonFolder(set.files);
  const vae = weights.map(({ sha256 }) => sha256).join();
  const rest = (checkpoint.weights ?? []).map((weight) => ({
    ...weight,
    parts: weight.parts.filter((part) => !PARTS.includes(part)),
  }));
  return {
    ...checkpoint,
    sha256: createHash('sha256').update(`${checkpoint.sha256} vae ${EMIT_VERSION} ${vae}\n`).digest('hex'),
    files: checkpoint.files.filter(({ path }) => !PARTS.some((part) => path.startsWith(`${part}/`))),
    weights: [...rest.filter(({ parts }) => parts.length > 0), ...weights],
    vaeEncoder: { path: '', input: encoding.input, output: encoding.output },
    vaeDecoder: { path: '', input: decoding.input, output: decoding.output },
    vae: {
      of: checkpoint.sha256,
      sha256: vae,
      stamps,
      graphs: { vaeEncoder: modelBytes(encoder, folder), vaeDecoder: modelBytes(decoder, folder) },
    },
  };
}

const nth = (scale: number): string => (scale === 1 ? 'whole' : `${scale}th`);
