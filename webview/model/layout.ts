import { Graph, layout } from '@dagrejs/dagre';
import { type Point } from './geometry';
import { type Placed, type PortWire, untangle } from './untangle';

export type LayoutBox = Omit<Placed, 'x' | 'y'>;

/**
 * Layered positions from left to right, in the direction of the wires: dagre finds the columns and an order in them, which knows no ports; then
 * nodes change places for the sake of the ports. (elkjs knows ports, and would add 1.6 MB under another licence.) With `anchor` the drawing keeps that top left
 * corner, so that a tidied part stays where it was.
 */
export function layered(
  boxes: readonly LayoutBox[],
  wires: readonly PortWire[],
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
  const corners: Placed[] = boxes.map((box) => {
    const placed = graph.node(box.id) as unknown as { x: number; y: number };
    return { ...box, x: placed.x - box.width / 2, y: placed.y - box.height / 2 };
  });
  untangle(corners, wires);
  const left = Math.min(...corners.map((box) => box.x));
  const top = Math.min(...corners.map((box) => box.y));
  const snap = (value: number) => Math.round(value / grid) * grid;
  return Object.fromEntries(
    // Heights are not snapped: wires that run level stay so.
    corners.map((box) => [box.id, { x: snap(box.x - left + anchor.x), y: Math.round(box.y - top + anchor.y) }]),
  );
}
