import * as path from 'node:path';
import { withEngine } from './execute';

/** `weft models list`: a line for each checkpoint. */
export async function listModels(): Promise<void> {
  const checkpoints = await withEngine((engine) => engine.request('models.list', {}));
  for (const { id, title, size, precision, pictureSize, sha256, problem } of checkpoints) {
    const facts = problem ?? `${pictureSize}² · ${precision} · ${megabytes(size)} · ${sha256.slice(0, 12)}`;
    process.stdout.write(`${id}\t${title}\t${facts}\n`);
  }
}

/** `weft models add DIR`: imports and rewrites an ONNX folder; the last line is its id. */
export async function addModel(folder: string, id?: string): Promise<void> {
  // Importing copies and rewrites gigabytes: it ends when it ends.
  const info = await withEngine((engine) => engine.request('models.add', { folder: path.resolve(folder), id }, 0));
  process.stderr.write(`${info.title}: ${info.pictureSize}² pictures, ${info.precision}, ${megabytes(info.size)}\n`);
  process.stdout.write(`${info.id}\n`);
}

/** `weft models verify ID`: reads every file and compares its digest. */
export async function verifyModel(id: string): Promise<void> {
  const { files, bytes } = await withEngine((engine) => engine.request('models.verify', { id }, 0));
  process.stdout.write(
    `${id}: ${files} files, ${megabytes(bytes)}, all as they were imported, and onnxruntime opens them\n`,
  );
}

export async function removeModel(id: string): Promise<void> {
  const { removed } = await withEngine((engine) => engine.request('models.remove', { id }));
  process.stdout.write(removed ? `${id} was removed\n` : `there is no ${id} to remove\n`);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
