import { useEffect, useRef, useState } from 'react';
import {
  Background,
  BackgroundVariant,
  type Connection,
  type ConnectionLineComponent,
  type Edge,
  type FinalConnectionState,
  type HandleType,
  MiniMap,
  type OnConnectStartParams,
  type OnNodesChange,
  ReactFlow,
  type ReactFlowInstance,
  ReactFlowProvider,
  useReactFlow,
  useStore,
  applyEdgeChanges,
  applyNodeChanges,
} from '@xyflow/react';
import { tintOf } from '../ui/tint';
import { NodeView } from '../nodes/NodeView';
import { commitMoves } from '../model/actions/places';
import { select } from '../model/actions/selection';
import { connect, disconnect, reconnect, refusal } from '../model/actions/wires';
import { keepSelection } from '../model/document';
import { droppedUris, hasUris } from '../model/drops';
import { FRAME_PREFIX, type StudioEdge, type StudioNode } from '../model/flow';
import { postToHost } from '../model/host';
import { setPage } from '../model/page';
import { type PortRef, studio, toast, useStudio } from '../model/store';
import { AddMenu } from './AddMenu';
import { ConnectMenu } from './ConnectMenu';
import { ConnectionLine, RefusalNote } from './ConnectionLine';
import { fittingPorts, portKey, typeOfPort } from './connecting';
import { ContextMenu } from './ContextMenu';
import { canvasControl, setCanvasControl } from '../model/control';
import { carriedBy } from './carried';
import { EmptyHint } from './EmptyHint';
import { FrameView } from './FrameView';
import { onCanvasKey } from './keyboard';
import { drawOnlyVisible, levelOfDetail } from '../model/levelOfDetail';
import { popupPlace } from './popupPlace';
import { WireView } from './Wire';
import { ZoomControls } from './ZoomControls';

const nodeTypes = { weft: NodeView, frame: FrameView };
const edgeTypes = { weft: WireView };
const GRID = 20;
/** From afar a large graph is its own overview. */
const OVERVIEW_UP_TO = 100;
const snapGrid: [number, number] = [GRID, GRID];
const panButtons = [0, 1];
const multiSelection = ['Control', 'Meta', 'Shift'];
// Room below for the zoom buttons.
const minimapSize = { width: 150, height: 100 };
const fitOptions = { padding: { top: '24px', right: '28px', bottom: '60px', left: '28px' }, maxZoom: 1 } as const;

/** The graph on its canvas. */
export function Canvas() {
  return (
    <ReactFlowProvider>
      <Flow />
    </ReactFlowProvider>
  );
}

