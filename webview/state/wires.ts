import { type GraphDocument, parseWire, wiresOf } from '../../extension/graph';

export interface Wire {
  source: string;
  sourcePort: string;
  target: string;
  targetPort: string;
}

/** Names a wire in the canvas: an output feeds an input at most once. */
export function wireId(wire: Wire): string {
  return `${wire.source}.${wire.sourcePort}>${wire.target}.${wire.targetPort}`;
}

/** All wires of the graph, also those to nodes that do not exist (the canvas leaves them out, the Problems panel has them). */
export function wiresOfGraph(graph: GraphDocument): Wire[] {
  const wires: Wire[] = [];
  for (const [target, node] of Object.entries(graph.nodes)) {
    for (const [targetPort, input] of Object.entries(node.inputs ?? {})) {
      for (const text of wiresOf(input)) {
        const source = parseWire(text);
        if (source) wires.push({ source: source.node, sourcePort: source.port, target, targetPort });
      }
    }
  }
  return wires;
}

/** The nearest node of this type on the way up the wires from `id` (itself included); undefined when there is none. */
export function nearestUpstream(graph: GraphDocument, id: string, type: string): string | undefined {
  const seen = new Set([id]);
  let level = [id];
  while (level.length > 0) {
    const found = level.find((node) => graph.nodes[node]?.type === type);
    if (found !== undefined) return found;
    const above: string[] = [];
    for (const node of level) {
      for (const input of Object.values(graph.nodes[node]?.inputs ?? {})) {
        for (const text of wiresOf(input)) {
          const source = parseWire(text);
          if (!source || seen.has(source.node) || !graph.nodes[source.node]) continue;
          seen.add(source.node);
          above.push(source.node);
        }
      }
    }
    level = above;
  }
  return undefined;
}
