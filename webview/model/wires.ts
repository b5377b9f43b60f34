import {
  type GraphDocument,
  type GraphEdit,
  parseWire,
  reroutePoints,
  type Source,
  wireKey,
  wiresOf,
} from '../../extension/graph';
import { type Point } from './geometry';

export interface Wire {
  source: string;
  sourcePort: string;
  target: string;
  targetPort: string;
  /** Of several between the same ports: which, from 0. */
  nth?: number;
  /** The places that it is led through. */
  points?: readonly Point[];
}

/** A wire as an edit names it. */
export interface Ends {
  from: Source;
  to: Source;
}

/** Which end of a node a wire is dragged from, or is to be connected to. */
export interface PortRef {
  node: string;
  port: string;
  side: 'left' | 'right';
}

/** The wire between a port and one of the other side. */
export function between({ node, port, side }: PortRef, other: Source): Ends {
  const here = { node, port };
  const there = { node: other.node, port: other.port };
  return side === 'right' ? { from: here, to: there } : { from: there, to: here };
}

/** The output a wire comes from and the input it goes to. */
export function endsOf(wire: Wire): Ends {
  return {
    from: { node: wire.source, port: wire.sourcePort },
    to: { node: wire.target, port: wire.targetPort },
  };
}

/** Names a wire in the canvas. */
export function wireId(wire: Wire): string {
  const { from, to } = endsOf(wire);
  const name = wireKey(from, to);
  return wire.nth ? `${name}#${wire.nth}` : name;
}

/** All wires of the graph, also those to nodes that do not exist (the canvas leaves them out, the Problems panel has them). */
export function wiresOfGraph(graph: GraphDocument): Wire[] {
  const wires: Wire[] = [];
  const routes = routesOf(graph);
  for (const [target, node] of Object.entries(graph.nodes)) {
    for (const [targetPort, input] of Object.entries(node.inputs ?? {})) {
      const seen = new Map<string, number>();
      for (const text of wiresOf(input)) {
        const source = parseWire(text);
        if (!source) continue;
        const nth = seen.get(text) ?? 0;
        seen.set(text, nth + 1);
        const wire: Wire = { source: source.node, sourcePort: source.port, target, targetPort };
        const points = routes.get(wireId(wire));
        wires.push({ ...wire, ...(nth > 0 ? { nth } : {}), ...(points ? { points } : {}) });
      }
    }
  }
  return wires;
}

/** The reroute points of each wire that has some, by its name in the layout. */
function routesOf(graph: GraphDocument): ReadonlyMap<string, Point[]> {
  const routes = new Map<string, Point[]>();
  for (const { from, to, position } of reroutePoints(graph)) {
    const wire = wireKey(from, to);
    const [x, y] = position;
    const points = routes.get(wire);
    if (points) points.push({ x, y });
    else routes.set(wire, [{ x, y }]);
  }
  return routes;
}

/** The edit that leads a wire through these points. */
export function routing(wire: Wire, points: readonly Point[]): GraphEdit {
  const round = ({ x, y }: Point): [number, number] => [Math.round(x), Math.round(y)];
  return { kind: 'routeWire', ...endsOf(wire), points: points.map(round) };
}

/** The nearest node of a type above each node, by graph and type: every node of a graph asks, and chains can be as long as the graph. */
const nearest = new WeakMap<GraphDocument, Map<string, ReadonlyMap<string, string>>>();

/** The nearest node of this type on the way up the wires from `id` (itself included); undefined when there is none. */
export function nearestUpstream(graph: GraphDocument, id: string, type: string): string | undefined {
  const ofGraph = nearest.get(graph) ?? new Map<string, ReadonlyMap<string, string>>();
  nearest.set(graph, ofGraph);
  const found = ofGraph.get(type) ?? nearestOf(graph, type);
  ofGraph.set(type, found);
  return found.get(id);
}

/** For every node below one of this type, the nearest such; of several as near, the one up the first wire. */
function nearestOf(graph: GraphDocument, type: string): ReadonlyMap<string, string> {
  const above = new Map<string, string[]>();
  const below = new Map<string, string[]>();
  const add = (lists: Map<string, string[]>, id: string, other: string): void => {
    const list = lists.get(id);
    if (list) list.push(other);
    else lists.set(id, [other]);
  };
  for (const { source, target } of wiresOfGraph(graph)) {
    add(above, target, source);
    add(below, source, target);
  }
  const found = new Map<string, string>();
  const steps = new Map<string, number>();
  for (const [id, node] of Object.entries(graph.nodes)) {
    if (node.type !== type) continue;
    found.set(id, id);
    steps.set(id, 0);
  }
  // Grows while it is gone through: the nearest come first.
  for (const [id, step] of steps) {
    for (const next of below.get(id) ?? []) if (!steps.has(next)) steps.set(next, step + 1);
    if (step === 0) continue;
    const first = above.get(id)?.find((source) => steps.get(source) === step - 1);
    if (first !== undefined) found.set(id, found.get(first) as string);
  }
  return found;
}
