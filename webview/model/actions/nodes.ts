import {
  checkRename,
  duplicateIds,
  freshId,
  type GraphEdit,
  isNodeType,
  pasteIds,
  specOf,
} from '../../../extension/graph';
import { canvasControl } from '../control';
import { edit } from '../document';
import { faceOf } from '../face';
import { FRAME_PREFIX } from '../flow';
import { boxOf } from '../folds';
import { contains, freePlace, type Point } from '../geometry';
import { announce, studio, toast, useStudio } from '../store';
import { insertion, insertionEdits } from '../insertion';
import { between, type PortRef, type Wire } from '../wires';
import { plural, readable } from '../words';
import { boxes, snapped } from './places';
import { select, selected, selectedWithFolded } from './selection';
import { disconnections } from './wires';

/** Adds a node at a place of the canvas; `from` is the port a wire was dragged from, which is wired to the given port. */
export function addNode(type: string, at: Point, from?: PortRef, port?: string): void {
  const { graph } = studio();
  if (!graph || !isNodeType(type)) return;
  const id = freshId(graph, type);
  const size = faceOf(specOf(type), new Set());
  const offset = from && port ? portOffset(type, port) : { x: 0, y: 0 };
  const wanted = snapped({ x: at.x - offset.x, y: at.y - offset.y });
  const place = from ? wanted : freePlace(wanted, size, boxes());
  const wires: GraphEdit[] = from && port ? [{ kind: 'connect', ...between(from, { node: id, port }) }] : [];
  putNode(type, id, place, wires, `Added ${readable(id)}.`);
}

/** Adds a node near a place of the canvas and leads a wire through it. */
export function insertNode(type: string, at: Point, wire: Wire): void {
  const { graph } = studio();
  const fits = graph && insertion(graph, type, wire);
  if (!fits) return;
  const id = freshId(graph, type);
  const size = faceOf(specOf(type), new Set());
  const wanted = snapped({ x: at.x - size.width / 2, y: at.y - size.height / 2 });
  const said = `Inserted ${readable(id)} between ${readable(wire.source)} and ${readable(wire.target)}.`;
  putNode(type, id, freePlace(wanted, size, boxes()), insertionEdits(id, fits), said);
}

function putNode(type: string, id: string, place: Point, wires: readonly GraphEdit[], said: string): void {
  const position: [number, number] = [Math.round(place.x), Math.round(place.y)];
  if (!edit([{ kind: 'addNode', type, id, position }, ...wires], `Add ${id}`)) return;
  select([id]);
  canvasControl().focusNode(id);
  announce(said);
}

/** Adds an image node of a file, in the middle of the view unless a place is given. */
export function addImage(path: string, at?: Point): void {
  const { graph } = studio();
  if (!graph) return;
  const id = freshId(graph, 'image');
  const { width, height } = faceOf(specOf('image'), new Set());
  const view = canvasControl().visibleRect();
  const middle = { x: view.x + (view.width - width) / 2, y: view.y + (view.height - height) / 2 };
  const place = at ? snapped(at) : freePlace(snapped(middle), { width, height }, boxes());
  const position: [number, number] = [Math.round(place.x), Math.round(place.y)];
  if (!edit([{ kind: 'addNode', type: 'image', id, params: { path }, position }], `Add ${id}`)) return;
  select([id]);
  announce(`Added ${readable(id)} with ${path}.`);
}

function portOffset(type: string, port: string): Point {
  const face = faceOf(specOf(type), new Set());
  const place = face.ports.find((candidate) => candidate.name === port);
  return { x: place?.side === 'right' ? face.width : 0, y: place?.y ?? 0 };
}

/** Deletes what is selected: nodes with their wires, wires, frames. What is inside a frame stays, unless it is folded into a box. */
export function deleteSelection(): void {
  const { nodes, frames } = selectedWithFolded();
  const gone = new Set(nodes);
  const wires = studio()
    .edges.flatMap((edge) => (edge.selected && edge.data ? [edge.data.wire] : []))
    .filter(({ source, target }) => !gone.has(source) && !gone.has(target));
  const edits: GraphEdit[] = disconnections(wires);
  if (nodes.length > 0) edits.push({ kind: 'removeNodes', ids: nodes });
  for (const id of frames) edits.push({ kind: 'removeFrame', id });
  const what =
    nodes.length + frames.length > 0 ? plural(nodes.length + frames.length, 'item') : plural(wires.length, 'wire');
  if (edit(edits, `Delete ${what}`)) {
    announce(`Deleted ${what}.`);
    canvasControl().focusCanvas();
  }
}

