/**
 * Matched parts in a graph: a part of the structure that takes its look from a part of an appearance is a wire of its own to the swap's
 * `appearance`, with a segment node at `masks` and one at `sources`, in the same place of the three lists. Pure.
 */
import {
  freshId,
  type GraphDocument,
  type GraphEdit,
  type GraphNode,
  parseWire,
  partPlace,
  type Pin,
  pinsOf,
  type Position,
  type Source,
  specOf,
  wiresOf,
} from '../../extension/graph';
import { swapAbove } from './upstream';

type Place = readonly [x: number, y: number];

/** A matched part, by its segment nodes. */
export interface Region {
  /** Its place among the wires of the swap's lists. */
  at: number;
  to: string;
  from: string;
  /** The inversion of the appearance. */
  appearance: string;
  toPlace: Place;
  fromPlace: Place;
  /** Into how many parts both images are divided. */
  clusters: number;
}

/** What matched parts write when nothing else is said, as {@link Region.clusters}. */
export const DEFAULT_CLUSTERS = specOf('segment')?.params.find(({ name }) => name === 'clusters')?.default as number;

const wiresAt = (graph: GraphDocument, id: string, port: string): string[] => wiresOf(graph.nodes[id]?.inputs?.[port]);
const nodeOfWire = (wire: string | undefined): string => parseWire(wire ?? '')?.node ?? '';

/** The matched parts of a swap, and the masks that somebody wired to it by other means. */
export function regionsOf(graph: GraphDocument, swap: string): { regions: Region[]; others: string[] } {
  const structure = nodeOfWire(wiresAt(graph, swap, 'structure')[0]);
  const appearances = wiresAt(graph, swap, 'appearance').map(nodeOfWire);
  const sources = wiresAt(graph, swap, 'sources').map(nodeOfWire);
  const regions: Region[] = [];
  const others: string[] = [];
  for (const [at, to] of wiresAt(graph, swap, 'masks').map(nodeOfWire).entries()) {
    const [from, appearance] = [sources[at] ?? '', appearances[at] ?? ''];
    const toPart = partOf(graph, to, structure);
    const fromPart = partOf(graph, from, appearance);
    if (!toPart || !fromPart || toPart.clusters !== fromPart.clusters) others.push(to);
    else
      regions.push({
        ...{ at, to, from, appearance },
        toPlace: toPart.place,
        fromPlace: fromPart.place,
        clusters: toPart.clusters,
      });
  }
  return { regions, others };
}

function partOf(graph: GraphDocument, id: string, inversion: string): { place: Place; clusters: number } | undefined {
  const node: GraphNode | undefined = graph.nodes[id];
  if (node?.type !== 'segment' || node.muted || nodeOfWire(wiresAt(graph, id, 'inversion')[0]) !== inversion)
    return undefined;
  const { part, clusters = DEFAULT_CLUSTERS, step, override } = node.params ?? {};
  const place = partPlace(part);
  // One of another step, or a corrected one, is no longer the part that is shown.
  return place && typeof clusters === 'number' && step === undefined && override === undefined
    ? { place, clusters }
    : undefined;
}

/** AdaIN nodes behind a swap: each pairs its appearance masks with the swap's appearances. */
const adainsOf = (graph: GraphDocument, swap: string): string[] =>
  Object.entries(graph.nodes).flatMap(([id, { type }]) =>
    type === 'adain' && swapAbove(graph, id) === swap ? [id] : [],
  );

