import { type PreviewKind } from '../../extension/protocol/engine';
import { placeKey } from './cellTimelines';
import { type NodeTimeline } from './frames';
import { postToHost } from './host';
import { useStudio } from './store';

type Made = Pick<NodeTimeline, 'runId' | 'cell'>;

/** Steps that were asked for and not answered yet, by run, cell, node, kind and index. */
const outstanding = new Map<string, string>();

/** What the engine forgets as a whole: a run, or a cell of its sweep. */
export const stepsKey = ({ runId, cell }: Made): string => `${runId} ${placeKey(cell)}`;

const keyOf = (made: Made, node: string, kind: PreviewKind, index: number) =>
  `${stepsKey(made)} ${node} ${kind} ${index}`;

/** Asks the host for one step's picture, unless it was asked for or is known to be gone. */
export function askForStep({ runId, cell }: Made, node: string, kind: PreviewKind, index: number): void {
  const key = keyOf({ runId, cell }, node, kind, index);
  const steps = stepsKey({ runId, cell });
  if (outstanding.has(key) || useStudio.getState().stepsGone.has(steps)) return;
  outstanding.set(key, steps);
  postToHost({ type: 'timelineFrame', runId, node, ...(cell && { cell }), index, kind });
}

export function onStepAnswered(made: Made, node: string, kind: PreviewKind, index: number): void {
  outstanding.delete(keyOf(made, node, kind, index));
}

/**
 * The host reported an error while steps were asked for: most likely the engine no longer has them. The strip then keeps to what
 * the page holds, and the sentence is said once, not for each step.
 */
export function onHostError(): void {
  const gone = [...outstanding.values()];
  outstanding.clear();
  if (gone.length > 0) useStudio.setState(({ stepsGone }) => ({ stepsGone: new Set([...stepsGone, ...gone]) }));
}
