import { type GraphDocument, type GraphNode, parseWire, wiresOf } from '../../extension/graph';
import { setPage } from './page';
import { studio, toast } from './store';
import { nearestUpstream } from './wires';

/** The denoise node that a node's picture comes from: itself, or the nearest one above it. */
export function denoiseAbove(graph: GraphDocument | undefined, id: string): string | undefined {
  return graph && nearestUpstream(graph, id, 'denoise');
}

/** The attention swap that a denoise node's transfer comes from. */
export function swapAbove(graph: GraphDocument | undefined, id: string): string | undefined {
  const seen = new Set<string>();
  for (let at: string | undefined = id; at !== undefined && !seen.has(at);) {
    seen.add(at);
    const node: GraphNode | undefined = graph?.nodes[at];
    if (node?.type === 'attention-swap') return at;
    const [wire] = wiresOf(node?.inputs?.['transfer']);
    at = wire === undefined ? undefined : parseWire(wire)?.node;
  }
  return undefined;
}

/** Shows the attention of a node, or closes that view. */
export function openInspection(id: string | undefined): void {
  setPage({ inspecting: id === undefined ? undefined : denoiseAbove(studio().graph, id), viewing: undefined });
}

/** Opens the inspector for the selected node, or for the graph's only denoise node; once more closes it. */
export function inspectSelection(): void {
  const { page, graph } = studio();
  if (page.inspecting !== undefined) {
    openInspection(undefined);
    return;
  }
  const all = Object.entries(graph?.nodes ?? {}).flatMap(([id, { type }]) => (type === 'denoise' ? [id] : []));
  const selected = page.selection.map((id) => denoiseAbove(graph, id)).find((id) => id !== undefined);
  const node = selected ?? (all.length === 1 ? all[0] : undefined);
  if (node !== undefined) openInspection(node);
  else
    toast(
      all.length === 0 ? 'The graph has no denoise node to inspect.' : 'Select the denoise node to inspect.',
      'info',
    );
}
