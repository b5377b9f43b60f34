import { editText, type GraphEdit, parseGraph, type Problem } from '../../extension/graph';
import { boundsOf } from './geometry';
import { levelOfDetail } from './levelOfDetail';
import { type HostToStudio } from '../../extension/protocol/studio';
import { flowOf } from './flow';
import { postToHost } from './host';
import { setPage } from './page';
import { received, shownText } from './sync';
import { studio, toast, useStudio } from './store';

let lastSeq = 0;

/** The host's view of the document arrived. */
export function onDocument(message: Extract<HostToStudio, { type: 'document' }>): void {
  const { text, version, acknowledged, readOnly, reason, fileName, trusted } = message;
  const first = studio().synced === undefined;
  const before = studio().synced ?? { text: '', version: -1, pending: [] };
  useStudio.setState({
    synced: received(before, text, version, acknowledged),
    readOnly,
    reason,
    fileName,
    trusted,
  });
  // A page that was hidden comes back with what was selected.
  show(first ? studio().page.selection : undefined);
  if (first) beginFarAway();
}

/** A large graph is first seen from afar: drawing every face only to throw it away would double the time to see it. */
function beginFarAway(): void {
  const { nodes, page } = studio();
  const bounds = boundsOf(
    nodes
      .filter(({ hidden }) => !hidden)
      .map((node) => ({ ...node.position, width: node.width ?? 0, height: node.height ?? 0 })),
  );
  if (!bounds) return;
  const zoom = page.viewport?.zoom ?? Math.min(window.innerWidth / bounds.width, window.innerHeight / bounds.height);
  useStudio.setState({ levelOfDetail: levelOfDetail(zoom, 'near', nodes.length) });
}

/** Sends one undoable change to the host and shows it at once. */
export function edit(edits: GraphEdit[], label: string): boolean {
  const { synced, readOnly, reason } = studio();
  if (!synced || edits.length === 0) return false;
  if (readOnly) {
    toast(reason ?? 'This file is read-only.', 'info');
    return false;
  }
  const seq = ++lastSeq;
  const pending = [...synced.pending, { seq, edits }];
  let changed: string;
  try {
    changed = editText(studio().text, { kind: 'batch', edits });
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
    show();
    return false;
  }
  if (changed === studio().text) {
    // Nothing to say, but the canvas may have been dragged by less than a pixel.
    show();
    return false;
  }
  useStudio.setState({ synced: { ...synced, pending } });
  postToHost({ type: 'edit', edits, label, seq });
  show();
  return true;
}

/** Redraws the canvas from the text as it stands. `select` chooses what is selected afterwards, by canvas ids. */
export function show(select?: readonly string[]): void {
  const state = studio();
  if (!state.synced) return;
  const text = shownText(state.synced);
  const parsed = text === state.text && state.graph ? undefined : parseGraph(text);
  const graph = parsed ? parsed.document : state.graph;
  if (!graph) {
    useStudio.setState({ text, graph: undefined, parseProblems: parsed?.problems ?? [], canRun: false });
    return;
  }
  const flow = flowOf({ graph, checkpoints: state.checkpoints }, state, select ? new Set(select) : undefined);
  useStudio.setState({
    text,
    graph,
    ...(parsed ? { parseProblems: parsed.problems } : {}),
    ...flow,
    canRun: state.trusted && Object.keys(graph.nodes).length > 0 && !isLater(parsed?.problems ?? state.parseProblems),
  });
  keepSelection();
}

/** A graph of a later version may mean other things by the same words. */
function isLater(problems: readonly Problem[]): boolean {
  return problems.some(({ code }) => code === 'later-version');
}

/** The page's selection is what the canvas has selected; what was deleted is selected no longer. */
export function keepSelection(): void {
  const { nodes, page } = studio();
  const selection = nodes.filter((node) => node.selected).map((node) => node.id);
  if (selection.length === page.selection.length && selection.every((id, i) => id === page.selection[i])) return;
  setPage({ selection });
  postToHost({ type: 'selection', nodes: selection });
  // A folded frame opens for what is selected inside, and closes behind it.
  const { graph } = studio();
  if (Object.values(graph?.frames ?? {}).some(({ folded }) => folded)) show();
}
