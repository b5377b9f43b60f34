import { type Handle } from '@xyflow/react';
import {
  checkConnection,
  type GraphDocument,
  parseWire,
  type PortType,
  type Source,
  specOf,
} from '../../extension/graph';
import { faceOf } from '../model/face';
import { FRAME_PREFIX } from '../model/flow';
import { refusal } from '../model/actions/wires';
import { between, type PortRef } from '../model/wires';

/** The other end of every port of the graph a wire from `from` could go to, and whether it fits there. */
export function fittingPorts(graph: GraphDocument, from: PortRef): Map<string, boolean> {
  const fits = new Map<string, boolean>();
  for (const [id, node] of Object.entries(graph.nodes)) {
    for (const port of faceOf(specOf(node.type), new Set()).ports) {
      const key = portKey({ node: id, port: port.name, side: port.side });
      if (port.side === from.side || id === from.node) {
        fits.set(key, id === from.node && port.name === from.port && port.side === from.side);
        continue;
      }
      const { from: source, to } = between(from, { node: id, port: port.name });
      fits.set(key, checkConnection(graph, source.node, source.port, to.node, to.port) === undefined);
    }
  }
  return fits;
}

/** A handle of React Flow as the port it stands for. */
export function portOf({ nodeId, id, type }: Pick<Handle, 'nodeId' | 'id' | 'type'>): PortRef {
  return { ...endOf(nodeId, id), side: type === 'source' ? 'right' : 'left' };
}

/** Whose port it is: at the box of a folded frame that of a node inside. */
export function endOf(node: string, handle: string | null | undefined): Source {
  return (node.startsWith(FRAME_PREFIX) && parseWire(handle ?? '')) || { node, port: handle ?? '' };
}

export function portKey({ node, port, side }: PortRef): string {
  return `${node}.${side}.${port}`;
}

/** Why a wire dragged from one port does not fit another; undefined when it does, and at the port it comes from. */
export function whyNot(from: PortRef, to: PortRef): string | undefined {
  if (from.node === to.node && from.port === to.port) return undefined;
  if (from.side !== to.side) return refusal(between(from, to));
  return from.side === 'right'
    ? 'Connect an output to an input; these are two outputs.'
    : 'Connect an input to an output; these are two inputs.';
}

/** What a port carries. */
export function typeOfPort(graph: GraphDocument, { node, port, side }: PortRef): PortType | undefined {
  const spec = specOf(graph.nodes[node]?.type ?? '');
  if (side === 'right') return spec?.outputs.find((output) => output.name === port)?.type;
  return spec?.inputs.find((input) => input.name === port)?.types[0];
}

export interface Target extends PortRef {
  /** Already holds a wire, which a new one would replace (never at a list port). */
  taken: boolean;
}

/** Ports that `from` can be wired to, free ones first, in the order of the graph. */
export function targetsOf(graph: GraphDocument, from: PortRef): Target[] {
  const targets: Target[] = [];
  for (const [key, fits] of fittingPorts(graph, from)) {
    const [node = '', side, port = ''] = key.split('.');
    if (!fits || node === from.node) continue;
    const input = side === 'left' ? graph.nodes[node]?.inputs?.[port] : undefined;
    const list = specOf(graph.nodes[node]?.type ?? '')?.inputs.find((candidate) => candidate.name === port)?.list;
    targets.push({ node, port, side: side === 'left' ? 'left' : 'right', taken: input !== undefined && list !== true });
  }
  return [...targets.filter((target) => !target.taken), ...targets.filter((target) => target.taken)];
}
