/** Every way to change a graph, as minimal changes of its text. */
import { nearest, nodeOf } from './analyse';
import { listed } from './problems';
import { specOf } from './catalogue';
import { type ParamValues } from './catalogue/types';
import { checkConnection } from './connect';
import { type JsonNode, nodeAt } from './json';
import { applyChanges, composeChanges, type JsonPatch, type KeyChange, patchJson } from './json-edit';
import { type TextChange } from './json';
import { define, defaultOf, paramOf, sameValue } from './params';
import { parseGraph } from './parse';
import { writtenPins } from './pins';
import { pointKey, reroutePoints } from './points';
import {
  CURRENT_VERSION,
  type FrameColour,
  type GraphDocument,
  type GraphNode,
  NODE_ID,
  parseWire,
  type Position,
  type Rect,
  type Source,
  wiresOf,
} from './schema';
import { toWhole, writeGraph } from './write';

export type GraphEdit =
  /** A new node; without an id, {@link freshId} names it. */
  | {
      kind: 'addNode';
      type: string;
      id?: string;
      params?: ParamValues;
      inputs?: GraphNode['inputs'];
      position?: Position;
    }
  /** Nodes with their layout and every wire to or from them. A wire that goes takes its reroute points along, in every edit. */
  | { kind: 'removeNodes'; ids: readonly string[] }
  /** Wires and layout follow. */
  | { kind: 'renameNode'; id: string; to: string }
  /**
   * Undefined, or the default, takes the parameter out of the file. `overrides` are the checkpoint's own defaults for this type of
   * node: leave them out only when there are none, or a value equal to the catalogue's default is lost. With `keepDefault` whatever is
   * not undefined is written, for callers that do not know the checkpoint.
   */
  | { kind: 'setParam'; id: string; param: string; value: unknown; overrides?: ParamValues; keepDefault?: boolean }
  | { kind: 'setMuted'; ids: readonly string[]; muted: boolean }
  /** How the studio shows nodes; it changes no result. */
  | { kind: 'setFolded'; ids: readonly string[]; folded: boolean }
  /**
   * Replaces the wire at the input, or adds to those of a list port. `replaces` names the wire of a list port whose place is taken, `nth`
   * (from 0) which of several from one output; `at` is the place that a new wire takes among them, else it is the last. A wire that is
   * refused (see checkConnection) is an error.
   */
  | { kind: 'connect'; from: Source; to: Source; replaces?: Source; nth?: number; at?: number }
  /** One wire of an input, of several from one output the `nth` (from 0), or, without `from`, all of them. */
  | { kind: 'disconnect'; to: Source; from?: Source; nth?: number }
  /** The places that a wire is led through, in its direction: none for a wire that finds its own way. */
  | { kind: 'routeWire'; from: Source; to: Source; points: readonly Position[] }
  /** New top left corners, and rectangles of frames; what is not named stays. */
  | { kind: 'moveNodes'; positions: Readonly<Record<string, Position>>; frames?: Readonly<Record<string, Rect>> }
  | { kind: 'addFrame'; id?: string; text: string; rect: Rect }
  /** What is not named stays; null takes it away. `folded` are the nodes that the frame shows as one box. */
  | {
      kind: 'updateFrame';
      id: string;
      text?: string;
      rect?: Rect;
      colour?: FrameColour | null;
      folded?: readonly string[] | null;
    }
  | { kind: 'removeFrame'; id: string }
  /** What copyFragment made, its upper left corner at `at`, or a little beside where it was. Ids that are taken change. */
  | { kind: 'pasteFragment'; fragment: string; at?: Position }
  /** Copies beside the originals, that keep the wires into the selection. */
  | { kind: 'duplicate'; ids: readonly string[]; frames?: readonly string[]; offset?: Position }
  /** One after the other, as one change. */
  | { kind: 'batch'; edits: readonly GraphEdit[] };

/** An edit that can't be made; the message is a sentence. */
export class GraphEditError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GraphEditError';
  }
}

/** How far beside the original a copy is put. */
const BESIDE: Position = [40, 40];

/**
 * The changes of the text that carry out an edit: not overlapping, ascending, all offsets in the given text. Bytes that the edit
 * does not concern stay as they are; in a canonical file new keys go to their canonical places.
 * @throws GraphEditError
 */
