import {
  checkConnection,
  checkRename,
  copyFragment,
  duplicateIds,
  freshFrameId,
  freshId,
  type GraphEdit,
  isNodeType,
  parseFragment,
  pasteIds,
  type Source,
  specOf,
} from '../../extension/graph';
import { align, type Alignment } from './align';
import { canvasControl } from './control';
import { frameAround, freePlace, type Point, type Rect } from './geometry';
import { layered } from './layout';
import { faceOf } from './face';
import { FieldCoalescer } from './coalesce';
import { edit, show } from './document';
import { FRAME_PREFIX, type GraphFlowNode, type StudioNode } from './flow';
import { newest, type StepPicture } from './frames';
import { postToHost } from './host';
import { setPage } from './page';
import { announce, type PortRef, studio, toast, useStudio } from './store';
import { plural, readable } from './words';
import { wiresOfGraph, type Wire } from './wires';

/* Parameters */

const fields = new FieldCoalescer<{ id: string; param: string; value: unknown }>(
  (_field, { id, param, value }) => edit([paramEdit(id, param, value)], `Set ${id}.${param}`),
  (held) => useStudio.setState({ sliding: held }),
);

/** Called for each keystroke of a field; see FieldCoalescer. */
export function inputParam(id: string, param: string, value: unknown): void {
  fields.input(`${id}.${param}`, { id, param, value });
}

/** Sends what was typed last; before a save or a run, and when a field loses the focus. */
export function flushParams(): void {
  fields.flush();
}

/** Several parameters of a node in one step of undo. */
export function setParams(id: string, values: Readonly<Record<string, unknown>>, label: string): void {
  fields.flush();
  edit(
    Object.entries(values).map(([param, value]) => paramEdit(id, param, value)),
    label,
  );
}

export function resetParam(id: string, param: string): void {
  fields.drop();
  edit([{ kind: 'setParam', id, param, value: undefined }], `Reset ${id}.${param}`);
}

function paramEdit(id: string, param: string, value: unknown): GraphEdit {
  const node = studio().nodes.find((other): other is GraphFlowNode => other.id === id && other.type === 'weft');
  const overrides = node?.data.checkpoint?.defaults[node.data.node.type];
  return { kind: 'setParam', id, param, value, ...(overrides ? { overrides } : {}) };
}

/* Selection */

/** Ids of selected nodes of the graph, and of selected frames (without their prefix). */
export function selected(): { nodes: string[]; frames: string[] } {
  const ids = studio().page.selection;
  return {
    nodes: ids.filter((id) => !id.startsWith(FRAME_PREFIX)),
    frames: ids.filter((id) => id.startsWith(FRAME_PREFIX)).map((id) => id.slice(FRAME_PREFIX.length)),
  };
}

/** Selects by canvas ids. */
export function select(ids: readonly string[]): void {
  const edges = studio().edges;
  if (edges.some((edge) => edge.selected)) {
    useStudio.setState({ edges: edges.map((edge) => (edge.selected ? { ...edge, selected: false } : edge)) });
  }
  show(ids);
}

export function selectAll(): void {
  select(studio().nodes.map((node) => node.id));
  announce(`${plural(studio().nodes.length, 'item')} selected.`);
}

/** Selects a node, brings it into view and, where one is named, goes to its field. */
export function revealNode(node: string, param?: string): void {
  if (!studio().graph?.nodes[node]) return;
  select([node]);
  canvasControl().bringIntoView(node);
  if (param !== undefined) focusField(param);
}

export function focusField(param?: string): void {
  if (!studio().page.inspectorOpen) setPage({ inspectorOpen: true });
  // The inspector shows the new selection only after the next paint.
  window.requestAnimationFrame(() => {
    const scope = param === undefined ? '#inspector' : `#inspector [data-param="${CSS.escape(param)}"]`;
    const field = document.querySelector<HTMLElement>(
      `${scope} :is(input:not([type=range]), select, textarea, [role=slider]):not(:disabled)`,
    );
    (field ?? document.querySelector<HTMLElement>('#inspector button'))?.focus();
  });
}

