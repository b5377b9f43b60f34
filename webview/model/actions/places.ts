import { type GraphEdit } from '../../../extension/graph';
import { align, type Alignment } from '../align';
import { canvasControl } from '../control';
import { edit } from '../document';
import { FRAME_PREFIX, type StudioNode } from '../flow';
import { frameAround, type Point, type Rect } from '../geometry';
import { type LayoutBox, layered } from '../layout';
import { announce, studio } from '../store';
import { wiresOfGraph } from '../wires';
import { plural } from '../words';
import { selected } from './selection';

/** One edit at the end of a drag: new places of nodes and frames, and `then` what else came of it, with its own name. */
export function commitMoves(moved: readonly StudioNode[], then?: { edits: GraphEdit[]; label: string }): boolean {
  const edits: GraphEdit[] = [];
  const positions: Record<string, [number, number]> = {};
  for (const node of moved) {
    const { x, y } = node.position;
    if (node.type === 'frame') {
      const id = node.id.slice(FRAME_PREFIX.length);
      edits.push({ kind: 'updateFrame', id, rect: [x, y, node.width ?? 0, node.height ?? 0] });
    } else positions[node.id] = [x, y];
  }
  if (Object.keys(positions).length > 0) edits.unshift({ kind: 'moveNodes', positions });
  edits.push(...(then?.edits ?? []));
  return edit(edits, then?.label ?? `Move ${plural(moved.length, 'item')}`);
}

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
  edit([{ kind: 'moveNodes', positions: positionsOf(moved) }], `Align ${plural(ids.size, 'node')}`);
}

/** Lays out the selected nodes, or all, along their wires. */
export function tidy(): void {
  const { graph } = studio();
  if (!graph) return;
  const chosen = selected().nodes;
  const ids = new Set(chosen.length > 1 ? chosen : Object.keys(graph.nodes));
  const all = boxes().filter((box) => ids.has(box.id));
  if (all.length === 0) return;
  const anchor =
    chosen.length > 1
      ? { x: Math.min(...all.map((box) => box.x)), y: Math.min(...all.map((box) => box.y)) }
      : { x: 0, y: 0 };
  const places = layered(all.map(withPorts), wiresOfGraph(graph), anchor);
  const frames = chosen.length > 1 ? {} : refitFrames(all, places);
  if (
    edit(
      [{ kind: 'moveNodes', positions: positionsOf(places), ...(Object.keys(frames).length > 0 ? { frames } : {}) }],
      'Tidy',
    )
  ) {
    announce(`Laid out ${plural(all.length, 'node')}.`);
    if (chosen.length <= 1) canvasControl().fit();
  }
}

/** A box with the heights of its ports, so that wires are told apart. */
function withPorts(box: Rect & { id: string }): LayoutBox {
  const node = studio().nodes.find(({ id }) => id === box.id);
  const ports = node?.type === 'weft' ? node.data.face.ports : [];
  const of = (side: 'left' | 'right') =>
    Object.fromEntries(ports.filter((port) => port.side === side).map(({ name, y }) => [name, y]));
  return { id: box.id, width: box.width, height: box.height, ports: { left: of('left'), right: of('right') } };
}

/** Frames go with the nodes that were inside them. */
function refitFrames(before: readonly (Rect & { id: string })[], places: Record<string, Point>) {
  const frames: Record<string, [number, number, number, number]> = {};
  for (const [id, frame] of Object.entries(studio().graph?.frames ?? {})) {
    const [x, y, width, height] = frame.rect;
    const inside = before.filter((box) => isInside(box, { x, y, width, height }));
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

/** Every node of the graph as a box on the canvas. */
export function boxes(): (Rect & { id: string })[] {
  return studio()
    .nodes.filter((node) => node.type === 'weft')
    .map((node) => ({ id: node.id, ...node.position, width: node.width ?? 0, height: node.height ?? 0 }));
}

export function snapped(point: Point): Point {
  const grid = studio().settings.snapToGrid ? 20 : 1;
  return { x: Math.round(point.x / grid) * grid, y: Math.round(point.y / grid) * grid };
}
