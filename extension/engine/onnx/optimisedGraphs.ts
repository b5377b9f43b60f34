/**
 * onnxruntime's optimised graphs, kept: folding constants and choosing layouts takes most of the time in which a small model opens. What an
 * optimiser makes of a graph depends on onnxruntime's version and on the processor it ran on (its convolutions have layouts of their
 * own), so both are part of the name.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** What all of them may take together; the last used ones are kept. */
const BUDGET_BYTES = 2 * 2 ** 30;
/** Models above this size are optimised anew: a second copy of their weights is a high price for seconds. */
const LARGEST_BYTES = BUDGET_BYTES / 2;

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
    if (sizeOf(path.dirname(model)) > LARGEST_BYTES) return nothing;
    const processor = [os.arch(), os.platform(), os.cpus()[0]?.model ?? '', runtimeVersion].join('\n');
    const place = path.join(folder, `${name}-${createHash('sha256').update(processor).digest('hex').slice(0, 12)}`);
    const discard = (): void => fs.rmSync(place, { recursive: true, force: true });
    const kept = path.join(place, 'model.onnx');
    if (fs.existsSync(kept)) {
      const now = new Date();
      fs.utimesSync(place, now, now);
      return { ...nothing, read: kept, discard };
    }
    fs.mkdirSync(folder, { recursive: true });
    // Another process may be at the same: each writes a folder of its own, and the first to finish gives its to all.
    const beside = fs.mkdtempSync(`${place}.`);
    const drop = (): void => fs.rmSync(beside, { recursive: true, force: true });
    return {
      write: { model: path.join(beside, 'model.onnx'), weights: 'model.weights' },
      finish: () => {
        try {
          if (fs.existsSync(path.join(beside, 'model.onnx'))) fs.renameSync(beside, place);
        } catch {
          // It is there already.
        }
        drop();
        trim(folder);
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

function trim(folder: string): void {
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
  const leaving = `${place}.removed`;
  try {
    fs.renameSync(place, leaving);
    fs.rmSync(leaving, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}
