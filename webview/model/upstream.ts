/** What lies above a node of the graph. */
import { type GraphDocument, type GraphNode, parseWire, wiresOf } from '../../extension/graph';
import { nearestUpstream } from './wires';

/** The denoise node that a node's picture comes from: itself, or the nearest one above it. */
export const denoiseAbove = (graph: GraphDocument | undefined, id: string): string | undefined =>
  graph && nearestUpstream(graph, id, 'denoise');

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

/** The denoise node through which a swap's attention is seen. */
export function denoiseOf(graph: GraphDocument | undefined, swap: string): string | undefined {
  return Object.entries(graph?.nodes ?? {}).find(
    ([id, { type, muted }]) => type === 'denoise' && !muted && swapAbove(graph, id) === swap,
  )?.[0];
}
