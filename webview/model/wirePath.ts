/** How wires run: a curve from port to port through its reroute points, and around the nodes that the curve would run under. */
import { type GraphDocument } from '../../extension/graph';
import { type StudioNode } from './flow';
import { type Point, type Rect } from './geometry';
import { type Wire } from './wires';

export interface WireEnds {
  source: Point;
  target: Point;
}

/** A cubic Bézier curve: its two ends with the points that it leaves and reaches them by. */
type Curve = readonly [Point, Point, Point, Point];

/** Between columns of nodes; a wire changes its height there. */
const GAP = 44;
/** From a node to the first wire that runs around it, and from that to the next. */
const CLEARANCE = 16;
const SPACING = 7;
const SAMPLES = 24;
/** How far a wire keeps its direction, at least, on either side of a point where it turns back. */
const TURN = 40;

/** The boxes that wires run around. One in the hand may be about to go into a wire. */
const boxesOf = (nodes: readonly StudioNode[]): Rect[] =>
  nodes.flatMap((node) =>
    node.type === 'weft' && !node.hidden && !node.dragging
      ? [{ x: node.position.x, y: node.position.y, width: node.width ?? 0, height: node.height ?? 0 }]
      : [],
  );

/** Which of a node's inputs a wire ends at: wires that run beside each other keep their order. */
function trackOf(nodes: readonly StudioNode[], target: string, port: string | null | undefined): number {
  const node = nodes.find(({ id }) => id === target);
  if (node?.type !== 'weft') return 0;
  return Math.max(
    0,
    node.data.face.ports.filter(({ side }) => side === 'left').findIndex(({ name }) => name === port),
  );
}

/** The curves of a wire, one behind the other. @param track see {@link trackOf} */
export function wireCurves({ source, target }: WireEnds, boxes: readonly Rect[], track = 0): Curve[] {
  const direct = [level(source, target)];
  const [left, right] = [source.x + GAP, target.x - GAP];
  if (right - left < GAP) return direct;
  const between = boxes.filter(({ x, width }) => x < target.x - 1 && x + width > source.x + 1);
  const points = along(direct, SAMPLES).slice(1, -1);
  if (!between.some((box) => points.some((point) => holds(box, point, 0)))) return direct;
  const margin = CLEARANCE + track * SPACING;
  const isFree = (y: number): boolean => between.every((box) => y < box.y - 4 || y > box.y + box.height + 4);
  const cost = (y: number): number => Math.abs(y - source.y) + Math.abs(y - target.y);
  const [lane] = between
    .flatMap(({ y, height }) => [y - margin, y + height + margin])
    .filter(isFree)
    .sort((a, b) => cost(a) - cost(b));
  if (lane === undefined) return direct;
  const [from, to] = [
    { x: left, y: lane },
    { x: right, y: lane },
  ];
  const around = [level(source, from), level(from, to), level(to, target)];
  // Where other nodes stand in the gaps, it is no better.
  const blocked = between.some((box) => along(around, SAMPLES).some((point) => holds(box, point, -2)));
  return blocked ? direct : around;
}

/** A curve that leaves and arrives level, to the right. */
const level = (from: Point, to: Point): Curve => bend(from, RIGHT, to, RIGHT);

const RIGHT: Point = { x: 1, y: 0 };
const LEFT: Point = { x: -1, y: 0 };
const DOWN: Point = { x: 0, y: 1 };
const UP: Point = { x: 0, y: -1 };

/** A curve that leaves and arrives in these directions. */
function bend(from: Point, leaving: Point, to: Point, arriving: Point): Curve {
  const reach = ({ x, y }: Point): number => {
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const distance = dx * x + dy * y;
    if (y !== 0) return Math.max(distance / 2, Math.min(TURN, 0.3 * Math.hypot(dx, dy)));
    // Backwards, it swings out.
    return distance >= 0 ? distance / 2 : 6.25 * Math.sqrt(-distance);
  };
  const [out, back] = [reach(leaving), reach(arriving)];
  const first = { x: from.x + leaving.x * out, y: from.y + leaving.y * out };
  return [from, first, { x: to.x - arriving.x * back, y: to.y - arriving.y * back }, to];
}

/**
 * The legs of a wire that is led through points: its curves from each stop to the next. It runs level through a point, and upright where it
 * turns back.
 */
