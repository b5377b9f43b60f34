import * as fs from 'node:fs';
import * as path from 'node:path';
import { isAbandoned } from './processes';

/** As {@link writeWhole} names what it writes. */
const TEMPORARY = /^\.weft-(\d+)-[0-9a-f]+\.tmp$/;
/** As older versions of Weft did, after the file's own name. */
const OLDER = /\.(\d+)\.[0-9a-f]{8}(?:\.\d+)?\.tmp$/;
/** The number may be of another machine's process: what has this age is nobody's. */
const OLD_MS = 24 * 60 * 60 * 1000;

/** Whether a file is what a process left that was killed while it wrote. */
export function isLeftover(file: string): boolean {
  const name = path.basename(file);
  const pid = (TEMPORARY.exec(name) ?? OLDER.exec(name))?.[1];
  if (pid === undefined) return false;
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  return isAbandoned(pid, file) || (stats !== undefined && Date.now() - stats.mtimeMs > OLD_MS);
}

/** Removes what killed processes left half written in a folder; `deep`: also below it. Never fails: another process may be at the same. */
export function removeLeftovers(folder: string, options: { deep?: boolean; except?: readonly string[] } = {}): void {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const place = path.join(folder, entry.name);
    try {
      if (entry.isFile() && isLeftover(place)) fs.rmSync(place, { force: true });
      else if (options.deep && entry.isDirectory() && !options.except?.includes(entry.name))
        removeLeftovers(place, { deep: true });
    } catch {
      // removed meanwhile, or somebody else's
    }
  }
}
