/** Reroute points of wires. */
import { canvasControl } from '../control';
import { edit } from '../document';
import { type Point } from '../geometry';
import { announce, studio, toast } from '../store';
import { along, legsAmong } from '../wirePath';
import { routing, type Wire, wireId } from '../wires';
import { snapped } from './places';

const SAMPLES = 24;

/** Leads a wire through a place, between those of its points that it is nearest to. */
export function addPoint(wire: Wire, at: Point): void {
  const legs = legsOf(wire);
  const distances = legs.map((leg) =>
    Math.min(...along(leg, SAMPLES).map(({ x, y }) => Math.hypot(x - at.x, y - at.y))),
  );
  if (legs.length > 0) addAt(wire, distances.indexOf(Math.min(...distances)), at);
}

/** Leads a wire through the middle of the longest way between its stops, where it runs already. */
export function addPointMidway(wire: Wire): void {
  const legs = legsOf(wire).map((leg) => along(leg, SAMPLES));
  const lengths = legs.map(lengthOf);
  const index = lengths.indexOf(Math.max(...lengths));
  const leg = legs[index];
  const middle = leg?.[Math.floor(leg.length / 2)];
  if (middle) addAt(wire, index, middle);
}

function lengthOf(line: readonly Point[]): number {
  return line.reduce((sum, { x, y }, i) => {
    const before = line[i - 1];
    return before ? sum + Math.hypot(x - before.x, y - before.y) : 0;
  }, 0);
}

function legsOf(wire: Wire): ReturnType<typeof legsAmong> {
  const legs = legsAmong(studio().nodes, wire);
  if (legs.length === 0) toast('Unfold the frame to lead this wire through reroute points.', 'info');
  return legs;
}

function addAt(wire: Wire, index: number, at: Point): void {
  if (!edit([routing(wire, pointsOf(wire).toSpliced(index, 0, snapped(at)))], 'Add a reroute point')) return;
  canvasControl().focusPoint(wireId(wire), index);
  announce('Added a reroute point. Arrow keys move it, Delete removes it.');
}

export function movePoint(wire: Wire, index: number, to: Point): void {
  const points = pointsOf(wire);
  if (index >= points.length || !edit([routing(wire, points.with(index, to))], 'Move a reroute point')) return;
  announce(`Moved to ${Math.round(to.x)}, ${Math.round(to.y)}.`);
}

export function removePoint(wire: Wire, index: number): void {
  if (!edit([routing(wire, pointsOf(wire).toSpliced(index, 1))], 'Remove a reroute point')) return;
  canvasControl().focusCanvas();
  announce('Removed the reroute point.');
}

export function removePoints(wire: Wire): void {
  if (edit([routing(wire, [])], 'Remove reroute points')) announce('Removed the reroute points.');
}

/** As the graph has them now, whatever was drawn when somebody reached for one. */
function pointsOf(wire: Wire): readonly Point[] {
  const id = wireId(wire);
  return studio().edges.find((edge) => edge.id === id)?.data?.wire.points ?? [];
}
