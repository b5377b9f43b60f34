import * as fs from 'node:fs/promises';
import { isPattern, isPictureName, MOST_CELLS } from '../../graph';
import { graphError } from '../../protocol/errors';
import { type InputTrust, resolveInput } from '../paths';
import { fitting, PatternError } from './pattern';

const SOME = /[*?[\]{}]/;

/** Folders that one pattern is looked for in: links that lead in circles would make them without end. */
const MOST_FOLDERS = 10_000;

/**
 * The pictures that a text of a path axis names, relative to the graph's folder, in the order in which a person counts (2 before 10): a
 * file as it stands, all pictures of a folder (`looks/`), or those that fit a pattern (`looks/*.png`, see pattern.ts). What is there under
 * the very name is meant, even if it looks like a pattern. Only folders that a graph may read are looked into.
 * @throws WeftError `graph` when nothing fits, or the place may not be read
 */
export async function findPictures(text: string, trust: InputTrust): Promise<string[]> {
  const kind = await kindOf(text, trust);
  // A file that is not there, or may not be read, is said of its own cell.
  if (kind === 'file' || (kind === undefined && !isPattern(text))) return [text];
  if (kind === 'folder') {
    const folder = text === '.' ? '' : text.replace(/\/*$/, '/');
    const names = await entriesOf(folder, trust);
    return orRefuse(
      text,
      names.filter((entry) => !entry.isDirectory() && isPictureName(entry.name)).map(({ name }) => folder + name),
    );
  }
  const parts = text.split('/').filter((part, index, all) => part !== '' || index < all.length - 1);
  if (text.endsWith('/')) parts.push('*');
  let found: string[] = [''];
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    const fits = matcher(part);
    const next: string[] = [];
    for (const before of found) {
      if (!SOME.test(part) || (!last && (await kindOf(before + part, trust)) === 'folder')) {
        next.push(before + part + (last ? '' : '/'));
        continue;
      }
      for (const entry of await entriesOf(before, trust)) {
        if (!fits(entry.name)) continue;
        const folderLike = entry.isDirectory() || entry.isSymbolicLink();
        if (last ? !entry.isDirectory() && isPictureName(entry.name) : folderLike)
          next.push(before + entry.name + (last ? '' : '/'));
      }
      const most = last ? MOST_CELLS : MOST_FOLDERS;
      if (next.length > most)
        throw graphError(
          `More than ${most} ${last ? 'images' : 'folders'} match ${JSON.stringify(text)}. Use a narrower pattern.`,
        );
    }
    found = next;
  }
  return orRefuse(text, found);
}

function orRefuse(text: string, found: string[]): string[] {
  if (found.length > 0) return found.sort(asCounted);
  throw graphError(`No image matches ${JSON.stringify(text)}. Paths are relative to the graph's folder.`);
}

/** What is there under a path that a graph may read, undefined when nothing is. */
async function kindOf(text: string, trust: InputTrust): Promise<'file' | 'folder' | undefined> {
  try {
    const stat = await fs.stat(await resolveInput(text, trust));
    return stat.isDirectory() ? 'folder' : text.endsWith('/') ? undefined : 'file';
  } catch {
    return undefined;
  }
}

/** What a folder holds, but for hidden files. */
async function entriesOf(folder: string, trust: InputTrust) {
  const entries = await fs.readdir(await resolveInput(folder === '' ? '.' : folder, trust), { withFileTypes: true });
  return entries.filter(({ name }) => !name.startsWith('.'));
}

function matcher(part: string): (name: string) => boolean {
  try {
    return fitting(part);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw graphError(`The pattern ${JSON.stringify(part)} is not valid: ${error.message}.`);
  }
}

/** The order of paths in which a person counts: folder by folder, numbers in names by their value, all else by its letters' codes. */
export function asCounted(a: string, b: string): number {
  const [ours, theirs] = [a, b].map((path) => path.split('/').map((name) => name.match(/\d+|\D+/g) ?? []));
  for (let at = 0; at < Math.min(ours!.length, theirs!.length); at++) {
    const [one, other] = [ours![at]!, theirs![at]!];
    for (let part = 0; part < Math.min(one.length, other.length); part++) {
      const difference = comparePart(one[part]!, other[part]!);
      if (difference !== 0) return difference;
    }
    if (one.length !== other.length) return one.length - other.length;
  }
  // 01 and 1 count the same.
  return ours!.length - theirs!.length || compareText(a, b);
}

function comparePart(a: string, b: string): number {
  if (!/^\d/.test(a) || !/^\d/.test(b)) return compareText(a, b);
  // Digits as text: a number may be longer than a number can hold.
  const [one, other] = [a, b].map((digits) => digits.replace(/^0+/, ''));
  return one!.length - other!.length || compareText(one!, other!);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
