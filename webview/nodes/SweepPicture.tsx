import { measureOf, measureWords } from '../../extension/graph';
import { openCell } from '../model/actions/sweeps';
import { bestCells, type CellView, cellWords, type SweepView } from '../model/sweeps';
import { useStudio } from '../model/store';
import { readable } from '../model/words';

/** The cells of a sweep in rows and columns, as they finish; a click shows one large. */
export function SweepPicture({ id, selected }: { id: string; selected: boolean }) {
  const sweep = useStudio((state) => state.sweeps[id]);
  if (!sweep) {
    return (
      <div className="picture placeholder">
        <span className="codicon codicon-table" aria-hidden="true" />
        <span>run to see the cells</span>
      </div>
    );
  }
  const { columns, rows } = sweep;
  const rowLabels = rows?.labels ?? [''];
  const best = bestCells(sweep);
  return (
    <div className="sweep-sheet nowheel" data-testid={`sweep-${id}`}>
      <table aria-label={`${readable(id)}: ${rows ? `${rows.title} by ` : ''}${columns.title}`}>
        <thead>
          <tr>
            {rows && <td />}
            {columns.labels.map((label, column) => (
              <th key={column} scope="col" title={`${columns.title} ${label}`}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rowLabels.map((label, row) => (
            <tr key={row}>
              {rows && (
                <th scope="row" title={`${rows.title} ${label}`}>
                  {label}
                </th>
              )}
              {columns.labels.map((_, column) => (
                <td key={column}>
                  <Cell
                    id={id}
                    sweep={sweep}
                    row={row}
                    column={column}
                    selected={selected}
                    best={best[`${row}/${column}`]}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell(props: {
  id: string;
  sweep: SweepView;
  row: number;
  column: number;
  selected: boolean;
  best: readonly string[] | undefined;
}) {
  const { id, sweep, row, column, selected } = props;
  const cell = sweep.cells[`${row}/${column}`];
  const words = cellWords(sweep, row, column);
  if (!cell || cell.state === 'running') {
    const icon = cell ? 'loading codicon-modifier-spin' : 'circle-outline';
    return (
      <span className="sweep-cell waiting" aria-label={`${words}: ${cell ? 'running' : 'waiting'}`} role="img">
        <span className={`codicon codicon-${icon}`} aria-hidden="true" />
      </span>
    );
  }
  const label = cell.state === 'failed' ? `${words}: ${cell.message ?? 'failed'}` : `Enlarge ${words}`;
  return (
    <>
      <button
        type="button"
        className={`sweep-cell nodrag ${cell.state}`}
        tabIndex={selected ? 0 : -1}
        aria-label={label}
        title={label}
        data-testid={`cell-${id}-${row}-${column}`}
        onClick={() => openCell(id, row, column)}
      >
        {cell.url ? (
          <img src={cell.url} alt="" draggable={false} />
        ) : (
          <span className="codicon codicon-warning" aria-hidden="true" />
        )}
      </button>
      <CellNumbers metrics={cell.metrics} best={props.best ?? []} />
    </>
  );
}

/** The numbers of a cell, in the order of its evaluate node's measures. */
function CellNumbers({ metrics, best }: { metrics: CellView['metrics']; best: readonly string[] }) {
  if (!metrics) return null;
  return (
    <dl className="cell-numbers">
      {Object.entries(metrics).map(([name, value]) => {
        const measure = measureOf(name);
        return (
          <div
            key={name}
            className={best.includes(name) ? 'best' : ''}
            title={
              measure && `${measure.label}: ${measure.help}${best.includes(name) ? ' The best of this sweep.' : ''}`
            }
          >
            <dt>{measure?.label ?? name}</dt>
            <dd>
              {best.includes(name) && <span className="codicon codicon-star-full" role="img" aria-label="best" />}
              {measureWords(name, value)}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
