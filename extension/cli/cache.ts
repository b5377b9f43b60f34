import { withEngine } from './execute';
import { bytesText } from './models';

/** `weft cache show`: a line for each folder of what can be made anew. */
export async function showCache(): Promise<void> {
  const folders = await withEngine((engine) => engine.request('cache.show', {}));
  for (const { title, folder, bytes, files, mostBytes } of folders)
    process.stdout.write(`${title}\t${bytesText(bytes)} of ${bytesText(mostBytes)} · ${files} kept\t${folder}\n`);
}

/** Removing many files takes a while on a slow disk. */
const CLEAR_MS = 600_000;

/** `weft cache clear`: results and checkpoints stay. */
export async function clearCache(): Promise<void> {
  const { bytes } = await withEngine((engine) => engine.request('cache.clear', {}, CLEAR_MS));
  process.stdout.write(`${bytesText(bytes)} freed\n`);
}
