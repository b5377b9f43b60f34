/** Corrections of a mask, cell by cell. Grids are read row by row from the top. */
import { type Size } from '../../extension/protocol/size';
import { maskCell } from '../../extension/protocol/mask';

/** The mask with its corrected cells in place. */
export function corrected(found: Uint8Array, correction: Uint8Array): Uint8Array {
  return found.map((value, at) =>
    correction[at] === maskCell.kept ? value : Number(correction[at] === maskCell.inside),
  );
}

/** Puts cells inside or outside; what then says the same as was found is no correction. */
export function withCells(
  correction: Uint8Array,
  found: Uint8Array,
  cells: Iterable<number>,
  inside: boolean,
): Uint8Array {
  const next = correction.slice();
  for (const at of cells) {
    next[at] = Boolean(found[at]) === inside ? maskCell.kept : inside ? maskCell.inside : maskCell.outside;
  }
  return next;
}

/** Cells of the cluster under a cell; they flip together, to what most of them are not. */
export function flipCluster(correction: Uint8Array, found: Uint8Array, labels: Uint8Array, at: number): Uint8Array {
  const cells = [...labels.keys()].filter((cell) => labels[cell] === labels[at]);
  const mask = corrected(found, correction);
  const inside = cells.reduce((sum, cell) => sum + (mask[cell] ?? 0), 0);
  return withCells(correction, found, cells, inside * 2 < cells.length);
}

/** Cells within a round brush of a diameter in cells, around a place in cells. */
export function brushCells({ width, height }: Size, x: number, y: number, diameter: number): number[] {
  const cells: number[] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const inCell = Math.floor(x) === column && Math.floor(y) === row;
      if (inCell || Math.hypot(column + 0.5 - x, row + 0.5 - y) < diameter / 2) cells.push(row * width + column);
    }
  }
  return cells;
}

/** Cells a stroke from one place to another covers. */
export function strokeCells(
  grid: Size,
  from: readonly [number, number],
  to: readonly [number, number],
  diameter: number,
): Set<number> {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])));
  const cells = new Set<number>();
  for (let step = 0; step <= steps; step++) {
    const share = step / steps;
    const [x, y] = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
    for (const cell of brushCells(grid, x, y, diameter)) cells.add(cell);
  }
  return cells;
}
