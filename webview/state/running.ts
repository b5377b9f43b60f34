import { flushParams } from './actions';
import { postToHost } from './host';
import { studio } from './store';

/** Runs the graph as it is shown, or as far as one node. */
export function run(target?: string): void {
  if (!studio().canRun) return;
  flushParams();
  postToHost(target === undefined ? { type: 'run' } : { type: 'run', target });
}

export function stop(): void {
  postToHost({ type: 'stop' });
}
