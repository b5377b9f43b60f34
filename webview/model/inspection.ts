import { setPage } from './page';
import { studio, toast } from './store';
import { denoiseAbove, swapAbove } from './upstream';

/** Shows the parts of a swap's two images, and how they were matched. */
export function openParts(swap: string): void {
  setPage({ matching: swap, inspecting: undefined, masking: undefined, viewing: undefined });
}

/** Does so for the swap that is selected or above what is, or for the graph's only one. */
export function matchSelection(): void {
  const swap = selectedOrOnly('attention-swap', swapAbove, 'attention swap to match parts of');
  if (swap !== undefined) openParts(swap);
}

/** The node of a type that is selected or above what is, or the graph's only one; where there is none, says so. */
function selectedOrOnly(type: string, above: typeof swapAbove, words: string): string | undefined {
  const { page, graph } = studio();
  const all = Object.entries(graph?.nodes ?? {}).flatMap(([id, node]) => (node.type === type ? [id] : []));
  const selected = page.selection.map((id) => above(graph, id)).find((id) => id !== undefined);
  const found = selected ?? (all.length === 1 ? all[0] : undefined);
  if (found === undefined) toast(all.length === 0 ? `The graph has no ${words}.` : `Select the ${words}.`, 'info');
  return found;
}

/** Shows the attention of a node, or closes that view. */
export function openInspection(id: string | undefined): void {
  setPage({ inspecting: id === undefined ? undefined : denoiseAbove(studio().graph, id), viewing: undefined });
}

/** Opens the inspector for the selected node, or for the graph's only denoise node; once more closes it. */
export function inspectSelection(): void {
  if (studio().page.inspecting !== undefined) return openInspection(undefined);
  const node = selectedOrOnly('denoise', denoiseAbove, 'denoise node to inspect');
  if (node !== undefined) openInspection(node);
}
