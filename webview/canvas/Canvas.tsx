import { type RefObject, useEffect, useRef, useState } from 'react';
import {
  applyEdgeChanges,
  Background,
  BackgroundVariant,
  type ConnectionLineComponent,
  MiniMap,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from '@xyflow/react';
import { addImage } from '../model/actions/nodes';
import { setParams } from '../model/actions/params';
import { addPoint } from '../model/actions/points';
import { select, selectWire } from '../model/actions/selection';
import { droppedUris, hasUris, IMAGE_TYPE } from '../model/drops';
import { type StudioEdge, type StudioNode } from '../model/flow';
import { postToHost } from '../model/host';
import { drawOnlyVisible, levelOfDetail, textZoom } from '../model/levelOfDetail';
import { setPage } from '../model/page';
import { studio, useStudio } from '../model/store';
import { type PortRef } from '../model/wires';
import { NodeView } from '../nodes/NodeView';
import { tintOf } from '../ui/tint';
import { AddMenu } from './AddMenu';
import { carriedBy } from './carried';
import { ConnectionLine, RefusalNote } from './ConnectionLine';
import { ConnectMenu } from './ConnectMenu';
import { ContextMenu } from './ContextMenu';
import { EmptyHint } from './EmptyHint';
import { FindLayer } from './FindBox';
import { FrameView } from './FrameView';
import { onCanvasKey } from './keyboard';
import { changeNodes, commitDrag } from './nodeDrags';
import { popupPlace } from './popupPlace';
import { fitOptions, useCanvasControl, useFitWhileUntouched } from './useCanvasControl';
import { WireView } from './Wire';
import { endWire, wireDrags } from './wireDrags';
import { lightWireUnder } from './wireUnder';
import { ZoomControls } from './ZoomControls';

const nodeTypes = { weft: NodeView, frame: FrameView };
const edgeTypes = { weft: WireView };
const GRID = 20;
/** From afar a large graph is its own overview. */
const OVERVIEW_UP_TO = 100;
const snapGrid: [number, number] = [GRID, GRID];
const panButtons = [0, 1];
const multiSelection = ['Control', 'Meta', 'Shift'];
const minimapSize = { width: 150, height: 100 };

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
  const cramped = useStudio(({ room }) => room.narrow || room.low);
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
        const image = event.dataTransfer.getData(IMAGE_TYPE);
        if (readOnly || (uris.length === 0 && image === '')) return;
        event.preventDefault();
        const at = toFlow(event);
        const { node, param } = pathParamUnder(event.target);
        if (image !== '') {
          if (node === undefined || param === undefined) addImage(image, at);
          else setParams(node, { [param]: image }, `Set ${node}.${param}`);
          return;
        }
        postToHost({
          type: 'dropped',
          uris,
          position: [Math.round(at.x), Math.round(at.y)],
          ...(node === undefined ? {} : { node, param }),
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
        onNodeDrag={(_event, _node, dragged) => lightWireUnder(dragged)}
        onNodeDragStop={commitDrag}
        onSelectionDragStart={(_event, dragged) => {
          carried.current = carriedBy(dragged, studio().nodes);
        }}
        onSelectionDragStop={commitDrag}
        {...wireDrags}
        onConnectEnd={(event, state) => endWire(event, state, openAdd)}
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
        onEdgeDoubleClick={({ clientX: x, clientY: y }, { data }) => {
          if (data) addPoint(data.wire, flow.screenToFlowPosition({ x, y }, { snapToGrid: false }));
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
        <ZoomWatcher canvas={container} />
        {level !== 'far' && <Background variant={BackgroundVariant.Dots} gap={GRID} size={1} />}
        {settings.showMinimap && !cramped && (level !== 'far' || count <= OVERVIEW_UP_TO) && (
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
      <FindLayer />
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
function ZoomWatcher({ canvas }: { canvas: RefObject<HTMLDivElement | null> }) {
  const zoom = useStore((state) => textZoom(state.transform[2]));
  const level = useStore((state) => levelOfDetail(state.transform[2], studio().levelOfDetail, studio().nodes.length));
  useEffect(() => {
    if (studio().levelOfDetail !== level) useStudio.setState({ levelOfDetail: level });
  }, [level]);
  useEffect(() => canvas.current?.style.setProperty('--zoom', String(zoom)), [canvas, zoom]);
  return null;
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

function minimapColour(node: StudioNode): string {
  if (node.type === 'weft') return tintOf(node.data.spec);
  const { colour } = node.data;
  if (node.data.fold) return colour === undefined ? 'var(--weft-muted)' : `var(--weft-frame-${colour})`;
  return colour === undefined ? 'transparent' : `color-mix(in srgb, var(--weft-frame-${colour}) 30%, transparent)`;
}

/** Where a picture dropped onto a node belongs: its parameter that names a file. */
function pathParamUnder(target: EventTarget): { node?: string; param?: string } {
  const id = target instanceof Element ? target.closest('.react-flow__node-weft')?.getAttribute('data-id') : undefined;
  const node = studio().nodes.find((other) => other.id === id);
  if (node?.type !== 'weft') return {};
  const param = node.data.spec?.params.find((one) => one.kind === 'path' && one.access === 'read' && one.required);
  return param ? { node: node.id, param: param.name } : {};
}