export function applyEdit(text: string, edit: GraphEdit): TextChange[] {
  if (edit.kind === 'batch') {
    let current = text;
    const lists = edit.edits.map((one) => {
      const changes = applyEdit(current, one);
      current = applyChanges(current, changes);
      return changes;
    });
    return composeChanges(text, lists);
  }
  const { document, tree, problems } = parseGraph(text);
  const later = problems.find(({ code }) => code === 'later-version');
  if (later) throw new GraphEditError(later.message);
  if (!document || !tree) {
    throw new GraphEditError(
      `The graph can't be changed: ${problems[0]?.message ?? 'it is empty.'} Open it as text to fix it.`,
    );
  }
  return patchJson(text, patchOf(document, tree, edit), tree);
}

/** The text after an edit. */
export function editText(text: string, edit: GraphEdit): string {
  return applyChanges(text, applyEdit(text, edit));
}

/** A parameter that is set from outside the file. */
export type Override = readonly [node: string, param: string, value: unknown];

/**
 * The text of a graph with parameters set as said, each `[node, parameter, value]`, whatever their defaults: the command line's
 * `--set`.
 * @throws GraphEditError also for a parameter that the node's type does not have, where an edit would keep it
 */
export function overrideParams(text: string, overrides: readonly Override[]): string {
  return applyChanges(text, overrideChanges(text, overrides));
}

/** The same as changes of the text. */
export function overrideChanges(text: string, overrides: readonly Override[]): TextChange[] {
  for (const [id, param] of overrides) {
    const document = parseGraph(text).document;
    const node = document && nodeOf(document, id);
    if (document && !node) {
      const ids = Object.keys(document.nodes);
      const like = nearest(id, ids);
      const hint = like === undefined ? `The graph has ${listed(ids.slice(0, 20))}.` : `Did you mean ${like}?`;
      throw new GraphEditError(`There is no node ${id} to set ${param} of. ${hint}`);
    }
    const spec = specOf(node?.type ?? '');
    if (!spec || paramOf(spec, param)) continue;
    const names = spec.params.map(({ name }) => name);
    const has = names.length === 0 ? 'It has none.' : `It has ${listed(names)}.`;
    throw new GraphEditError(`${id} has no parameter ${param}. ${has}`);
  }
  const edits = overrides.map(([id, param, value]): GraphEdit => ({
    kind: 'setParam',
    id,
    param,
    value,
    keepDefault: true,
  }));
  return applyEdit(text, { kind: 'batch', edits });
}

