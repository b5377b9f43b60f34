/**
 * Where a stranger's path leads, found out without touching anything outside the folders that may be read: not even a stat, which on Windows
 * would log in to `\\host\share`, and whose answer would tell what exists there.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

export type Whereabouts =
  /** There, at this real path. */
  | { state: 'there'; real: string }
  /** Inside, but not there; `real` is where it would be. */
  | { state: 'missing'; real: string }
  /** It leaves the folders as it is written, or through a symbolic link. */
  | { state: 'outside' }
  | { state: 'link-outside' }
  | { state: 'link-loop' }
  | { state: 'denied'; reason: string };

/** As many links as Linux follows. */
const MOST_LINKS = 40;

/** Whether `target` is `folder` or lies below it; both absolute. */
export function isInside(folder: string, target: string): boolean {
  const relative = path.relative(folder, target);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

export class TrustedFolders {
  /** As they were named, and as they really are; those that are not there are not trusted. */
  private readonly folders: { named: string; real: string }[];
  private readonly bases: string[];

  /** @param base relative paths start here; it is trusted, too */
  constructor(base: string, roots: readonly string[] = []) {
    this.folders = [base, ...roots].flatMap((folder) => {
      const named = path.resolve(folder);
      try {
        return [{ named, real: fs.realpathSync(named) }];
      } catch {
        return [];
      }
    });
    const named = path.resolve(base);
    const real = this.folders.find((folder) => folder.named === named)?.real;
    this.bases = real === undefined || real === named ? [named] : [named, real];
  }

  /** What a path can mean: relative to the folder as it was named, and as it really is. */
  candidates(relative: string): string[] {
    return this.bases.map((base) => path.resolve(base, relative));
  }

  find(relative: string): Whereabouts {
    let place = this.candidates(relative)
      .map((candidate) => this.place(candidate))
      .find((found) => found !== undefined);
    if (place === undefined) return { state: 'outside' };
    let links = 0;
    for (let next = place.below.shift(); next !== undefined; next = place.below.shift()) {
      // Everything above it is real and inside.
      const here = path.join(place.at, next);
      let target: string | undefined;
      try {
        if (fs.lstatSync(here).isSymbolicLink()) target = fs.readlinkSync(here);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG')
          return { state: 'missing', real: path.join(here, ...place.below) };
        return { state: 'denied', reason: code ?? message };
      }
      if (target === undefined) {
        place.at = here;
        continue;
      }
      if (++links > MOST_LINKS) return { state: 'link-loop' };
      place = this.place(path.resolve(place.at, target, ...place.below));
      if (place === undefined) return { state: 'link-outside' };
    }
    return { state: 'there', real: place.at };
  }

  /** The folder that a path lies in, and the names below it. */
  private place(absolute: string): { at: string; below: string[] } | undefined {
    for (const { named, real } of this.folders) {
      const folder = [real, named].find((each) => isInside(each, absolute));
      if (folder === undefined) continue;
      return {
        at: real,
        below: path
          .relative(folder, absolute)
          .split(path.sep)
          .filter((name) => name !== ''),
      };
    }
    return undefined;
  }
}