function Flow() {
  const container = useRef<HTMLDivElement>(null);
  const nodes = useStudio((state) => state.nodes);
  const edges = useStudio((state) => state.edges);
  const readOnly = useStudio((state) => state.readOnly);
  const settings = useStudio((state) => state.settings);
  const level = useStudio((state) => state.levelOfDetail);
  const count = Object.keys(useStudio((state) => state.graph?.nodes) ?? {}).length;
  const flow = useReactFlow<StudioNode, StudioEdge>();
  const carried = useRef(new Map<string, string[]>());
  const [stored] = useState(() => studio().page.viewport);
  const follows = useRef(stored === undefined);
  useCanvasControl(container, flow, follows);
  useFitWhileUntouched(container, follows);

  const place = (event: { clientX: number; clientY: number }) => {
    const box = container.current?.getBoundingClientRect();
    return popupPlace({ x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) }, box);
  };
  const toFlow = (event: { clientX: number; clientY: number }) =>
    flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
  const openAdd = (event: { clientX: number; clientY: number }, from?: PortRef) => {
    if (studio().readOnly) return;
    useStudio.setState({ popup: { kind: 'add', at: place(event), flow: toFlow(event), ...(from ? { from } : {}) } });
  };
  const openMenu = (
    event: { clientX: number; clientY: number; preventDefault: () => void },
    target: 'canvas' | 'nodes' | 'wire',
  ) => {
    event.preventDefault();
    useStudio.setState({ popup: { kind: 'menu', at: place(event), flow: toFlow(event), target } });
  };
  const setMoving = (moving: boolean) => {
    const { classList } = container.current ?? {};
    classList?.toggle('moving', moving);
    if (moving) return;
    // A layer that is kept is sharp again only when it has been painted at its new scale.
    classList?.add('settling');
    window.requestAnimationFrame(() => window.requestAnimationFrame(() => classList?.remove('settling')));
  };

  return (
    <div
      className="canvas"
      data-level={level}
      ref={container}
      id="canvas"
      role="application"
      aria-roledescription="graph canvas"
      aria-label={`Graph, ${count} nodes. Arrow keys go from node to node, N adds one, C connects, Enter edits.`}
      tabIndex={0}
      data-testid="canvas"
      onKeyDown={(event) => onCanvasKey(event, () => place(selectionPoint(container.current)))}
      onDoubleClick={(event) => {
        if (event.target instanceof Element && event.target.classList.contains('react-flow__pane')) openAdd(event);
      }}
      onDragOver={(event) => {
        if (!readOnly && hasUris(event.dataTransfer)) event.preventDefault();
      }}
      onDrop={(event) => {
        const uris = droppedUris(event.dataTransfer);
        if (readOnly || uris.length === 0) return;
        event.preventDefault();
        const at = toFlow(event);
        postToHost({
          type: 'dropped',
          uris,
          position: [Math.round(at.x), Math.round(at.y)],
          ...pathParamUnder(event.target),
        });
      }}
    >
      <ReactFlow<StudioNode, StudioEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onNodesChange={(changes) => changeNodes(changes, carried.current)}
        onEdgesChange={(changes) => {
          const selecting = changes.some((change) => change.type === 'select');
          if (!selecting) return;
          useStudio.setState({ edges: applyEdgeChanges(changes, studio().edges) });
        }}
        onNodeDragStart={(_event, _node, dragged) => {
          carried.current = carriedBy(dragged, studio().nodes);
        }}
        onNodeDragStop={commitDrag}
        onSelectionDragStart={(_event, dragged) => {
          carried.current = carriedBy(dragged, studio().nodes);
        }}
        onSelectionDragStop={commitDrag}
        onConnect={onConnect}
        onConnectStart={onConnectStart}
        onConnectEnd={(event, state) => onConnectEnd(event, state, openAdd)}
        isValidConnection={isValid}
        onReconnect={onReconnect}
        onReconnectStart={(_event, edge, end) => startReconnect(edge, end)}
        onReconnectEnd={onReconnectEnd}
        connectionLineComponent={ConnectionLine as ConnectionLineComponent<StudioNode>}
        connectionRadius={22}
        onPaneContextMenu={(event) => openMenu(event, 'canvas')}
        onNodeContextMenu={(event, node) => {
          if (!node.selected) select([node.id]);
          openMenu(event, 'nodes');
        }}
        onSelectionContextMenu={(event) => openMenu(event, 'nodes')}
        onEdgeContextMenu={(event, edge) => {
          selectWire(edge.id);
          openMenu(event, 'wire');
        }}
        onPaneClick={() => useStudio.setState({ popup: undefined })}
        onMoveStart={(event) => {
          // Moves without an event are our own.
          if (event) follows.current = false;
          setMoving(true);
        }}
        onMoveEnd={(_event, viewport) => {
          setMoving(false);
          // A view that nobody chose is fitted anew when the page comes back.
          if (!follows.current) setPage({ viewport });
        }}
        {...(stored ? { defaultViewport: stored } : { fitView: true, fitViewOptions: fitOptions })}
        minZoom={0.05}
        maxZoom={3}
        snapToGrid={settings.snapToGrid}
        snapGrid={snapGrid}
        panOnDrag={panButtons}
        selectionKeyCode="Shift"
        multiSelectionKeyCode={multiSelection}
        deleteKeyCode={null}
        zoomOnDoubleClick={false}
        nodesDraggable={!readOnly}
        nodesConnectable={!readOnly}
        edgesReconnectable={!readOnly}
        edgesFocusable={false}
        disableKeyboardA11y
        onlyRenderVisibleElements={drawOnlyVisible(level, count)}
      >
        <ZoomWatcher />
        {level !== 'far' && <Background variant={BackgroundVariant.Dots} gap={GRID} size={1} />}
        {settings.showMinimap && (level !== 'far' || count <= OVERVIEW_UP_TO) && (
          <MiniMap<StudioNode>
            pannable
            zoomable
            style={minimapSize}
            nodeColor={minimapColour}
            nodeStrokeWidth={0}
            ariaLabel="Overview of the graph"
          />
        )}
        <ZoomControls />
        <RefusalNote />
      </ReactFlow>
      <EmptyHint />
      <PopupLayer />
    </div>
  );
}

