/** The second half of a layout: nodes that stand in columns already change places in them, until few wires cross and the main ones run straight. */
import { type Point } from './geometry';

export interface Placed extends Point {
  id: string;
  width: number;
  height: number;
  /** Height of its ports below its top, by name. */
  ports?: { left: Readonly<Record<string, number>>; right: Readonly<Record<string, number>> };
}

export interface PortWire {
  source: string;
  target: string;
  sourcePort?: string;
  targetPort?: string;
}

interface End {
  box: Placed;
  /** Height of the port below the box's top. */
  drop: number;
}
type Line = { from: End; to: End };

/** Free room between two nodes of a column. */
const GAP = 40;
const ROUNDS = 8;
/** The main chain weighs this much more than other wires. */
const CHAIN = 12;
/** So much that what has it does not move. */
const FIXED = 1e9;
/** Graphs beyond this many wires stay as they are: every pair of wires is looked at. */
const MOST_WIRES = 250;

const height = ({ box, drop }: End): number => box.y + drop;

/** How many pairs of wires cross, as straight lines between their ports. Wires of one port never do. */
export function crossings(boxes: readonly Placed[], wires: readonly PortWire[]): number {
  return crossingsOf(linesOf(boxes, wires));
}

function linesOf(boxes: readonly Placed[], wires: readonly PortWire[]): Line[] {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const end = (id: string, side: 'left' | 'right', port: string | undefined): End | undefined => {
    const box = byId.get(id);
    return box && { box, drop: (port === undefined ? undefined : box.ports?.[side][port]) ?? box.height / 2 };
  };
  return wires.flatMap(({ source, target, sourcePort, targetPort }) => {
    const from = end(source, 'right', sourcePort);
    const to = end(target, 'left', targetPort);
    return from && to && from.box !== to.box ? [{ from, to }] : [];
  });
}

function crossingsOf(lines: readonly Line[]): number {
  let count = 0;
  for (const [index, a] of lines.entries()) {
    for (const b of lines.slice(index + 1)) {
      const start = Math.max(a.from.box.x + a.from.box.width, b.from.box.x + b.from.box.width);
      const stop = Math.min(a.to.box.x, b.to.box.x);
      if (start >= stop) continue;
      const [before, after] = [heightAt(a, start) - heightAt(b, start), heightAt(a, stop) - heightAt(b, stop)];
      if (before * after < -1e-6) count++;
    }
  }
  return count;
}

function heightAt({ from, to }: Line, x: number): number {
  const left = from.box.x + from.box.width;
  const share = (x - left) / (to.box.x - left);
  return height(from) + share * (height(to) - height(from));
}

/** Moves boxes up and down in their columns (boxes with one middle), in place. */
export function untangle(boxes: Placed[], wires: readonly PortWire[]): void {
  const lines = linesOf(boxes, wires);
  if (lines.length === 0 || lines.length > MOST_WIRES) return;
  const columns = columnsOf(boxes);
  const chain = mainChain(boxes, lines);
  const linesAt = new Map<Placed, { own: End; other: End; weight: number; side: 'left' | 'right' }[]>();
  for (const { from, to } of lines) {
    const weight = chain.has(from.box) && chain.get(from.box) === to.box ? CHAIN : 1;
    linesAt.set(from.box, [...(linesAt.get(from.box) ?? []), { own: from, other: to, weight, side: 'right' }]);
    linesAt.set(to.box, [...(linesAt.get(to.box) ?? []), { own: to, other: from, weight, side: 'left' }]);
  }
  /** Where a box would like to be for its wires to run level, and how much. */
  const wish = (box: Placed, side?: 'left' | 'right'): { y: number; weight: number } => {
    const near = (linesAt.get(box) ?? []).filter((line) => side === undefined || line.side === side);
    const weight = near.reduce((sum, line) => sum + line.weight, 0);
    if (weight === 0) return { y: box.y, weight: 0.1 };
    return {
      y: near.reduce((sum, { own, other, weight: w }) => sum + w * (height(other) - own.drop), 0) / weight,
      weight,
    };
  };
  const settle = (): void => {
    for (const column of columns)
      stack(
        column,
        column.map((box) => wish(box)),
      );
  };
  const spread = (): number => lines.reduce((sum, { from, to }) => sum + Math.abs(height(from) - height(to)), 0);

  let best = {
    crossed: Infinity,
    spread: Infinity,
    heights: boxes.map(({ y }) => y),
    orders: columns.map((each) => [...each]),
  };
  const keep = (): void => {
    const now = { crossed: crossingsOf(lines), spread: spread() };
    if (now.crossed > best.crossed || (now.crossed === best.crossed && now.spread >= best.spread)) return;
    best = { ...now, heights: boxes.map(({ y }) => y), orders: columns.map((each) => [...each]) };
  };
  keep();
  for (let round = 0; round < ROUNDS; round++) {
    const side = round % 2 === 0 ? 'left' : 'right';
    for (const column of side === 'right' ? [...columns].reverse() : columns) {
      const wishes = new Map(column.map((box) => [box, wish(box, side).y]));
      column.sort((a, b) => wishes.get(a)! - wishes.get(b)!);
      stack(
        column,
        column.map((box) => wish(box, side)),
      );
    }
    settle();
    keep();
    swapNeighbours(columns, lines, settle);
    keep();
  }
  for (const [index, order] of best.orders.entries()) columns[index]!.splice(0, Infinity, ...order);
  boxes.forEach((box, index) => (box.y = best.heights[index]!));
  for (let round = 0; round < ROUNDS; round++) settle();
  // The main chain runs straight; what stands beside it makes room.
  const straight = alignedHeights(chain, lines);
  for (let round = 0; round < ROUNDS; round++) {
    for (const column of columns)
      stack(
        column,
        column.map((box) => {
          const y = straight.get(box);
          return y === undefined ? wish(box) : { y, weight: FIXED };
        }),
      );
  }
  boxes.forEach((box) => (box.y = straight.get(box) ?? box.y));
}

