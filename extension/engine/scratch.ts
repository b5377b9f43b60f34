/** Folders that a process fills and removes itself; those of a killed one are removed by the next. */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { isAlive } from '../platform/processes';

/** A place for a folder of this process in Weft's folder. */
export const scratchFolder = (home: string): string => path.join(home, 'scratch', `${process.pid}-${randomUUID()}`);

/** Removes what killed processes left. */
export function removeScratch(home: string): void {
  const folder = path.join(home, 'scratch');
  const isFolder = fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  for (const name of isFolder ? fs.readdirSync(folder) : [])
    if (!isAlive(Number.parseInt(name))) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
}
