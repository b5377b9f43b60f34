import { readImageFile } from '../image/file';
import { resolveInput } from '../paths';
import { type Execution } from './context';
import { inputTrust } from './planOutputs';

/**
 * The file that a node's parameter names, and its bytes.
 * @throws WeftError `graph` when the path may not be read, or can't
 */
export async function readInput(
  { node, context }: Execution,
  param = 'path',
): Promise<{ file: string; bytes: Buffer }> {
  const file = await resolveInput(String(node.params[param]), inputTrust(context.options));
  return { file, bytes: await readImageFile(file) };
}
