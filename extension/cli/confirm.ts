import { createInterface } from 'node:readline/promises';
import { WeftError } from '../protocol/errors';
import { plainLine } from '../protocol/foreignText';

/** Asks on the terminal; Ctrl+C interrupts, and the end of the input (Ctrl+D) is a no. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      // On a terminal readline takes the key for itself: no signal comes.
      terminal.once('SIGINT', () => reject(new WeftError('interrupted', 'Interrupted; nothing was done.')));
      terminal.once('close', () => resolve(false));
      terminal.question(plainLine(question)).then((answer) => resolve(/^(y|yes)$/i.test(answer.trim())), reject);
    });
  } finally {
    terminal.close();
  }
}
