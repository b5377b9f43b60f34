import { FileProblem, writeWhole as write, type WriteOptions } from '../../node/files';
import { WeftError } from '../../protocol/errors';

/** Writes a file whole or not at all; the error names the node that asked for it. */
export async function writeWhole(
  file: string,
  bytes: Uint8Array | string,
  node?: string,
  options?: WriteOptions,
): Promise<void> {
  try {
    await write(file, bytes, options);
  } catch (error) {
    throw error instanceof FileProblem ? new WeftError('internal', error.message, node) : error;
  }
}