export function wireLegs(
  { source, target }: WireEnds,
  points: readonly Point[],
  boxes: readonly Rect[],
  track = 0,
): Curve[][] {
  const stops = [source, ...points, target];
  const directions = stops.map((at, index) => directionAt(stops[index - 1], at, stops[index + 1]));
  return stops.slice(1).map((to, index) => {
    const from = stops[index] ?? source;
    const [leaving, arriving] = [directions[index] ?? RIGHT, directions[index + 1] ?? RIGHT];
    if (leaving === RIGHT && arriving === RIGHT) return wireCurves({ source: from, target: to }, boxes, track);
    return [bend(from, leaving, to, arriving)];
  });
}

function directionAt(before: Point | undefined, at: Point, after: Point | undefined): Point {
  if (!before || !after) return RIGHT;
  if ((at.x - before.x) * (after.x - at.x) > 0) return after.x > before.x ? RIGHT : LEFT;
  return after.y < before.y ? UP : DOWN;
}

const holds = ({ x, y, width, height }: Rect, point: Point, margin: number): boolean =>
  point.x > x - margin && point.x < x + width + margin && point.y > y - margin && point.y < y + height + margin;

/** Points along curves, both ends among them. @param samples of each curve */
export const along = (curves: readonly Curve[], samples: number): Point[] =>
  curves.flatMap(([p, q, r, s], index) =>
    Array.from({ length: samples + (index === curves.length - 1 ? 1 : 0) }, (_, i) => {
      const t = i / samples;
      const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3];
      return { x: a * p.x + b * q.x + c * r.x + d * s.x, y: a * p.y + b * q.y + c * r.y + d * s.y };
    }),
  );

/** As SVG writes a path. */
export const pathOf = (curves: readonly Curve[]): string =>
  `M${curves[0]![0].x},${curves[0]![0].y}` +
  curves.map(([, ...points]) => ` C${points.map(({ x, y }) => `${x},${y}`).join(' ')}`).join('');

const kept = new WeakMap<readonly StudioNode[], { boxes: Rect[]; paths: Map<string, string> }>();

/** What wires between these nodes have in common, found out once for each state of them. */
function among(nodes: readonly StudioNode[]): { boxes: Rect[]; paths: Map<string, string> } {
  let known = kept.get(nodes);
  if (!known) kept.set(nodes, (known = { boxes: boxesOf(nodes), paths: new Map() }));
  return known;
}

/** A wire on the canvas: where it ends, and what it is led through. */
export interface DrawnWire {
  id: string;
  /** The node it ends at, or the box that the node is folded in, and the port there. */
  target: string;
  port: string | null | undefined;
  ends: WireEnds;
  points: readonly Point[];
}

/** Its path, computed once for each state of the nodes. */
export function wirePath(nodes: readonly StudioNode[], { id, target, port, ends, points }: DrawnWire): string {
  const { boxes, paths } = among(nodes);
  const key = [id, ...[ends.source, ends.target, ...points].flatMap(({ x, y }) => [x, y])].join(' ');
  let path = paths.get(key);
  if (path === undefined) {
    path = pathOf(wireLegs(ends, points, boxes, trackOf(nodes, target, port)).flat());
    paths.set(key, path);
  }
  return path;
}

/** The legs of a wire of the graph as it is drawn; none when an end is not on the canvas. */
export function legsAmong(nodes: readonly StudioNode[], wire: Wire): Curve[][] {
  const source = portPlace(nodes, wire.source, 'right', wire.sourcePort);
  const target = portPlace(nodes, wire.target, 'left', wire.targetPort);
  if (!source || !target) return [];
  const track = trackOf(nodes, wire.target, wire.targetPort);
  return wireLegs({ source, target }, wire.points ?? [], among(nodes).boxes, track);
}

function portPlace(nodes: readonly StudioNode[], id: string, side: 'left' | 'right', name: string): Point | undefined {
  const node = nodes.find((other) => other.id === id);
  if (node?.type !== 'weft' || node.hidden) return undefined;
  const port = node.data.face.ports.find((place) => place.side === side && place.name === name);
  return port && { x: node.position.x + (side === 'right' ? node.data.face.width : 0), y: node.position.y + port.y };
}

/** How far both ends of a wire are together from where the file has them, while they are dragged: its points go along. */
export function shiftOf(
  wire: Wire,
  nodes: readonly StudioNode[],
  layout: GraphDocument['layout'],
): readonly [number, number] {
  const shift = (id: string): Point | undefined => {
    const place = layout?.[id];
    const now = nodes.find((node) => node.id === id)?.position;
    return place && now && { x: now.x - place[0], y: now.y - place[1] };
  };
  const [source, target] = [shift(wire.source), shift(wire.target)];
  const together = source && target && Math.hypot(source.x - target.x, source.y - target.y) < 0.01;
  return together ? [source.x, source.y] : [0, 0];
}
