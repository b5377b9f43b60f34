import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';

/**
 * Whether a process of this machine still works; one that belongs to somebody else does too. A zombie (ended, but not yet fetched by
 * its parent) does not. Where the system has no /proc, a zombie can't be told from a process at work.
 * @param started what {@link startOf} said of it: a later process that was given the same number is another one.
 */
export function isAlive(pid: number, started?: string): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const found = statOf(pid);
  if (found === undefined) return true;
  return !['Z', 'X', 'x'].includes(found.state) && (started === undefined || started === found.started);
}

/** When a process began, in the system's own count; undefined where the system does not say. */
export const startOf = (pid: number): string | undefined => statOf(pid)?.started;

/** State and start of a process from /proc/PID/stat (proc(5)): the name, second, may hold anything, also brackets. */
function statOf(pid: number): { state: string; started: string } | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19]];
    return state !== undefined && /^[A-Za-z]$/.test(state) && started !== undefined && /^\d+$/.test(started)
      ? { state, started }
      : undefined;
  } catch {
    // No /proc, or it hides the processes of others.
    return undefined;
  }
}

/** Tells machines (and containers, which have a host name of their own) apart that share a folder. */
const here = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
const MARK = /^(\d+)(?:-(\d*)-([0-9a-f]{8}))?$/;
/** What another machine left is taken for abandoned when it was not touched for so long. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** This process as a part of a file's name, without dots: number, start, machine. */
export const ownMark = (): string => `${process.pid}-${startOf(process.pid) ?? ''}-${here}`;

/**
 * Whether the process that named a file by its {@link ownMark} (or, as older versions of Weft did, by its number) is gone.
 * @param file looked at only where another machine made it: nobody can say there what still runs.
 */
export function isAbandoned(mark: string, file: string): boolean {
  const [, pid, started, machine] = MARK.exec(mark) ?? [];
  if (pid === undefined) return false;
  if (machine === undefined || machine === here) return !isAlive(Number(pid), started || undefined);
  try {
    return Date.now() - fs.statSync(file).mtimeMs > ABANDONED_MS;
  } catch {
    return false;
  }
}
