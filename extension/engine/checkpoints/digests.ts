import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { z } from 'zod';
import { openRegularSync, withFileErrors } from '../../platform/files';
import { checkpointError } from '../../protocol/errors';

/** No file of a checkpoint is larger: Stable Diffusion 1.x in float32 has 3.4 GB in its largest. A sparse file claims anything. */
const MOST_BYTES = 16e9;

const CHUNK_BYTES = 4 << 20;

/** How many bytes came. */
const readInto = (fd: number, buffer: Buffer): Promise<number> =>
  new Promise((resolve, reject) =>
    fs.read(fd, buffer, 0, buffer.length, null, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead))),
  );

/**
 * SHA-256 of a file's bytes: one piece is digested while the next is read, into two buffers that are used again and again.
 * @throws WeftError `checkpoint` for what is no regular file, can't be read, or is larger than any file of a checkpoint.
 */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  const fd = openPart(file);
  try {
    const buffers = [0, 1].map(() => Buffer.allocUnsafe(CHUNK_BYTES));
    const read = async (piece: number): Promise<Buffer> => {
      const buffer = buffers[piece % 2]!;
      return buffer.subarray(0, await readInto(fd, buffer));
    };
    let reading = read(0);
    for (let piece = 1; ; piece++) {
      const bytes = await reading;
      if (bytes.length === 0) return hash.digest('hex');
      reading = read(piece);
      hash.update(bytes);
    }
  } finally {
    fs.closeSync(fd);
  }
}

function openPart(file: string): number {
  const { fd, stats } = withFileErrors('checkpoint', () => openRegularSync(file));
  if (stats.size <= MOST_BYTES) return fd;
  fs.closeSync(fd);
  throw checkpointError(`${file} is too large for a checkpoint's file: Weft reads up to ${MOST_BYTES / 1e9} GB.`);
}

/**
 * What tells that a file is still the one whose digest is known. Size and modification time can be set back (by a copy that keeps times, a
 * restored backup, a tool); the time of the last change of the file or its entry (ctime) can not, except by changing the clock. So a copy,
 * a backup, another hard link change the stamp too: then the file is digested again, which decides. The device is left out: machines that
 * share a folder over a network number it differently, and each would digest gigabytes anew.
 */
export const fileStampSchema = z.object({
  size: z.number(),
  mtimeMs: z.number(),
  ino: z.number(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Absent in stamps of older versions of Weft: those never hold. */
  ctimeMs: z.number().optional(),
});
export type FileStamp = z.infer<typeof fileStampSchema>;

/** @throws ENOENT */
export async function stampOf(file: string, sha256: string): Promise<FileStamp> {
  const { size, mtimeMs, ino, ctimeMs } = await fs.promises.stat(file);
  return { size, mtimeMs, ino, sha256, ctimeMs };
}

export async function stampHolds(file: string, stamp: FileStamp): Promise<boolean> {
  try {
    return sameStamp(await fs.promises.stat(file), stamp);
  } catch {
    return false;
  }
}

/** {@link stampHolds}, of what stat said. */
export const sameStamp = (stats: fs.Stats, stamp: FileStamp): boolean =>
  (['size', 'mtimeMs', 'ctimeMs', 'ino'] as const).every((key) => stats[key] === stamp[key]);
