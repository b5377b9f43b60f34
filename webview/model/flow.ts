import { Position, type Edge, type Node } from '@xyflow/react';
import {
  effectiveParams,
  type FrameColour,
  type GraphDocument,
  type GraphNode,
  type NodeSpec,
  type PortType,
  specOf,
} from '../../extension/graph';
import { type CheckpointInfo } from '../../extension/protocol/engine';
import { type Face, faceOf, type PortPlace } from './face';
import { type Fold, type Folds, foldsOf } from './folds';
import { type Schedule } from './stepMaths';
import { checkpointOf, scheduleOf } from './defaults';
import { plural, readable } from './words';
import { type Wire, wireId, wiresOfGraph } from './wires';

/** What a node on the canvas is drawn from. The same object as long as nothing of it changed, so that only changed nodes redraw. */
export interface NodeData extends Record<string, unknown> {
  node: GraphNode;
  spec: NodeSpec | undefined;
  face: Face;
  params: Record<string, unknown>;
  schedule: Schedule;
  checkpoint: CheckpointInfo | undefined;
  /** Inputs with at least one wire. */
  wired: readonly string[];
  /** For a node that shows its inputs' pictures: the node and port at each input. */
  sources: Readonly<Record<string, string>>;
}

export interface FrameData extends Record<string, unknown> {
  text: string;
  colour: FrameColour | undefined;
  /** The file says that it is folded. */
  folded: boolean;
  /** The box it is folded into, absent while something inside is selected. */
  fold: Fold | undefined;
}

export type GraphFlowNode = Node<NodeData, 'weft'>;
export type FrameFlowNode = Node<FrameData, 'frame'>;
export type StudioNode = GraphFlowNode | FrameFlowNode;
export type StudioEdge = Edge<{ wire: Wire; portType: PortType | undefined; muted: boolean }, 'weft'>;

/** Frames and nodes share the canvas; a frame's id there cannot be a node's. */
export const FRAME_PREFIX = 'frame:';
const HANDLE = 12;

type Frame = NonNullable<GraphDocument['frames']>[string];

export interface FlowInput {
  graph: GraphDocument;
  checkpoints: readonly CheckpointInfo[];
}

/** The canvas of a graph. Nodes and wires of `before` that did not change are taken over as they are (selection included). */
export function flowOf(
  { graph, checkpoints }: FlowInput,
  before: { nodes: readonly StudioNode[]; edges: readonly StudioEdge[] },
  selected?: ReadonlySet<string>,
): { nodes: StudioNode[]; edges: StudioEdge[] } {
  const wires = wiresOfGraph(graph).filter((wire) => graph.nodes[wire.source]);
  const outputsUsed = new Map<string, Set<string>>();
  for (const wire of wires) {
    const used = outputsUsed.get(wire.source) ?? new Set<string>();
    outputsUsed.set(wire.source, used.add(wire.sourcePort));
  }
  const old = new Map(before.nodes.map((node) => [node.id, node]));
  const places = placesOf(graph);
  const isSelected = (id: string): boolean => (selected ? selected.has(id) : old.get(id)?.selected === true);
  const folds = foldsOf(graph, wires, places, { node: isSelected, frame: (id) => isSelected(FRAME_PREFIX + id) });
  const nodes: StudioNode[] = [];
  for (const [id, frame] of Object.entries(graph.frames ?? {})) {
    nodes.push(frameNode(id, frame, old.get(FRAME_PREFIX + id), isSelected(FRAME_PREFIX + id), folds));
  }
  const shared = { checkpoints, checkpointsByNode: new Map<string, CheckpointInfo | undefined>() };
  for (const [id, node] of Object.entries(graph.nodes)) {
    const used = [...(outputsUsed.get(id) ?? [])];
    const data = nodeData(graph, id, node, used, shared.checkpoints);
    const place = places[id] ?? { x: 0, y: 0 };
    nodes.push(graphNode(id, data, place, old.get(id), isSelected(id), folds.frameOf.has(id)));
  }
  return { nodes: sameList(before.nodes, nodes), edges: edgesOf(graph, wires, before.edges, folds) };
}

function sameList<T>(before: readonly T[], after: T[]): T[] {
  return before.length === after.length && before.every((item, i) => item === after[i]) ? (before as T[]) : after;
}

