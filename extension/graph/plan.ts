/** What has to be computed, in which order, from what. */
import { circleWords, consumersOf, isMuted, nodeOf, sourcesAt, sourcesOf, transferWays, worksAlone } from './analyse';
import { catalogue, isNodeType, type NodeType, specOf } from './catalogue';
import { promptText } from './catalogue/prompt';
import { type NodeView } from './catalogue/types';
import { clip, show } from './problems';
import { type GraphDocument, type GraphNode, type Source } from './schema';
import { type DefaultsOf, GraphView } from './view';

export interface PlanOptions {
  /** Only what this node needs, and the node. */
  target?: string;
  defaults?: DefaultsOf;
}

export interface PlannedNode {
  id: string;
  type: NodeType;
  /** Effective: defaults filled in. */
  params: Record<string, unknown>;
  /** Where each wired input comes from, muted nodes passed over; an input that nothing reaches is absent. */
  inputs: Record<string, Source[]>;
  /** By list port of which a wire comes to nothing: the places in the list of those that remain. */
  places: Record<string, number[]>;
  /** True for the one kind of muted node that is still visited: an attention swap, which then gives the reconstruction. */
  muted: boolean;
  /** Effective parameters that stand in for an unwired prompt or schedule, by port. */
  implied: Record<string, Record<string, unknown>>;
  /** Id of the checkpoint that the node works with. */
  checkpoint?: string;
}

export interface Plan {
  /** Every node comes after what it needs. */
  nodes: PlannedNode[];
  byId: ReadonlyMap<string, PlannedNode>;
  /** Muted nodes that would have been visited. */
  muted: string[];
}

/** A graph that can't be planned; validation says the same with a place. */
export class PlanError extends Error {
  constructor(
    message: string,
    readonly node?: string,
  ) {
    super(message);
    this.name = 'PlanError';
  }
}

/**
 * The nodes to visit. Without a target those are all that something comes of: every node nothing takes from, except lone
 * sources and models, and what they need.
 * @throws PlanError for a circle, an unknown type or an unknown target
 */
export function planGraph(document: GraphDocument, options: PlanOptions = {}): Plan {
  const { target, defaults } = options;
  const view = new GraphView(document, defaults);
  const { resolve } = view;
  const { ids, cycles } = view.order;
  const circle = cycles[0];
  if (circle) throw new PlanError(`The wires form a cycle: ${circleWords(circle)}.`, circle[0]);
  if (target !== undefined && !nodeOf(document, target))
    throw new PlanError(`There is no node ${clip(target)} in the graph.`);

  const node = (id: string) => nodeOf(document, id) as GraphNode;
  const inputs = new Map<string, Record<string, Source[]>>();
  const places = new Map<string, Record<string, number[]>>();
  for (const id of ids) {
    const resolved: Record<string, Source[]> = {};
    const remaining: Record<string, number[]> = {};
    for (const { name, list } of specOf(node(id).type)?.inputs ?? []) {
      const wires = sourcesAt(node(id), name).map(resolve);
      const sources = wires.filter((source) => source !== undefined);
      if (sources.length > 0) resolved[name] = sources;
      if (list && sources.length < wires.length)
        remaining[name] = wires.flatMap((source, place) => (source ? [place] : []));
    }
    inputs.set(id, resolved);
    places.set(id, remaining);
  }

  const muted: string[] = [];
  const wanted = new Set<string>();
  const visits = (id: string) => !isMuted(node(id)) || specOf(node(id).type)?.mute === 'reconstruct';
  for (const id of rootsOf(document, ids, inputs, target, visits, resolve)) wanted.add(id);
  for (const id of [...ids].reverse()) {
    // A sweep runs what feeds it itself, once for each of its cells.
    if (!wanted.has(id) || specOf(node(id).type)?.runsCells) continue;
    for (const sources of Object.values(inputs.get(id) ?? {})) for (const source of sources) wanted.add(source.node);
  }
  for (const id of ids) if (!visits(id) && (target === undefined || target === id)) muted.push(id);

  const planned = new Map<string, PlannedNode>();
  for (const id of ids) {
    if (!wanted.has(id)) continue;
    const seen = view.node(id) as NodeView;
    const { type, muted: isOff, params, checkpoint } = seen;
    if (!isNodeType(type)) throw new PlanError(`This version of Weft does not know the type ${show(type)}.`, id);
    const own = inputs.get(id) ?? {};
    const { inputs: ports, inherit } = catalogue[type];
    const inherited = Object.entries(inherit?.(seen) ?? {}).filter(([, value]) => value !== undefined);
    const implied = ports.flatMap(({ name, implied: kind }) =>
      kind === undefined || own[name] ? [] : [[name, view.effective(kind, id)] as const],
    );
    planned.set(id, {
      id,
      type,
      params: { ...Object.fromEntries(inherited), ...params },
      inputs: own,
      places: places.get(id) ?? {},
      muted: isOff,
      implied: Object.fromEntries(implied),
      checkpoint,
    });
  }
  return { nodes: [...planned.values()], byId: planned, muted };
}

