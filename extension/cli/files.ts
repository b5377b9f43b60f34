/** Files that a command reads and writes, by the names that the user gave. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openRegularSync, readRegularSync, withFileErrors, writeWhole } from '../platform/files';
import { graphError } from '../protocol/errors';

/** Larger than any graph that a person has; what pretends to be one may be a device or a film. */
const MAX_GRAPH_BYTES = 64 * 2 ** 20;

/** The bytes of a file, up to a limit. @throws WeftError `graph` that calls it as the user did */
export const readNamed = (file: string, maxBytes: number): Buffer =>
  withFileErrors('graph', () => readRegularSync(path.resolve(file), maxBytes, file));

/** The text of a graph file. */
export const readGraph = (graph: string): string => readNamed(graph, MAX_GRAPH_BYTES).toString('utf8');

/** Writes a file whole, so that it survives a power loss. */
export const writeNamed = (file: string, bytes: Uint8Array | string): Promise<void> =>
  withFileErrors('internal', () => writeWhole(file, bytes, { durable: true }));

/** The real path of a file that the user named. @throws WeftError `graph` when it can't be opened, or is no regular file */
export function realFile(file: string): string {
  withFileErrors('graph', () => fs.closeSync(openRegularSync(file).fd));
  return fs.realpathSync(file);
}

function isFolder(file: string): boolean {
  try {
    return fs.statSync(file).isDirectory();
  } catch {
    return false; // what is wrong with it is said when everything that is written is checked
  }
}

export interface OutFile {
  /** Absolute. */
  file: string;
  /** The user gave the file's name: what is there is replaced. */
  named: boolean;
}

/** Where a command writes its picture: the file of `--out`, or the default name in the folder of `--out` (`results/`), or the default. */
export function outFile(out: string | undefined, fallback: string, endings: readonly string[]): OutFile {
  if (out === undefined) return { file: path.resolve(fallback), named: false };
  const file = path.resolve(out);
  if (out.endsWith('/') || out.endsWith(path.sep) || isFolder(file))
    return { file: path.join(file, path.basename(fallback)), named: false };
  if (!endings.includes(path.extname(file).slice(1).toLowerCase())) {
    const list = endings.map((ending) => `.${ending}`).join(', ');
    throw graphError(`--out ${out} must end in ${list}, or in a slash if it is a folder.`);
  }
  return { file, named: true };
}
