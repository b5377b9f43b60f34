import { type StudioState } from '../model/store';

/**
 * Whose steps the strip shows: the selected node's if it has any, else the one chosen before, else the one that runs, else the
 * last that has steps (nodes of a run begin in the order of the graph: the denoising comes last).
 */
export function timelineNode(state: Pick<StudioState, 'page' | 'run' | 'timelines'>): string | undefined {
  const { page, run, timelines } = state;
  const chosen = page.selection.find((id) => timelines[id]);
  if (chosen !== undefined) return chosen;
  const pinned = page.timeline.node;
  if (pinned !== undefined && timelines[pinned] && page.timeline.index !== undefined) return pinned;
  const ids = Object.keys(timelines);
  return (
    ids.find((id) => run?.nodes[id]?.state === 'running') ??
    (pinned !== undefined && timelines[pinned] ? pinned : ids[ids.length - 1])
  );
}
