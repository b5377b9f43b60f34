/** A hub that has the embedded checkpoint as a stranger's: what a download test fetches. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type FileServer, sha256 } from './fileServer';

const mini = path.resolve(import.meta.dirname ?? __dirname, '..', '..', 'models', 'mini');
export const HUB_FILES = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'tokenizer/tokenizer.json',
  'tokenizer/tokenizer_config.json',
  'text_encoder/config.json',
  'text_encoder/model.onnx',
  'unet/config.json',
  'unet/model.onnx',
  'vae_decoder/config.json',
  'vae_decoder/model.onnx',
  'vae_encoder/config.json',
  'vae_encoder/model.onnx',
];

export const LICENCE = 'creativeml-openrail-m';

/** The manifest of the hub's checkpoint, with whatever a test wants otherwise. */
export function hubManifest(server: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const statements = JSON.parse(fs.readFileSync(path.join(mini, 'weft.json'), 'utf8')) as Record<string, unknown>;
  return {
    name: 'drawn',
    title: 'Drawn animals',
    description: 'The embedded checkpoint under another name.',
    server,
    repository: 'test/drawn',
    revision: 'main',
    licence: {
      id: LICENCE,
      title: 'CreativeML Open RAIL-M',
      url: 'https://huggingface.co/spaces/CompVis/stable-diffusion-license',
      summary: ['You may use it.', 'You must not use it to harm.'],
    },
    precision: 'fp32',
    exporter: 'optimum',
    inputs: { unet: { sample: 'float32', timestep: 'int64', encoder_hidden_states: 'float32' } },
    pictureSize: 128,
    domains: statements['domains'],
    defaults: statements['defaults'],
    files: HUB_FILES.map((file) => {
      const bytes = fs.readFileSync(path.join(mini, file));
      return { path: file, bytes: bytes.length, sha256: sha256(bytes) };
    }),
    ...more,
  };
}

/** Puts the checkpoint's files onto a server, at a revision. */
export function fillHub(server: FileServer, revision = 'main'): void {
  for (const file of HUB_FILES)
    server.files.set(`/test/drawn/resolve/${revision}/${file}`, fs.readFileSync(path.join(mini, file)));
}

export function writeManifest(home: string, manifest: Record<string, unknown>): void {
  fs.mkdirSync(path.join(home, 'manifests'), { recursive: true });
  fs.writeFileSync(path.join(home, 'manifests', `${String(manifest['name'])}.json`), JSON.stringify(manifest));
}
