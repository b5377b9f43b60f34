import { createHash } from 'node:crypto';
import * as fs from 'node:fs';

/** SHA-256 of a file's bytes, streamed. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 4 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What tells that a file is still the one whose digest is known: size, modification time, inode. */
export interface FileStamp {
  size: number;
  mtimeMs: number;
  ino: number;
  sha256: string;
}

/** @throws ENOENT */
export async function stampOf(file: string, sha256: string): Promise<FileStamp> {
  const { size, mtimeMs, ino } = await fs.promises.stat(file);
  return { size, mtimeMs, ino, sha256 };
}

export async function stampHolds(file: string, stamp: FileStamp): Promise<boolean> {
  try {
    const { size, mtimeMs, ino } = await fs.promises.stat(file);
    return size === stamp.size && mtimeMs === stamp.mtimeMs && ino === stamp.ino;
  } catch {
    return false;
  }
}
