import { type Source } from '../../extension/graph';
import { type HostToStudio } from '../../extension/protocol/studio';
import { type SweepSide } from '../../extension/protocol/engine';

export interface CellView {
  state: 'running' | 'done' | 'failed';
  /** Object URL of its picture. */
  url?: string;
  /** Numbers about its picture. */
  metrics?: Readonly<Record<string, number>>;
  message?: string;
}

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
  { runId, node, row, column, state, metrics, message }: Extract<HostToStudio, { type: 'cell' }>,
  url: string | undefined,
): Sweeps {
  const sweep = sweeps[node];
  if (sweep?.runId !== runId) return sweeps;
  const cell = { state, url, metrics, message };
  return { ...sweeps, [node]: { ...sweep, cells: { ...sweep.cells, [`${row}/${column}`]: cell } } };
}
