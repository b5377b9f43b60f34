import { type GraphEdit } from '../../../extension/graph';
import { align, type Alignment } from '../align';
import { canvasControl } from '../control';
import { edit } from '../document';
import { type PortPlace } from '../face';
import { FRAME_PREFIX, type StudioNode } from '../flow';
import { frameAround, type Point, type Rect } from '../geometry';
import { type LayoutBox, layered } from '../layout';
import { announce, studio } from '../store';
import { type PortWire } from '../untangle';
import { routing, wiresOfGraph } from '../wires';
import { plural } from '../words';
import { selected } from './selection';

/** One edit at the end of a drag: new places of nodes and frames, and `then` what else came of it, with its own name. */
export function commitMoves(moved: readonly StudioNode[], then?: { edits: GraphEdit[]; label: string }): boolean {
  const move = moveTo(Object.fromEntries(moved.map(({ id, position }) => [id, position])));
  const edits = [...withPoints(move), ...(then?.edits ?? [])];
  return edit(edits, then?.label ?? `Move ${plural(moved.length, 'item')}`);
}

/** Moves what is on the canvas, by its ids there, to these places. What is folded in a box goes with it. */
function moveTo(
  places: Readonly<Record<string, Point>>,
  resized: Readonly<Record<string, Frame>> = {},
): GraphEdit & { kind: 'moveNodes' } {
  const { graph, nodes } = studio();
  const positions: Record<string, [number, number]> = {};
  const frames: Record<string, Frame> = { ...resized };
  const shift = (id: string, dx: number, dy: number): void => {
    const rect = graph?.frames?.[id]?.rect;
    if (rect) frames[id] = [rect[0] + dx, rect[1] + dy, rect[2], rect[3]];
  };
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const [canvasId, { x, y }] of Object.entries(places)) {
    const node = byId.get(canvasId);
    if (node?.type === 'weft') positions[canvasId] = [x, y];
    if (node?.type !== 'frame') continue;
    const id = canvasId.slice(FRAME_PREFIX.length);
    const [left = x, top = y] = graph?.frames?.[id]?.rect ?? [];
    const { fold } = node.data;
    for (const frame of [id, ...(fold?.frames ?? [])]) shift(frame, x - left, y - top);
    for (const inside of fold?.nodes ?? []) {
      const at = byId.get(inside)?.position;
      if (at) positions[inside] = [at.x + x - left, at.y + y - top];
    }
  }
  return { kind: 'moveNodes', positions, ...(Object.keys(frames).length > 0 ? { frames } : {}) };
}

/** Wires between nodes that move by the same distance take their reroute points along. */
function withPoints(move: ReturnType<typeof moveTo>): GraphEdit[] {
  const { graph } = studio();
  const shift = (id: string): Point | undefined => {
    const [from, to] = [graph?.layout?.[id], move.positions[id]];
    return from && to && { x: Math.round(to[0]) - from[0], y: Math.round(to[1]) - from[1] };
  };
  const routes = (graph ? wiresOfGraph(graph) : []).flatMap((wire): GraphEdit[] => {
    const { points, nth, source, target } = wire;
    const [a, b] = [shift(source), shift(target)];
    if (!points || nth || !a || a.x !== b?.x || a.y !== b.y) return [];
    return [
      routing(
        wire,
        points.map(({ x, y }) => ({ x: x + a.x, y: y + a.y })),
      ),
    ];
  });
  return [move, ...routes];
}

type Frame = [number, number, number, number];

export function nudge(direction: Point): void {
  const ids = new Set(studio().page.selection);
  const moved = studio()
    .nodes.filter((node) => ids.has(node.id))
    .map((node) => ({ ...node, position: { x: node.position.x + direction.x, y: node.position.y + direction.y } }));
  if (moved.length > 0) commitMoves(moved);
}

export function alignSelection(how: Alignment): void {
  const ids = new Set(selected().nodes);
  const moved = align(
    boxes().filter((box) => ids.has(box.id)),
    how,
  );
  if (Object.keys(moved).length === 0) return;
  edit(withPoints({ kind: 'moveNodes', positions: positionsOf(moved) }), `Align ${plural(ids.size, 'node')}`);
}

