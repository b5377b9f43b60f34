import { type ErrorReport } from '../../protocol/errors';
import { type Placement, type SessionOptions, type SessionTimes, type TensorData } from './types';

export type ToWorker =
  | { method: 'start' }
  | { method: 'load'; key: string; model: string | Uint8Array; options: SessionOptions }
  | { method: 'run'; key: string; feeds: Record<string, TensorData>; fetches: string[] }
  | { method: 'release'; key: string };

/** The answer to one message, with the counters as they now stand. */
export interface FromWorker {
  id: number;
  times: SessionTimes;
  /** After a session's first run: where its nodes ran. */
  placement?: { key: string; nodes: Placement };
  result?: unknown;
  error?: ErrorReport;
}
