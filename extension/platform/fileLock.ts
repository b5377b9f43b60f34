/** One process at a time works on a download. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { z } from 'zod';
import { isAlive, startOf } from './processes';

/** A lock whose file was not touched for so long belongs to nobody: its process renews it every few seconds. */
const STALE_MS = 120_000;
const RENEW_MS = 10_000;
/** A lock that is just being written can't be read yet. */
const WRITING_MS = 5_000;

const holderSchema = z.object({
  pid: z.number().int(),
  /** When that process began; absent where the system does not say. */
  started: z.string().optional(),
  host: z.string(),
  token: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

export interface Lock {
  release(): void;
}

/** The process that holds a lock, or undefined when nobody does. */
export function holderOf(file: string): Holder | undefined {
  let age: number;
  let text: string;
  try {
    age = Date.now() - fs.statSync(file).mtimeMs;
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const holder = parse(text);
  if (holder === undefined) return age < WRITING_MS ? { pid: 0, host: '', token: '' } : undefined;
  if (age > STALE_MS) return undefined;
  return holder.host === os.hostname() && !isAlive(holder.pid, holder.started) ? undefined : holder;
}

function parse(text: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Takes the lock, also from a process that died; undefined when another one holds it. */
export function takeLock(file: string): Lock | undefined {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const token = randomBytes(8).toString('hex');
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const holder: Holder = { pid: process.pid, started: startOf(process.pid), host: os.hostname(), token };
      fs.writeFileSync(file, JSON.stringify(holder), { flag: 'wx' });
      const timer = setInterval(() => touch(file), RENEW_MS);
      timer.unref();
      return {
        release: () => {
          clearInterval(timer);
          if (holderOf(file)?.token === token) fs.rmSync(file, { force: true });
        },
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (holderOf(file) !== undefined) return undefined;
    // Two may find the dead one's lock at once: the one that moves it away goes on, and puts back what was not dead.
    const aside = `${file}.${token}`;
    try {
      fs.renameSync(file, aside);
      if (holderOf(aside) !== undefined) fs.linkSync(aside, file);
    } catch {
      // The other one was faster.
    } finally {
      fs.rmSync(aside, { force: true });
    }
  }
  return undefined;
}

function touch(file: string): void {
  try {
    const now = new Date();
    fs.utimesSync(file, now, now);
  } catch {
    // Removed with its folder.
  }
}