/** What is open over the canvas. */
function PopupLayer() {
  const popup = useStudio((state) => state.popup);
  if (popup?.kind === 'add') return <AddMenu popup={popup} />;
  if (popup?.kind === 'connect') return <ConnectMenu popup={popup} />;
  return popup ? <ContextMenu popup={popup} /> : null;
}

/** Tells the page when a zoom crosses a threshold; nothing else follows the zoom frame by frame. */
function ZoomWatcher() {
  const level = useStore((state) => levelOfDetail(state.transform[2], studio().levelOfDetail, studio().nodes.length));
  useEffect(() => {
    if (studio().levelOfDetail !== level) useStudio.setState({ levelOfDetail: level });
  }, [level]);
  return null;
}

function useCanvasControl(
  container: React.RefObject<HTMLDivElement | null>,
  flow: ReactFlowInstance<StudioNode, StudioEdge>,
  follows: React.RefObject<boolean>,
) {
  useEffect(() => {
    const box = () => container.current?.getBoundingClientRect() ?? new DOMRect();
    const visibleRect = () => {
      const { left, top, right, bottom } = box();
      const start = flow.screenToFlowPosition({ x: left, y: top }, { snapToGrid: false });
      const end = flow.screenToFlowPosition({ x: right, y: bottom }, { snapToGrid: false });
      return { x: start.x, y: start.y, width: end.x - start.x, height: end.y - start.y };
    };
    const focus = (selector: string) => {
      // A node that was just added or scrolled to is in the page after the next paint.
      window.requestAnimationFrame(() =>
        window.requestAnimationFrame(() =>
          container.current?.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true }),
        ),
      );
    };
    setCanvasControl({
      fit: () => {
        follows.current = true;
        setPage({ viewport: undefined });
        void flow.fitView(fitOptions);
      },
      zoomToSelection: () => {
        follows.current = false;
        const chosen = studio().nodes.filter((node) => node.selected);
        void flow.fitView({ nodes: chosen.length > 0 ? chosen : studio().nodes, padding: 0.15, maxZoom: 1.5 });
      },
      bringIntoView: (id, atFull = false) => {
        const node = studio().nodes.find((other) => other.id === id);
        if (!node) return;
        const view = visibleRect();
        const { x, y } = node.position;
        const { width = 0, height = 0 } = node;
        const inside =
          x >= view.x && y >= view.y && x + width <= view.x + view.width && y + height <= view.y + view.height;
        const zoom = flow.getZoom();
        if (inside && !(atFull && zoom < 0.6)) return;
        follows.current = false;
        void flow.setCenter(x + width / 2, y + height / 2, { zoom: atFull ? Math.max(zoom, 0.8) : zoom });
      },
      focusNode: (id) => focus(`.react-flow__node[data-id="${CSS.escape(id)}"]`),
      focusCanvas: () => container.current?.focus({ preventScroll: true }),
      zoom: (factor) => {
        follows.current = false;
        void flow.zoomTo(factor === 0 ? 1 : flow.getZoom() * factor);
      },
      openAddMenu: () => {
        if (studio().readOnly) return;
        const view = visibleRect();
        const { width, height } = box();
        const at = popupPlace({ x: width / 2 - 160, y: height / 4 }, { width, height });
        useStudio.setState({
          popup: { kind: 'add', at, flow: { x: view.x + view.width / 2, y: view.y + view.height / 3 } },
        });
      },
      visibleRect,
    });
    return () => setCanvasControl(undefined);
  }, [container, flow, follows]);
}

