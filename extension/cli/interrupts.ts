/**
 * Interrupts: Ctrl+C, `kill`, and the terminal that closes. From the first line of the program on, each ends it with the documented exit
 * code; whatever is under way may say what an interrupt means to it instead.
 */
import { exitCodes } from '../protocol/errors';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const handlers: (() => void)[] = [];

for (const signal of SIGNALS)
  process.on(signal, () => {
    const handler = handlers.at(-1);
    if (handler) handler();
    else process.exit(exitCodes.interrupted);
  });

/** What an interrupt does while `work` goes on. */
export async function onInterrupt<T>(handler: () => void, work: () => Promise<T>): Promise<T> {
  handlers.push(handler);
  try {
    return await work();
  } finally {
    handlers.splice(handlers.indexOf(handler), 1);
  }
}
