/** How wires run: a curve from port to port, or around the nodes that the curve would run under. */
import { type StudioNode } from './flow';
import { type Point, type Rect } from './geometry';

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
function level(from: Point, to: Point): Curve {
  const distance = to.x - from.x;
  // Backwards, it swings out.
  const reach = distance >= 0 ? distance / 2 : 6.25 * Math.sqrt(-distance);
  return [from, { x: from.x + reach, y: from.y }, { x: to.x - reach, y: to.y }, to];
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

/** Where a wire ends. */
interface WireEnd {
  node: string;
  port: string | null | undefined;
}

const kept = new WeakMap<readonly StudioNode[], { boxes: Rect[]; paths: Map<string, string> }>();

/** What wires between these nodes have in common, found out once for each state of them. */
function among(nodes: readonly StudioNode[]): { boxes: Rect[]; paths: Map<string, string> } {
  let known = kept.get(nodes);
  if (!known) kept.set(nodes, (known = { boxes: boxesOf(nodes), paths: new Map() }));
  return known;
}

/** The curves of a wire between these nodes. */
export const curvesAmong = (nodes: readonly StudioNode[], target: WireEnd, ends: WireEnds): Curve[] =>
  wireCurves(ends, among(nodes).boxes, trackOf(nodes, target.node, target.port));

/** Its path, computed once for each state of the nodes. */
export function wirePath(nodes: readonly StudioNode[], id: string, target: WireEnd, ends: WireEnds): string {
  const { paths } = among(nodes);
  const key = [id, ends.source.x, ends.source.y, ends.target.x, ends.target.y].join(' ');
  let path = paths.get(key);
  if (path === undefined) paths.set(key, (path = pathOf(curvesAmong(nodes, target, ends))));
  return path;
}
