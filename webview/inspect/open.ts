import { studio, toast } from '../state/store';
import { denoiseAbove, openInspection } from './state';

/** Opens the inspector for the selected node, or for the graph's only denoise node; once more closes it. */
export function inspectSelection(): void {
  const { page, graph } = studio();
  if (page.inspecting !== undefined) {
    openInspection(undefined);
    return;
  }
  const all = Object.entries(graph?.nodes ?? {}).flatMap(([id, { type }]) => (type === 'denoise' ? [id] : []));
  const selected = page.selection.map(denoiseAbove).find((id) => id !== undefined);
  const node = selected ?? (all.length === 1 ? all[0] : undefined);
  if (node !== undefined) openInspection(node);
  else
    toast(
      all.length === 0 ? 'The graph has no denoise node to inspect.' : 'Select the denoise node to inspect.',
      'info',
    );
}