/** A part of the structure takes its look from a part of an appearance. */
export function matchEdits(
  graph: GraphDocument,
  swap: string,
  match: { toPlace: string; appearance: string; fromPlace: string; clusters: number; positions: [Position, Position] },
): GraphEdit[] {
  const { toPlace, appearance, fromPlace, clusters, positions } = match;
  const [to, from] = [freshId(graph, 'structure-part'), freshId(graph, 'appearance-part')];
  const more = clusters === DEFAULT_CLUSTERS ? {} : { clusters };
  const part = (id: string, inversion: string, place: string, position: Position): GraphEdit => ({
    ...{ kind: 'addNode', type: 'segment', id, position },
    inputs: { inversion },
    params: { part: place, ...more },
  });
  // Before all others: an appearance without a mask is used wherever no mask is.
  const first = (node: string, port: string, source: Source): GraphEdit => ({
    ...{ kind: 'connect', from: source, at: 0 },
    to: { node, port },
  });
  const inversion: Source = { node: appearance, port: 'inversion' };
  return [
    part(to, wiresAt(graph, swap, 'structure')[0] ?? '', toPlace, positions[0]),
    part(from, `${appearance}.inversion`, fromPlace, positions[1]),
    first(swap, 'appearance', inversion),
    first(swap, 'masks', { node: to, port: 'mask' }),
    first(swap, 'sources', { node: from, port: 'mask' }),
    // Colours, too, are compared with those of the part.
    ...adainsOf(graph, swap).map((adain) => first(adain, 'appearanceMask', { node: from, port: 'mask' })),
    ...pinEdits(graph, swap, (number) => number + 1),
  ];
}

/** Parts take their look from where attention finds it again; their segment nodes go, unless something else uses them. */
export function unmatchEdits(graph: GraphDocument, swap: string, gone: readonly Region[]): GraphEdit[] {
  const places = new Set(gone.map(({ at }) => at));
  const wires = wiresAt(graph, swap, 'appearance');
  const adains = adainsOf(graph, swap);
  const edits = [...gone]
    // From the last, so that the others keep their places.
    .sort((a, b) => b.at - a.at)
    .flatMap(({ at, from }): GraphEdit[] => {
      const cut = (node: string, port: string, place: number): GraphEdit[] => {
        const list = wiresAt(graph, node, port);
        const wire = list[place];
        const source = wire === undefined ? undefined : parseWire(wire);
        if (!source) return [];
        const nth = list.slice(0, place).filter((other) => other === wire).length;
        return [{ kind: 'disconnect', to: { node, port }, from: source, nth }];
      };
      return [
        ...['appearance', 'masks', 'sources'].flatMap((port) => cut(swap, port, at)),
        ...adains.flatMap((adain) =>
          cut(adain, 'appearanceMask', wiresAt(graph, adain, 'appearanceMask').map(nodeOfWire).indexOf(from)),
        ),
      ];
    });
  const removed = new Set(
    edits.flatMap((one) =>
      one.kind === 'disconnect' && one.from ? [`${one.from.node} ${one.to.node} ${one.to.port}`] : [],
    ),
  );
  const ids = [...new Set(gone.flatMap(({ to, from }) => [to, from]))].filter((id) =>
    usesOf(graph, id).every((use) => removed.has(`${id} ${use}`)),
  );
  const renumber = (number: number): number => {
    const here = number - 1;
    const same = wires.findIndex((wire, index) => wire === wires[here] && !places.has(index));
    const kept = places.has(here) ? Math.max(0, same) : here;
    return kept + 1 - [...places].filter((place) => place < kept).length;
  };
  return [...edits, { kind: 'removeNodes', ids }, ...pinEdits(graph, swap, renumber)];
}

/** Inputs that a node feeds, `node port` each. */
const usesOf = (graph: GraphDocument, id: string): string[] =>
  Object.entries(graph.nodes).flatMap(([node, { inputs = {} }]) =>
    Object.entries(inputs).flatMap(([port, wires]) =>
      wiresOf(wires).some((wire) => nodeOfWire(wire) === id) ? [`${node} ${port}`] : [],
    ),
  );

/** Pins name their appearance by its place. */
function pinEdits(graph: GraphDocument, swap: string, renumber: (appearance: number) => number): GraphEdit[] {
  const pins = pinsOf(graph.nodes[swap]?.params?.['pins']);
  if (pins.length === 0) return [];
  const value = pins.map((pin): Pin => ({ ...pin, appearance: renumber(pin.appearance ?? 1) }));
  return [{ kind: 'setParam', id: swap, param: 'pins', value }];
}