/* Adding, wiring, removing */

/** Adds a node at a place of the canvas; `from` is the port a wire was dragged from, which is wired to the given port. */
export function addNode(type: string, at: Point, from?: PortRef, port?: string): void {
  const { graph } = studio();
  if (!graph || !isNodeType(type)) return;
  const id = freshId(graph, type);
  const size = faceOf(specOf(type), new Set());
  const offset = from && port ? portOffset(type, port) : { x: 0, y: 0 };
  const wanted = snapped({ x: at.x - offset.x, y: at.y - offset.y });
  const place = from ? wanted : freePlace(wanted, size, boxes());
  const edits: GraphEdit[] = [{ kind: 'addNode', type, id, position: [Math.round(place.x), Math.round(place.y)] }];
  if (from && port) {
    const other = { node: id, port };
    const here = { node: from.node, port: from.port };
    edits.push(
      from.side === 'right' ? { kind: 'connect', from: here, to: other } : { kind: 'connect', from: other, to: here },
    );
  }
  if (!edit(edits, `Add ${id}`)) return;
  select([id]);
  canvasControl().focusNode(id);
  announce(`Added ${readable(id)}.`);
}

function portOffset(type: string, port: string): Point {
  const face = faceOf(specOf(type), new Set());
  const place = face.ports.find((candidate) => candidate.name === port);
  return { x: place?.side === 'right' ? face.width : 0, y: place?.y ?? 0 };
}

/** Why the wire would be refused, in words; undefined when it fits. */
export function refusal(from: Source, to: Source): string | undefined {
  const { graph } = studio();
  return graph && checkConnection(graph, from.node, from.port, to.node, to.port);
}

export function connect(from: Source, to: Source): void {
  const reason = refusal(from, to);
  if (reason !== undefined) return toast(reason);
  if (edit([{ kind: 'connect', from, to }], `Connect ${from.node} to ${to.node}`)) {
    announce(`Connected ${readable(from.node)}, ${from.port}, to ${readable(to.node)}, ${to.port}.`);
  }
}

/** Moves one end of a wire. */
export function reconnect(old: Wire, from: Source, to: Source): void {
  const before = { from: { node: old.source, port: old.sourcePort }, to: { node: old.target, port: old.targetPort } };
  if (sameEnd(before.from, from) && sameEnd(before.to, to)) return;
  const reason = refusal(from, to);
  if (reason !== undefined) return toast(reason);
  const edits: GraphEdit[] = sameEnd(before.to, to)
    ? [{ kind: 'connect', from, to, replaces: before.from }]
    : [
        { kind: 'disconnect', from: before.from, to: before.to },
        { kind: 'connect', from, to },
      ];
  edit(edits, `Reconnect ${from.node} to ${to.node}`);
}

function sameEnd(a: Source, b: Source): boolean {
  return a.node === b.node && a.port === b.port;
}

export function disconnect(wires: readonly Wire[]): void {
  if (edit(wires.map(disconnection), `Remove ${plural(wires.length, 'wire')}`)) {
    announce(`Removed ${plural(wires.length, 'wire')}.`);
  }
}

function disconnection(wire: Wire): GraphEdit {
  return {
    kind: 'disconnect',
    from: { node: wire.source, port: wire.sourcePort },
    to: { node: wire.target, port: wire.targetPort },
  };
}