function patchOf(document: GraphDocument, tree: JsonNode, edit: Exclude<GraphEdit, { kind: 'batch' }>): JsonPatch {
  switch (edit.kind) {
    case 'addNode': {
      const id = edit.id ?? freshId(document, edit.type);
      checkNewId(document, tree, id);
      const node: GraphNode = { type: edit.type };
      if (edit.inputs && Object.keys(edit.inputs).length > 0) node.inputs = edit.inputs;
      const params = Object.entries(edit.params ?? {}).filter(([, value]) => value !== undefined);
      if (params.length > 0) node.params = Object.fromEntries(params);
      return documentPatch({ nodes: { [id]: node }, layout: edit.position && { [id]: edit.position } });
    }
    case 'removeNodes':
      return removal(document, edit.ids);
    case 'renameNode':
      return renaming(document, tree, edit.id, edit.to);
    case 'setParam': {
      const node = need(document, edit.id);
      const known = paramOf(specOf(node.type), edit.param);
      const standard = known && defaultOf(node.type, edit.param, node.params, edit.overrides);
      const value = known?.kind === 'pins' ? writtenPins(edit.value) : edit.value;
      const gone =
        value === undefined || (edit.keepDefault !== true && standard !== undefined && sameValue(value, standard));
      return nodePatch(edit.id, inside('params', edit.param, gone ? { remove: true } : { set: value }));
    }
    case 'setMuted':
      for (const id of edit.ids) {
        const { type } = need(document, id);
        if (edit.muted && specOf(type)?.mute === 'never')
          throw new GraphEditError(`${id} can't be muted: ${cannotMute(type)}`);
      }
      return flagPatch(edit.ids, 'muted', edit.muted);
    case 'setFolded':
      for (const id of edit.ids) need(document, id);
      return flagPatch(edit.ids, 'folded', edit.folded);
    case 'connect':
      return connection(document, edit);
    case 'disconnect': {
      const node = need(document, edit.to.node);
      const wires = wiresAt(node, edit.to.port);
      const { from } = edit;
      const gone = from && placeOf(wires, from, edit.nth);
      const left = from ? wires.filter((_, index) => index !== gone) : [];
      if (left.length === wires.length) {
        throw new GraphEditError(`${wireText(edit.to)} has no wire${from ? ` from ${wireText(from)}` : ''} to remove.`);
      }
      return rewired(document, edit.to, left);
    }
    case 'routeWire':
      return routing(document, edit);
    case 'moveNodes': {
      const patch: JsonPatch = new Map();
      for (const id of Object.keys(edit.positions)) need(document, id);
      if (Object.keys(edit.positions).length > 0) patch.set('layout', { patch: positionsPatch(edit.positions) });
      const frames = Object.entries(edit.frames ?? {});
      if (frames.length > 0)
        patch.set('frames', { patch: new Map(frames.map(([id, rect]) => [id, framePatch(document, id, { rect })])) });
      return patch;
    }
    case 'addFrame': {
      const id = edit.id ?? freshFrameId(document);
      checkId(id);
      if (nodeAt(tree, ['frames', id])) throw new GraphEditError(`There is already a frame ${id}.`);
      return documentPatch({ frames: { [id]: { text: edit.text, rect: whole(edit.rect) } } });
    }
    case 'updateFrame':
      return new Map([['frames', { patch: new Map([[edit.id, framePatch(document, edit.id, edit)]]) }]]);
    case 'removeFrame': {
      if (!frameOf(document, edit.id)) throw new GraphEditError(`There is no frame ${edit.id}.`);
      return new Map([['frames', { patch: new Map([[edit.id, { remove: true }]]), prune: true }]]);
    }
    case 'pasteFragment': {
      const fragment = parseFragment(edit.fragment);
      if (!fragment) throw new GraphEditError('The clipboard contains no Weft nodes.');
      return documentPatch(renamed(fragment, pasteIds(document, fragment), document, offsetOf(fragment, edit.at)));
    }
    case 'duplicate': {
      for (const id of edit.ids) need(document, id);
      const fragment = selection(document, edit.ids, true, edit.frames);
      return documentPatch(renamed(fragment, pasteIds(document, fragment), document, edit.offset ?? BESIDE));
    }
  }
}

/** Why a type can't be muted, as the end of a sentence. */
export function cannotMute(type: string): string {
  const category = specOf(type)?.category;
  return category === 'source' || type === 'checkpoint'
    ? `nothing can replace a source. Disconnect it instead.`
    : `nothing can replace the output of ${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type} node. Disconnect it instead.`;
}

/** A readable id that is free: `swap`, `swap-2`. */
export function freshId(document: GraphDocument, type: string): string {
  const base =
    specOf(type)?.idBase ??
    type
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^[^a-z]+|(?<!-)-+$/g, '');
  return freeId(base === '' ? 'node' : base, (id) => Object.hasOwn(document.nodes, id));
}

/** A free id for a comment frame. */
export function freshFrameId(document: GraphDocument): string {
  return freeId('frame', (id) => frameOf(document, id) !== undefined);
}

/** @param tried for who names many: the last number tried of each base, so that numbers are not tried again and again */
function freeId(wanted: string, taken: (id: string) => boolean, tried = new Map<string, number>()): string {
  if (!taken(wanted)) return wanted;
  // A copy of swap-2 is swap-3, not swap-2-2.
  const base = wanted.replace(/-\d+$/, '');
  let number = tried.get(base) ?? 1;
  do number++;
  while (taken(`${base}-${number}`));
  tried.set(base, number);
  return `${base}-${number}`;
}

/** Nodes (and frames) as text for the clipboard, with the wires among them: a small graph of its own. */
export function copyFragment(document: GraphDocument, ids: readonly string[], frames: readonly string[] = []): string {
  return writeGraph(selection(document, ids, false, frames));
}

