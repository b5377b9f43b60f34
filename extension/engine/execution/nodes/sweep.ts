import { createHash } from 'node:crypto';
import { downstreamOf, parseGraph, sweepOf } from '../../../graph';
import { encodePng } from '../../image/png';
import { type Executor, type PlaceOf } from '../context';
import { metricLines } from '../metrics';
import { inputTrust } from '../planOutputs';
import { asGraphError, type PlannedCell, planSweep } from '../../sweep/planSweep';
import { runCells } from '../../sweep/runCells';
import { drawSheet, type SheetCell } from '../../sweep/sheet';

/** Runs what feeds the sweep once for each cell. What cells share is in the store after the first of them. */
export const sweep: Executor = async ({ node, context }) => {
  const { options, graphText, signal } = context;
  const { runId } = options;
  const document = parseGraph(graphText).document!;
  const definition = await asGraphError(() => sweepOf(document, node.id));
  const plan = await planSweep(graphText, document, definition, inputTrust(options));
  const { columns, rows, cells } = plan;
  context.emit({ event: 'sweep', runId, node: node.id, columns, rows });
  const shown: SheetCell[] = cells.map(({ row, column }) => ({ row, column }));
  let computed = false;
  const byColumn = downstreamOf(document, [definition.columns.node]);
  const byRow = definition.rows && downstreamOf(document, [definition.rows.node]);
  const placesIn =
    ({ row, column }: PlannedCell): PlaceOf =>
    (id) => {
      const place = { ...(byRow?.has(id) && { row }), ...(byColumn.has(id) && { column }) };
      return 'row' in place || 'column' in place ? { sweep: node.id, ...place } : undefined;
    };
  const at = ({ row, column, graphText: text, set }: PlannedCell) => ({
    runId,
    node: node.id,
    row,
    column,
    graphText: text,
    set,
  });
  const failures = await runCells(plan.picture, cells, {
    signal,
    run: (cell, picture) => context.runCell(cell.graphText, picture, placesIn(cell)),
    begin: (cell) => {
      context.emit({ event: 'cell', ...at(cell), state: 'running' });
      return true;
    },
    done: async (cell, { image: { metrics }, cached }, picture, index) => {
      computed ||= !cached;
      const { row, column } = cell;
      shown[index] = { row, column, picture, lines: metricLines(metrics) };
      context.emit({ event: 'cell', ...at(cell), state: 'done', png: await encodePng(picture), metrics });
    },
    failed: (cell, { message }, index) => {
      const { row, column } = cell;
      shown[index] = { row, column, problem: message };
      context.emit({ event: 'cell', ...at(cell), state: 'failed', message });
    },
    progress: (done) => context.progress(node.id, done, cells.length),
  });
  if (failures.length === cells.length && failures[0]) throw failures[0];
  for (const { message } of failures) context.warn(node.id, message);
  const picture = await drawSheet(columns, rows, shown);
  const digest = createHash('sha256').update(picture.rgb).digest('hex');
  context.emit({
    event: 'picture',
    runId,
    node: node.id,
    port: 'sheet',
    png: await encodePng(picture),
  });
  return {
    outputs: { sheet: { kind: 'image', from: 'run', ...picture, digest } },
    computed,
  };
};
