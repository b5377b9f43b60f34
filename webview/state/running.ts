import { flushParams } from './actions';
import { postToHost } from './host';
import { studio, useStudio } from './store';

/** Runs the graph as it is shown, or as far as one node. */
export function run(target?: string): void {
  if (!studio().canRun) return;
  flushParams();
  afterEdits(() => postToHost(target === undefined ? { type: 'run' } : { type: 'run', target }));
}

/** Longer than any edit takes; a host that says nothing must not swallow the run. */
const PATIENCE_MS = 2000;

/** What was typed last belongs to the run: it starts when the host has dealt with every edit. */
function afterEdits(start: () => void): void {
  const settled = () => studio().synced?.pending.length === 0;
  if (settled()) return start();
  const go = () => {
    window.clearTimeout(timer);
    stop();
    start();
  };
  const timer = window.setTimeout(go, PATIENCE_MS);
  const stop = useStudio.subscribe(() => {
    if (settled()) go();
  });
}

export function stopRun(): void {
  postToHost({ type: 'stop' });
}
