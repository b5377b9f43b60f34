/**
 * The form of the paths that a graph may name, judged by their text alone: the one checker of validation, of the engine and of the command
 * line. Where a path leads, through links too, is judged by whoever opens it.
 */

const DEVICE = /^(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
/** What file systems allow one name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;
const MAX_PATH_LENGTH = 1024;

/** Why a path is refused, in two ways to say it. */
export interface PathFault {
  /** What it is or has: the end of a sentence that begins with the path. */
  is: string;
  /** What a path has to be: the end of a sentence that begins with the parameter, the path included. */
  must: string;
  /** Only some machines take it for more than a name: where it does not, a file may well be called so. */
  odd?: true;
}

/**
 * What is wrong with the form of a path; undefined if nothing is. A path that is read may climb with `..` (where it ends is checked by
 * whoever opens it); one that is written may not, and has to name a file. `windows`: also what Windows alone can't write.
 */
export function pathFault(path: string, access: 'read' | 'write', windows = false): PathFault | undefined {
  const quoted = JSON.stringify(path.length > 80 ? `${path.slice(0, 77)}…` : path);
  const base = access === 'read' ? 'to the graph file' : 'to the output folder';
  const fault = (is: string, must: string, odd?: true): PathFault => ({ is, must: `${must}.`, odd });
  if (path.trim() === '') return fault('is empty', 'is empty');
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path))
    return fault('contains a control character', `contains a control character: ${quoted}`);
  if (/^[\\/]{2}/.test(path))
    return fault('is a network or device path', `must be relative ${base}; ${quoted} is a network or device path`);
  if (/^[\\/]/.test(path)) return fault('is an absolute path', `must be relative ${base}; ${quoted} is absolute`);
  if (/^[a-z]:/i.test(path))
    return fault('starts with a drive letter', `must be relative ${base}; ${quoted} is absolute`);
  if (/^[a-z][a-z0-9+.-]*:/i.test(path))
    return fault('is a URL', `must be a file path; ${quoted} is a URL`, /:\//.test(path) ? undefined : true);
  if (path.includes('\\'))
    return fault(
      'contains a backslash; paths in a graph use forward slashes',
      `must use forward slashes: ${quoted}`,
      true,
    );
  // Windows reads what follows a colon as a stream of the file.
  if (path.includes(':')) return fault('contains a colon', `must not contain a colon: ${quoted}`, true);
  if (path.length > MAX_PATH_LENGTH)
    return fault(`is longer than ${MAX_PATH_LENGTH} characters`, `is longer than ${MAX_PATH_LENGTH} characters`);
  const parts = path.split('/');
  // Windows drops trailing dots and spaces.
  const device = parts.find((part) => DEVICE.test(part.trim()));
  if (device !== undefined)
    return fault(`contains the device name ${device}`, `must not name a device: "${device}" is one on Windows`, true);
  return access === 'write' ? writtenFault(path, parts, quoted, windows) : undefined;
}

function writtenFault(path: string, parts: string[], quoted: string, windows: boolean): PathFault | undefined {
  let depth = 0;
  for (const part of parts) {
    if (part === '..') depth -= 1;
    else if (part !== '.' && part !== '') depth += 1;
    if (depth < 0) return { is: 'contains ".."', must: `must be inside the output folder; ${quoted} is not.` };
  }
  if (depth === 0 || /(^|\/)\.{0,2}$/.test(path))
    return { is: 'names a folder', must: `must name a file; ${quoted} is a folder.` };
  // Through a symbolic link "a/.." is not where the text says.
  if (parts.includes('..')) return { is: 'contains ".."', must: `must not contain "..": ${quoted}.` };
  const long = parts.map(utf8Length).find((bytes) => bytes > MAX_NAME_BYTES);
  if (long !== undefined)
    return {
      is: `has a name of ${long} bytes; file systems take up to ${MAX_NAME_BYTES}`,
      must: `must have names of at most ${MAX_NAME_BYTES} bytes; ${quoted} has one of ${long}.`,
    };
  if (!windows) return undefined;
  const sign = /[<>"|?*]/.exec(path)?.[0];
  if (sign !== undefined)
    return {
      is: `contains ${sign}, which Windows can't write`,
      must: `must not contain ${sign} on Windows: ${quoted}.`,
    };
  const ending = parts.find((part) => part !== '.' && /[. ]$/.test(part));
  if (ending !== undefined)
    return {
      is: `contains ${JSON.stringify(ending)}, whose last dots or spaces Windows drops`,
      must: `must not have a part that ends in a dot or a space on Windows: ${quoted}.`,
    };
  return undefined;
}

const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

/**
 * What a path that the user picked by hand must be all the same: a name that this machine's file system takes. Such names (`shot 12:30.png`)
 * are refused in a graph because graphs travel to other machines.
 */
export const pickedPathFault = (path: string): PathFault | undefined =>
  path === '' || path.includes('\0') ? pathFault(path, 'read') : undefined;

/** {@link pathFault} as a sentence that begins with the parameter. */
export const checkPath = (path: string, access: 'read' | 'write'): string | undefined => pathFault(path, access)?.must;

/**
 * One text for all paths that some machine takes for one file: macOS and Windows ignore case, Windows also dots and spaces at the end of a
 * name, macOS how accents are composed.
 */
export function sameFileKey(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '.' && part !== '')
    .map((part) => part.replace(/(?<=[^. ])[. ]+$/, ''))
    .join('/')
    .normalize('NFC')
    .toLowerCase();
}
