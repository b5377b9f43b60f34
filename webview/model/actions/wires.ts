import { checkConnection, type GraphEdit, type Source } from '../../../extension/graph';
import { edit } from '../document';
import { announce, studio, toast } from '../store';
import { type Ends, endsOf, type Wire } from '../wires';
import { plural, readable } from '../words';

/** Why the wire would be refused, in words; undefined when it fits. */
export function refusal({ from, to }: Ends): string | undefined {
  const { graph } = studio();
  return graph && checkConnection(graph, from.node, from.port, to.node, to.port);
}

export function connect({ from, to }: Ends): void {
  const reason = refusal({ from, to });
  if (reason !== undefined) return toast(reason);
  if (edit([{ kind: 'connect', from, to }], `Connect ${from.node} to ${to.node}`)) {
    announce(`Connected ${readable(from.node)}, ${from.port}, to ${readable(to.node)}, ${to.port}.`);
  }
}

/** Moves one end of a wire. */
export function reconnect(old: Wire, { from, to }: Ends): void {
  const before = endsOf(old);
  if (sameEnd(before.from, from) && sameEnd(before.to, to)) return;
  const reason = refusal({ from, to });
  if (reason !== undefined) return toast(reason);
  const edits: GraphEdit[] = sameEnd(before.to, to)
    ? [{ kind: 'connect', from, to, replaces: before.from, nth: old.nth }]
    : [...disconnections([old]), { kind: 'connect', from, to }];
  edit(edits, `Reconnect ${from.node} to ${to.node}`);
}

function sameEnd(a: Source, b: Source): boolean {
  return a.node === b.node && a.port === b.port;
}

export function disconnect(wires: readonly Wire[]): void {
  if (edit(disconnections(wires), `Remove ${plural(wires.length, 'wire')}`)) {
    announce(`Removed ${plural(wires.length, 'wire')}.`);
  }
}

/** Edits that remove wires; of several between the same ports the last first, so that the others keep their numbers. */
export function disconnections(wires: readonly Wire[]): GraphEdit[] {
  const last = [...wires].sort((a, b) => (b.nth ?? 0) - (a.nth ?? 0));
  return last.map((wire) => ({ kind: 'disconnect', ...endsOf(wire), nth: wire.nth }));
}
