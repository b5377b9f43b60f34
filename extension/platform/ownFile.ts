/**
 * Reading the files that Weft writes for itself below WEFT_HOME. Any of them may be damaged, of another version of Weft or written by
 * hand, so none is believed before a schema has seen it. One that does not fit counts as absent, which is said once; whoever asked makes it anew.
 */
import { type z } from 'zod';
import { FileProblem, readRegularSync } from './files';

/** The largest, stamps of a checkpoint with thousands of files, has less than a megabyte. */
const MOST_BYTES = 64 * 2 ** 20;
const said = new Set<string>();

/** What a JSON file of Weft's own holds; undefined when it is missing, can't be read, or does not hold what the schema asks for. */
export function readOwnJson<T>(
  file: string,
  schema: z.ZodType<T>,
  say: (message: string) => void = sayOnStderr,
): T | undefined {
  let reason: string;
  try {
    const parsed = schema.safeParse(JSON.parse(readRegularSync(file, MOST_BYTES).toString('utf8')));
    if (parsed.success) return parsed.data;
    const { path } = parsed.error.issues[0]!;
    reason = path.length > 0 ? `see "${path.map(String).join('.')}"` : 'it holds something else';
  } catch (error) {
    if (error instanceof FileProblem && error.reason === 'missing') return undefined;
    reason = error instanceof FileProblem ? error.what : 'it is not JSON';
  }
  if (!said.has(file))
    say(`${file} is not as Weft writes it (${reason.replace(/\.$/, '')}): it is ignored and made anew.`);
  said.add(file);
  return undefined;
}

function sayOnStderr(message: string): void {
  process.stderr.write(`weft: ${message}\n`);
}