/** Heights at which the boxes of the chain have their wires level, about where the chain is. */
function alignedHeights(chain: ReadonlyMap<Placed, Placed>, lines: readonly Line[]): Map<Placed, number> {
  const offsets = new Map<Placed, number>();
  const heads = new Set(chain.keys());
  for (const next of chain.values()) heads.delete(next);
  for (let [box] = heads; box; box = chain.get(box)) {
    const own = offsets.get(box) ?? 0;
    offsets.set(box, own);
    const next = chain.get(box);
    const line = lines.find(({ from, to }) => from.box === box && to.box === next);
    if (next && line) offsets.set(next, own + line.from.drop - line.to.drop);
  }
  const shifts = [...offsets].map(([box, offset]) => box.y - offset);
  const shift = shifts.reduce((sum, each) => sum + each, 0) / Math.max(1, shifts.length);
  return new Map([...offsets].map(([box, offset]) => [box, offset + shift]));
}

/** Two neighbours of a column change places where that takes crossings away. */
function swapNeighbours(columns: Placed[][], lines: readonly Line[], settle: () => void): void {
  let crossed = crossingsOf(lines);
  for (const column of columns) {
    for (let at = 0; at + 1 < column.length; at++) {
      const heights = columns.flat().map((box) => [box, box.y] as const);
      [column[at], column[at + 1]] = [column[at + 1]!, column[at]!];
      stack(
        column,
        column.map((box) => ({ y: box.y, weight: 1 })),
      );
      settle();
      const now = crossingsOf(lines);
      if (now < crossed) crossed = now;
      else {
        [column[at], column[at + 1]] = [column[at + 1]!, column[at]!];
        for (const [box, y] of heights) box.y = y;
      }
    }
  }
}

function columnsOf(boxes: readonly Placed[]): Placed[][] {
  const columns = new Map<number, Placed[]>();
  for (const box of [...boxes].sort((a, b) => a.y - b.y)) {
    const middle = Math.round(box.x + box.width / 2);
    columns.set(middle, [...(columns.get(middle) ?? []), box]);
  }
  return [...columns].sort(([a], [b]) => a - b).map(([, column]) => column);
}

/**
 * The boxes of a column as near to their wishes as their order and the gaps between them let them: least squares, by pooling neighbours whose
 * wishes are the wrong way round (isotonic regression).
 */
function stack(column: readonly Placed[], wishes: readonly { y: number; weight: number }[]): void {
  const pools: { sum: number; weight: number; count: number }[] = [];
  let room = 0;
  const rooms = column.map((box) => {
    const own = room;
    room += box.height + GAP;
    return own;
  });
  column.forEach((_box, index) => {
    const { y, weight } = wishes[index]!;
    pools.push({ sum: weight * (y - rooms[index]!), weight, count: 1 });
    while (pools.length > 1) {
      const [before, last] = pools.slice(-2) as [(typeof pools)[0], (typeof pools)[0]];
      if (before.sum / before.weight <= last.sum / last.weight) break;
      pools.splice(-2, 2, {
        sum: before.sum + last.sum,
        weight: before.weight + last.weight,
        count: before.count + last.count,
      });
    }
  });
  let index = 0;
  for (const { sum, weight, count } of pools)
    for (let i = 0; i < count; i++, index++) column[index]!.y = sum / weight + rooms[index]!;
}

/** The longest way through the graph, each box with the next one; of equal ways the one through boxes with more wires, then the upper port. */
function mainChain(boxes: readonly Placed[], lines: readonly Line[]): Map<Placed, Placed> {
  const into = new Map<Placed, Line[]>();
  const wiresAt = (box: Placed): number => lines.filter(({ from, to }) => from.box === box || to.box === box).length;
  const ordered = lines.map((line) => ({ line, wires: wiresAt(line.from.box) }));
  ordered.sort((a, b) => b.wires - a.wires || a.line.to.drop - b.line.to.drop);
  for (const { line } of ordered) into.set(line.to.box, [...(into.get(line.to.box) ?? []), line]);
  const depth = new Map<Placed, { steps: number; from?: Placed }>();
  for (const box of [...boxes].sort((a, b) => a.x - b.x)) {
    let best: { steps: number; from?: Placed } = { steps: 0 };
    for (const { from } of into.get(box) ?? []) {
      const steps = (depth.get(from.box)?.steps ?? 0) + 1;
      if (steps > best.steps) best = { steps, from: from.box };
    }
    depth.set(box, best);
  }
  const next = new Map<Placed, Placed>();
  let [end] = [...depth].sort(([, a], [, b]) => b.steps - a.steps)[0] ?? [];
  while (end) {
    const from: Placed | undefined = depth.get(end)?.from;
    if (from) next.set(from, end);
    end = from;
  }
  return next;
}