/** The first view stays a whole view when panes open and close, until somebody moves it. */
function useFitWhileUntouched(container: React.RefObject<HTMLDivElement | null>, follows: React.RefObject<boolean>) {
  useEffect(() => {
    if (!container.current) return;
    const observer = new ResizeObserver(() => follows.current && canvasControl().fit());
    observer.observe(container.current);
    return () => observer.disconnect();
  }, [container, follows]);
}

/** A place for a menu that was called by key: the selected node, or the middle of the canvas. */
function selectionPoint(canvas: HTMLElement | null): { clientX: number; clientY: number } {
  const id = studio().page.selection[0];
  const node = id === undefined ? null : canvas?.querySelector(`.react-flow__node[data-id="${CSS.escape(id)}"]`);
  const box = (node ?? canvas)?.getBoundingClientRect() ?? new DOMRect();
  return node
    ? { clientX: box.right, clientY: box.top }
    : { clientX: box.left + box.width / 3, clientY: box.top + box.height / 4 };
}

const changeNodes = (
  changes: Parameters<OnNodesChange<StudioNode>>[0],
  carried: ReadonlyMap<string, string[]>,
): void => {
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
};

/** The end of a drag is one edit: whatever is elsewhere than the graph has it. */
function commitDrag(): void {
  const { nodes, graph } = studio();
  const settled = nodes.map((node) => (node.dragging ? { ...node, dragging: false } : node));
  useStudio.setState({ nodes: settled });
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
  if (moved.length > 0) commitMoves(moved);
}

function ends(connection: Connection | Edge): {
  from: { node: string; port: string };
  to: { node: string; port: string };
} {
  return {
    from: { node: connection.source, port: connection.sourceHandle ?? '' },
    to: { node: connection.target, port: connection.targetHandle ?? '' },
  };
}

function isValid(connection: Connection | Edge): boolean {
  const { from, to } = ends(connection);
  return refusal(from, to) === undefined;
}

function onConnect(connection: Connection): void {
  const { from, to } = ends(connection);
  connect(from, to);
}

function startDragging(from: PortRef): void {
  const { graph } = studio();
  if (!graph) return;
  useStudio.setState({
    fittingPorts: fittingPorts(graph, from),
    draggedType: typeOfPort(graph, from),
    popup: undefined,
  });
}

function onConnectStart(_event: MouseEvent | TouchEvent, { nodeId, handleId, handleType }: OnConnectStartParams): void {
  if (nodeId === null || handleId === null) return;
  startDragging({ node: nodeId, port: handleId, side: handleType === 'source' ? 'right' : 'left' });
}

/** React Flow names the end that stays. */
function startReconnect(edge: StudioEdge, fixed: HandleType): void {
  const { from, to } = ends(edge);
  startDragging(fixed === 'source' ? { ...from, side: 'right' } : { ...to, side: 'left' });
}

function onConnectEnd(
  event: MouseEvent | TouchEvent,
  state: FinalConnectionState,
  openAdd: (event: { clientX: number; clientY: number }, from?: PortRef) => void,
): void {
  const fits = studio().fittingPorts;
  useStudio.setState({ fittingPorts: undefined, draggedType: undefined });
  const { fromHandle, toHandle, isValid: valid } = state;
  if (!fromHandle?.id || valid) return;
  const from: PortRef = {
    node: fromHandle.nodeId,
    port: fromHandle.id,
    side: fromHandle.type === 'source' ? 'right' : 'left',
  };
  if (toHandle?.id) return explainRefusal(from, toHandle.nodeId, toHandle.id, toHandle.type);
  const point = 'changedTouches' in event ? event.changedTouches[0] : event;
  const under = point && document.elementFromPoint(point.clientX, point.clientY);
  const node = under?.closest('.react-flow__node-weft')?.getAttribute('data-id');
  if (node) dropOnNode(from, node, fits);
  else if (point && under?.closest('.react-flow__pane, .react-flow__node-frame, .react-flow__edge'))
    openAdd(point, from);
}