function nodeData(
  graph: GraphDocument,
  id: string,
  node: GraphNode,
  outputsUsed: readonly string[],
  checkpoints: readonly CheckpointInfo[],
): NodeData {
  const spec = specOf(node.type);
  const checkpoint = checkpointOf(graph, id, checkpoints);
  const inputs = Object.keys(node.inputs ?? {});
  const known = new Set(spec?.inputs.map((input) => input.name));
  const knownOutputs = new Set(spec?.outputs.map((output) => output.name));
  const face = faceOf(
    spec,
    new Set(Object.keys(node.params ?? {})),
    inputs.filter((name) => !known.has(name)),
    outputsUsed.filter((name) => !knownOutputs.has(name)),
    node.folded,
  );
  return {
    node,
    spec,
    face,
    params: effectiveParams(node.type, node.params, checkpoint?.defaults[node.type]),
    schedule: scheduleOf(graph, id, checkpoint),
    checkpoint,
    wired: inputs,
    sources: Object.fromEntries(
      Object.entries(node.inputs ?? {}).flatMap(([name, input]) => {
        const first = Array.isArray(input) ? input[0] : input;
        return first === undefined ? [] : [[name, first]];
      }),
    ),
  };
}

function graphNode(
  id: string,
  data: NodeData,
  position: { x: number; y: number },
  old: StudioNode | undefined,
  isSelected: boolean,
  hidden: boolean,
): GraphFlowNode {
  const before = old?.type === 'weft' ? old : undefined;
  // What is in the hand stays in the hand, whatever arrives meanwhile.
  if (before?.dragging) position = before.position;
  const sameData = before && equalData(before.data, data);
  if (
    before &&
    sameData &&
    (before.hidden ?? false) === hidden &&
    before.position.x === position.x &&
    before.position.y === position.y &&
    (before.selected ?? false) === isSelected
  ) {
    return before;
  }
  const { width, height, ports } = data.face;
  const title = data.spec?.title ?? data.node.type;
  return {
    ...(before ?? {}),
    id,
    type: 'weft',
    position,
    selected: isSelected,
    hidden,
    data: sameData ? before.data : data,
    width,
    height,
    // Known beforehand, so that the first view fits nodes that are not drawn yet.
    measured: { width, height },
    // Wires are drawn from these places at once, without waiting for the page to measure three hundred nodes.
    handles: handlesOf(ports, width),
    // One tab stop for the whole canvas; arrow keys go from node to node.
    domAttributes: { tabIndex: -1 },
    ariaLabel: `${readable(id)}, ${title}${data.node.muted ? ', muted' : ''}${data.node.folded ? ', folded' : ''}`,
  };
}

function handlesOf(ports: readonly PortPlace[], width: number): NonNullable<StudioNode['handles']> {
  return ports.map((port) => ({
    id: port.name,
    type: port.side === 'left' ? 'target' : 'source',
    position: port.side === 'left' ? Position.Left : Position.Right,
    x: (port.side === 'left' ? 0 : width) - HANDLE / 2,
    y: port.y - HANDLE / 2,
    width: HANDLE,
    height: HANDLE,
  }));
}

function frameNode(
  id: string,
  { text, colour, folded = [], rect: [x, y, frameWidth, frameHeight] }: Frame,
  old: StudioNode | undefined,
  isSelected: boolean,
  { byFrame, hiddenFrames }: Folds,
): FrameFlowNode {
  const before = old?.type === 'frame' ? old : undefined;
  const fold = byFrame.get(id);
  const { width, height } = fold ?? { width: frameWidth, height: frameHeight };
  const hidden = hiddenFrames.has(id);
  const data = { text, colour, folded: folded.length > 0, fold };
  const sameData = before && JSON.stringify(before.data) === JSON.stringify(data);
  if (
    sameData &&
    (before.hidden ?? false) === hidden &&
    before.position.x === x &&
    before.position.y === y &&
    before.width === width &&
    before.height === height &&
    (before.selected ?? false) === isSelected
  ) {
    return before;
  }
  const count = fold ? plural(fold.nodes.length, 'node') : '';
  return {
    ...(before ?? {}),
    id: FRAME_PREFIX + id,
    type: 'frame',
    position: { x, y },
    width,
    height,
    measured: { width, height },
    handles: handlesOf(fold?.ports ?? [], width),
    hidden,
    selected: isSelected,
    data: sameData ? before.data : data,
    className: fold ? 'folded' : '',
    // Below nodes also when it is selected, which lifts it by a thousand.
    zIndex: fold ? 0 : -2000,
    dragHandle: fold ? undefined : '.frame-title',
    domAttributes: { tabIndex: -1 },
    ariaLabel: fold ? `Folded frame: ${text}, ${count}` : `Frame: ${text}`,
  };
}

