/** What validation, planning and connecting all need to know of a graph: its wires, its order, what muting does to a wire. */
import { isNodeType, specOf } from './catalogue';
import { type PortType } from './catalogue/types';
import { clip } from './problems';
import { type GraphDocument, type GraphNode, parseWire, type Source, wiresOf } from './schema';

/** The node of this id (own keys only: ids come from files). */
export function nodeOf(document: GraphDocument, id: string): GraphNode | undefined {
  return Object.hasOwn(document.nodes, id) ? document.nodes[id] : undefined;
}

/** Whether the node is muted and its type can be. */
export function isMuted(node: GraphNode): boolean {
  return node.muted === true && specOf(node.type)?.mute !== 'never';
}

/** The wires at one port of a node, in order. */
export function sourcesAt(node: Pick<GraphNode, 'inputs'>, port: string): Source[] {
  const { inputs } = node;
  if (!inputs || !Object.hasOwn(inputs, port)) return [];
  return wiresOf(inputs[port]).flatMap((wire) => parseWire(wire) ?? []);
}

/** All wires into a node. */
export function sourcesOf(node: Pick<GraphNode, 'inputs'>): Source[] {
  return Object.keys(node.inputs ?? {}).flatMap((port) => sourcesAt(node, port));
}

/** The type of what comes out of a port, undefined where node, type of node or port is unknown. */
export function outputType(document: GraphDocument, source: Source): PortType | undefined {
  const node = nodeOf(document, source.node);
  return specOf(node?.type ?? '')?.outputs.find((output) => output.name === source.port)?.type;
}

/**
 * What follows for a node from the one above it: `above` says which that is, `join` makes the result from the result above (undefined at
 * the top, and where the way would close a circle). Every node is visited once, however many ask and however long the chains are.
 */
export function upward<T>(
  above: (id: string) => string | undefined,
  join: (id: string, over: T | undefined) => T,
): (id: string) => T {
  const known = new Map<string, T>();
  return (start) => {
    const way = new Set<string>();
    let id: string | undefined = start;
    while (id !== undefined && !known.has(id) && !way.has(id)) {
      way.add(id);
      id = above(id);
    }
    let result = id === undefined ? undefined : known.get(id);
    for (const step of [...way].reverse()) known.set(step, (result = join(step, result)));
    return known.get(start) as T;
  };
}

/** The nodes that set a transfer at a node's output. */
export interface TransferWay {
  /** For each type the nearest, the node itself included. */
  nearest: ReadonlyMap<string, string>;
  /** Two nodes of one type, of which a transfer takes only one: the upper one first. */
  twins?: readonly [string, string];
}

/**
 * Follows transfer wires up to their swap. Order along the wire is irrelevant.
 * @param above the node at a node's transfer port
 */
export function transferWays(
  above: (id: string) => string | undefined,
  typeOf: (id: string) => string,
): (id: string) => TransferWay {
  return upward<TransferWay>(above, (id, over = { nearest: new Map() }) => {
    const type = typeOf(id);
    // Types that the catalogue does not have could be as many as there are nodes.
    if (!specOf(type)) return over;
    const twin = over.nearest.get(type);
    return { nearest: new Map([...over.nearest, [type, id]]), twins: twin === undefined ? over.twins : [twin, id] };
  });
}

/**
 * Where the wires of a graph really come from once muted nodes are passed over; undefined when nothing comes. Chains of muted nodes are
 * walked once, so that asking for every wire costs no more than the graph is long.
 */
export function resolverOf(document: GraphDocument): (source: Source) => Source | undefined {
  const next = (source: Source): Source | undefined => {
    const node = nodeOf(document, source.node);
    const spec = node && isMuted(node) ? specOf(node.type) : undefined;
    if (!node || spec?.mute !== 'pass-through') return undefined;
    const type = outputType(document, source);
    const input = spec.inputs.find((candidate) => type !== undefined && candidate.types.includes(type));
    return input && sourcesAt(node, input.name)[0];
  };
  const textOf = ({ node, port }: Source): string => `${node}.${port}`;
  const resolved = upward<Source | undefined>(
    (wire) => {
      const source = next(parseWire(wire) as Source);
      return source && textOf(source);
    },
    (wire, over) => {
      const source = parseWire(wire) as Source;
      const node = nodeOf(document, source.node);
      const mute = node && isMuted(node) ? specOf(node.type)?.mute : undefined;
      if (!node || mute === 'no-mask') return undefined;
      return mute === 'pass-through' ? over : source;
    },
  );
  return (source) => resolved(textOf(source));
}

/** Where one wire really comes from; who asks for many takes a {@link resolverOf}. */
export function resolveSource(document: GraphDocument, source: Source): Source | undefined {
  return resolverOf(document)(source);
}

export interface Order {
  /** Ids so that every node comes after what it needs; of nodes that are free to go, the first by id goes first. */
  ids: string[];
  /** Each circle as ids along its wires, the first repeated at the end. */
  cycles: string[][];
}

