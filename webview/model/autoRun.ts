import { downstreamOf, type GraphDocument } from '../../extension/graph';
import { postToHost } from './host';
import { setPage } from './page';
import { run } from './running';
import { studio, type StudioState, useStudio } from './store';

/** A slider moves more often than anything can run. */
const PACE_MS = 60;

/** From now on, or no longer, the graph runs whenever something in it changes. */
export function toggleAutoRun(): void {
  const autoRun = !studio().page.autoRun;
  setPage({ autoRun });
  if (autoRun) run();
}

/**
 * The node up to which a change of a node is to be run: the first that makes a picture of it, so that no file is written meanwhile;
 * undefined where nothing is to be seen of the change.
 */
export function pictureAfter(graph: GraphDocument, id: string): string | undefined {
  // The nearest comes first.
  const denoise = [...downstreamOf(graph, [id])].find((each) => graph.nodes[each]?.type === 'denoise');
  if (denoise !== undefined) return denoise;
  const type = graph.nodes[id]?.type;
  return type === 'save' || type === undefined ? undefined : id;
}

/** What a run depends on of each node, as text: no place, and with a value that is being dragged or typed. */
function textsOf({ graph, sliding }: StudioState): Map<string, string> {
  return new Map(
    Object.entries(graph?.nodes ?? {}).map(([id, node]) => {
      const params = sliding?.id === id ? { ...node.params, [sliding.param]: sliding.value } : node.params;
      return [id, JSON.stringify({ ...node, params, folded: undefined })];
    }),
  );
}

/** Watches the page, and asks for a run after each change while Auto-run is on. */
export function watchChanges(): void {
  let before: Map<string, string> | undefined;
  let wanted: string | undefined;
  let timer: number | undefined;
  const send = (): void => {
    timer = undefined;
    const { page, canRun, sliding } = studio();
    const target = wanted;
    wanted = undefined;
    if (target === undefined || !page.autoRun || !canRun) return;
    postToHost({
      type: 'autoRun',
      target,
      set: sliding === undefined ? [] : [[sliding.id, sliding.param, sliding.value]],
    });
  };
  useStudio.subscribe((state, last) => {
    const { graph, sliding, page } = state;
    if (!page.autoRun || !graph) return (before = undefined);
    if (before && graph === last.graph && sliding === last.sliding) return;
    const now = textsOf(state);
    const old = before;
    before = now;
    const changed = old && [...now.keys()].find((id) => now.get(id) !== old.get(id));
    const target = changed === undefined ? undefined : pictureAfter(graph, changed);
    if (target === undefined) return;
    wanted = target;
    timer ??= window.setTimeout(send, PACE_MS);
  });
}
