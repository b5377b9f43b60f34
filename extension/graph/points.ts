/** Reroute points: places that a wire is led through on the canvas. The layout has each under the name of its wire. */
import { type GraphDocument, parseWire, type Position, type Source } from './schema';

export interface ReroutePoint {
  /** Its key in the layout. */
  key: string;
  from: Source;
  to: Source;
  /** From 1, in the direction of the wire. */
  number: number;
  position: Position;
}

/** Later ones have their number behind the wire. */
const KEY = /^([^>]+)>([^>#]+)(?:#([2-9]|[1-9]\d+))?$/;

/** What the layout calls a wire. Wires between the same two ports have one name, and run together. */
export const wireKey = (from: Source, to: Source): string => `${from.node}.${from.port}>${to.node}.${to.port}`;

/** What the layout calls a point of a wire. */
export function pointKey(from: Source, to: Source, number: number): string {
  return number === 1 ? wireKey(from, to) : `${wireKey(from, to)}#${number}`;
}

/** All of a graph, those of each wire in its direction; also those of wires that are not there. */
export function reroutePoints({ nodes, layout = {} }: GraphDocument): ReroutePoint[] {
  const points = Object.entries(layout).flatMap(([key, position]): ReroutePoint[] => {
    if (!key.includes('>') || Object.hasOwn(nodes, key)) return [];
    const [, start = '', end = '', number = '1'] = KEY.exec(key) ?? [];
    const [from, to] = [parseWire(start), parseWire(end)];
    return from && to ? [{ key, from, to, number: Number(number), position }] : [];
  });
  return points.sort((a, b) => a.number - b.number);
}
