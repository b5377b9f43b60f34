/**
 * onnxruntime's optimised graphs, kept: folding constants and choosing layouts takes most of the time in which a small model opens. What an
 * optimiser makes of a graph depends on onnxruntime's version and on the processor it ran on (its convolutions have layouts of their
 * own), so both are part of the name.
 *
 * Each is verified before it is opened: a CRC-32 of its files, which are read whole (a sixth of a second a gigabyte), together with its
 * name. One that is damaged, cut short or another one's is removed and made anew.
 */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { z } from 'zod';
import { readOwnJson } from '../../platform/ownFile';
import { isAlive } from '../../platform/processes';
import { writeJson } from '../../platform/writeJson';
import { checksumOf } from '../../platform/checksum';

/** What all of them may take together; the last used ones are kept. */
const BUDGET_BYTES = 2 * 2 ** 30;
/** Models above this size are optimised anew: a second copy of their weights is a high price for seconds. */
export const LARGEST_KEPT_BYTES = BUDGET_BYTES / 2;
const MODEL = 'model.onnx';
const WEIGHTS = 'model.weights';
const CHECK = 'check.json';
/** What it is a graph of, and the checksum of each of its files. */
const checkSchema = z.object({ of: z.string(), crc32: z.record(z.string(), z.number()) });
/** A folder that a process writes or removes, by its number: `NAME.PID.xxxxxxxx`. */
const UNFINISHED = /\.(\d+)\.[0-9a-f]{8}(\.removed)?$|\.[A-Za-z0-9]{6}$|\.removed$/;

export interface OptimisedGraph {
  /** The kept graph, if it is there. */
  read?: string;
  /** Where onnxruntime is to write it, if it is not; {@link finish} then puts it in its place. */
  write?: { model: string; weights: string };
  finish(): void;
  /** Forgets a kept graph that could not be read. */
  discard(): void;
}

/**
 * The kept graph of a model.
 * @param folder where all of them are; @param name of this one: the checkpoint's digest and the part.
 */
export function optimisedGraph(folder: string, name: string, model: string, runtimeVersion: string): OptimisedGraph {
  const nothing: OptimisedGraph = { finish: () => {}, discard: () => {} };
  try {
    if (sizeOf(path.dirname(model)) > LARGEST_KEPT_BYTES) return nothing;
    const processor = [os.arch(), os.platform(), os.cpus()[0]?.model ?? '', runtimeVersion].join('\n');
    const of = `${name}-${createHash('sha256').update(processor).digest('hex').slice(0, 12)}`;
    const place = path.join(folder, of);
    const discard = (): void => void remove(place);
    if (fs.existsSync(place)) {
      if (verified(place, of)) {
        const now = new Date();
        fs.utimesSync(place, now, now);
        return { ...nothing, read: path.join(place, MODEL), discard };
      }
      discard();
    }
    fs.mkdirSync(folder, { recursive: true });
    // Another process may be at the same: each writes a folder of its own, and the first to finish gives its to all.
    const beside = `${place}.${process.pid}.${randomBytes(4).toString('hex')}`;
    fs.mkdirSync(beside);
    const drop = (): void => fs.rmSync(beside, { recursive: true, force: true });
    return {
      write: { model: path.join(beside, MODEL), weights: WEIGHTS },
      finish: () => {
        try {
          writeJson(path.join(beside, CHECK), { of, crc32: checksums(beside) });
          fs.renameSync(beside, place);
        } catch {
          // It is there already, or the disk is full.
        }
        drop();
        trimOptimisedGraphs(folder);
      },
      discard: drop,
    };
  } catch {
    // A folder that can't be written costs the time, not the run.
    return nothing;
  }
}

/** Removes all of them but those that are in use and can't be (Windows); returns the bytes freed. */
export function clearOptimisedGraphs(folder: string): number {
  return kept(folder).reduce((freed, { place, bytes }) => (remove(place) ? freed + bytes : freed), 0);
}

/** Whether the files of a kept graph are the ones that were written for it. */
function verified(place: string, of: string): boolean {
  try {
    const check = readOwnJson(path.join(place, CHECK), checkSchema);
    const found = check?.of === of && check.crc32[MODEL] !== undefined ? checksums(place) : {};
    const names = Object.keys(check?.crc32 ?? {});
    return names.length === Object.keys(found).length && names.every((name) => found[name] === check?.crc32[name]);
  } catch {
    return false;
  }
}

function checksums(place: string): Record<string, number> {
  const names = fs.readdirSync(place).filter((name) => name !== CHECK);
  return Object.fromEntries(names.map((name) => [name, checksumOf(path.join(place, name))]));
}

/** What all of them take, and may take. */
export function optimisedGraphsOnDisk(folder: string): { bytes: number; files: number; mostBytes: number } {
  const all = kept(folder);
  return { bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), files: all.length, mostBytes: BUDGET_BYTES };
}

/** Keeps all of them within their budget, and removes what killed processes left. */
export function trimOptimisedGraphs(folder: string): void {
  for (const { place } of kept(folder)) {
    const unfinished = UNFINISHED.exec(place);
    // Of a process that was killed. A folder of an older version of Weft has no number, and is nobody's any more.
    if (unfinished && !(unfinished[1] && isAlive(Number(unfinished[1]))))
      fs.rmSync(place, { recursive: true, force: true });
  }
  let total = 0;
  for (const { place, bytes } of kept(folder).sort((a, b) => b.usedAt - a.usedAt)) {
    total += bytes;
    if (total > BUDGET_BYTES) remove(place);
  }
}

function kept(folder: string): { place: string; bytes: number; usedAt: number }[] {
  if (!fs.existsSync(folder)) return [];
  const places = fs.readdirSync(folder).map((name) => path.join(folder, name));
  return places.flatMap((place) => {
    try {
      return [{ place, bytes: sizeOf(place), usedAt: fs.statSync(place).mtimeMs }];
    } catch {
      // Another process has just moved or removed it.
      return [];
    }
  });
}

function sizeOf(folder: string): number {
  return fs.readdirSync(folder).reduce((sum, name) => sum + fs.statSync(path.join(folder, name)).size, 0);
}

function remove(place: string): boolean {
  // Whole or not at all: a folder with an open file can't be renamed where the file can't be removed.
  const leaving = `${place}.${process.pid}.${randomBytes(4).toString('hex')}.removed`;
  try {
    fs.renameSync(place, leaving);
    fs.rmSync(leaving, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}
