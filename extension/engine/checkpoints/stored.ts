/**
 * The two files that make a folder a prepared checkpoint: checkpoint.json says what it is, stamps.json by what its files are known to be
 * what they were without reading gigabytes. Both are Weft's own, and neither is believed before it was looked at.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { writeWhole } from '../../platform/files';
import { readOwnJson } from '../../platform/ownFile';
import { checkpointError } from '../../protocol/errors';
import { type FileStamp, fileStampSchema, sha256Of, stampHolds, stampOf } from './digests';
import { type PreparedCheckpoint, type StoredCheckpoint, storedSchema, type WeightFile } from './types';

/** Format of checkpoint.json; with SURGERY_VERSION it decides whether a prepared folder can be used as it is. */
export const CHECKPOINT_FORMAT = 1;
export const CHECKPOINT_FILE = 'checkpoint.json';
/** Not part of the checkpoint's identity. */
export const STAMPS_FILE = 'stamps.json';

const stampsSchema = z.object({
  surgery: z.number(),
  /** By path relative to the prepared folder. */
  files: z.record(z.string(), fileStampSchema),
  /** By absolute path. */
  sources: z.record(z.string(), fileStampSchema),
  /** What was imported: a folder, or the files of one checkpoint. Absent in checkpoints of older versions of Weft. */
  from: z.array(z.string()).min(1).optional(),
  /** What was chosen when it was imported, and the version of the emitter that wrote its graphs: of checkpoints that are made from weights. */
  choices: z
    .object({ prediction: z.enum(['epsilon', 'v_prediction']).optional(), vae: z.string().optional() })
    .optional(),
  emit: z.number().optional(),
  /** SHA-256 of checkpoint.json's meaning, see {@link meaningOf}; likewise. */
  checkpoint: z.string().optional(),
});
export type Stamps = z.infer<typeof stampsSchema>;

export interface Stored {
  checkpoint: StoredCheckpoint;
  stamps: Stamps;
}

/** What a checkpoint.json means: a changed number in it would change pictures, so the stamps are bound to it. */
export const meaningOf = (checkpoint: StoredCheckpoint): string =>
  createHash('sha256')
    .update(JSON.stringify(storedSchema.parse(checkpoint)))
    .digest('hex');

/** A prepared folder's two files; each undefined when it is missing or not as Weft wrote it. */
export function readStored(folder: string): { checkpoint?: StoredCheckpoint; stamps?: Stamps } {
  const checkpoint = readOwnJson(path.join(folder, CHECKPOINT_FILE), storedSchema);
  const stamps = readOwnJson(path.join(folder, STAMPS_FILE), stampsSchema);
  const changed = stamps?.checkpoint !== undefined && checkpoint && stamps.checkpoint !== meaningOf(checkpoint);
  return { ...(checkpoint && !changed && { checkpoint }), ...(stamps && { stamps }) };
}

/** The stamps last: a folder without them is not ready. */
export async function writeStored(folder: string, { checkpoint, stamps }: Stored): Promise<void> {
  await writeWhole(path.join(folder, CHECKPOINT_FILE), JSON.stringify(checkpoint, undefined, 2) + '\n', {
    durable: true,
  });
  await writeStamps(folder, { ...stamps, checkpoint: meaningOf(checkpoint) });
}

export const writeStamps = (folder: string, stamps: Stamps): Promise<void> =>
  writeWhole(path.join(folder, STAMPS_FILE), JSON.stringify(stamps, undefined, 1), { durable: true });

/**
 * Digests a file of a prepared checkpoint; returns the stamp that it had before, so that what is written meanwhile shows next time.
 * @throws WeftError `checkpoint` naming the file when it is missing or another one.
 */
