/** Digests of files that were read once, so that gigabytes are not read again to know them. */
import * as fs from 'node:fs';
import { z } from 'zod';
import { readOwnJson } from '../../platform/ownFile';
import { writeJson } from '../../platform/writeJson';
import { sha256Of } from './digests';

const MOST_ENTRIES = 2000;
const memorySchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));

/** Keyed by what tells that a file is still the same: device, inode, size and both times, see FileStamp. Names don't matter. */
export class DigestMemory {
  private known: Map<string, string> | undefined;

  constructor(private readonly file: string) {}

  /** The SHA-256 of a file, read only when it is not known. */
  async digest(file: string): Promise<string> {
    const key = await keyOf(file);
    const known = this.load().get(key);
    if (known !== undefined) return known;
    const sha256 = await sha256Of(file);
    // Only if it was not written to meanwhile.
    if ((await keyOf(file)) === key) this.put(key, sha256);
    return sha256;
  }

  /** Remembers what was digested while it was written. */
  async remember(file: string, sha256: string): Promise<void> {
    this.put(await keyOf(file), sha256);
  }

  private load(): Map<string, string> {
    if (this.known === undefined) {
      // Nothing is remembered yet where there is no such file.
      this.known = new Map(Object.entries(readOwnJson(this.file, memorySchema) ?? {}));
    }
    return this.known;
  }

  private put(key: string, sha256: string): void {
    const known = this.load();
    known.delete(key);
    known.set(key, sha256);
    for (const oldest of known.keys()) {
      if (known.size <= MOST_ENTRIES) break;
      known.delete(oldest);
    }
    try {
      writeJson(this.file, Object.fromEntries(known));
    } catch {
      // Only a memory: next time the file is read again.
    }
  }
}

async function keyOf(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await fs.promises.stat(file, { bigint: true });
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}