/** The graph in a text from the clipboard; undefined when the text is something else. */
export function parseFragment(text: string): GraphDocument | undefined {
  const { document, problems } = parseGraph(text);
  if (!document || problems.some(({ code }) => code === 'later-version')) return undefined;
  const empty = Object.keys(document.nodes).length + Object.keys(document.frames ?? {}).length === 0;
  // Pasting would make ids of whatever the text said.
  const named = [...Object.keys(document.nodes), ...Object.keys(document.frames ?? {})].every((id) => NODE_ID.test(id));
  return empty || !named ? undefined : document;
}

/** The ids that the nodes and frames of a fragment get when it is pasted. */
export function pasteIds(
  document: GraphDocument,
  fragment: GraphDocument,
): { nodes: Record<string, string>; frames: Record<string, string> } {
  const names = (ids: string[], taken: (id: string) => boolean) => {
    const given = new Set<string>();
    const tried = new Map<string, number>();
    return Object.fromEntries(
      ids.sort().map((id) => {
        const free = freeId(id, (candidate) => taken(candidate) || given.has(candidate), tried);
        given.add(free);
        return [id, free];
      }),
    );
  };
  return {
    nodes: names(Object.keys(fragment.nodes), (id) => Object.hasOwn(document.nodes, id)),
    frames: names(Object.keys(fragment.frames ?? {}), (id) => frameOf(document, id) !== undefined),
  };
}

/** The ids that copies of these nodes get. */
export function duplicateIds(document: GraphDocument, ids: readonly string[]): Record<string, string> {
  return pasteIds(document, selection(document, ids, true)).nodes;
}

function selection(
  document: GraphDocument,
  ids: readonly string[],
  keepWires: boolean,
  frameIds: readonly string[] = [],
): GraphDocument {
  const chosen = new Set(ids.filter((id) => nodeOf(document, id)));
  const nodes: Record<string, GraphNode> = {};
  const layout: Record<string, Position> = {};
  for (const id of chosen) {
    const node = nodeOf(document, id) as GraphNode;
    const inputs: Record<string, string | string[]> = {};
    for (const [port, wires] of Object.entries(node.inputs ?? {})) {
      const kept = wiresOf(wires).filter((wire) => keepWires || chosen.has(parseWire(wire)?.node ?? ''));
      if (kept.length > 0) define(inputs, port, Array.isArray(wires) && kept.length > 1 ? kept : kept[0]);
    }
    define(nodes, id, { ...node, inputs });
    const position = document.layout && Object.hasOwn(document.layout, id) ? document.layout[id] : undefined;
    if (position) define(layout, id, position);
  }
  for (const { key, from, to, position } of reroutePoints(document))
    if (chosen.has(from.node) && chosen.has(to.node)) define(layout, key, position);
  const frames = Object.fromEntries(
    frameIds.flatMap((id) => {
      const frame = frameOf(document, id);
      return frame ? [[id, frame]] : [];
    }),
  );
  return { weft: CURRENT_VERSION, nodes, frames, layout };
}

/** A fragment under new ids, moved. Wires to nodes that are neither in it nor in the document are left out. */
function renamed(
  fragment: GraphDocument,
  ids: ReturnType<typeof pasteIds>,
  document: GraphDocument,
  [dx, dy]: Position,
): Pick<GraphDocument, 'nodes' | 'frames' | 'layout'> {
  const nodes: Record<string, GraphNode> = {};
  const layout: Record<string, Position> = {};
  for (const [id, node] of Object.entries(fragment.nodes)) {
    const name = ids.nodes[id] ?? id;
    const inputs: Record<string, string | string[]> = {};
    for (const [port, wires] of Object.entries(node.inputs ?? {})) {
      const kept = wiresOf(wires).flatMap((wire) => {
        const source = parseWire(wire);
        if (!source) return [];
        if (Object.hasOwn(ids.nodes, source.node)) return [`${ids.nodes[source.node] ?? ''}.${source.port}`];
        return Object.hasOwn(document.nodes, source.node) ? [wire] : [];
      });
      if (kept.length > 0) define(inputs, port, kept.length > 1 ? kept : kept[0]);
    }
    const copy: GraphNode = { ...node, inputs };
    if (Object.keys(inputs).length === 0) delete copy.inputs;
    if (Object.keys(node.params ?? {}).length === 0) delete copy.params;
    nodes[name] = copy;
    const position = fragment.layout && Object.hasOwn(fragment.layout, id) ? fragment.layout[id] : undefined;
    if (position) layout[name] = [position[0] + dx, position[1] + dy];
  }
  const named = (end: Source): Source => ({ ...end, node: ids.nodes[end.node] ?? end.node });
  for (const { from, to, number, position } of reroutePoints(fragment)) {
    if (![from, to].every(({ node }) => Object.hasOwn(ids.nodes, node))) continue;
    layout[pointKey(named(from), named(to), number)] = [position[0] + dx, position[1] + dy];
  }
  const frames = Object.fromEntries(
    Object.entries(fragment.frames ?? {}).map(([id, frame]) => {
      const [x, y, width, height] = frame.rect;
      const copy = { ...frame, rect: whole([x + dx, y + dy, width, height]) };
      const folded = frame.folded?.flatMap((node) => ids.nodes[node] ?? []) ?? [];
      if (folded.length > 0) copy.folded = folded;
      else delete copy.folded;
      return [ids.frames[id] ?? id, copy];
    }),
  );
  return { nodes, frames, layout };
}

