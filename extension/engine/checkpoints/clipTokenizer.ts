/** CLIP's tokenizer as files, for checkpoints that come without: a single .safetensors file has none, and all of Stable Diffusion's have the same. */
import * as path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readRegularSync } from '../../platform/files';

/** As CLIP writes a byte that is no printable character: the first code points that no byte has, in order. */
function byteLetters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  let next = 256;
  // Printable ones first: their order is the order of the ids.
  return [
    ...bytes.filter(printable).map((byte) => String.fromCodePoint(byte)),
    ...bytes.filter((byte) => !printable(byte)).map(() => String.fromCodePoint(next++)),
  ];
}

/**
 * The files of a tokenizer folder by name: every letter, every letter at a word's end, every merge, the two marks; 49,408 ids.
 * @param data folder of merges.txt.gz
 * @param padding `!` (id 0) where the text encoder was trained with zeros after the end, as OpenCLIP's was; else the end mark.
 */
export function clipTokenizerFiles(data: string, padding?: string): Record<string, string> {
  const merges = gunzipSync(readRegularSync(path.join(data, 'merges.txt.gz'), 1 << 20)).toString('utf8');
  const letters = byteLetters();
  const pairs = merges.split('\n').filter((line) => line !== '');
  const words = [
    ...letters,
    ...letters.map((letter) => `${letter}</w>`),
    ...pairs.map((pair) => pair.replace(' ', '')),
    '<|startoftext|>',
    '<|endoftext|>',
  ];
  return {
    'vocab.json': JSON.stringify(Object.fromEntries(words.map((word, id) => [word, id]))),
    'merges.txt': `#version: 0.2\n${merges}`,
    'tokenizer_config.json': JSON.stringify({ model_max_length: 77, ...(padding ? { pad_token: padding } : {}) }),
  };
}
