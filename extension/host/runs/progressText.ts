import { formatSeconds } from '../../protocol/numbers';
import { type RunState } from '../../protocol/studio';

/** What a run is at, in a few words: "denoise 41/68, 3 s left". */
export function describeProgress(run: RunState): string {
  const active = Object.entries(run.nodes).find(([, status]) => status.state === 'running');
  if (!active) return run.state === 'queued' ? 'waiting' : 'starting';
  const [node, { step, total, secondsLeft }] = active;
  const steps = step !== undefined && total !== undefined ? ` ${step}/${total}` : '';
  const left = secondsLeft !== undefined && secondsLeft >= 1 ? `, ${formatSeconds(secondsLeft)} left` : '';
  return `${node}${steps}${left}`;
}

/** How much of a run is done, 0 to 1: finished nodes whole, the one at work by its steps. */
export function fractionDone(run: RunState): number {
  const nodes = Object.values(run.nodes);
  if (nodes.length === 0) return 0;
  const done = nodes.reduce((sum, { state, step, total }) => {
    if (state === 'running') return sum + (step !== undefined && total ? Math.min(step / total, 1) : 0);
    return sum + (state === 'waiting' ? 0 : 1);
  }, 0);
  return done / nodes.length;
}
