/** Nodes put into wires. */
import { type GraphDocument, type GraphEdit, portsWithin, specOf } from '../../extension/graph';
import { endsOf, type Wire, wiresOfGraph } from './wires';

export interface Insertion {
  wire: Wire;
  input: string;
  output: string;
}

/** How a wire would go through a node of this type; undefined when it does not fit. */
export function insertion(graph: GraphDocument, type: string, wire: Wire): Insertion | undefined {
  const spec = specOf(type);
  const from = specOf(graph.nodes[wire.source]?.type ?? '')?.outputs.find(({ name }) => name === wire.sourcePort);
  const to = specOf(graph.nodes[wire.target]?.type ?? '')?.inputs.find(({ name }) => name === wire.targetPort);
  const ports = spec && from && to && portsWithin(spec, from.type, to.types);
  return ports && { wire, ...ports };
}

/** Every wire that a node of the graph could be put into: none while it has wires of its own. */
export function insertions(graph: GraphDocument, id: string): Insertion[] {
  const type = graph.nodes[id]?.type;
  const wires = wiresOfGraph(graph);
  if (type === undefined || wires.some(({ source, target }) => source === id || target === id)) return [];
  return wires.flatMap((wire) => insertion(graph, type, wire) ?? []);
}

/** Leads the wire through the node. */
export function insertionEdits(node: string, { wire, input, output }: Insertion): GraphEdit[] {
  const { from, to } = endsOf(wire);
  return [
    { kind: 'connect', from, to: { node, port: input } },
    { kind: 'connect', from: { node, port: output }, to, replaces: from, nth: wire.nth },
  ];
}