function offsetOf(fragment: GraphDocument, at: Position | undefined): Position {
  if (!at) return BESIDE;
  const corner = cornerOf(fragment);
  return corner ? [at[0] - corner[0], at[1] - corner[1]] : [0, 0];
}

/** The upper left corner of a fragment's nodes and frames; undefined where nothing has a place. */
export function cornerOf({ nodes, layout, frames }: GraphDocument): Position | undefined {
  const corners = [
    ...Object.entries(layout ?? {}).flatMap(([id, corner]) => (Object.hasOwn(nodes, id) ? [corner] : [])),
    ...Object.values(frames ?? {}).map(({ rect: [x, y] }): Position => [x, y]),
  ];
  const least = (axis: 0 | 1): number =>
    corners.reduce((lowest, corner) => Math.min(lowest, corner[axis]), Number.POSITIVE_INFINITY);
  return corners.length === 0 ? undefined : [least(0), least(1)];
}

function connection(document: GraphDocument, edit: Extract<GraphEdit, { kind: 'connect' }>): JsonPatch {
  const { from, to, replaces, nth, at } = edit;
  const refused = checkConnection(document, from.node, from.port, to.node, to.port);
  if (refused !== undefined) throw new GraphEditError(refused);
  const node = need(document, to.node);
  const input = specOf(node.type)?.inputs.find(({ name }) => name === to.port);
  const wire = wireText(from);
  const wires = input?.list === true ? wiresAt(node, to.port) : [];
  const place = replaces ? placeOf(wires, replaces, nth) : -1;
  const next = wires.map((other, index) => (index === place ? wire : other));
  if (place < 0) next.splice(at ?? next.length, 0, wire);
  return rewired(document, to, input?.repeats ? next : [...new Set(next)]);
}

/** Other wires at an input. */
function rewired(document: GraphDocument, to: Source, wires: readonly string[]): JsonPatch {
  const patch = nodePatch(to.node, inside('inputs', to.port, wireChange(wires)));
  const gone = new Set(wiresAt(need(document, to.node), to.port).filter((wire) => !wires.includes(wire)));
  const lost = reroutePoints(document).filter((point) => sameEnd(point.to, to) && gone.has(wireText(point.from)));
  if (lost.length > 0) patch.set('layout', without(lost.map(({ key }) => key)));
  return patch;
}

function routing(document: GraphDocument, { from, to, points }: Extract<GraphEdit, { kind: 'routeWire' }>): JsonPatch {
  if (!wiresAt(need(document, to.node), to.port).includes(wireText(from)))
    throw new GraphEditError(`There is no wire from ${wireText(from)} to ${wireText(to)}.`);
  const layout: JsonPatch = new Map(
    points.map((point, index) => [pointKey(from, to, index + 1), { set: whole(point) }]),
  );
  for (const { key, ...point } of reroutePoints(document))
    if (sameEnd(point.from, from) && sameEnd(point.to, to) && !layout.has(key)) layout.set(key, { remove: true });
  return new Map([['layout', { patch: layout, prune: true }]]);
}

/** Where the `nth` of the wires from an output stands among those of an input; -1 where it does not. */
function placeOf(wires: readonly string[], from: Source, nth = 0): number {
  const places = wires.flatMap((wire, index) => (wire === wireText(from) ? [index] : []));
  return places[nth] ?? -1;
}

