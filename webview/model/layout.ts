import { Graph, layout } from '@dagrejs/dagre';
import { type Point, type Rect } from './geometry';

export interface LayoutBox {
  id: string;
  width: number;
  height: number;
}

/**
 * Layered positions from left to right, in the direction of the wires (dagre). With `anchor` the drawing keeps that top left
 * corner, so that a tidied part stays where it was.
 */
export function layered(
  boxes: readonly LayoutBox[],
  wires: readonly { source: string; target: string }[],
  anchor: Point = { x: 0, y: 0 },
  grid = 20,
): Record<string, Point> {
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 40, ranksep: 80, ranker: 'network-simplex' });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of boxes) graph.setNode(box.id, { width: box.width, height: box.height });
  const known = new Set(boxes.map((box) => box.id));
  for (const wire of wires) {
    if (known.has(wire.source) && known.has(wire.target)) graph.setEdge(wire.source, wire.target);
  }
  layout(graph);
  const corners: (Rect & { id: string })[] = boxes.map((box) => {
    const placed = graph.node(box.id) as unknown as { x: number; y: number };
    return { ...box, x: placed.x - box.width / 2, y: placed.y - box.height / 2 };
  });
  const left = Math.min(...corners.map((box) => box.x));
  const top = Math.min(...corners.map((box) => box.y));
  const snap = (value: number) => Math.round(value / grid) * grid;
  return Object.fromEntries(
    corners.map((box) => [box.id, { x: snap(box.x - left + anchor.x), y: snap(box.y - top + anchor.y) }]),
  );
}
