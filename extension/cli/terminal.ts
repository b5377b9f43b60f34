/**
 * The border to the terminal: whatever `weft` prints goes through here. Titles, ids, paths and sentences may be a stranger's: they must not
 * move the cursor, change colours or forge lines. And whoever reads may stop reading (`weft … | head -1`): the command then goes on to its
 * end without a word, because what it does is worth more than what it says.
 */
import { plainLine, plainLines } from '../protocol/foreignText';

const gone = new Set<NodeJS.WriteStream>();

/** A text that does nothing to a terminal; tabs between columns stay. */
const plain = (text: string): string => text.split('\t').map(plainLines).join('\t');

/** Results, to stdout. */
export function print(text: string): void {
  write(process.stdout, plain(text));
}

/** The path of a file that was written, on a line of its own; as it is for a program that reads it, harmless on a terminal. */
export function printPath(file: string): void {
  write(process.stdout, `${process.stdout.isTTY ? plainLine(file) : file}\n`);
}

/** Progress, warnings and errors, to stderr. */
export function tell(text: string): void {
  write(process.stderr, plain(text));
}

function write(stream: NodeJS.WriteStream, text: string): void {
  if (!gone.has(stream)) stream.write(text);
}

/** To be called once, before anything is written. */
export function survivesClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (gone.has(stream)) return;
      gone.add(stream);
      // EPIPE: nobody reads any more. Anything else (a full disk behind `>`) loses results.
      if (stream !== process.stdout || error.code === 'EPIPE') return;
      process.exitCode = 1;
      tell(`weft: The result can't be written to stdout (${error.code ?? error.message}).\n`);
    });
}
