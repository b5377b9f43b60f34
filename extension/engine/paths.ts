/**
 * Whom we trust with paths: a graph comes from strangers, so what it names is read inside its folder and the workspace
 * only, and written below the output folder only, unless the user said otherwise by hand.
 */
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { WeftError } from '../protocol/errors';

export interface InputTrust {
  /** Absolute folder of the graph file; relative paths start here. */
  graphFolder: string;
  /** Further absolute folders that may be read, such as the workspace's. */
  roots?: readonly string[];
  /** Absolute paths that the user picked by hand, readable wherever they are. */
  picked?: readonly string[];
  /** The user passed --allow-outside: relative paths may leave the folders. */
  allowOutside?: boolean;
}

/** Names that Windows takes for devices, with any extension. Refused everywhere: graphs travel. */
const DEVICE_NAME = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?$/i;

/**
 * Why a path of a graph can't be used on any machine, as the end of a sentence; undefined when its form is fine.
 * Says nothing of whether it stays inside.
 */
export function malformedPath(text: string): string | undefined {
  if (text.trim() === '') return 'is empty';
  if (text.includes('\0')) return 'contains a NUL character';
  if (/^[\\/]{2}/.test(text)) return 'is a network or device path';
  if (/^[\\/]/.test(text)) return 'is an absolute path';
  if (/^[a-z]:/i.test(text)) return 'starts with a drive letter';
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return 'is a URL';
  if (text.includes('\\')) return 'contains a backslash; paths in a graph use forward slashes';
  // Windows drops trailing dots and spaces and reads what follows a colon as a stream of the file.
  const device = text.split('/').find((segment) => DEVICE_NAME.test(segment.replace(/[. ]+$/, '').split(':')[0]!));
  if (device) return `contains the device name ${device}`;
  if (text.includes(':') && process.platform === 'win32') return 'contains a colon';
  return undefined;
}

/** Whether `target` is `folder` or lies below it; both absolute. */
export function isInside(folder: string, target: string): boolean {
  const relative = path.relative(folder, target);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/**
 * The real, absolute path of something a graph reads. Throws a graph error when the path is malformed, leaves what is
 * trusted (by `..` or by a symbolic link), or names nothing. Outside paths are refused before the disk is asked, so
 * that a graph can't find out what exists there.
 */
export async function resolveInput(relativePath: string, trust: InputTrust): Promise<string> {
  const picked = trust.picked ?? [];
  // An absolute path can only come from the user's own pick (on Windows, of another drive).
  const byHand = path.isAbsolute(relativePath) && picked.includes(relativePath);
  const malformed = byHand ? undefined : malformedPath(relativePath);
  if (malformed) {
    throw new WeftError(
      'graph',
      `The path ${quote(relativePath)} ${malformed}. Give a path relative to the graph file.`,
    );
  }
  const folders = [trust.graphFolder, ...(trust.roots ?? [])];
  const realFolders = (await Promise.all(folders.map(realOrNothing))).filter((folder) => folder !== undefined);
  const lexical = path.resolve(trust.graphFolder, relativePath);
  const realGraphFolder = realFolders[0];
  const candidates = [lexical, ...(realGraphFolder ? [path.resolve(realGraphFolder, relativePath)] : [])];
  const everywhere = [...folders, ...realFolders];
  const chosen = byHand || trust.allowOutside || picked.some((file) => candidates.includes(path.resolve(file)));
  if (!chosen && !candidates.some((candidate) => everywhere.some((folder) => isInside(folder, candidate)))) {
    throw outside(relativePath, 'leaves the folder of the graph and the workspace');
  }
  let real: string;
  try {
    real = await realpath(lexical);
  } catch (error) {
    throw unreachable(relativePath, error);
  }
  if (chosen || realFolders.some((folder) => isInside(folder, real))) return real;
  throw outside(relativePath, 'follows a symbolic link out of the folder of the graph and the workspace');
}

/**
 * The absolute path that a graph may write, below `outDir` (absolute; it and folders in between need not exist).
 * Throws a graph error when the path is malformed, has a `..`, names a folder, or passes a symbolic link that leaves
 * `outDir`.
 */
export async function resolveOutput(relativePath: string, outDir: string): Promise<string> {
  const refuse = (reason: string) =>
    new WeftError(
      'graph',
      `The output path ${quote(relativePath)} ${reason}. Give a file name, or folders and a name, below the output folder.`,
    );
  const malformed = malformedPath(relativePath);
  if (malformed) throw refuse(malformed);
  const segments = relativePath.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw refuse('contains ".."');
  if (segments.length === 0 || /\/\.?$/.test(relativePath)) throw refuse('names a folder');
  const root = (await realOrNothing(outDir)) ?? path.resolve(outDir);
  let current = root;
  for (const segment of segments) {
    current = path.join(current, segment);
    let stat;
    try {
      stat = await lstat(current);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') break; // nothing below it exists either
      throw refuse(`can't be written below ${outDir} (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
    }
    if (!stat.isSymbolicLink()) continue;
    const real = await realOrNothing(current);
    // A dangling link would be followed by whoever writes, to wherever it points.
    if (real === undefined || !isInside(root, real)) throw refuse('passes a symbolic link out of the output folder');
  }
  const target = path.join(root, ...segments);
  const existing = await lstat(target).catch(() => undefined);
  if (existing?.isDirectory()) throw refuse('names a folder that exists');
  return target;
}

async function realOrNothing(folder: string): Promise<string | undefined> {
  return realpath(folder).catch(() => undefined);
}

function outside(relativePath: string, what: string): WeftError {
  return new WeftError(
    'graph',
    `The path ${quote(relativePath)} ${what}. Copy the file beside the graph, pick it by hand, or pass --allow-outside.`,
  );
}

function unreachable(relativePath: string, error: unknown): WeftError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new WeftError('graph', `${quote(relativePath)} does not exist. Paths are relative to the graph file.`);
  }
  if (code === 'ELOOP')
    return new WeftError('graph', `${quote(relativePath)} is a symbolic link that points at itself.`);
  return new WeftError('graph', `${quote(relativePath)} can't be read (${code ?? String(error)}).`);
}

/** As in JSON, so that control characters of a hostile path don't reach a terminal. */
function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
