import {
  axisWords,
  cellGraph,
  cellsOf,
  checkAxes,
  checkAxis,
  checkValue,
  type GraphDocument,
  MOST_CELLS,
  type Source,
  type SweepAxis,
  type SweepCell,
  SweepError,
  valueWords,
} from '../../graph';
import { type SweepSide } from '../../protocol/engine';
import { graphError } from '../../protocol/errors';
import { type InputTrust } from '../paths';
import { findPictures } from './findPictures';

/** What varies, and which picture is looked at. */
export interface SweepDefinition {
  columns: SweepAxis;
  rows?: SweepAxis;
  picture: Source;
}

export interface PlannedCell extends SweepCell {
  /** Canonical text of the cell's own graph. */
  graphText: string;
}

export interface PlannedSweep {
  columns: SweepSide;
  rows?: SweepSide;
  picture: Source;
  /** Row by row. */
  cells: PlannedCell[];
}

/**
 * All cells of a sweep: files of its axes found, every cell's graph made.
 * @throws WeftError `graph` for axes that do not fit the graph, or too many cells
 */
export async function planSweep(
  text: string,
  document: GraphDocument,
  sweep: SweepDefinition,
  trust: InputTrust,
): Promise<PlannedSweep> {
  return asGraphError(async () => {
    const find = async (axis: SweepAxis): Promise<SweepAxis> => {
      const param = checkAxis(document, axis);
      if (param === 'muted' || param.kind !== 'path' || param.access !== 'read') return axis;
      const found = (await Promise.all(axis.values.map((value) => findPictures(String(value), trust)))).flat();
      for (const file of found) {
        // A file may be called what no graph can name.
        const reason = checkValue(param, file);
        if (reason !== undefined) throw new SweepError(`${axis.node}: ${reason}`, axis.node);
      }
      return { ...axis, values: found };
    };
    checkAxes(sweep.columns, sweep.rows);
    const columns = await find(sweep.columns);
    const rows = sweep.rows && (await find(sweep.rows));
    const count = columns.values.length * (rows?.values.length ?? 1);
    if (count > MOST_CELLS) throw new SweepError(`The sweep has ${count} cells; at most ${MOST_CELLS} fit.`);
    const side = (axis: SweepAxis): SweepSide => ({
      title: axisWords(axis),
      labels: axis.values.map((value) => valueWords(axis, value)),
    });
    const cells = cellsOf(columns, rows).map((cell) => ({ ...cell, graphText: cellGraph(text, cell.set) }));
    return { columns: side(columns), rows: rows && side(rows), picture: sweep.picture, cells };
  });
}

export async function asGraphError<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SweepError) throw graphError(error.message, error.node);
    throw error;
  }
}
