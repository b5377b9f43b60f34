import { describe, expect, it } from 'vitest';
import { type CellPlace } from '../../../../extension/protocol/engine';
import {
  type CellState,
  resultTimeline,
  scrubbedStep,
  shownTimeline,
  withCellFrame,
  withoutCells,
} from '../../../../webview/model/cellTimelines';
import { initialPageState, type PageState, readPageState } from '../../../../webview/model/pageState';
import { placeWords } from '../../../../webview/model/sweeps';

const at = (column: number, row?: number): CellPlace => ({
  sweep: 'sweep',
  column,
  ...(row === undefined ? {} : { row }),
});
const frame = (node: string, cell?: CellPlace, index = 4, runId = 'r') => ({
  runId,
  node,
  ...(cell && { cell }),
  index,
  total: 5,
  timestep: 900,
  kind: 'x0' as const,
  width: 1,
  height: 1,
  rgba: new Uint8Array(4),
});
const framesOf = (...frames: ReturnType<typeof frame>[]) =>
  frames.reduce<CellState['timelines']>((all, one) => withCellFrame(all, one), {});
const state = (
  timelines: CellState['timelines'],
  change: { timeline?: Partial<PageState['timeline']>; latestCell?: CellPlace } = {},
): CellState & { page: PageState } => ({
  timelines,
  latestCell: change.latestCell,
  page: { ...initialPageState, timeline: { kind: 'x0', ...change.timeline } },
});

describe('the cell whose steps show', () => {
  const swept = framesOf(frame('invert'), frame('denoise', at(0)), frame('denoise', at(1)), frame('denoise', at(2)));

  it('is the one that runs or ran last, until one is chosen', () => {
    const latestCell = { ...at(1), row: 0 };
    expect(shownTimeline(state(swept, { latestCell }), 'denoise')?.cell).toEqual(at(1));
    const chosen = { cell: { ...at(0), row: 0 } };
    expect(shownTimeline(state(swept, { latestCell, timeline: chosen }), 'denoise')?.cell).toEqual(at(0));
    // What is the same in all cells shows with each.
    expect(shownTimeline(state(swept, { latestCell, timeline: chosen }), 'invert')?.runId).toBe('r');
    // Steps are under way: those of the cell before stay.
    expect(shownTimeline(state(swept, { latestCell: at(3) }), 'denoise')?.cell).toEqual(at(2));
  });

  it('may be none: the graph itself has run too', () => {
    const both = framesOf(frame('denoise'), frame('denoise', at(0)), frame('denoise', at(1)));
    expect(shownTimeline(state(both, { latestCell: at(1) }), 'denoise')?.cell).toEqual(at(1));
    expect(
      shownTimeline(state(both, { latestCell: at(1), timeline: { cell: null } }), 'denoise')?.cell,
    ).toBeUndefined();
    expect(resultTimeline(state(both, { latestCell: at(1) }), 'denoise')?.cell).toBeUndefined();
  });

  it('of a node that depends on one axis is its row or its column', () => {
    const rows = framesOf(frame('invert', { sweep: 'sweep', row: 0 }), frame('invert', { sweep: 'sweep', row: 1 }));
    expect(shownTimeline(state(rows, { timeline: { cell: at(2, 0) } }), 'invert')?.cell).toEqual({
      sweep: 'sweep',
      row: 0,
    });
  });

  it('puts its last step in place of a result that is another cell’s', () => {
    const latestCell = at(2);
    expect(scrubbedStep(state(swept, { latestCell }), 'denoise')).toBeUndefined();
    expect(scrubbedStep(state(swept, { latestCell, timeline: { cell: at(2) } }), 'denoise')).toBeUndefined();
    expect(scrubbedStep(state(swept, { latestCell, timeline: { cell: at(0) } }), 'denoise')).toBe(
      swept['denoise']?.['sweep /0']?.x0[0],
    );
  });

  it('is remembered with the page, if it is sound', () => {
    const read = (cell: unknown) => readPageState({ timeline: { cell } }).timeline.cell;
    expect(read(at(1, 2))).toEqual(at(1, 2));
    expect(read(null)).toBeNull();
    expect(read({ sweep: 'sweep', row: 'x' })).toBeUndefined();
  });
});

describe('the steps of cells', () => {
  it('give way to those of the next run, and to the next run of their sweep', () => {
    const swept = framesOf(frame('denoise', at(0)), frame('denoise', at(1)), frame('invert'));
    expect(Object.keys(withCellFrame(swept, frame('denoise', undefined, 0, 'next'))['denoise'] ?? {})).toEqual(['']);
    expect(Object.keys(withoutCells(swept, 'sweep', 'next'))).toEqual(['invert']);
    expect(withoutCells(swept, 'other', 'next')).toEqual(swept);
    expect(withoutCells(swept, 'sweep', 'r')).toEqual(swept);
  });

  it('of the first cells give their pixels back where all take too much, and can be asked for again', () => {
    const frames = [frame('denoise', undefined), ...[0, 1, 2].map((column) => frame('denoise', at(column)))];
    const all = frames.reduce<CellState['timelines']>((before, one) => withCellFrame(before, one, 12), {});
    expect(Object.values(all['denoise'] ?? {}).map(({ total, x0 }) => [total, x0.length])).toEqual([
      [5, 1],
      [5, 0],
      [5, 1],
      [5, 1],
    ]);
  });
});

describe('a cell in words', () => {
  const sweep = (columns: string, rows?: string) => ({
    runId: 'r',
    columns: { title: columns, labels: ['1', '1.67'] },
    ...(rows === undefined ? {} : { rows: { title: rows, labels: ['7', '8'] } }),
    cells: {},
  });

  it('is its values, with nodes where both axes have one name', () => {
    expect(placeWords(sweep('swap.contrast'), at(1))).toBe('contrast 1.67');
    expect(placeWords(sweep('swap.contrast', 'schedule.seed'), at(1, 0))).toBe('seed 7, contrast 1.67');
    expect(placeWords(sweep('a.skip', 'b.skip'), at(0, 1))).toBe('b.skip 8, a.skip 1');
    expect(placeWords(sweep('appearance'), at(0))).toBe('appearance 1');
    expect(placeWords(undefined, at(1, 0))).toBe('row 1, column 2');
  });
});
