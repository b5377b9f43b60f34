import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { makeFolderSync } from '../platform/files';
import { WeftError } from '../protocol/errors';

/** The folder that the command line and all windows of a user share: WEFT_HOME, else the platform's place for caches. */
export function weftHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.WEFT_HOME) return path.resolve(env.WEFT_HOME);
  // A relative path there says nothing (XDG Base Directory Specification), and an empty one neither.
  const stated = process.platform === 'win32' ? env.LOCALAPPDATA : env.XDG_CACHE_HOME;
  const caches = stated && path.isAbsolute(stated) ? stated : undefined;
  switch (process.platform) {
    case 'win32':
      return path.join(caches ?? path.join(userFolder(), 'AppData', 'Local'), 'weft', 'Cache');
    case 'darwin':
      return path.join(userFolder(), 'Library', 'Caches', 'weft');
    default:
      return path.join(caches ?? path.join(userFolder(), '.cache'), 'weft');
  }
}

function userFolder(): string {
  try {
    return os.homedir();
  } catch {
    throw new WeftError(
      'internal',
      'Weft needs a folder for its files, and this user has no home folder. Set the environment variable WEFT_HOME to a folder that you can write.',
    );
  }
}

export interface Home {
  folder: string;
  /** Why the user's own can't be used: this one is temporary, and whoever made it removes it. */
  problem?: WeftError;
}

/**
 * Weft's folder, made and tried. Where it can't be used, a temporary one if that will do.
 * @throws WeftError that names WEFT_HOME and what to do
 */
export function openHome(temporary: boolean, env: NodeJS.ProcessEnv = process.env): Home {
  try {
    const folder = weftHome(env);
    tryFolder(folder, env);
    return { folder };
  } catch (error) {
    if (!temporary || !(error instanceof WeftError)) throw error;
    return { folder: fs.mkdtempSync(path.join(os.tmpdir(), 'weft-home-')), problem: error };
  }
}

function tryFolder(folder: string, env: NodeJS.ProcessEnv): void {
  try {
    makeFolderSync(folder);
    // Permissions alone don't tell: the file system may be read-only, or of a kind that takes no files.
    fs.rmdirSync(fs.mkdtempSync(path.join(folder, '.try-')));
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    // What is there can be read, and computing goes on without keeping anything.
    if (code === 'ENOSPC' || code === 'EDQUOT') return;
    const whose = env.WEFT_HOME ? 'which WEFT_HOME names' : 'where it keeps its files';
    const why = reasons[code] ?? `can't be used (${code || message})`;
    const what = env.WEFT_HOME
      ? 'Set WEFT_HOME to a folder that you can write, or unset it.'
      : 'Set the environment variable WEFT_HOME to a folder that you can write.';
    throw new WeftError('internal', `Weft's folder ${folder}, ${whose}, ${why}. ${what}`);
  }
}

const reasons: Record<string, string> = {
  EEXIST: 'is no folder but a file',
  ENOTDIR: 'is no folder: a part of its path is a file',
  EACCES: "can't be written by this user",
  EPERM: "can't be written by this user",
  EROFS: 'lies on a read-only file system',
  ENOENT: "can't be made there",
  ELOOP: 'is a link that leads to itself',
  ENAMETOOLONG: 'has a name that is too long',
};
