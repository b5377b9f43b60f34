/** Default names of results: one that another run's file has is not taken. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { cutToBytes } from './fileNames';
import { readRegular } from './files';

/** What file systems allow one name. */
const NAME_BYTES = 255;

/**
 * Calls `write` with names that no other file has: as they are wanted, or with a number after the stem (`a-2.png`), the same one for all. A file
 * with the very same bytes is the same result and gives its name. The names are kept against other processes until `write` is done.
 */
export async function withFreeNames<T>(
  files: readonly { path: string; bytes: Uint8Array }[],
  stem: string,
  write: (named: (file: string) => string) => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count++) {
    const named = (file: string): string => numbered(file, stem, count);
    const kept: string[] = [];
    try {
      if (await keep(files, named, kept)) return await write(named);
    } finally {
      for (const file of kept) await removeEmpty(file);
    }
  }
}

/** Makes empty files in the place of those that are not there; false when a name is taken. */
async function keep(
  files: readonly { path: string; bytes: Uint8Array }[],
  named: (file: string) => string,
  kept: string[],
): Promise<boolean> {
  for (const { path: file, bytes } of files) {
    const wanted = named(file);
    try {
      await fs.mkdir(path.dirname(wanted), { recursive: true });
      await (await fs.open(wanted, 'wx')).close();
      kept.push(wanted);
    } catch (error) {
      // Why it can't be written is said when it is written.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return true;
      const there = await readRegular(wanted, bytes.length).catch(() => undefined);
      if (there === undefined || !there.equals(bytes)) return false;
    }
  }
  return true;
}

async function removeEmpty(file: string): Promise<void> {
  const stats = await fs.stat(file).catch(() => undefined);
  if (stats?.size === 0) await fs.rm(file, { force: true });
}

/** `dir/stem.png` as `dir/stem-2.png`. */
function numbered(file: string, stem: string, count: number): string {
  const name = path.basename(file);
  if (count === 1 || !name.startsWith(stem)) return file;
  return path.join(path.dirname(file), `${stem}-${count}${name.slice(stem.length)}`);
}

/** The name of a file that lies beside another, `stem` + `suffix`; a long stem is cut and told from others of its kind by its digest. */
export function besideName(stem: string, suffix: string): string {
  if (Buffer.byteLength(stem + suffix) <= NAME_BYTES) return stem + suffix;
  const digest = `-${createHash('sha256').update(stem).digest('hex').slice(0, 8)}`;
  return cutToBytes(stem, NAME_BYTES - Buffer.byteLength(suffix) - digest.length) + digest + suffix;
}
