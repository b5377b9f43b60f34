import * as fs from 'node:fs';
import * as path from 'node:path';
import { type CrashNote, crashNoteFile, type Crash, crashFile, forgetNote, readCrash } from '../../platform/crashNote';
import { writeJson } from '../../platform/writeJson';
import { isAlive } from '../../platform/processes';

const LEFT_BEHIND_MS = 60_000;

export interface Versions {
  weft: string;
  onnxruntime: string;
}

/** Crashes of providers that took an engine process along; see platform/crashNote.ts for how they come to be known. */
export class Crashes {
  private readonly folder: string;
  /** What this process computes on. */
  readonly file: string;
  private work: CrashNote | undefined;

  constructor(
    home: string,
    private readonly versions: Versions,
  ) {
    this.folder = path.join(home, 'providers');
    this.file = crashNoteFile(this.folder, process.pid);
  }

  /** From now on this process computes on a provider, with these drivers. */
  begin(provider: string, drivers: string): void {
    this.sweepUp();
    const since = new Date().toISOString();
    this.write({ provider, checkpoints: [], ...this.versions, drivers, pid: process.pid, since });
  }

  /** It does so with this checkpoint, too. */
  with(checkpoint: string): void {
    const { work } = this;
    if (work === undefined || work.checkpoints.includes(checkpoint)) return;
    this.write({ ...work, checkpoints: [...work.checkpoints, checkpoint] });
  }

  private write(work: CrashNote): void {
    this.work = work;
    try {
      writeJson(this.file, work);
    } catch {
      // A disk that is full must not keep anybody from running.
    }
  }

  end(): void {
    this.work = undefined;
    forgetNote(this.file);
  }

  /** The crash of a provider, unless Weft, onnxruntime or the drivers have changed since. */
  of(provider: string, drivers: string): Crash | undefined {
    const crash = readCrash(this.folder, provider);
    const { weft, onnxruntime } = this.versions;
    const holds = crash?.weft === weft && crash.onnxruntime === onnxruntime && crash.drivers === drivers;
    return holds ? crash : undefined;
  }

  forget(provider: string): void {
    fs.rmSync(crashFile(this.folder, provider), { force: true });
  }

  /** Files of processes that were killed together with whoever started them. */
  private sweepUp(): void {
    const names = fs.existsSync(this.folder) ? fs.readdirSync(this.folder) : [];
    for (const name of names) {
      const file = path.join(this.folder, name);
      if (!name.endsWith('.at-work.json') || isAlive(Number.parseInt(name))) continue;
      const { mtimeMs } = fs.statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
      // Of one that ended just now, its parent may not have read it yet.
      if (Date.now() - mtimeMs > LEFT_BEHIND_MS) fs.rmSync(file, { force: true });
    }
  }
}

/** A crash as a sentence. */
export function crashSentence({ ended, since, checkpoints, weft, onnxruntime }: Crash): string {
  const how = ended === 'no answer' ? 'It brought the engine to a halt' : `It crashed the engine (${ended})`;
  const what = checkpoints.length > 0 ? ` with ${checkpoints.join(' and ')}` : '';
  return `${how} in a run${what} on ${since.slice(0, 10)} (Weft ${weft}, onnxruntime ${onnxruntime}).`;
}
