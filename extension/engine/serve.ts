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
  if (process.connected) process.send?.(message);
}

export const emit = (event: EngineEvent): void => post({ type: 'event', ...event });

async function answer(engine: Engine, { id, method, params }: ToEngine): Promise<void> {
  try {
    if (method === 'hello' && params.protocol !== PROTOCOL_VERSION) {
      throw new WeftError(
        'internal',
        `The engine speaks version ${PROTOCOL_VERSION} of its messages, not ${params.protocol}: reload the window.`,
      );
    }
    const { handlers } = engine;
    const handler = Object.hasOwn(handlers, method) && (handlers[method] as (params: unknown) => Promise<unknown>);
    if (!handler) throw new WeftError('internal', `The engine does not know the request '${String(method)}'.`);
    post({ type: 'response', id, result: await handler(params) });
  } catch (error) {
    post({ type: 'response', id, error: reportError(error) });
  }
  if ((method as EngineMethod) === 'shutdown') process.disconnect?.();
}

/** Answers until the other side is gone. */
export function serve(engine: Engine): void {
  process.on('message', (message) => void answer(engine, message as ToEngine));
  // The process that started the engine decides what an interrupt means and asks for a cancel.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
  process.on('exit', () => engine.exiting());
  process.on('unhandledRejection', (reason) =>
    emit({ event: 'log', level: 'error', message: reportError(reason).message }),
  );
}
