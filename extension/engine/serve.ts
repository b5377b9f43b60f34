/** Messages of protocol/engine.ts over Node's IPC, to and from whoever forked this process; it ends when that one is gone. */
import {
  type EngineEvent,
  type EngineMethod,
  type FromEngine,
  PROTOCOL_VERSION,
  type ToEngine,
} from '../protocol/engine';
import { reportError, WeftError } from '../protocol/errors';
import { type Engine } from './engine';

function post(message: FromEngine): void {
  // Whoever asked may be gone between the question and the sending: then nobody misses it.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

export const emit = (event: EngineEvent): void => post({ type: 'event', ...event });

/** How long work may take to stop once the process is to end; a step of a large network takes longer. */
const GRACE_MS = 2_000;

/** An engine, or why there is none: each request then gets that as its answer. */
export type Served = Pick<Engine, 'handlers' | 'exiting'> | { problem: unknown };

async function answer(engine: Served, { id, method, params }: ToEngine): Promise<void> {
  try {
    if (method === 'hello' && params.protocol !== PROTOCOL_VERSION) {
      throw new WeftError(
        'internal',
        `The engine speaks version ${PROTOCOL_VERSION} of its messages, not ${params.protocol}: reload the window.`,
      );
    }
    if ('problem' in engine) throw engine.problem;
    const { handlers } = engine;
    const handler = Object.hasOwn(handlers, method) && (handlers[method] as (params: unknown) => Promise<unknown>);
    if (!handler) throw new WeftError('internal', `The engine does not know the request '${String(method)}'.`);
    post({ type: 'response', id, result: await handler(params) });
  } catch (error) {
    post({ type: 'response', id, error: reportError(error) });
  }
}

/** Answers until it is asked to end, or the other side is gone. */
export function serve(engine: Served): void {
  let ended = false;
  /**
   * Stops what is under way and ends the process. Where onnxruntime is in the middle of a step, leaving in the usual way would tear down
   * its thread under it, which aborts the process and leaves a core file; an end by force is quiet.
   */
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    const force = (): void => {
      // No listener hears of an end by force.
      process.emit('exit', 0);
      process.kill(process.pid, 'SIGKILL');
    };
    setTimeout(force, GRACE_MS);
    if (!('problem' in engine)) await engine.handlers.shutdown({}).catch(() => {});
    force();
  };
  process.on('message', (message: ToEngine) => {
    void answer(engine, message).then(() => {
      if ((message.method as EngineMethod) !== 'shutdown') return;
      ended = true;
      process.disconnect?.();
    });
  });
  // The process that started the engine decides what Ctrl+C means and asks for a cancel.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => void end());
  process.on('SIGHUP', () => void end());
  process.on('disconnect', () => {
    // After a shutdown nothing is at work any more.
    if (ended) process.exit(0);
    void end();
  });
  process.on('exit', () => {
    if (!('problem' in engine)) engine.exiting();
  });
  // Nobody reads what libraries have to say.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.on('unhandledRejection', (reason) =>
    emit({ event: 'log', level: 'error', message: reportError(reason).message }),
  );
}
