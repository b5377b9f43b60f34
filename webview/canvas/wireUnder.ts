/** The wire that a dragged node would be put into. */
import { type GraphFlowNode, type StudioNode } from '../model/flow';
import { centre, type Point, type Rect } from '../model/geometry';
import { type Insertion, insertions } from '../model/insertion';
import { studio, type StudioState, useStudio } from '../model/store';
import { along, legsAmong } from '../model/wirePath';
import { type Wire } from '../model/wires';

/** Points along a wire that are looked at: close enough together for the middle half of the smallest node. */
const SAMPLES = 48;

/** Lights the wire up that runs under the middle of the node in the hand, if it fits. */
export function lightWireUnder(dragged: readonly StudioNode[]): void {
  const found = wireUnder(dragged);
  if (found !== studio().wireUnder) useStudio.setState({ wireUnder: found });
}

function wireUnder(dragged: readonly StudioNode[]): StudioState['wireUnder'] {
  const { graph, nodes, wireUnder: before } = studio();
  const [node] = dragged;
  if (!graph || node?.type !== 'weft' || dragged.length > 1) return undefined;
  const nearest = nearestWire(node, nodes, insertions(graph, node.id));
  const found = nearest && { ...nearest, node: node.id };
  // Wires are read from the graph anew each time: the one that is lit stays the same object while it is the same wire.
  return before && found && JSON.stringify(before) === JSON.stringify(found) ? before : found;
}

/** Of the wires that run through the middle half of a node the one nearest to its centre. */
export function nearestWire(
  node: GraphFlowNode,
  nodes: readonly StudioNode[],
  candidates: readonly Insertion[],
): Insertion | undefined {
  const { width = 0, height = 0, position } = node;
  const middle = { x: position.x + width / 4, y: position.y + height / 4, width: width / 2, height: height / 2 };
  let best: { insertion: Insertion; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = Math.min(...pointsOf(candidate.wire, nodes).map((point) => distanceWithin(point, middle)));
    if (distance < (best?.distance ?? Infinity)) best = { insertion: candidate, distance };
  }
  return best?.insertion;
}

/** From the centre of a box to a point in it; infinite outside. */
function distanceWithin(point: Point, box: Rect): number {
  const { x, y } = centre(box);
  const inside = Math.abs(point.x - x) <= box.width / 2 && Math.abs(point.y - y) <= box.height / 2;
  return inside ? Math.hypot(point.x - x, point.y - y) : Infinity;
}

/** Halfway along a wire, where a node that is put into it goes; undefined when an end is not on the canvas. */
export function middleOf(wire: Wire, nodes: readonly StudioNode[]): Point | undefined {
  const points = pointsOf(wire, nodes);
  return points[Math.floor(points.length / 2)];
}

/** Points along a wire as it is drawn. */
const pointsOf = (wire: Wire, nodes: readonly StudioNode[]): Point[] => along(legsAmong(nodes, wire).flat(), SAMPLES);