/** Deletes what is selected: nodes with their wires, wires, frames (what is inside a frame stays). */
export function deleteSelection(): void {
  const { nodes, frames } = selected();
  const gone = new Set(nodes);
  const wires = studio()
    .edges.filter((edge) => edge.selected && edge.data && !gone.has(edge.source) && !gone.has(edge.target))
    .flatMap((edge) => edge.data?.wire ?? []);
  const edits: GraphEdit[] = wires.map(disconnection);
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
  const { nodes } = selected();
  if (!graph || nodes.length === 0) return;
  const ids = Object.values(duplicateIds(graph, nodes));
  if (!edit([{ kind: 'duplicate', ids: nodes }], `Duplicate ${plural(nodes.length, 'node')}`)) return;
  select(ids);
  announce(`Duplicated ${plural(nodes.length, 'node')}.`);
}

export function toggleMute(ids: readonly string[] = selected().nodes): void {
  const { graph } = studio();
  const able = ids.filter((id) => {
    const spec = specOf(graph?.nodes[id]?.type ?? '');
    return spec !== undefined && spec.mute !== 'never';
  });
  if (able.length === 0) {
    if (ids.length > 0) toast('Sources and the nodes that make the result can’t be muted.', 'info');
    return;
  }
  const muted = !able.every((id) => graph?.nodes[id]?.muted === true);
  if (edit([{ kind: 'setMuted', ids: able, muted }], `${muted ? 'Mute' : 'Unmute'} ${plural(able.length, 'node')}`)) {
    announce(`${able.map(readable).join(', ')} ${muted ? 'muted' : 'unmuted'}.`);
  }
}

