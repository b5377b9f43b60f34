/** Files that a command reads and writes, by the names that the user gave. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { FileProblem, openRegularSync, readRegularSync, writeWhole } from '../platform/files';
import { WeftError } from '../protocol/errors';

/** Larger than any graph that a person has; what pretends to be one may be a device or a film. */
const MAX_GRAPH_BYTES = 64 * 2 ** 20;

/** The bytes of a file, up to a limit. @throws WeftError `graph` that calls it as the user did */
export function readNamed(file: string, maxBytes: number): Buffer {
  try {
    return readRegularSync(path.resolve(file), maxBytes, file);
  } catch (error) {
    throw error instanceof FileProblem ? new WeftError('graph', error.message) : error;
  }
}

/** The text of a graph file. */
export const readGraph = (graph: string): string => readNamed(graph, MAX_GRAPH_BYTES).toString('utf8');

/** Writes a file whole, so that it survives a power loss. */
export async function writeNamed(file: string, bytes: Uint8Array | string): Promise<void> {
  await writeWhole(file, bytes, { durable: true }).catch((error: unknown) => {
    throw error instanceof FileProblem ? new WeftError('internal', error.message) : error;
  });
}

/** The real path of a file that the user named. @throws WeftError `graph` when it can't be opened, or is no regular file */
export function realFile(file: string): string {
  try {
    fs.closeSync(openRegularSync(file).fd);
    return fs.realpathSync(file);
  } catch (error) {
    throw error instanceof FileProblem ? new WeftError('graph', error.message) : error;
  }
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
    throw new WeftError('graph', `--out ${out} must end in ${list}, or in a slash if it is a folder.`);
  }
  return { file, named: true };
}