function explainRefusal(from: PortRef, node: string, port: string, type: HandleType): void {
  if (from.node === node && from.port === port) return;
  if ((type === 'source') === (from.side === 'right')) {
    return toast(
      from.side === 'right'
        ? 'Connect an output to an input; these are two outputs.'
        : 'Connect an input to an output; these are two inputs.',
    );
  }
  const here = { node: from.node, port: from.port };
  const there = { node, port };
  const reason = from.side === 'right' ? refusal(here, there) : refusal(there, here);
  if (reason !== undefined) toast(reason);
}

/** A wire let go over a node's body goes to the first of its ports that fits and is free. */
function dropOnNode(from: PortRef, id: string, fits: ReadonlyMap<string, boolean> | undefined): void {
  if (id === from.node) return;
  const node = studio().nodes.find((other) => other.id === id);
  if (node?.type !== 'weft') return;
  const side = from.side === 'right' ? 'left' : 'right';
  const places = node.data.face.ports.filter((place) => place.side === side);
  const able = places.filter((place) => fits?.get(portKey({ node: id, port: place.name, side })));
  const port = able.find((place) => !node.data.wired.includes(place.name)) ?? able[0];
  const first = places[0];
  const here = { node: from.node, port: from.port };
  if (port) {
    const there = { node: id, port: port.name };
    if (from.side === 'right') connect(here, there);
    else connect(there, here);
  } else if (first) explainRefusal(from, id, first.name, side === 'left' ? 'target' : 'source');
  else toast(`${id} has no ${side === 'left' ? 'input' : 'output'}.`);
}

function onReconnect(old: StudioEdge, connection: Connection): void {
  if (!old.data) return;
  const { from, to } = ends(connection);
  reconnect(old.data.wire, from, to);
}

function onReconnectEnd(
  event: MouseEvent | TouchEvent,
  edge: StudioEdge,
  _fixed: HandleType,
  state: FinalConnectionState,
): void {
  useStudio.setState({ fittingPorts: undefined, draggedType: undefined });
  if (state.isValid || !edge.data) return;
  const { fromHandle, toHandle } = state;
  if (toHandle?.id && fromHandle?.id) {
    const side = fromHandle.type === 'source' ? 'right' : 'left';
    return explainRefusal(
      { node: fromHandle.nodeId, port: fromHandle.id, side },
      toHandle.nodeId,
      toHandle.id,
      toHandle.type,
    );
  }
  // A wire's end pulled into the open takes the wire away.
  const point = 'changedTouches' in event ? event.changedTouches[0] : event;
  const under = point && document.elementFromPoint(point.clientX, point.clientY);
  if (under?.closest('.react-flow__pane')) disconnect([edge.data.wire]);
}

function selectWire(id: string): void {
  select([]);
  useStudio.setState((state) => ({
    edges: state.edges.map((edge) => (edge.id === id ? { ...edge, selected: true } : edge)),
  }));
}

function minimapColour(node: StudioNode): string {
  return node.type === 'weft' ? tintOf(node.data.spec) : 'transparent';
}

/** Where a picture dropped onto a node belongs: its parameter that names a file. */
function pathParamUnder(target: EventTarget): { node?: string; param?: string } {
  const id = target instanceof Element ? target.closest('.react-flow__node-weft')?.getAttribute('data-id') : undefined;
  const node = studio().nodes.find((other) => other.id === id);
  if (node?.type !== 'weft') return {};
  const param = node.data.spec?.params.find((one) => one.kind === 'path' && one.access === 'read' && one.required);
  return param ? { node: node.id, param: param.name } : {};
}
