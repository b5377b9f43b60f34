import { type KeyboardEvent } from 'react';
import { measureOf, measureWords } from '../../extension/graph';
import { closeCell, openCell, takeCell } from '../model/actions/sweeps';
import { postToHost } from '../model/host';
import { useStudio } from '../model/store';
import { bestCells, cellWords } from '../model/sweeps';
import { readable } from '../model/words';
import { Dialog } from '../ui/Dialog';
import { Icon, Tool } from '../ui/Icon';

const STEPS: Record<string, [row: number, column: number]> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};

/** One cell of a sweep, large: what it was made with, its numbers, and what to do with it. Arrow keys go to its neighbours. */
export function CellDialog() {
  const at = useStudio((state) => state.openCell);
  const sweep = useStudio((state) => (at ? state.sweeps[at.node] : undefined));
  const readOnly = useStudio((state) => state.readOnly);
  if (!at || !sweep) return null;
  const { node, row, column } = at;
  const cell = sweep.cells[`${row}/${column}`];
  const best = bestCells(sweep)[`${row}/${column}`] ?? [];
  const go = ([down, right]: [number, number]) => {
    const [rows, columns] = [sweep.rows?.labels.length ?? 1, sweep.columns.labels.length];
    const to = { row: row + down, column: column + right };
    if (to.row >= 0 && to.row < rows && to.column >= 0 && to.column < columns) openCell(node, to.row, to.column);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    go(step);
  };
  return (
    <Dialog
      title={`${readable(node)}: ${cellWords(sweep, row, column)}`}
      testId="cell-dialog"
      onClose={closeCell}
      onKeyDown={onKeyDown}
    >
      <div className="cell-large">
        {cell?.url ? (
          <img src={cell.url} alt={cellWords(sweep, row, column)} draggable={false} />
        ) : (
          <span className="variation-place">{cell?.message ?? (cell ? 'Running' : 'Not run yet')}</span>
        )}
        <div>
          <dl className="facts">
            {(cell?.set ?? []).map(({ node: id, param, value }) => (
              <div key={`${id}.${param}`} style={{ display: 'contents' }}>
                <dt>
                  {id}.{param}
                </dt>
                <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
            {Object.entries(cell?.metrics ?? {}).map(([name, value]) => (
              <div key={name} style={{ display: 'contents' }}>
                <dt title={measureOf(name)?.help}>{measureOf(name)?.label ?? name}</dt>
                <dd className={best.includes(name) ? 'best' : ''}>
                  {measureWords(name, value)}
                  {best.includes(name) && ' · best of the sweep'}
                </dd>
              </div>
            ))}
          </dl>
          <div className="cell-actions">
            <button
              type="button"
              className="button"
              disabled={readOnly || !cell}
              data-testid="take-cell"
              onClick={() => cell && takeCell(cell)}
            >
              <Icon name="check" />
              Use these values
            </button>
            <button
              type="button"
              className="button secondary"
              disabled={cell?.state !== 'done'}
              data-testid="cell-as-graph"
              onClick={() => {
                closeCell();
                postToHost({ type: 'openCell', node, row, column });
              }}
            >
              <Icon name="go-to-file" />
              Open as a graph
            </button>
          </div>
          <div className="cell-actions" role="group" aria-label="Neighbours">
            <Tool icon="arrow-left" label="Cell to the left" onClick={() => go([0, -1])} />
            <Tool icon="arrow-right" label="Cell to the right" onClick={() => go([0, 1])} />
            {sweep.rows && <Tool icon="arrow-up" label="Cell above" onClick={() => go([-1, 0])} />}
            {sweep.rows && <Tool icon="arrow-down" label="Cell below" onClick={() => go([1, 0])} />}
          </div>
        </div>
      </div>
    </Dialog>
  );
}
