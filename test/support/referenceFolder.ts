import * as fs from 'node:fs';
import * as path from 'node:path';
import { fixtures, modelPath } from '../fixtures/onnx/open';

/** The reference checkpoint as an ordinary folder with external weights; parts as folders or flat. */
export function writeReference(folder: string, flat = false): string {
  const parts = {
    unet: 'unet_legacy',
    text_encoder: 'text_encoder',
    vae_encoder: 'vae_encoder_sample',
    vae_decoder: 'vae_decoder',
  };
  for (const [part, model] of Object.entries(parts)) {
    const target = flat ? path.join(folder, `${part}.onnx`) : path.join(folder, part, 'model.onnx');
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(modelPath(model), target);
    const weights = path.join(path.dirname(target), 'weights.bin');
    if (!fs.existsSync(weights)) fs.copyFileSync(path.join(fixtures, 'weights.bin'), weights);
  }
  const tokenizer = flat ? folder : path.join(folder, 'tokenizer');
  fs.mkdirSync(tokenizer, { recursive: true });
  for (const name of flat ? ['vocab.json', 'merges.txt'] : fs.readdirSync(path.join(fixtures, 'tokenizer')))
    fs.copyFileSync(path.join(fixtures, 'tokenizer', name), path.join(tokenizer, name));
  return folder;
}
