/** Wires in the hand: drawn from a port, or taken off one end. */
import { type Connection, type Edge, type FinalConnectionState, type ReactFlowProps } from '@xyflow/react';
import { connect, disconnect, reconnect, refusal } from '../model/actions/wires';
import { type StudioEdge, type StudioNode } from '../model/flow';
import { studio, toast, useStudio } from '../model/store';
import { between, type Ends, type PortRef } from '../model/wires';
import { endOf, fittingPorts, portKey, portOf, typeOfPort, whyNot } from './connecting';

type Handlers = ReactFlowProps<StudioNode, StudioEdge>;

export const wireDrags = {
  isValidConnection: (connection) => refusal(ends(connection)) === undefined,
  onConnect: (connection) => connect(ends(connection)),
  onConnectStart: (_event, { nodeId, handleId, handleType }) => {
    if (nodeId !== null && handleId !== null && handleType !== null)
      pickUp(portOf({ nodeId, id: handleId, type: handleType }));
  },
  onReconnect: (old, connection) => {
    if (old.data) reconnect(old.data.wire, ends(connection));
  },
  // React Flow names the end that stays.
  onReconnectStart: (_event, edge, fixed) => {
    const { from, to } = ends(edge);
    pickUp(fixed === 'source' ? { ...from, side: 'right' } : { ...to, side: 'left' });
  },
  onReconnectEnd: (event, edge, _fixed, { isValid, fromHandle, toHandle }) => {
    letGo();
    if (isValid || !edge.data) return;
    if (toHandle?.id && fromHandle?.id) explainRefusal(portOf(fromHandle), portOf(toHandle));
    // A wire's end pulled into the open takes the wire away.
    else if (under(event).element?.closest('.react-flow__pane')) disconnect([edge.data.wire]);
  },
} satisfies Partial<Handlers>;

/** A wire that was let go on no port goes to the node under it; on the open canvas it asks for a new node. */
export function endWire(
  event: MouseEvent | TouchEvent,
  { fromHandle, toHandle, isValid }: FinalConnectionState,
  openAdd: (event: { clientX: number; clientY: number }, from?: PortRef) => void,
): void {
  const fits = studio().fittingPorts;
  letGo();
  if (!fromHandle?.id || isValid) return;
  const from = portOf(fromHandle);
  if (toHandle?.id) return explainRefusal(from, portOf(toHandle));
  const { point, element } = under(event);
  const node = element?.closest('.react-flow__node-weft, .react-flow__node-frame.folded')?.getAttribute('data-id');
  if (node) dropOnNode(from, node, fits);
  else if (point && element?.closest('.react-flow__pane, .react-flow__node-frame, .react-flow__edge'))
    openAdd(point, from);
}

function ends(connection: Connection | Edge): Ends {
  return {
    from: endOf(connection.source, connection.sourceHandle),
    to: endOf(connection.target, connection.targetHandle),
  };
}

function under(event: MouseEvent | TouchEvent) {
  const point = 'changedTouches' in event ? event.changedTouches[0] : event;
  return { point, element: point && document.elementFromPoint(point.clientX, point.clientY) };
}

function pickUp(from: PortRef): void {
  const { graph } = studio();
  if (!graph) return;
  useStudio.setState({
    fittingPorts: fittingPorts(graph, from),
    draggedType: typeOfPort(graph, from),
    popup: undefined,
  });
}

function letGo(): void {
  useStudio.setState({ fittingPorts: undefined, draggedType: undefined });
}

function explainRefusal(from: PortRef, to: PortRef): void {
  const reason = whyNot(from, to);
  if (reason !== undefined) toast(reason);
}

/** A wire let go over a node's body goes to the first of its ports that fits and is free. */
function dropOnNode(from: PortRef, id: string, fits: ReadonlyMap<string, boolean> | undefined): void {
  if (id === from.node) return;
  const { graph, nodes } = studio();
  const target = nodes.find((other) => other.id === id);
  if (!target) return;
  const side = from.side === 'right' ? 'left' : 'right';
  const places = target.type === 'weft' ? target.data.face.ports : (target.data.fold?.ports ?? []);
  const ports = places.flatMap((place): PortRef[] => (place.side === side ? [{ ...endOf(id, place.name), side }] : []));
  const able = ports.filter((port) => fits?.get(portKey(port)));
  const chosen = able.find(({ node, port }) => graph?.nodes[node]?.inputs?.[port] === undefined) ?? able[0];
  const [first] = ports;
  if (chosen) connect(between(from, chosen));
  else if (first) explainRefusal(from, first);
  else toast(`${id} has no ${side === 'left' ? 'input' : 'output'}.`);
}
