/** The thread that owns onnxruntime: its run() blocks the thread that calls it, so the engine's own thread never does. */
import { parentPort } from 'node:worker_threads';
import { reportError } from '../../protocol/errors';
import { LocalSessions } from './runtime';
import { type TensorData } from './types';
import { type FromWorker, type ToWorker } from './workerMessages';

const sessions = new LocalSessions();
/** Sessions whose placement the other side knows. */
const told = new Set<string>();
let last: Promise<void> = Promise.resolve();

async function perform(message: ToWorker): Promise<Record<string, TensorData> | undefined> {
  switch (message.method) {
    case 'start':
      sessions.start();
      return undefined;
    case 'load':
      await sessions.load(message.key, message.model, message.options);
      return undefined;
    case 'run':
      return sessions.run(message.key, message.feeds, message.fetches);
    case 'release':
      await sessions.release(message.key);
      return undefined;
  }
}

/** Where the nodes of a session ran, after its first run. */
function newPlacement(message: ToWorker): FromWorker['placement'] {
  if (message.method === 'load') told.delete(message.key);
  if (message.method !== 'run' || told.has(message.key)) return undefined;
  const { key } = message;
  const nodes = sessions.placement(key);
  if (nodes) told.add(key);
  return nodes && { key, nodes };
}

async function answer(message: ToWorker & { id: number }): Promise<void> {
  const reply = (part: Omit<FromWorker, 'id' | 'times'>, transfer: ArrayBuffer[] = []): void =>
    parentPort!.postMessage({ id: message.id, times: sessions.times(), ...part }, transfer);
  try {
    const result = await perform(message);
    const buffers = new Set<ArrayBuffer>();
    for (const { data } of Object.values(result ?? {}))
      if (data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
    const placement = newPlacement(message);
    try {
      reply({ result, placement }, [...buffers]);
    } catch {
      // Memory that onnxruntime owns itself can't change hands; it is copied then.
      reply({ result, placement });
    }
  } catch (error) {
    reply({ error: reportError(error) });
  }
}

parentPort!.on('message', (message: ToWorker & { id: number }) => {
  last = last.then(() => answer(message));
});
