import * as fs from 'node:fs';
import * as path from 'node:path';

/** The files below a folder by their whole paths; none where there is no folder. What is removed meanwhile is left out. */
export async function filesBelow(folder: string): Promise<{ file: string; stats: fs.Stats }[]> {
  const entries = await fs.promises.readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const stats = await fs.promises.stat(file).catch(() => undefined);
    if (stats) files.push({ file, stats });
  }
  return files;
}

/** What they take. */
export const bytesBelow = async (folder: string): Promise<number> =>
  (await filesBelow(folder)).reduce((bytes, { stats }) => bytes + stats.size, 0);