function removal(document: GraphDocument, ids: readonly string[]): JsonPatch {
  for (const id of ids) need(document, id);
  const gone = new Set(ids);
  const nodes: JsonPatch = new Map(ids.map((id) => [id, { remove: true }]));
  for (const [id, node] of Object.entries(document.nodes)) {
    if (gone.has(id)) continue;
    const inputs: JsonPatch = new Map();
    for (const [port, wires] of Object.entries(node.inputs ?? {})) {
      const all = wiresOf(wires);
      const left = all.filter((wire) => !gone.has(parseWire(wire)?.node ?? ''));
      if (left.length < all.length) inputs.set(port, wireChange(left));
    }
    if (inputs.size > 0) nodes.set(id, { patch: new Map([['inputs', { patch: inputs, prune: true }]]) });
  }
  const patch: JsonPatch = new Map([['nodes', { patch: nodes }]]);
  const frames = refolded(document, (id) => (gone.has(id) ? undefined : id));
  if (frames.size > 0) patch.set('frames', { patch: frames });
  if (document.layout) {
    const lost = reroutePoints(document).filter(({ from, to }) => gone.has(from.node) || gone.has(to.node));
    const keys = [...ids, ...lost.map(({ key }) => key)];
    patch.set('layout', without(keys));
  }
  return patch;
}

function renaming(document: GraphDocument, tree: JsonNode, id: string, to: string): JsonPatch {
  need(document, id);
  if (id === to) return new Map();
  checkNewId(document, tree, to);
  const nodes: JsonPatch = new Map();
  for (const [other, node] of Object.entries(document.nodes)) {
    const inputs: JsonPatch = new Map();
    for (const [port, wires] of Object.entries(node.inputs ?? {})) {
      if (!wiresOf(wires).some((wire) => parseWire(wire)?.node === id)) continue;
      const follow = (wire: string) => (parseWire(wire)?.node === id ? to + wire.slice(id.length) : wire);
      inputs.set(port, { set: Array.isArray(wires) ? wires.map(follow) : follow(wires) });
    }
    const patch: JsonPatch = inputs.size > 0 ? new Map([['inputs', { patch: inputs }]]) : new Map();
    if (other === id) nodes.set(id, { rename: to, patch });
    else if (patch.size > 0) nodes.set(other, { patch });
  }
  const patch: JsonPatch = new Map([['nodes', { patch: nodes }]]);
  const frames = refolded(document, (other) => (other === id ? to : other));
  if (frames.size > 0) patch.set('frames', { patch: frames });
  const layout: JsonPatch = new Map();
  const call = (key: string, next: string): void => {
    // A place that nothing had.
    if (nodeAt(tree, ['layout', next])) layout.set(next, { remove: true });
    layout.set(key, { rename: next, patch: new Map() });
  };
  if (nodeAt(tree, ['layout', id])) call(id, to);
  const follow = (end: Source): Source => (end.node === id ? { ...end, node: to } : end);
  for (const point of reroutePoints(document)) {
    if (point.from.node !== id && point.to.node !== id) continue;
    call(point.key, pointKey(follow(point.from), follow(point.to), point.number));
  }
  if (layout.size > 0) patch.set('layout', { patch: layout });
  return patch;
}

function framePatch(
  document: GraphDocument,
  id: string,
  { text, rect, colour, folded }: Omit<Extract<GraphEdit, { kind: 'updateFrame' }>, 'kind' | 'id'>,
): KeyChange {
  if (!frameOf(document, id)) throw new GraphEditError(`There is no frame ${id}.`);
  const patch: JsonPatch = new Map();
  if (text !== undefined) patch.set('text', { set: text });
  if (rect) patch.set('rect', { set: whole(rect) });
  if (colour !== undefined) patch.set('colour', colour === null ? { remove: true } : { set: colour });
  if (folded !== undefined) {
    for (const node of folded ?? []) need(document, node);
    patch.set('folded', foldChange(folded ?? []));
  }
  return { patch };
}

function foldChange(ids: readonly string[]): KeyChange {
  return ids.length === 0 ? { remove: true } : { set: ids };
}

