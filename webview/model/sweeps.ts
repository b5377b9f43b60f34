import { measureOf, type Source } from '../../extension/graph';
import { type EventOf, type HostToStudio } from '../../extension/protocol/studio';
import { type CellPlace, type SweepSide } from '../../extension/protocol/engine';

type Cell = EventOf<'cell'>;

/** A cell, with the object URL of its picture. */
export type CellView = Pick<Cell, 'state' | 'metrics' | 'message'> & {
  set: readonly Cell['set'][number][];
  url?: string;
};

/** A sweep as its node shows it; cells by `row/column`. */
export interface SweepView {
  runId: string;
  columns: SweepSide;
  rows?: SweepSide;
  cells: Readonly<Record<string, CellView>>;
}

/** The same image with other seeds, as a sweep that only this run has. */
export interface SeedVariation {
  /** Id of the sweep node that the run has and the graph has not. */
  sweep: string;
  /** The node whose seed varies. */
  schedule: string;
  image: Source;
  seeds: readonly number[];
}

type Sweeps = Readonly<Record<string, SweepView>>;

/** A sweep begins: the pictures of the last one are given back. */
export function withSweep(
  sweeps: Sweeps,
  { runId, node, columns, rows }: Extract<HostToStudio, { type: 'sweep' }>,
  release: (url: string) => void,
): Sweeps {
  for (const cell of Object.values(sweeps[node]?.cells ?? {})) if (cell.url) release(cell.url);
  return { ...sweeps, [node]: { runId, columns, rows, cells: {} } };
}

/** A cell has begun, finished or failed; one of another run changes nothing. */
export function withCell(
  sweeps: Sweeps,
  { runId, node, row, column, state, set, metrics, message }: Extract<HostToStudio, { type: 'cell' }>,
  url: string | undefined,
): Sweeps {
  const sweep = sweeps[node];
  if (sweep?.runId !== runId) return sweeps;
  const cell = { state, url, set, metrics, message };
  return { ...sweeps, [node]: { ...sweep, cells: { ...sweep.cells, [`${row}/${column}`]: cell } } };
}

/** What distinguishes a cell, in words. */
export function cellWords({ rows, columns }: SweepView, row: number, column: number): string {
  return [...(rows ? [`${rows.title} ${rows.labels[row]}`] : []), `${columns.title} ${columns.labels[column]}`].join(
    ', ',
  );
}

/** A cell by its values alone, or a whole row or column of cells: "contrast 1.67". The node is named only where two axes would read alike. */
export function placeWords(sweep: SweepView | undefined, { row, column }: CellPlace): string {
  const titles = [sweep?.rows?.title, sweep?.columns.title].map((title) => title?.split('.').at(-1));
  const axis = (side: SweepSide | undefined, what: string, at: number): string => {
    const short = side?.title.split('.').at(-1);
    const title = titles[0] === titles[1] ? side?.title : short;
    return title === undefined ? `${what} ${at + 1}` : `${title} ${side?.labels[at] ?? at + 1}`;
  };
  return [
    ...(row === undefined ? [] : [axis(sweep?.rows, 'row', row)]),
    ...(column === undefined ? [] : [axis(sweep?.columns, 'column', column)]),
  ].join(', ');
}

/** The measures in which each cell is the best of its sweep, by `row/column`. None where all cells are alike. */
export function bestCells({ cells }: SweepView): Readonly<Record<string, readonly string[]>> {
  const best: Record<string, string[]> = {};
  const measured = Object.entries(cells).flatMap(([key, { metrics }]) => (metrics ? [{ key, metrics }] : []));
  for (const name of new Set(measured.flatMap(({ metrics }) => Object.keys(metrics)))) {
    const measure = measureOf(name);
    const of = measured.flatMap(({ key, metrics }) =>
      metrics[name] === undefined ? [] : [{ key, value: metrics[name] }],
    );
    const values = of.map(({ value }) => value);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    if (!measure || least === most) continue;
    const wanted = measure.better === 'higher' ? most : least;
    for (const { key, value } of of) if (value === wanted) (best[key] ??= []).push(name);
  }
  return best;
}