export async function requireDigest(id: string, file: string, relative: string, expected: string): Promise<FileStamp> {
  let stamp: FileStamp;
  let found: string;
  try {
    stamp = await stampOf(file, expected);
    found = await sha256Of(file);
  } catch {
    throw checkpointError(`${relative} of the checkpoint "${id}" is missing: import the checkpoint again.`);
  }
  if (found !== expected)
    throw checkpointError(
      `${relative} of the checkpoint "${id}" is damaged: its SHA-256 is ${found} instead of ${expected}. Import the checkpoint again.`,
    );
  return stamp;
}

/**
 * Called before files below a part of a prepared folder (`unet`, `tokenizer`) are opened in the middle of a run: they must still be the
 * ones that the run began with. Other processes may remove a checkpoint, or put another one in its place, at any time.
 * @throws WeftError `checkpoint`
 */
export async function requirePart(
  { id, folder, files, weights = [], vae, loras }: PreparedCheckpoint,
  part: string,
): Promise<void> {
  const { stamps } = readStored(folder);
  for (const weight of weights) {
    if (!weight.parts.includes(part)) continue;
    const stamp = vae?.stamps[weight.file] ?? loras?.stamps[weight.file];
    // Of the parts that a separate VAE takes the place of, its files are the only ones.
    if (stamp === undefined) await requireWeights(id, weight, stamps?.sources[weight.file]);
    else if (!(await stampHolds(weight.file, stamp)))
      throw checkpointError(
        `${weight.file}, ${vae?.stamps[weight.file] ? 'the VAE' : 'a LoRA'} of this run, was changed or removed while the run used it. Run again to use the file as it is now.`,
      );
  }
  for (const { path: relative, sha256 } of files) {
    if (!relative.startsWith(`${part}/`)) continue;
    const stamp = stamps?.files[relative];
    const file = path.join(folder, relative);
    if (stamp?.sha256 === sha256 && (await stampHolds(file, stamp))) continue;
    if (!fs.existsSync(file))
      throw checkpointError(
        `The checkpoint "${id}" was removed while this run used it: ${relative} is gone. Add it again and run again.`,
      );
    if (stamp !== undefined && stamp.sha256 !== sha256)
      throw checkpointError(
        `The checkpoint "${id}" was replaced by another one while this run used it. Run again to use the new one.`,
      );
    await requireDigest(id, file, relative, sha256);
  }
}

/**
 * The file of the person's own that a checkpoint reads its weights from must be the one that was added: what is mapped and then written over
 * would give wrong pictures or end the process. Returns the stamp that it has now.
 * @throws WeftError `checkpoint` naming the file
 */
export async function requireWeights(id: string, { file, sha256 }: WeightFile, known?: FileStamp): Promise<FileStamp> {
  const back = `Put it back, or remove the checkpoint (\`weft models remove ${id}\`) and add the file again.`;
  let now: FileStamp;
  try {
    now = await stampOf(file, sha256);
  } catch {
    throw checkpointError(`${file}, which has the weights of the checkpoint "${id}", is gone. ${back}`);
  }
  if (known !== undefined && known.sha256 === sha256 && (await stampHolds(file, known))) return known;
  const found = await sha256Of(file).catch((error: Error) => error.message);
  if (found !== sha256)
    throw checkpointError(
      `${file}, which has the weights of the checkpoint "${id}", has changed since you added it. ${back}`,
    );
  return now;
}

/** The folder in which all weights of a part lie, and their bytes; undefined where they lie beside the graph. */
export function weightsOf({ weights = [] }: Pick<PreparedCheckpoint, 'weights'>, part: string): string | undefined {
  const files = weights.filter(({ parts }) => parts.includes(part)).map(({ file }) => file);
  return files.length === 0 ? undefined : commonFolder(files);
}

/** The deepest folder that has all of some files below it. */
export function commonFolder(files: string[]): string {
  let folder = path.dirname(files[0]!);
  const below = (file: string): boolean =>
    !path.relative(folder, file).startsWith('..') && !path.isAbsolute(path.relative(folder, file));
  while (!files.every(below) && path.dirname(folder) !== folder) folder = path.dirname(folder);
  return folder;
}
