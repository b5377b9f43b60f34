import { flushParams } from './actions/params';
import { postToHost } from './host';
import { studio } from './store';

/** Runs the graph as it is shown, or as far as one node. The host runs it when it has made every edit that came before. */
export function run(target?: string): void {
  if (!studio().canRun) return;
  flushParams();
  postToHost(target === undefined ? { type: 'run' } : { type: 'run', target });
}

export function stopRun(): void {
  postToHost({ type: 'stop' });
}
