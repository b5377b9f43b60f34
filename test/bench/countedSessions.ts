import { inProcessSessions } from '../../extension/engine/onnx/session';
import { type SessionHost, type TensorData } from '../../extension/engine/onnx/types';

/** What crosses onnxruntime's border, by what it is. */
const KINDS: [pattern: RegExp, kind: string][] = [
  [/^sample$/, 'latents'],
  [/^encoder_hidden_states$/, 'embedding'],
  [/^weft_[kv]_/, 'keys and values in'],
  [/^out_sample$/, 'predictions'],
  [/^weft_(key|value)_/, 'keys and values out'],
  [/^weft_(query|self|cross)/, 'queries'],
];
const kindOf = (name: string): string => KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? 'index lists';

const none = (): Counts => ({ cpuMs: 0, calls: 0, bytes: new Map() });

export interface Counts {
  /** Processor time inside onnxruntime. */
  cpuMs: number;
  /** Calls of the UNet, and the bytes that they took and gave, by kind. */
  calls: number;
  bytes: Map<string, number>;
}

/**
 * onnxruntime on this thread, with its processor time and the bytes that cross its border counted. The processor time of the process
 * during a call counts as onnxruntime's, so what goes on beside it must be nothing: open the engine with one thread.
 */
export function countedSessions(): {
  sessions: SessionHost;
  /** What was counted since it was last asked. */
  take(): Counts;
} {
  const inner = inProcessSessions();
  let counts = none();
  // One after another, or calls that wait for one another would be counted twice.
  let last: Promise<unknown> = Promise.resolve();
  const inside = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(() => timedInside(work));
    last = result.catch(() => undefined);
    return result;
  };
  const timedInside = async <T>(work: () => Promise<T>): Promise<T> => {
    const cpu = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(cpu);
    counts.cpuMs += (user + system) / 1000;
    return result;
  };
  const count = (tensors: Record<string, TensorData>): void => {
    for (const [name, { data }] of Object.entries(tensors))
      counts.bytes.set(kindOf(name), (counts.bytes.get(kindOf(name)) ?? 0) + data.byteLength);
  };
  return {
    sessions: {
      ...inner,
      load: (key, model, settings) => inside(() => inner.load(key, model, settings)),
      run: async (key, feeds, fetches, settings) => {
        const answer = await inside(() => inner.run(key, feeds, fetches, settings));
        if (key.endsWith('/unet')) {
          counts.calls++;
          count(feeds);
          count(answer);
        }
        return answer;
      },
    },
    take() {
      const taken = counts;
      counts = none();
      return taken;
    },
  };
}
