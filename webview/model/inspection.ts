import { setPage } from './page';
import { studio, toast } from './store';
import { denoiseAbove, swapAbove } from './upstream';

/** Shows the parts of a swap's two images, and how they were matched. */
export function openParts(swap: string): void {
  setPage({ matching: swap, inspecting: undefined, masking: undefined, viewing: undefined });
}

/** Does so for the swap that is selected or above what is, or for the graph's only one. */
export function matchSelection(): void {
  const { page, graph } = studio();
  const all = Object.entries(graph?.nodes ?? {}).flatMap(([id, { type }]) => (type === 'attention-swap' ? [id] : []));
  const selected = page.selection.map((id) => swapAbove(graph, id)).find((id) => id !== undefined);
  const swap = selected ?? (all.length === 1 ? all[0] : undefined);
  if (swap !== undefined) openParts(swap);
  else
    toast(
      all.length === 0
        ? 'The graph has no attention swap to match parts of.'
        : 'Select the attention swap to match parts of.',
      'info',
    );
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
