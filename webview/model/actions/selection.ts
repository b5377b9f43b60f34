import { canvasControl } from '../control';
import { show } from '../document';
import { FRAME_PREFIX, type StudioEdge } from '../flow';
import { inspectorShown, showInspector } from '../panels';
import { announce, studio, useStudio } from '../store';
import { plural } from '../words';

/** Ids of selected nodes of the graph, and of selected frames (without their prefix). */
export function selected(): { nodes: string[]; frames: string[] } {
  const ids = studio().page.selection;
  return {
    nodes: ids.filter((id) => !id.startsWith(FRAME_PREFIX)),
    frames: ids.filter((id) => id.startsWith(FRAME_PREFIX)).map((id) => id.slice(FRAME_PREFIX.length)),
  };
}

/** The same, and of frames that are folded into boxes all that is inside. */
export function selectedWithFolded(): ReturnType<typeof selected> {
  const { nodes, frames } = selected();
  const folds = studio().nodes.flatMap((node) =>
    node.type === 'frame' && node.selected && node.data.fold ? [node.data.fold] : [],
  );
  return {
    nodes: [...new Set([...nodes, ...folds.flatMap((fold) => fold.nodes)])],
    frames: [...new Set([...frames, ...folds.flatMap((fold) => fold.frames)])],
  };
}

/** Selects by canvas ids. */
export function select(ids: readonly string[]): void {
  const edges = studio().edges;
  if (edges.some((edge) => edge.selected)) {
    useStudio.setState({ edges: edges.map((edge) => (edge.selected ? { ...edge, selected: false } : edge)) });
  }
  show(ids);
}

export function selectWire(id: string): void {
  select([]);
  useStudio.setState(({ edges }) => ({
    edges: edges.map((edge) => (edge.id === id ? { ...edge, selected: true } : edge)),
  }));
}

/** The wire that is selected alone. */
export function selectedWire(): StudioEdge | undefined {
  if (studio().page.selection.length > 0) return undefined;
  const [edge, another] = studio().edges.filter((other) => other.selected);
  return another ? undefined : edge;
}

/** The node whose wires W goes along. */
let wiresOf: string | undefined;

/** Selects a wire of the selected node, or the next after the selected one. */
export function selectNextWire(): void {
  const shown = studio().edges.filter(({ hidden }) => !hidden);
  const now = shown.find(({ id }) => id === selectedWire()?.id);
  const ends = (id: string | undefined) => shown.filter(({ source, target }) => source === id || target === id);
  const before = now && (ends(wiresOf).includes(now) ? wiresOf : now.target);
  wiresOf = studio().page.selection[0] ?? before;
  const wires = wiresOf === undefined ? shown : ends(wiresOf);
  const next = wires[(now ? wires.indexOf(now) + 1 : 0) % wires.length];
  if (!next) return;
  selectWire(next.id);
  canvasControl().focusCanvas();
  const points = next.data?.wire.points?.length ?? 0;
  announce(`${next.ariaLabel ?? ''}${points > 0 ? `, ${plural(points, 'reroute point')}` : ''}.`);
}

export function selectAll(): void {
  const shown = studio().nodes.filter(({ hidden }) => !hidden);
  select(shown.map((node) => node.id));
  announce(`${plural(shown.length, 'item')} selected.`);
}

/** Selects a node, brings it into view and, where one is named, goes to its field. */
export function revealNode(node: string, param?: string): void {
  if (!studio().graph?.nodes[node]) return;
  select([node]);
  canvasControl().bringIntoView(node);
  if (param !== undefined) focusField(param);
}

export function focusField(param?: string): void {
  if (!inspectorShown(studio())) showInspector(true);
  // The inspector shows the new selection only after the next paint.
  window.requestAnimationFrame(() => {
    const scope = param === undefined ? '#inspector' : `#inspector [data-param="${CSS.escape(param)}"]`;
    const field = document.querySelector<HTMLElement>(
      `${scope} :is(input:not([type=range]), select, textarea, [role=slider]):not(:disabled)`,
    );
    const folded = field?.closest('details');
    if (folded && param !== undefined) folded.open = true;
    (field ?? document.querySelector<HTMLElement>('#inspector button'))?.focus();
  });
}
