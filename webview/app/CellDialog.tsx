import { type KeyboardEvent } from 'react';
import { measureOf, measureWords } from '../../extension/graph';
import { closeCell, openCell, takeCell } from '../model/actions/sweeps';
import { postToHost } from '../model/host';
import { useStudio } from '../model/store';
import { bestCells, cellWords } from '../model/sweeps';
import { readable } from '../model/words';
import { ARROWS } from '../ui/arrows';
import { Dialog } from '../ui/Dialog';
import { type Fact, Facts } from '../ui/Facts';
import { Button, Tool } from '../ui/Icon';

/** One cell of a sweep, large: what it was made with, its numbers, and what to do with it. Arrow keys go to its neighbours. */
export function CellDialog() {
  const at = useStudio((state) => state.openCell);
  const sweep = useStudio((state) => (at ? state.sweeps[at.node] : undefined));
  const readOnly = useStudio((state) => state.readOnly);
  if (!at || !sweep) return null;
  const { node, row, column } = at;
  const cell = sweep.cells[`${row}/${column}`];
  const best = bestCells(sweep)[`${row}/${column}`] ?? [];
  const values = (cell?.set ?? []).map(({ node: id, param, value }): Fact => [
    `${id}.${param}`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const measures = Object.entries(cell?.metrics ?? {}).map(([name, value]): Fact => {
    const words = measureWords(name, value);
    const shown = best.includes(name) ? <span className="best">{words} · best of the sweep</span> : words;
    return [measureOf(name)?.label ?? name, shown, measureOf(name)?.help];
  });
  const go = ([right, down]: readonly [number, number]) => {
    const [rows, columns] = [sweep.rows?.labels.length ?? 1, sweep.columns.labels.length];
    const to = { row: row + down, column: column + right };
    if (to.row >= 0 && to.row < rows && to.column >= 0 && to.column < columns) openCell(node, to.row, to.column);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = ARROWS[event.key];
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
          <Facts rows={[...values, ...measures]} />
          <div className="cell-actions">
            <Button
              icon="check"
              disabled={readOnly || !cell}
              data-testid="take-cell"
              onClick={() => cell && takeCell(cell)}
            >
              Use these values
            </Button>
            <Button
              secondary
              icon="go-to-file"
              disabled={cell?.state !== 'done'}
              data-testid="cell-as-graph"
              onClick={() => {
                closeCell();
                postToHost({ type: 'openCell', node, row, column });
              }}
            >
              Open as a graph
            </Button>
          </div>
          <div className="cell-actions" role="group" aria-label="Neighbours">
            <Tool icon="arrow-left" label="Cell to the left" onClick={() => go([-1, 0])} />
            <Tool icon="arrow-right" label="Cell to the right" onClick={() => go([1, 0])} />
            {sweep.rows && <Tool icon="arrow-up" label="Cell above" onClick={() => go([0, -1])} />}
            {sweep.rows && <Tool icon="arrow-down" label="Cell below" onClick={() => go([0, 1])} />}
          </div>
        </div>
      </div>
    </Dialog>
  );
}
