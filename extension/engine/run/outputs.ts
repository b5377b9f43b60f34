import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { WeftError } from '../../protocol/errors';

/** Writes a file so that whoever looks sees the old one or the whole new one, never a half. */
export async function writeWhole(file: string, bytes: Uint8Array | string, node?: string): Promise<void> {
  const temporary = path.join(
    path.dirname(file),
    `.${path.basename(file)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`,
  );
  try {
    await fs.mkdir(path.dirname(file), { recursive: true });
    await fs.writeFile(temporary, bytes, { flag: 'wx' });
    await fs.rename(temporary, file);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {});
    const { code, message } = error as NodeJS.ErrnoException;
    const advice =
      code === 'ENOSPC'
        ? 'the disk is full. Free some space and run again; what was computed is kept'
        : code === 'EACCES' || code === 'EROFS' || code === 'EPERM'
          ? 'it may not be written. Choose another output folder'
          : message;
    throw new WeftError('internal', `${file} was not written: ${advice}.`, node);
  }
}