export function duplicateSelection(): void {
  const { graph } = studio();
  const { nodes, frames } = selectedWithFolded();
  if (!graph || nodes.length === 0) return;
  const chosen = selected().frames.filter((id) => graph.frames?.[id]?.folded);
  const copied = frames.filter((id) => chosen.includes(id) || !selected().frames.includes(id));
  const framesOf = (ids: readonly string[]) =>
    Object.fromEntries(ids.flatMap((id) => (graph.frames?.[id] ? [[id, graph.frames[id]]] : [])));
  const names = pasteIds(graph, { weft: graph.weft, nodes: {}, frames: framesOf(copied) }).frames;
  const copies = duplicateIds(graph, nodes);
  const edits: GraphEdit[] = [{ kind: 'duplicate', ids: nodes, frames: copied }];
  if (!edit(edits, `Duplicate ${plural(nodes.length, 'node')}`)) return;
  // What is folded into a box is selected with it.
  const shown = selected().nodes.flatMap((id) => copies[id] ?? []);
  select([...shown, ...chosen.map((id) => FRAME_PREFIX + (names[id] ?? id))]);
  announce(`Duplicated ${plural(nodes.length, 'node')}.`);
}

/** Those of these nodes that can be muted. */
export function mutable(ids: readonly string[]): string[] {
  const { graph } = studio();
  return ids.filter((id) => {
    const spec = specOf(graph?.nodes[id]?.type ?? '');
    return spec !== undefined && spec.mute !== 'never';
  });
}

export function toggleMute(ids: readonly string[] = selectedWithFolded().nodes): void {
  const { graph } = studio();
  const able = mutable(ids);
  if (able.length === 0) {
    if (ids.length > 0) toast('Sources and the nodes that make the result can’t be muted.', 'info');
    return;
  }
  const muted = !able.every((id) => graph?.nodes[id]?.muted === true);
  if (edit([{ kind: 'setMuted', ids: able, muted }], `${muted ? 'Mute' : 'Unmute'} ${plural(able.length, 'node')}`)) {
    announce(`${able.map(readable).join(', ')} ${muted ? 'muted' : 'unmuted'}.`);
  }
}

/**
 * Folds nodes to their titles, and frames with the nodes on them into one box; when all of them are folded already, unfolds them.
 * @param frames without their prefix
 */
export function toggleFold({ nodes, frames }: ReturnType<typeof selected> = selected()): void {
  const { graph } = studio();
  if (!graph || nodes.length + frames.length === 0) return;
  const isFolded = (id: string): boolean => graph.frames?.[id]?.folded !== undefined;
  const folded = !(nodes.every((id) => graph.nodes[id]?.folded === true) && frames.every(isFolded));
  const edits: GraphEdit[] = nodes.length > 0 ? [{ kind: 'setFolded', ids: nodes, folded }] : [];
  for (const id of frames) {
    if (folded && isFolded(id)) continue;
    const inside = folded ? nodesOn(id) : null;
    if (inside?.length === 0) toast('There are no nodes on this frame to fold.', 'info');
    else edits.push({ kind: 'updateFrame', id, folded: inside });
  }
  const names = [...nodes.map(readable), ...frames.map((id) => graph.frames?.[id]?.text ?? id)];
  if (edit(edits, `${folded ? 'Fold' : 'Unfold'} ${plural(names.length, 'item')}`))
    announce(`${names.join(', ')} ${folded ? 'folded' : 'unfolded'}.`);
}

/** Whether {@link toggleFold} would change any of these. */
export function canFold({ nodes, frames }: ReturnType<typeof selected>): boolean {
  const { graph } = studio();
  return nodes.length > 0 || frames.some((id) => graph?.frames?.[id]?.folded !== undefined || nodesOn(id).length > 0);
}

/** Nodes that lie wholly on a frame, also those in boxes, in the order of their names. */
function nodesOn(frame: string): string[] {
  const rect = studio().graph?.frames?.[frame]?.rect;
  if (!rect) return [];
  const inside = studio().nodes.flatMap((node) => {
    const box = { ...node.position, width: node.width ?? 0, height: node.height ?? 0 };
    if (node.hidden || !contains(boxOf(rect), box)) return [];
    return node.type === 'weft' ? [node.id] : (node.data.fold?.nodes ?? []);
  });
  return inside.sort();
}

export function startRename(id = selected().nodes[0] ?? firstFrame()): void {
  if (id === undefined || studio().readOnly) return;
  useStudio.setState({ renaming: id });
  canvasControl().bringIntoView(id);
}

function firstFrame(): string | undefined {
  const frame = selected().frames[0];
  return frame === undefined ? undefined : FRAME_PREFIX + frame;
}

export function renameNode(id: string, to: string): void {
  const { graph } = studio();
  if (!graph || to === id) return;
  const reason = to === '' ? 'A name needs at least one letter.' : checkRename(graph, id, to);
  if (reason !== undefined) return toast(reason);
  if (!edit([{ kind: 'renameNode', id, to }], `Rename ${id} to ${to}`)) return;
  select([to]);
  canvasControl().focusNode(to);
}
