import * as fs from 'node:fs';
import { graphError } from '../protocol/errors';
import { type EngineProcess } from './engineProcess';
import { realFile } from './files';

/**
 * The file of `--vae`: a path, or the name of a VAE in the model folders, with or without its ending.
 * @throws WeftError `graph` with the names that there are
 */
export async function vaeFile(engine: EngineProcess, given: string): Promise<string> {
  if (fs.existsSync(given)) return realFile(given);
  const { models } = await engine.request('models.scan', {}, 0);
  const vaes = models.filter(({ kind }) => kind === 'vae');
  const named = vaes.filter(({ title }) => title === given || `${title}.safetensors` === given);
  if (named.length === 1) return realFile(named[0]!.file);
  if (named.length > 1)
    throw graphError(
      `--vae ${given}: the model folders have ${named.length} VAEs of that name (${named.map(({ file }) => file).join(', ')}). Give the path of one.`,
    );
  const names = vaes.map(({ title }) => title).join(', ');
  throw graphError(
    `--vae ${given}: there is no such file, and no VAE of that name in the model folders${names === '' ? '' : ` (they have ${names})`}. Give the path of a .safetensors file.`,
  );
}