/** The effective parameters of the prompt or schedule of an inversion or an evaluation, wired or implied. */
export function conditionsOf(
  inversion: PlannedNode,
  planned: ReadonlyMap<string, PlannedNode>,
  port: 'prompt' | 'schedule',
): Record<string, unknown> {
  const source = inversion.inputs[port]?.[0];
  return (source && planned.get(source.node)?.params) ?? inversion.implied[port] ?? {};
}

/** The words that condition an inversion, undefined when its checkpoint has to say. */
export function promptOf(inversion: PlannedNode, plan: Plan): string | undefined {
  return promptText(conditionsOf(inversion, plan.byId, 'prompt'));
}

function rootsOf(
  document: GraphDocument,
  ids: readonly string[],
  inputs: ReadonlyMap<string, Record<string, Source[]>>,
  target: string | undefined,
  visits: (id: string) => boolean,
  resolve: (source: Source) => Source | undefined,
): string[] {
  if (target !== undefined) {
    if (visits(target)) return [target];
    // A muted node that passes something through still shows what passes.
    const { outputs = [] } = specOf(nodeOf(document, target)?.type ?? '') ?? {};
    return outputs.flatMap(({ name }) => resolve({ node: target, port: name })?.node ?? []);
  }
  const taken = new Set<string>();
  for (const id of ids) {
    // What only a muted node would have taken is an end itself.
    if (!visits(id)) continue;
    for (const sources of Object.values(inputs.get(id) ?? {})) for (const source of sources) taken.add(source.node);
  }
  return ids.filter((id) => visits(id) && !taken.has(id) && worksAlone(nodeOf(document, id)?.type ?? ''));
}

/** The nodes that make up the transfer at an output: the swap, and what sets its other fields. */
export interface Transfer {
  swap: PlannedNode;
  adain?: PlannedNode;
  guidance?: PlannedNode;
}

/**
 * Reads a transfer wire back to its swap.
 * @throws PlanError when two nodes of one type are on the wire, or no swap
 */
export function transferOf(plan: Plan, source: Source): Transfer {
  const { swap, ...others } = transferAlong(plan, source);
  if (!swap) throw new PlanError(`No attention-swap node feeds ${clip(source.node)}.`, source.node);
  return { swap, ...others };
}

/** The same, where there may be no swap. @throws PlanError when two nodes of one type are on the wire */
export function transferAlong(plan: Plan, source: Source): Partial<Transfer> {
  const wayOf = transferWays(
    (id) => plan.byId.get(id)?.inputs['transfer']?.[0]?.node,
    (id) => plan.byId.get(id)?.type ?? '',
  );
  const { nearest, twins } = wayOf(source.node);
  const at = (type: NodeType): PlannedNode | undefined => plan.byId.get(nearest.get(type) ?? '');
  if (twins) throw new PlanError(twiceOnWire(...twins, plan.byId.get(twins[1])!.type), twins[1]);
  return { swap: at('attention-swap'), adain: at('adain'), guidance: at('guidance') };
}

/** The sentence for two nodes of one type on a transfer wire. */
export function twiceOnWire(first: string, second: string, type: string): string {
  return `${clip(first)} and ${clip(second)} are two ${type} nodes on one wire, but a transfer takes only one. Remove or mute one of them.`;
}

/** Every node upstream of a node, the nearest first, itself included: what its result is made from. */
export function upstreamOf(document: GraphDocument, id: string): Set<string> {
  const found = new Set([id]);
  // A set grows while it is gone through.
  for (const each of found) for (const { node } of sourcesOf(nodeOf(document, each) ?? {})) found.add(node);
  return found;
}

/** Every node downstream of some nodes, themselves included: what a change there touches. */
export function downstreamOf(document: GraphDocument, ids: readonly string[]): Set<string> {
  const consumers = consumersOf(document);
  const found = new Set(ids);
  for (const id of found) for (const consumer of consumers.get(id) ?? []) found.add(consumer);
  return found;
}
