import * as fs from 'node:fs/promises';
import { pictureFilter } from '../../graph/catalogue/image';
import { isPattern } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { type InputTrust, resolveInput } from '../paths';

const SOME = /[*?[\]{}]/;
const isPicture = (name: string): boolean =>
  (pictureFilter.extensions as readonly string[]).includes(name.split('.').at(-1)!.toLowerCase());

/**
 * The pictures that a text of a path axis names, relative to the graph's folder and in code-unit order: a file as it stands, all pictures of a
 * folder (`looks/`), or those that fit a pattern (`looks/*.png`, `*` and `?` within a name, `[ab]`, `{cow,dog}`). Only folders that a
 * graph may read are looked into.
 * @throws WeftError `graph` when nothing fits, or the place may not be read
 */
export async function findPictures(text: string, trust: InputTrust): Promise<string[]> {
  if (!isPattern(text)) {
    // A file that is not there, or may not be read, is said of its own cell.
    const real = await resolveInput(text, trust).catch(() => undefined);
    if (real === undefined || !(await fs.stat(real)).isDirectory()) return [text];
    return findPictures(`${text}/`, trust);
  }
  const parts = text.split('/').filter((part, index, all) => part !== '' || index < all.length - 1);
  if (text.endsWith('/') || text === '.') parts.push('*');
  let found: string[] = [''];
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (!SOME.test(part)) {
      found = found.map((before) => before + part + (last ? '' : '/'));
      continue;
    }
    const fits = matcher(part);
    const next: string[] = [];
    for (const before of found) {
      const folder = await resolveInput(before === '' ? '.' : before, trust);
      const entries = await fs.readdir(folder, { withFileTypes: true });
      for (const entry of entries) {
        if (entry.name.startsWith('.') || !fits.test(entry.name)) continue;
        const folderLike = entry.isDirectory() || entry.isSymbolicLink();
        if (last ? !entry.isDirectory() && isPicture(entry.name) : folderLike)
          next.push(before + entry.name + (last ? '' : '/'));
      }
    }
    found = next;
  }
  if (found.length === 0) {
    throw new WeftError('graph', `No picture fits ${JSON.stringify(text)}. Paths start at the graph's folder.`);
  }
  return found.sort();
}

function matcher(part: string): RegExp {
  let source = '';
  for (const letter of part) {
    if (letter === '*') source += '[^/]*';
    else if (letter === '?') source += '[^/]';
    else if (letter === '{') source += '(?:';
    else if (letter === '}') source += ')';
    else if (letter === ',') source += '|';
    else if (letter === '[' || letter === ']') source += letter;
    else source += letter.replace(/[.+^$()|\\]/g, '\\$&');
  }
  try {
    return new RegExp(`^${source}$`, 'u');
  } catch {
    throw new WeftError('graph', `The pattern ${JSON.stringify(part)} is not understood: a bracket stays open.`);
  }
}
