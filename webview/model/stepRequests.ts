import { type PreviewKind } from '../../extension/protocol/engine';
import { postToHost } from './host';
import { useStudio } from './store';

/** Steps that were asked for and not answered yet, by run, node, kind and index. */
const outstanding = new Map<string, string>();

const keyOf = (runId: string, node: string, kind: PreviewKind, index: number) => `${runId} ${node} ${kind} ${index}`;

/** Asks the host for one step's picture, unless it was asked for or is known to be gone. */
export function askForStep(runId: string, node: string, kind: PreviewKind, index: number): void {
  const key = keyOf(runId, node, kind, index);
  if (outstanding.has(key) || useStudio.getState().stepsGone === runId) return;
  outstanding.set(key, runId);
  postToHost({ type: 'timelineFrame', runId, node, index, kind });
}

export function onStepAnswered(runId: string, node: string, kind: PreviewKind, index: number): void {
  outstanding.delete(keyOf(runId, node, kind, index));
}

/**
 * The host reported an error while steps were asked for: most likely the engine no longer has them. The strip then keeps to what
 * the page holds, and the sentence is said once, not for each step.
 */
export function onHostError(): void {
  const [runId] = outstanding.values();
  outstanding.clear();
  if (runId !== undefined) useStudio.setState({ stepsGone: runId });
}
