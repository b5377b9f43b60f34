import { createHash } from 'node:crypto';
import { parseGraph, sweepOf } from '../../../graph';
import { WeftError } from '../../../protocol/errors';
import { encodePng } from '../../image/png';
import { type Executor } from '../context';
import { metricLines } from '../metrics';
import { inputTrust } from '../planOutputs';
import { pictureOf } from '../pictures';
import { asGraphError, planSweep } from '../../sweep/planSweep';
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
  const failures: WeftError[] = [];
  for (const [index, cell] of cells.entries()) {
    signal.throwIfAborted();
    const { row, column, graphText: text } = cell;
    const at = { runId, node: node.id, row, column, graphText: text };
    context.emit({ event: 'cell', ...at, state: 'running' });
    try {
      const run = await context.runCell(text, plan.picture);
      computed ||= !run.cached;
      const picture = await pictureOf(run.image);
      shown[index] = { row, column, picture, lines: metricLines(run.image.metrics) };
      const png = await encodePng(picture);
      context.emit({ event: 'cell', ...at, state: 'done', png, metrics: run.image.metrics });
    } catch (error) {
      // A cell that can't be drawn leaves a hole; what stops the run stops the sweep.
      if (!(error instanceof WeftError) || error.kind !== 'graph') throw error;
      failures.push(error);
      shown[index] = { row, column, problem: error.message };
      context.emit({ event: 'cell', ...at, state: 'failed', message: error.message });
    }
    context.progress(node.id, index + 1, cells.length);
  }
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