/** Frames name what is folded in them: they follow when nodes get other names, or go (undefined). */
function refolded(document: GraphDocument, nameOf: (id: string) => string | undefined): JsonPatch {
  return new Map(
    Object.entries(document.frames ?? {}).flatMap(([frame, { folded = [] }]): [string, KeyChange][] => {
      const next = folded.flatMap((id) => nameOf(id) ?? []);
      if (next.length === folded.length && next.every((id, index) => id === folded[index])) return [];
      return [[frame, { patch: new Map([['folded', foldChange(next)]]) }]];
    }),
  );
}

/** New nodes, frames and positions. */
function documentPatch({
  nodes = {},
  frames = {},
  layout = {},
}: Partial<Pick<GraphDocument, 'nodes' | 'frames' | 'layout'>>): JsonPatch {
  const patch: JsonPatch = new Map();
  const sets = (record: object): JsonPatch =>
    new Map(Object.entries(record).map(([key, value]) => [key, { set: value as unknown }]));
  if (Object.keys(nodes).length > 0) patch.set('nodes', { patch: sets(nodes) });
  if (Object.keys(frames).length > 0) patch.set('frames', { patch: sets(frames) });
  if (Object.keys(layout).length > 0) patch.set('layout', { patch: positionsPatch(layout) });
  return patch;
}

function positionsPatch(positions: Readonly<Record<string, Position>>): JsonPatch {
  return new Map(Object.entries(positions).map(([id, position]) => [id, { set: whole(position) }]));
}

function without(keys: readonly string[]): KeyChange {
  return { patch: new Map(keys.map((key) => [key, { remove: true }])), prune: true };
}

function nodesPatch(patches: [string, JsonPatch][]): JsonPatch {
  return new Map([['nodes', { patch: new Map(patches.map(([id, patch]) => [id, { patch }])) }]]);
}

function nodePatch(id: string, patch: JsonPatch): JsonPatch {
  return nodesPatch([[id, patch]]);
}

/** A key that a node has only when it is true. */
function flagPatch(ids: readonly string[], flag: 'muted' | 'folded', on: boolean): JsonPatch {
  return nodesPatch(ids.map((id) => [id, new Map<string, KeyChange>([[flag, on ? { set: true } : { remove: true }]])]));
}

function inside(field: 'inputs' | 'params', key: string, change: KeyChange): JsonPatch {
  return new Map([[field, { patch: new Map([[key, change]]), prune: true }]]);
}

function wireChange(wires: readonly string[]): KeyChange {
  if (wires.length === 0) return { remove: true };
  return { set: wires.length === 1 ? wires[0] : wires };
}

function wiresAt(node: GraphNode, port: string): string[] {
  return node.inputs && Object.hasOwn(node.inputs, port) ? wiresOf(node.inputs[port]) : [];
}

function sameEnd(a: Source, b: Source): boolean {
  return a.node === b.node && a.port === b.port;
}

function wireText({ node, port }: Source): string {
  return `${node}.${port}`;
}

function whole<T extends Position | Rect>(numbers: T): T {
  if (!numbers.every(Number.isFinite)) throw new GraphEditError('A position must be numbers.');
  return numbers.map(toWhole) as T;
}

function frameOf(document: GraphDocument, id: string) {
  return document.frames && Object.hasOwn(document.frames, id) ? document.frames[id] : undefined;
}

function need(document: GraphDocument, id: string): GraphNode {
  const node = nodeOf(document, id);
  if (!node) throw new GraphEditError(`There is no node ${id} in the graph.`);
  return node;
}

function nameFault(id: string): string | undefined {
  if (NODE_ID.test(id)) return undefined;
  return `"${id}" can't be a name: a name starts with a lower-case letter and has only lower-case letters, digits and hyphens.`;
}

function checkId(id: string): void {
  const fault = nameFault(id);
  if (fault !== undefined) throw new GraphEditError(fault);
}

const takenFault = (id: string): string => `There is already a node ${id}. Choose another name.`;

function checkNewId(document: GraphDocument, tree: JsonNode, id: string): void {
  checkId(id);
  // Also one that could not be read is in the way.
  if (nodeOf(document, id) || nodeAt(tree, ['nodes', id])) throw new GraphEditError(takenFault(id));
}

/** Why renaming a node would be refused; undefined when it is fine. */
export function checkRename(document: GraphDocument, id: string, to: string): string | undefined {
  if (id === to) return undefined;
  return nameFault(to) ?? (nodeOf(document, to) ? takenFault(to) : undefined);
}
