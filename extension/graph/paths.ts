/** Paths that a graph may name, judged by their text; whether they leave the folder through links is the engine's check. */

const DEVICE = /^(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;

/**
 * Why a path is refused, as the rest of a sentence that begins with the parameter's name; undefined if it is fine.
 * A path that is read may climb with `..` (the engine checks where it ends); one that is written may not leave its folder.
 */
export function checkPath(path: string, access: 'read' | 'write'): string | undefined {
  const quoted = JSON.stringify(path.length > 80 ? `${path.slice(0, 77)}…` : path);
  if (path.trim() === '') return 'is empty.';
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return `has a control character in it: ${quoted}.`;
  if (/^[\\/]{2}/.test(path)) return `must be relative to the graph file; ${quoted} is a network or device path.`;
  if (/^([\\/]|[a-z]:)/i.test(path)) {
    return `must be relative ${access === 'read' ? 'to the graph file' : 'to the output folder'}; ${quoted} is absolute.`;
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) return `must be a file's path; ${quoted} is an address.`;
  if (path.includes('\\')) return `must be written with forward slashes: ${quoted}.`;
  if (path.includes(':')) return `must not have a colon in it: ${quoted}.`;
  if (path.length > 1024) return 'is longer than 1024 characters.';
  const parts = path.split('/');
  const device = parts.find((part) => DEVICE.test(part.trim()));
  if (device !== undefined) return `must not name a device: "${device}" is one on Windows.`;
  if (access === 'read') return undefined;
  let depth = 0;
  for (const part of parts) {
    if (part === '..') depth -= 1;
    else if (part !== '.' && part !== '') depth += 1;
    if (depth < 0) return `must stay below the output folder; ${quoted} leaves it.`;
  }
  const last = parts.at(-1);
  if (depth === 0 || last === '' || last === '.' || last === '..') return `must name a file; ${quoted} is a folder.`;
  return undefined;
}
