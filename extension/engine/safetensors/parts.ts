/** The parts of a checkpoint in a single file or a diffusers folder, as the emitter reads them. */
import { checkpointError, type WeftError } from '../../protocol/errors';
import { type Weight, type WeightSource } from '../onnx/emit/weights';
import { textPlace, unetPlace, vaePrefix } from './identify';
import {
  averagedUnet,
  clipNames,
  latentDiffusionUnet,
  type Naming,
  openClipNames,
  plainNames,
  vaeNames,
} from './names';
import { type WeightSet } from './weights';

function sourceOf(set: WeightSet, part: string, naming: Naming): WeightSource {
  return {
    part,
    file: set.name,
    find(name): Weight | undefined {
      for (const { key, third } of naming(name)) {
        const stored = set.tensors.get(key);
        if (stored === undefined) continue;
        if (third === undefined) return stored;
        const [rows = 0, ...rest] = stored.shape;
        // A fused projection that is no three: its own shape, for the message.
        if (rows % 3 !== 0) return stored;
        const length = stored.length / 3;
        return { ...stored, shape: [rows / 3, ...rest], offset: stored.offset + third * length, length };
      }
      return undefined;
    },
    spelt: (name) => naming(name)[0]!.key,
  };
}

const lacking = (set: WeightSet, part: string, what: string): WeftError =>
  checkpointError(`${set.name} has no ${part}. ${what}`);

export function unetOf(set: WeightSet): WeightSource {
  const place = unetPlace(set.tensors);
  if (place === undefined) throw lacking(set, 'UNet', 'Add a whole checkpoint.');
  const { prefix, naming } = place;
  const names = {
    original: () => latentDiffusionUnet(set.tensors, prefix),
    diffusers: () => plainNames(prefix),
    averaged: () => averagedUnet(set.tensors),
  }[naming]();
  return sourceOf(set, 'UNet', names);
}

/** Both halves of the VAE. */
export function vaeOf(set: WeightSet): WeightSource {
  const prefix = vaePrefix(set.tensors);
  if (prefix === undefined) throw lacking(set, 'VAE', 'Add a checkpoint that has its VAE.');
  return sourceOf(set, 'VAE', vaeNames(set.tensors, prefix));
}

/** The text encoder, and whether it is OpenCLIP's whole one, of which Stable Diffusion 2.x uses all layers but the last. */
export function textEncoderOf(set: WeightSet): { source: WeightSource; openClip: boolean } {
  const place = textPlace(set.tensors);
  if (place === undefined) throw lacking(set, 'text encoder', 'Add a whole checkpoint.');
  const openClip = place.naming === 'openclip';
  const names = openClip ? openClipNames(place.prefix) : clipNames(place.prefix);
  return { source: sourceOf(set, 'text encoder', names), openClip };
}
