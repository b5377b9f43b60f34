import { checkConnection, type GraphDocument, specOf, type PortType } from '../../extension/graph';
import { faceOf } from '../model/face';
import { type PortRef } from '../model/store';

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
      const reason =
        from.side === 'right'
          ? checkConnection(graph, from.node, from.port, id, port.name)
          : checkConnection(graph, id, port.name, from.node, from.port);
      fits.set(key, reason === undefined);
    }
  }
  return fits;
}

export function portKey({ node, port, side }: PortRef): string {
  return `${node}.${side}.${port}`;
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
