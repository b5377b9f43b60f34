import { type StudioNode } from '../model/flow';
import { contains } from '../model/geometry';

/** What each dragged frame takes along: nodes that lie wholly inside it and are not dragged themselves; no node twice. */
export function carriedBy(dragged: readonly StudioNode[], all: readonly StudioNode[]): Map<string, string[]> {
  const taken = new Set(dragged.map((node) => node.id));
  const carried = new Map<string, string[]>();
  for (const frame of dragged) {
    // What is folded in a box goes with it when it is let go.
    if (frame.type !== 'frame' || frame.data.fold) continue;
    const inside = all.filter((node) => !node.hidden && !taken.has(node.id) && contains(rectOf(frame), rectOf(node)));
    for (const node of inside) taken.add(node.id);
    carried.set(
      frame.id,
      inside.map((node) => node.id),
    );
  }
  return carried;
}

function rectOf(node: StudioNode) {
  return { ...node.position, width: node.width ?? 0, height: node.height ?? 0 };
}
