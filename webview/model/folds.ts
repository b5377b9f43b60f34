/** Frames that are folded: one box stands for the nodes that the file lists in the frame. */
import { type GraphDocument, type PortType, specOf } from '../../extension/graph';
import { FACE, type PortPlace } from './face';
import { contains, type Point, type Rect } from './geometry';
import { type Wire } from './wires';
import { readable } from './words';

/** A port of a node inside that a wire from outside ends at. Its name on the box is `node.port`, as in the file. */
export interface FoldPort extends PortPlace {
  node: string;
  port: string;
  type: PortType | undefined;
  label: string;
}

/** A folded frame as a box. */
export interface Fold {
  nodes: readonly string[];
  /** Frames that lie inside. */
  frames: readonly string[];
  ports: readonly FoldPort[];
  width: number;
  height: number;
}

export interface Folds {
  byFrame: ReadonlyMap<string, Fold>;
  /** The frame each hidden node is folded in. */
  frameOf: ReadonlyMap<string, string>;
  hiddenFrames: ReadonlySet<string>;
}

const WIDTH = 240;
const NONE: Folds = { byFrame: new Map(), frameOf: new Map(), hiddenFrames: new Set() };

/**
 * What is folded at the moment: a frame opens while something inside it is selected, so that whatever is gone to can be seen.
 * @param isSelected of a node or a frame
 */
export function foldsOf(
  graph: GraphDocument,
  wires: readonly Wire[],
  places: Readonly<Record<string, Point>>,
  isSelected: { node: (id: string) => boolean; frame: (id: string) => boolean },
): Folds {
  const all = Object.entries(graph.frames ?? {}).map(([id, frame]) => ({
    id,
    rect: boxOf(frame.rect),
    nodes: (frame.folded ?? []).filter((node) => Object.hasOwn(graph.nodes, node)),
  }));
  // The outermost first: what is folded in two frames is in the larger one's box.
  const folded = all.filter(({ nodes }) => nodes.length > 0).sort((a, b) => b.nodes.length - a.nodes.length);
  if (folded.length === 0) return NONE;
  const frameOf = new Map<string, string>();
  const hiddenFrames = new Set<string>();
  const kept = new Map<string, Pick<Fold, 'nodes' | 'frames'>>();
  for (const { id, rect, nodes } of folded) {
    if (hiddenFrames.has(id)) continue;
    const own = nodes.filter((node) => !frameOf.has(node));
    const members = new Set(nodes);
    const lies = (node: string, box: Rect): boolean => {
      const { x, y } = places[node] ?? { x: Infinity, y: Infinity };
      return contains(box, { x, y, width: 0, height: 0 });
    };
    const inside = all.filter((other) => {
      if (other.id === id || !contains(rect, other.rect)) return false;
      const its =
        other.nodes.length > 0 ? other.nodes : Object.keys(graph.nodes).filter((node) => lies(node, other.rect));
      return its.every((node) => members.has(node));
    });
    if (own.length === 0) {
      hiddenFrames.add(id);
      continue;
    }
    if (own.some(isSelected.node) || inside.some((other) => isSelected.frame(other.id))) continue;
    for (const node of own) frameOf.set(node, id);
    for (const other of inside) hiddenFrames.add(other.id);
    kept.set(id, { nodes: own, frames: inside.map((other) => other.id) });
  }
  const byFrame = new Map<string, Fold>();
  for (const [id, what] of kept)
    if (!hiddenFrames.has(id)) byFrame.set(id, { ...what, ...faceOfFold(graph, id, wires, places, frameOf) });
  return { byFrame, frameOf, hiddenFrames };
}

/** The ports at the box's sides, each input and output that a wire crosses the border to, in the order in which the nodes inside lie. */
function faceOfFold(
  graph: GraphDocument,
  frame: string,
  wires: readonly Wire[],
  places: Readonly<Record<string, Point>>,
  frameOf: ReadonlyMap<string, string>,
): Pick<Fold, 'ports' | 'width' | 'height'> {
  const found = new Map<string, Omit<FoldPort, 'y'> & { index: number }>();
  const add = (side: PortPlace['side'], node: string, port: string): void => {
    const name = `${node}.${port}`;
    const spec = specOf(graph.nodes[node]?.type ?? '');
    const all = [...(side === 'left' ? (spec?.inputs ?? []) : (spec?.outputs ?? []))];
    const index = all.findIndex((one) => one.name === port);
    const known = all[index];
    const type = known && ('types' in known ? known.types[0] : known.type);
    found.set(side + name, {
      name,
      side,
      node,
      port,
      type,
      index,
      label: `${readable(node)}: ${known?.label ?? port}`,
    });
  };
  for (const { source, sourcePort, target, targetPort } of wires) {
    const [from, to] = [frameOf.get(source), frameOf.get(target)];
    if (from === to) continue;
    if (to === frame) add('left', target, targetPort);
    if (from === frame) add('right', source, sourcePort);
  }
  const at = (node: string): Point => places[node] ?? { x: 0, y: 0 };
  // Their names are long: each has a row of its own, outputs below inputs.
  const sorted = [...found.values()].sort((a, b) => {
    const [p, q] = [at(a.node), at(b.node)];
    return Number(a.side === 'right') - Number(b.side === 'right') || p.y - q.y || p.x - q.x || a.index - b.index;
  });
  const ports = sorted.map(({ index: _, ...port }, row): FoldPort => ({
    ...port,
    y: FACE.header + FACE.portPadding + (row + 0.5) * FACE.portRow,
  }));
  const height = FACE.header + (ports.length > 0 ? ports.length * FACE.portRow + 2 * FACE.portPadding : 0);
  return { ports, width: WIDTH, height };
}

export function boxOf([x, y, width, height]: readonly [number, number, number, number]): Rect {
  return { x, y, width, height };
}
