/** Nodes and frames in the hand. */
import { applyNodeChanges, type OnNodesChange } from '@xyflow/react';
import { commitMoves } from '../model/actions/places';
import { keepSelection } from '../model/document';
import { FRAME_PREFIX, type StudioNode } from '../model/flow';
import { insertionEdits } from '../model/insertion';
import { announce, studio, useStudio } from '../model/store';
import { readable } from '../model/words';

/** Takes over what React Flow changed; what lies in a dragged frame goes with it. */
export function changeNodes(
  changes: Parameters<OnNodesChange<StudioNode>>[0],
  carried: ReadonlyMap<string, string[]>,
): void {
  const { nodes } = studio();
  const wanted = changes.flatMap((change): typeof changes => {
    // Nodes of the graph have the size of their face; measuring them again would only redraw them all.
    if (change.type === 'dimensions')
      return change.id.startsWith(FRAME_PREFIX) && change.resizing !== undefined ? [change] : [];
    if (change.type === 'remove' || change.type === 'add' || change.type === 'replace') return [];
    if (change.type !== 'position' || !change.position) return [change];
    const followers = carried.get(change.id);
    const before = nodes.find((node) => node.id === change.id);
    if (!followers || !before || change.dragging === false) return [change];
    const dx = change.position.x - before.position.x;
    const dy = change.position.y - before.position.y;
    return [
      change,
      ...followers.flatMap((id) => {
        const node = nodes.find((other) => other.id === id);
        return node
          ? [{ id, type: 'position' as const, position: { x: node.position.x + dx, y: node.position.y + dy } }]
          : [];
      }),
    ];
  });
  if (wanted.length === 0) return;
  useStudio.setState({ nodes: applyNodeChanges(wanted, nodes) });
  if (wanted.some((change) => change.type === 'select')) keepSelection();
}

/** The end of a drag is one edit: whatever is elsewhere than the graph has it. */
export function commitDrag(): void {
  const { nodes, graph, wireUnder } = studio();
  const settled = nodes.map((node) => (node.dragging ? { ...node, dragging: false } : node));
  useStudio.setState({ nodes: settled, wireUnder: undefined });
  const moved = settled.filter((node) => {
    if (node.type === 'frame') {
      const rect = graph?.frames?.[node.id.slice(FRAME_PREFIX.length)]?.rect;
      return rect !== undefined && (rect[0] !== Math.round(node.position.x) || rect[1] !== Math.round(node.position.y));
    }
    const before = graph?.layout?.[node.id];
    // A node without a place in the file gets one only when it was the one that was dragged.
    if (!before) return node.selected === true;
    return before[0] !== Math.round(node.position.x) || before[1] !== Math.round(node.position.y);
  });
  if (wireUnder) {
    const { node: inserted, wire } = wireUnder;
    const { source, target } = wire;
    const label = `Insert ${inserted} between ${source} and ${target}`;
    if (commitMoves(moved, { edits: insertionEdits(inserted, wireUnder), label }))
      announce(`Inserted ${readable(inserted)} between ${readable(source)} and ${readable(target)}.`);
  } else if (moved.length > 0) commitMoves(moved);
}
