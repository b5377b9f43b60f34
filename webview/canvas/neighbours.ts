import { centre, type Rect } from '../model/geometry';

export type Direction = 'left' | 'right' | 'up' | 'down';

/**
 * The node an arrow key goes to: the nearest whose centre lies in that direction, where a sideways distance weighs double, so
 * that a straight neighbour beats a closer diagonal one. Undefined at the edge.
 */
export function neighbour(
  from: Rect,
  others: readonly (Rect & { id: string })[],
  direction: Direction,
): string | undefined {
  const start = centre(from);
  let best: string | undefined;
  let bestCost = Infinity;
  for (const other of others) {
    const end = centre(other);
    const dx = end.x - start.x;
    const dy = end.y - start.y;
    const along = direction === 'left' ? -dx : direction === 'right' ? dx : direction === 'up' ? -dy : dy;
    const across = direction === 'left' || direction === 'right' ? Math.abs(dy) : Math.abs(dx);
    // A cone of 63 degrees to each side; beyond it the node belongs to another arrow.
    if (along <= 1 || across > along * 2) continue;
    const cost = along + 2 * across;
    if (cost < bestCost) {
      bestCost = cost;
      best = other.id;
    }
  }
  return best;
}

/** Reading order: columns from left to right (40 pixels count as one column), top to bottom inside. Used for Tab. */
export function readingOrder(boxes: readonly (Rect & { id: string })[]): string[] {
  return [...boxes]
    .sort((a, b) => (Math.abs(a.x - b.x) > 40 ? a.x - b.x : a.y - b.y || a.x - b.x || (a.id < b.id ? -1 : 1)))
    .map((box) => box.id);
}
