import { boundsOf, type Point, type Rect } from './geometry';

export type Alignment = 'left' | 'centre' | 'right' | 'top' | 'middle' | 'bottom' | 'distribute-x' | 'distribute-y';

/** In the order in which they are offered, and what they are called. */
export const ALIGNMENTS: readonly { how: Alignment; label: string; atLeast: number }[] = [
  { how: 'left', label: 'Align left', atLeast: 2 },
  { how: 'centre', label: 'Align centres', atLeast: 2 },
  { how: 'right', label: 'Align right', atLeast: 2 },
  { how: 'distribute-x', label: 'Distribute across', atLeast: 3 },
  { how: 'top', label: 'Align top', atLeast: 2 },
  { how: 'middle', label: 'Align middles', atLeast: 2 },
  { how: 'bottom', label: 'Align bottom', atLeast: 2 },
  { how: 'distribute-y', label: 'Distribute down', atLeast: 3 },
];

type Box = Rect & { id: string };

/** New positions of the boxes that move; those already in place are left out, so that nothing is written for them. */
export function align(boxes: readonly Box[], how: Alignment): Record<string, Point> {
  const bounds = boundsOf(boxes);
  if (!bounds || boxes.length < 2) return {};
  const placed = how.startsWith('distribute')
    ? distribute(boxes, how === 'distribute-x')
    : boxes.map((box) => lineUp(box, bounds, how));
  const moved: Record<string, Point> = {};
  placed.forEach(({ id, x, y }) => {
    const before = boxes.find((box) => box.id === id);
    const after = { x: Math.round(x), y: Math.round(y) };
    if (before && (before.x !== after.x || before.y !== after.y)) moved[id] = after;
  });
  return moved;
}

function lineUp(box: Box, bounds: Rect, how: Alignment): Box {
  switch (how) {
    case 'left':
      return { ...box, x: bounds.x };
    case 'centre':
      return { ...box, x: bounds.x + (bounds.width - box.width) / 2 };
    case 'right':
      return { ...box, x: bounds.x + bounds.width - box.width };
    case 'top':
      return { ...box, y: bounds.y };
    case 'middle':
      return { ...box, y: bounds.y + (bounds.height - box.height) / 2 };
    case 'bottom':
      return { ...box, y: bounds.y + bounds.height - box.height };
    default:
      return box;
  }
}

/** Equal gaps between neighbours; the outermost two stay. */
function distribute(boxes: readonly Box[], horizontal: boolean): Box[] {
  const start = (box: Box) => (horizontal ? box.x : box.y);
  const extent = (box: Box) => (horizontal ? box.width : box.height);
  const sorted = [...boxes].sort((a, b) => start(a) - start(b));
  const first = sorted[0];
  const last = sorted[sorted.length - 1];
  if (!first || !last || sorted.length < 3) return sorted;
  const inner = start(last) + extent(last) - start(first) - sorted.reduce((sum, box) => sum + extent(box), 0);
  const gap = inner / (sorted.length - 1);
  let at = start(first);
  return sorted.map((box) => {
    const placed = horizontal ? { ...box, x: at } : { ...box, y: at };
    at += extent(box) + gap;
    return placed;
  });
}