/** Lays out the selected nodes, or all, along their wires; wires between them lose their reroute points. */
export function tidy(): void {
  if (!studio().graph) return;
  const selection = new Set(studio().page.selection);
  const chosen = boxes().filter((box) => selection.has(box.id));
  const all = chosen.length > 1 ? chosen : boxes();
  if (all.length === 0) return;
  const anchor =
    chosen.length > 1
      ? { x: Math.min(...all.map((box) => box.x)), y: Math.min(...all.map((box) => box.y)) }
      : { x: 0, y: 0 };
  const places = layered(all.map(withPorts), drawnWires(), anchor);
  const move = moveTo(places, chosen.length > 1 ? {} : refitFrames(all, places));
  if (edit([...withPoints(move), ...straightened(all)], 'Tidy')) {
    announce(`Laid out ${plural(all.length, 'node')}.`);
    if (chosen.length <= 1) canvasControl().fit();
  }
}

/** Wires between these boxes, without their reroute points. */
function straightened(tidied: readonly { id: string }[]): GraphEdit[] {
  const ids = new Set(tidied.map(({ id }) => id));
  return studio().edges.flatMap(({ hidden, source, target, data }) =>
    !hidden && ids.has(source) && ids.has(target) && data?.wire.points ? [routing(data.wire, [])] : [],
  );
}

/** Wires between what is on the canvas, where a box stands for what is folded in it. */
function drawnWires(): PortWire[] {
  return studio()
    .edges.filter(({ hidden }) => !hidden)
    .map(({ source, sourceHandle, target, targetHandle }) => ({
      source,
      sourcePort: sourceHandle ?? '',
      target,
      targetPort: targetHandle ?? '',
    }));
}

/** A box with the heights of its ports, so that wires are told apart. */
function withPorts(box: Rect & { id: string }): LayoutBox {
  const node = studio().nodes.find(({ id }) => id === box.id);
  const ports: readonly PortPlace[] = node?.type === 'weft' ? node.data.face.ports : (node?.data.fold?.ports ?? []);
  const of = (side: 'left' | 'right') =>
    Object.fromEntries(ports.filter((port) => port.side === side).map(({ name, y }) => [name, y]));
  return { id: box.id, width: box.width, height: box.height, ports: { left: of('left'), right: of('right') } };
}

/** Frames go with the nodes that were inside them. */
function refitFrames(before: readonly (Rect & { id: string })[], places: Record<string, Point>) {
  const frames: Record<string, [number, number, number, number]> = {};
  for (const node of studio().nodes) {
    if (node.type !== 'frame' || node.hidden || node.data.fold) continue;
    const id = node.id.slice(FRAME_PREFIX.length);
    const { width = 0, height = 0, position } = node;
    const inside = before.filter((box) => isInside(box, { ...position, width, height }));
    const rect = frameAround(inside.map((box) => ({ ...box, ...places[box.id] })));
    if (rect) frames[id] = rect;
  }
  return frames;
}

function isInside(box: Rect, frame: Rect): boolean {
  const x = box.x + box.width / 2;
  const y = box.y + box.height / 2;
  return x >= frame.x && x <= frame.x + frame.width && y >= frame.y && y <= frame.y + frame.height;
}

function positionsOf(places: Record<string, Point>): Record<string, [number, number]> {
  return Object.fromEntries(Object.entries(places).map(([id, { x, y }]) => [id, [x, y]]));
}

/** Every node of the graph as a box on the canvas, and the box of each folded frame for the nodes inside it. */
export function boxes(): (Rect & { id: string })[] {
  return studio()
    .nodes.filter((node) => !node.hidden && (node.type === 'weft' || node.data.fold))
    .map((node) => ({ id: node.id, ...node.position, width: node.width ?? 0, height: node.height ?? 0 }));
}

export function snapped(point: Point): Point {
  const grid = studio().settings.snapToGrid ? 20 : 1;
  return { x: Math.round(point.x / grid) * grid, y: Math.round(point.y / grid) * grid };
}
