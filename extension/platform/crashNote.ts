/**
 * A driver that crashes takes the engine process along, and then nobody can say what happened. So the engine writes into a file of Weft's
 * home what it computes on, and removes it when it is done; whoever started the process reads that file when it is suddenly gone.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { readOwnJson } from './ownFile';
import { writeJson } from './writeJson';

const noteSchema = z.object({
  /** onnxruntime's name. */
  provider: z.string(),
  /** Ids of the checkpoints that are open. */
  checkpoints: z.array(z.string()),
  /** Versions of Weft and of onnxruntime. */
  weft: z.string(),
  onnxruntime: z.string(),
  /** What drivers there were; see Devices. */
  drivers: z.string(),
  pid: z.number().int(),
  /** When it began, ISO 8601. */
  since: z.string(),
});
export type CrashNote = z.infer<typeof noteSchema>;

const crashSchema = noteSchema.extend({
  /** How the process ended: `SIGSEGV`, `exit code 3221225477`, `no answer`. */
  ended: z.string(),
});
export type Crash = z.infer<typeof crashSchema>;

export const crashNoteFile = (folder: string, pid: number): string => path.join(folder, `${pid}.at-work.json`);
export const crashFile = (folder: string, provider: string): string => path.join(folder, `${provider}.crash.json`);

/** What a provider's last crash left; undefined where there was none. */
export const readCrash = (folder: string, provider: string): Crash | undefined =>
  readOwnJson(crashFile(folder, provider), crashSchema);

/** Signals of a process that broke by itself; others come from outside: a person, the system short of memory. */
const CRASHES = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGABRT', 'SIGTRAP', 'SIGSYS']);

/**
 * To be called when an engine process has ended that was not told to, with its file: remembers a crash of the provider it computed on.
 * @returns the crash as the end of a sentence, "while it computed on …"; undefined where it was none, or nothing was computed
 */
export function rememberCrash(
  file: string | undefined,
  code: number | null,
  signal: string | null,
): string | undefined {
  // 1 is what Windows' task manager ends a process with.
  const outside = signal === null ? code === 0 || code === 1 : !CRASHES.has(signal);
  return outside ? forgetNote(file) : remember(file, signal ?? `exit code ${code}`);
}

/** The same of a process that does not answer any more and is going to be ended for that. */
export const rememberSilence = (file: string | undefined): string | undefined => remember(file, 'no answer');

function remember(file: string | undefined, ended: string): string | undefined {
  const work = file === undefined ? undefined : readOwnJson(file, noteSchema);
  if (file === undefined || work === undefined) return undefined;
  try {
    writeJson(crashFile(path.dirname(file), work.provider), { ...work, ended });
  } catch {
    // Only a memory: the provider is tried again, and crashes again.
  }
  forgetNote(file);
  return `while it computed on ${work.provider}`;
}

/** To be called when the process was ended on purpose: nothing crashed. */
export function forgetNote(file: string | undefined): undefined {
  if (file !== undefined) fs.rmSync(file, { force: true });
}
