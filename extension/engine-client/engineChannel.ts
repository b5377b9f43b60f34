import { type EngineEvent, type EngineMethod, type EngineRequests, type FromEngine } from '../protocol/engine';
import { WeftError } from '../protocol/errors';

/** What carries messages to the engine: the forked process, or a fake in tests. */
export interface EngineTransport {
  send(message: unknown): void;
}

export interface EngineChannelOptions {
  onEvent(event: EngineEvent): void;
  /** A message that is neither a response nor an event: a mismatch of versions, worth a line in the log. */
  onUnknown?(message: unknown): void;
}

interface Pending {
  method: EngineMethod;
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer?: ReturnType<typeof setTimeout>;
}

/** Requests and answers over one transport. Each request settles exactly once: by its answer, its timeout, or `fail`. */
export class EngineChannel {
  private nextId = 1;
  private readonly pending = new Map<number, Pending>();
  private failure: Error | undefined;

  constructor(
    private readonly transport: EngineTransport,
    private readonly options: EngineChannelOptions,
  ) {}

  /** `timeoutMs` 0 waits as long as the engine lives (a run). */
  request<M extends EngineMethod>(
    method: M,
    params: EngineRequests[M]['params'],
    timeoutMs: number,
  ): Promise<EngineRequests[M]['result']> {
    if (this.failure) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const entry: Pending = { method, resolve: (value) => resolve(value as EngineRequests[M]['result']), reject };
      if (timeoutMs > 0) {
        entry.timer = setTimeout(() => {
          this.pending.delete(id);
          reject(
            new WeftError(
              'internal',
              `The engine did not answer '${method}' within ${Math.round(timeoutMs / 1000)} s.`,
            ),
          );
        }, timeoutMs);
      }
      this.pending.set(id, entry);
      try {
        this.transport.send({ id, method, params });
      } catch (error) {
        this.take(id);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  receive(message: unknown): void {
    if (!isFromEngine(message)) {
      this.options.onUnknown?.(message);
      return;
    }
    if (message.type === 'event') {
      this.options.onEvent(message);
      return;
    }
    const entry = this.take(message.id);
    // An answer after its timeout: the caller has been told already.
    if (!entry) return;
    if ('error' in message) {
      entry.reject(new WeftError(message.error.kind, message.error.message, message.error.node));
    } else {
      entry.resolve(message.result);
    }
  }

  /** The engine is gone: every open request ends with this error, and so does each later one. */
  fail(error: Error): void {
    this.failure ??= error;
    for (const id of [...this.pending.keys()]) this.take(id)?.reject(error);
  }

  private take(id: number): Pending | undefined {
    const entry = this.pending.get(id);
    if (entry?.timer !== undefined) clearTimeout(entry.timer);
    this.pending.delete(id);
    return entry;
  }
}

function isFromEngine(message: unknown): message is FromEngine {
  if (typeof message !== 'object' || message === null || !('type' in message)) return false;
  if (message.type === 'event') return 'event' in message && typeof message.event === 'string';
  return message.type === 'response' && 'id' in message && typeof message.id === 'number';
}