export function startRename(id = selected().nodes[0] ?? firstFrame()): void {
  if (id === undefined || studio().readOnly) return;
  useStudio.setState({ renaming: id });
  canvasControl().bringIntoView(id, true);
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

/* Clipboard */

export function copyText(): string | undefined {
  const { graph } = studio();
  const { nodes, frames } = selected();
  if (!graph || nodes.length + frames.length === 0) return undefined;
  announce(`Copied ${plural(nodes.length + frames.length, 'item')}.`);
  return copyFragment(graph, nodes, frames);
}

export function copySelection(): void {
  const text = copyText();
  if (text !== undefined) postToHost({ type: 'clipboardWrite', text });
}

export function cutSelection(): void {
  if (studio().readOnly) return;
  copySelection();
  deleteSelection();
}

/** Where the next paste goes when the host answers: the middle of the view unless a place was pointed at. */
let pasteAt: Point | undefined;

export function requestPaste(at?: Point): void {
  pasteAt = at;
  postToHost({ type: 'pasteRequest' });
}

export function onClipboard(text: string): void {
  paste(text, pasteAt);
  pasteAt = undefined;
}

export function paste(text: string, at?: Point): void {
  const { graph } = studio();
  const fragment = parseFragment(text);
  if (!graph) return;
  if (!fragment) return toast('The clipboard contains no Weft nodes.', 'info');
  const ids = pasteIds(graph, fragment);
  const place = snapped(at ?? pastePlace(fragment.layout));
  if (!edit([{ kind: 'pasteFragment', fragment: text, at: [place.x, place.y] }], 'Paste')) return;
  select([...Object.values(ids.nodes), ...Object.values(ids.frames).map((id) => FRAME_PREFIX + id)]);
  announce(`Pasted ${plural(Object.keys(ids.nodes).length, 'node')}.`);
}

/** Beside the originals when those are in view; else in the middle of it. Never exactly on another node. */
function pastePlace(layout: Readonly<Record<string, readonly [number, number]>> | undefined): Point {
  const corners = Object.values(layout ?? {});
  const view = canvasControl().visibleRect();
  const x = Math.min(...corners.map((corner) => corner[0]));
  const y = Math.min(...corners.map((corner) => corner[1]));
  const inView = x >= view.x && x <= view.x + view.width && y >= view.y && y <= view.y + view.height;
  const start = inView ? { x: x + 40, y: y + 40 } : { x: view.x + view.width * 0.3, y: view.y + view.height * 0.3 };
  const taken = new Set(studio().nodes.map((node) => `${node.position.x},${node.position.y}`));
  while (taken.has(`${start.x},${start.y}`)) {
    start.x += 40;
    start.y += 40;
  }
  return start;
}

/* Places */

/** One edit at the end of a drag: new places of nodes and frames. */
export function commitMoves(moved: readonly StudioNode[]): void {
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
  edit(edits, `Move ${plural(moved.length, 'item')}`);
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
  place(moved, `Align ${plural(ids.size, 'node')}`);
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
  const places = layered(all, wiresOfGraph(graph), anchor);
  const frames = chosen.length > 1 ? {} : refitFrames(all, places);
  const positions = Object.fromEntries(
    Object.entries(places).map(([id, { x, y }]): [string, [number, number]] => [id, [x, y]]),
  );
  if (edit([{ kind: 'moveNodes', positions, ...(Object.keys(frames).length > 0 ? { frames } : {}) }], 'Tidy')) {
    announce(`Laid out ${plural(all.length, 'node')}.`);
    if (chosen.length <= 1) canvasControl().fit();
  }
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

function place(moved: Record<string, Point>, label: string): void {
  const positions = Object.fromEntries(
    Object.entries(moved).map(([id, { x, y }]): [string, [number, number]] => [id, [x, y]]),
  );
  if (Object.keys(positions).length > 0) edit([{ kind: 'moveNodes', positions }], label);
}

/** Every node of the graph as a box on the canvas. */
export function boxes(): (Rect & { id: string })[] {
  return studio()
    .nodes.filter((node) => node.type === 'weft')
    .map((node) => ({ id: node.id, ...node.position, width: node.width ?? 0, height: node.height ?? 0 }));
}

function snapped(point: Point): Point {
  const grid = studio().settings.snapToGrid ? 20 : 1;
  return { x: Math.round(point.x / grid) * grid, y: Math.round(point.y / grid) * grid };
}

/* Frames */

export function addFrame(): void {
  const { graph } = studio();
  if (!graph) return;
  const ids = new Set(selected().nodes);
  const view = canvasControl().visibleRect();
  const around = frameAround(boxes().filter((box) => ids.has(box.id)));
  const rect = around ?? [
    Math.round(view.x + view.width / 2 - 160),
    Math.round(view.y + view.height / 2 - 100),
    320,
    200,
  ];
  const id = freshFrameId(graph);
  if (!edit([{ kind: 'addFrame', id, text: 'Comment', rect }], 'Add a frame')) return;
  select([FRAME_PREFIX + id]);
  useStudio.setState({ renaming: FRAME_PREFIX + id });
}

export function setFrameText(id: string, text: string): void {
  if (studio().graph?.frames?.[id]?.text === text) return;
  edit([{ kind: 'updateFrame', id, text }], 'Change the text of a frame');
}

/* Pictures */

/** Opens what a node shows in VS Code: its file, its finished picture, or its newest step. */
export function openNodePicture(id: string): void {
  const { graph, nodePictures, timelines } = studio();
  const path = graph?.nodes[id]?.params?.['path'];
  const picture = nodePictures[id];
  if (picture) return postToHost({ type: 'openPng', name: `${id}.png`, png: picture.png });
  if (typeof path === 'string') return postToHost({ type: 'openPicture', path });
  const step = newest(timelines[id]);
  if (step) void openStep(id, step);
}

export async function openStep(node: string, step: StepPicture): Promise<void> {
  const png = await pngOf(step);
  if (png) postToHost({ type: 'openPng', name: `${node}-step-${step.index + 1}.png`, png });
}

async function pngOf({ pixels, width, height, url }: StepPicture): Promise<Uint8Array | undefined> {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  if (pixels) {
    canvas.width = width;
    canvas.height = height;
    context.putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
  } else if (url) {
    const image = new Image();
    image.src = url;
    await image.decode();
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    context.drawImage(image, 0, 0);
  }
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  return blob ? new Uint8Array(await blob.arrayBuffer()) : undefined;
}