/** Topological order of all nodes by their wires as written. Nodes on or behind a circle are in no order and left out. */
export function orderOf(document: GraphDocument): Order {
  const ids = Object.keys(document.nodes).sort();
  const waiting = new Map<string, number>();
  const consumers = new Map<string, string[]>();
  for (const id of ids) {
    const sources = new Set(sourcesOf(nodeOf(document, id) as GraphNode).map((source) => source.node));
    let count = 0;
    for (const source of sources) {
      if (!nodeOf(document, source)) continue;
      count++;
      const list = consumers.get(source);
      if (list) list.push(id);
      else consumers.set(source, [id]);
    }
    waiting.set(id, count);
  }
  const order: string[] = [];
  let ready = ids.filter((id) => waiting.get(id) === 0);
  while (ready.length > 0) {
    const next: string[] = [];
    for (const id of ready) {
      order.push(id);
      for (const consumer of consumers.get(id) ?? []) {
        const left = (waiting.get(consumer) ?? 0) - 1;
        waiting.set(consumer, left);
        if (left === 0) next.push(consumer);
      }
    }
    ready = next.sort();
  }
  return { ids: order, cycles: order.length === ids.length ? [] : findCycles(document, ids, new Set(order)) };
}

function findCycles(document: GraphDocument, ids: string[], done: Set<string>): string[][] {
  const cycles: string[][] = [];
  const settled = new Set(done);
  for (const start of ids) {
    // Upstream from each node that could not be ordered, a circle is always met: every such node has an unordered source.
    const path: string[] = [];
    const at = new Map<string, number>();
    let id: string | undefined = start;
    while (id !== undefined && !settled.has(id)) {
      const met = at.get(id);
      if (met !== undefined) {
        // The walk went against the wires.
        const circle = path.slice(met).reverse();
        cycles.push([...circle, circle[0] as string]);
        break;
      }
      at.set(id, path.length);
      path.push(id);
      const sources: Source[] = sourcesOf(nodeOf(document, id) as GraphNode);
      id = sources.find((source) => nodeOf(document, source.node) && !done.has(source.node))?.node;
    }
    for (const visited of path) settled.add(visited);
  }
  return cycles;
}

/** The nodes that take something from a node, by the node's id. */
export function consumersOf(document: GraphDocument): Map<string, string[]> {
  const consumers = new Map<string, string[]>();
  for (const [id, node] of Object.entries(document.nodes)) {
    for (const source of new Set(sourcesOf(node).map(({ node: from }) => from))) {
      const list = consumers.get(source);
      if (list) list.push(id);
      else consumers.set(source, [id]);
    }
  }
  return consumers;
}

/**
 * The id of the checkpoint that each node works with: the first one upstream, or, for a prompt or a schedule, one that
 * its consumers work with. Nodes that have to do with none are absent.
 * @param order ids in topological order
 */
export function checkpointsOf(document: GraphDocument, order: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const id of order) {
    const node = nodeOf(document, id) as GraphNode;
    const own = specOf(node.type)?.params.find(({ kind }) => kind === 'checkpoint');
    if (own) {
      const named = node.params?.[own.name] ?? own.default;
      if (typeof named === 'string') found.set(id, named);
      continue;
    }
    for (const source of sourcesOf(node)) {
      // A prompt's or schedule's own is not known yet in this pass.
      const upstream = found.get(source.node);
      if (upstream !== undefined) {
        found.set(id, upstream);
        break;
      }
    }
  }
  for (const id of [...order].reverse()) {
    const upstream = found.get(id);
    if (upstream === undefined) continue;
    for (const source of sourcesOf(nodeOf(document, id) as GraphNode)) {
      if (!found.has(source.node)) found.set(source.node, upstream);
    }
  }
  return found;
}

/** "an image", "a mask". */
export function aType(type: PortType): string {
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

/** "an image or a timeline". */
export function anyOf(types: readonly PortType[]): string {
  return types.map(aType).join(' or ');
}

/** Ids along a circle, those in the middle of a long one left out. */
export function circleWords(ids: readonly string[]): string {
  const some = ids.length > 12 ? [...ids.slice(0, 6), '…', ...ids.slice(-5)] : ids;
  return some.map(clip).join(' → ');
}

/** Nobody mistypes a longer name by hand. */
const LONGEST_NAME = 64;

/** Looks for the name that a misspelt one may have meant. However many names it is asked for, it stops once it has compared enough letters. */
export class Suggestions {
  private left = 5_000_000;

  /** The name nearest to a misspelt one, when it is near. */
  nearest(name: string, names: readonly string[]): string | undefined {
    if (name.length > LONGEST_NAME) return undefined;
    let best: string | undefined;
    let least = Math.max(1, Math.floor(name.length / 3)) + 1;
    const wanted = name.toLowerCase();
    for (const candidate of names) {
      if (this.left <= 0) break;
      this.left -= 1;
      if (Math.abs(candidate.length - name.length) >= least) continue;
      this.left -= candidate.length * name.length;
      const distance = editDistance(wanted, candidate.toLowerCase());
      if (distance < least) {
        least = distance;
        best = candidate;
      }
    }
    return best;
  }
}

/** The name nearest to one that is misspelt, when it is near. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  return new Suggestions().nearest(name, names);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Whether a type of node has something to do even when nothing takes its output. */
export function worksAlone(type: string): boolean {
  if (!isNodeType(type)) return true;
  const category = specOf(type)?.category;
  return category !== 'source' && category !== 'model';
}
