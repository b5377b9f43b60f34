/** The two owners of onnxruntime sessions: a worker thread for the engine, the calling thread for tests and scripts. */
import * as path from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { reportError, WeftError } from '../../protocol/errors';
import { LocalSessions } from './runtime';
import { type Placement, type SessionHost, type SessionTimes, type TensorData } from './types';
import { type FromWorker, type ToWorker } from './workerMessages';

export { defaultThreads } from './runtime';

/** onnxruntime on the calling thread, whose event loop a run blocks. */
export function inProcessSessions(): SessionHost {
  const local = new LocalSessions();
  const serial = inSeries();
  const times = sinceReset(() => local.times());
  return {
    load: (key, model, options) => serial(() => local.load(key, model, options)),
    run: (key, feeds, fetches) => serial(() => local.run(key, feeds, fetches)),
    release: (key) => serial(() => local.release(key)),
    placement: (key) => local.placement(key),
    times,
  };
}

/** onnxruntime on a worker thread of its own, started when first needed and never terminated: that would crash native code. */
export function workerSessions(workerPath = path.join(__dirname, 'engine-worker.js')): SessionHost {
  let worker: Worker | undefined;
  let starting: Promise<void> | undefined;
  let failed: WeftError | undefined;
  let next = 0;
  let latest: SessionTimes = { runMs: 0, loadMs: 0, runs: 0 };
  const placements = new Map<string, Placement>();
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();

  const start = (): Worker => {
    // What the thread sets before it loads onnxruntime, the library reads from the process.
    const started = new Worker(workerPath, { env: SHARE_ENV });
    started.on('message', (message: FromWorker) => {
      const waiter = waiting.get(message.id);
      waiting.delete(message.id);
      latest = message.times;
      if (message.placement) placements.set(message.placement.key, message.placement.nodes);
      if (waiting.size === 0) started.unref();
      if (message.error !== undefined)
        waiter?.reject(new WeftError(message.error.kind, message.error.message, message.error.node));
      else waiter?.resolve(message.result);
    });
    const die = (reason: string): void => {
      failed = new WeftError('internal', `The thread that runs onnxruntime ended: ${reason}. Restart the engine.`);
      for (const { reject } of waiting.values()) reject(failed);
      waiting.clear();
    };
    started.on('error', (error) => die(reportError(error).message));
    started.on('exit', (code) => die(`exit code ${code}`));
    return started;
  };

  const ask = <T>(message: ToWorker, transfer: ArrayBuffer[] = []): Promise<T> => {
    if (failed !== undefined) return Promise.reject(failed);
    worker ??= start();
    const id = next++;
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      // Only a worker that is at work keeps the process alive.
      worker!.ref();
      worker!.postMessage({ id, ...message }, transfer);
    });
  };

  return {
    // What goes wrong is told to whoever asks for a session.
    start: () => (starting ??= ask<void>({ method: 'start' }).catch(() => {})),
    load: (key, model, options) => ask({ method: 'load', key, model, options }),
    run: (key, feeds, fetches, options) =>
      ask({ method: 'run', key, feeds, fetches }, buffersOf(options?.transfer ?? [])),
    release: (key) => ask({ method: 'release', key }),
    placement: (key) => placements.get(key),
    times: sinceReset(() => latest),
  };
}

/** Whole buffers of the tensors; a view into a larger buffer is copied instead of handed over. */
export function buffersOf(tensors: TensorData[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors)
    if (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength && data.byteLength > 0)
      buffers.add(data.buffer);
  return [...buffers];
}

/** Runs tasks one after another, in the order of the calls. */
function inSeries(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
}

function sinceReset(now: () => SessionTimes): (reset?: boolean) => SessionTimes {
  let base: SessionTimes = { runMs: 0, loadMs: 0, runs: 0 };
  return (reset = false) => {
    const total = now();
    const since = {
      runMs: total.runMs - base.runMs,
      loadMs: total.loadMs - base.loadMs,
      runs: total.runs - base.runs,
    };
    if (reset) base = { ...total };
    return since;
  };
}