/** Wires that cross the border of a folded frame end at its box; those inside it are hidden. */
function edgesOf(
  graph: GraphDocument,
  wires: readonly Wire[],
  before: readonly StudioEdge[],
  { frameOf }: Folds,
): StudioEdge[] {
  const end = (node: string, port: string): [node: string, handle: string] => {
    const frame = frameOf.get(node);
    return frame === undefined ? [node, port] : [FRAME_PREFIX + frame, `${node}.${port}`];
  };
  const old = new Map(before.map((edge) => [edge.id, edge]));
  const edges = wires.map((wire): StudioEdge => {
    const id = wireId(wire);
    const source = graph.nodes[wire.source];
    const portType = source && specOf(source.type)?.outputs.find((output) => output.name === wire.sourcePort)?.type;
    const muted = Boolean(source?.muted ?? graph.nodes[wire.target]?.muted);
    const same = old.get(id);
    const within = frameOf.get(wire.source);
    const hidden = within !== undefined && within === frameOf.get(wire.target);
    // Of a wire that is hidden the ends do not matter; those of the file have no box to go to.
    const [from, sourceHandle] = hidden ? [wire.source, wire.sourcePort] : end(wire.source, wire.sourcePort);
    const [to, targetHandle] = hidden ? [wire.target, wire.targetPort] : end(wire.target, wire.targetPort);
    if (
      same?.data &&
      same.data.portType === portType &&
      same.data.muted === muted &&
      JSON.stringify(same.data.wire.points) === JSON.stringify(wire.points) &&
      (same.hidden ?? false) === hidden &&
      same.source === from &&
      same.target === to
    )
      return same;
    return {
      id,
      type: 'weft',
      source: from,
      sourceHandle,
      target: to,
      targetHandle,
      hidden,
      selected: same?.selected ?? false,
      data: { wire, portType, muted },
      ariaLabel: `Wire from ${wire.source}, ${wire.sourcePort}, to ${wire.target}, ${wire.targetPort}`,
    };
  });
  return sameList(before, edges);
}

/** Positions from the file; nodes without one stand in a row below the rest, so that none hides another. */
export function placesOf(graph: GraphDocument): Record<string, { x: number; y: number }> {
  const places: Record<string, { x: number; y: number }> = {};
  let bottom = -Infinity;
  let left = Infinity;
  for (const [id, [x, y]] of Object.entries(graph.layout ?? {})) {
    if (!graph.nodes[id]) continue;
    places[id] = { x, y };
    bottom = Math.max(bottom, y + 300);
    left = Math.min(left, x);
  }
  let column = 0;
  for (const id of Object.keys(graph.nodes)) {
    if (places[id]) continue;
    places[id] = {
      x: (Number.isFinite(left) ? left : 0) + (column % 6) * 300,
      y: (Number.isFinite(bottom) ? bottom : 0) + Math.floor(column / 6) * 300,
    };
    column += 1;
  }
  return places;
}

/** Whether two nodes draw the same. Parsed values are new objects after every change of the text, so this looks inside. */
export function equalData(a: NodeData, b: NodeData): boolean {
  return (
    a.spec === b.spec &&
    sameCheckpoint(a.checkpoint, b.checkpoint) &&
    a.schedule.steps === b.schedule.steps &&
    a.schedule.skip === b.schedule.skip &&
    JSON.stringify([a.node, a.params, a.sources, a.face.height]) ===
      JSON.stringify([b.node, b.params, b.sources, b.face.height])
  );
}

/** The library is told anew whenever anything in it changes; most often not this one. */
function sameCheckpoint(a: CheckpointInfo | undefined, b: CheckpointInfo | undefined): boolean {
  return a === b || (a?.id === b?.id && a?.sha256 === b?.sha256 && a?.problem === b?.problem);
}
