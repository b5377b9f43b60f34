import { type Source } from '../../graph';
import { WeftError } from '../../protocol/errors';
import { type CellRun } from '../execution/context';
import { pictureOf } from '../execution/pictures';
import { type RgbPicture } from '../image/png';
import { type PlannedCell } from './planSweep';

/** Whoever has cells run: told of each as it goes along. */
export interface CellRunner<C extends PlannedCell> {
  signal: AbortSignal;
  run(cell: C, picture: Source): Promise<CellRun>;
  /** Before a cell runs. @returns false for a cell that need not */
  begin(cell: C): boolean | Promise<boolean>;
  done(cell: C, made: CellRun, picture: RgbPicture, index: number): Promise<void>;
  failed(cell: C, error: WeftError, index: number): void;
  progress(done: number): void;
}

/**
 * Runs the cells of a sweep one after another. A cell that can't be drawn leaves a hole; what stops its run stops the sweep.
 * @returns what was wrong with the cells that have no picture
 */
export async function runCells<C extends PlannedCell>(
  picture: Source,
  cells: readonly C[],
  runner: CellRunner<C>,
): Promise<WeftError[]> {
  const failures: WeftError[] = [];
  for (const [index, cell] of cells.entries()) {
    runner.signal.throwIfAborted();
    if (await runner.begin(cell)) {
      try {
        const made = await runner.run(cell, picture);
        await runner.done(cell, made, await pictureOf(made.image), index);
      } catch (error) {
        if (!(error instanceof WeftError) || error.kind !== 'graph') throw error;
        failures.push(error);
        runner.failed(cell, error, index);
      }
    }
    runner.progress(index + 1);
  }
  return failures;
}
