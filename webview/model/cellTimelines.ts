import { type CellPlace } from '../../extension/protocol/engine';
import { type TimelineFrame } from '../../extension/protocol/studio';
import { type NodeTimeline, standIn, stepAt, type StepPicture, withFrame } from './frames';
import { type PageState } from './pageState';

/** The steps of one node by {@link placeKey}: in a sweep, those of each cell apart. */
export type CellTimelines = Readonly<Record<string, NodeTimeline>>;
type Timelines = Readonly<Record<string, CellTimelines>>;

export interface CellState {
  page: Pick<PageState, 'timeline'>;
  timelines: Timelines;
  /** The cell of a sweep that runs, or ran last. */
  latestCell: CellPlace | undefined;
}

/** Pixels of all cells together; what is dropped can be asked for again. */
const PIXEL_BYTES = 96 * 2 ** 20;

/** '' of steps that belong to no cell. */
export const placeKey = (cell: CellPlace | undefined): string =>
  cell ? `${cell.sweep} ${cell.row ?? ''}/${cell.column ?? ''}` : '';

/** Adds a frame. What the last run left of its node goes, in all cells. */
export function withCellFrame(all: Timelines, frame: TimelineFrame, mostBytes = PIXEL_BYTES): Timelines {
  const { node, runId, cell } = frame;
  const before = all[node] ?? {};
  const mine = Object.values(before).some((timeline) => timeline.runId === runId) ? before : {};
  const key = placeKey(cell);
  return withinBytes({ ...all, [node]: { ...mine, [key]: withFrame(mine[key], frame) } }, `${node} ${key}`, mostBytes);
}

/** A sweep begins anew: the steps of its last cells go. */
export function withoutCells(all: Timelines, sweep: string, runId: string): Timelines {
  const kept = Object.entries(all).map(
    ([node, cells]) =>
      [
        node,
        Object.fromEntries(Object.entries(cells).filter(([, one]) => one.cell?.sweep !== sweep || one.runId === runId)),
      ] as const,
  );
  return Object.fromEntries(kept.filter(([, cells]) => Object.keys(cells).length > 0));
}

/** The steps that the timeline shows of a node: of the cell that was chosen, else of the one that runs or ran last. */
export function shownTimeline({ page, timelines, latestCell }: CellState, node: string): NodeTimeline | undefined {
  const { cell: chosen } = page.timeline;
  return timelineAt(timelines[node], [...(chosen === null ? [''] : keysOf(chosen)), ...keysOf(latestCell)]);
}

/** The steps whose last is the node's result: the graph's own, else those of the cell that ran last. */
export function resultTimeline(
  { timelines, latestCell }: Pick<CellState, 'timelines' | 'latestCell'>,
  node: string,
): NodeTimeline | undefined {
  return timelineAt(timelines[node], ['', ...keysOf(latestCell)]);
}

/**
 * The step that stands in the timeline in place of a node's result; undefined at the last one, which is the result, unless another cell was
 * chosen.
 */
export function scrubbedStep(state: CellState & { page: PageState }, node: string): StepPicture | undefined {
  const { page } = state;
  const { node: scrubbed, index: wanted, kind, cell } = page.timeline;
  const timeline = shownTimeline(state, node);
  // The attention inspector has steps of its own.
  if (!timeline || !page.timelineOpen || page.inspecting !== undefined) return undefined;
  const other = cell !== undefined && timeline !== resultTimeline(state, node);
  const last = timeline.total - 1;
  const index = scrubbed === node && wanted !== undefined ? wanted : other ? last : undefined;
  if (index === undefined || (!other && kind === 'x0' && index >= last)) return undefined;
  return stepAt(timeline, kind, index) ?? standIn(timeline, kind, index);
}

/** What a node may have of a cell: steps of its own, or those of all of its row or column. */
const keysOf = (cell: CellPlace | undefined): string[] =>
  cell
    ? [cell, { sweep: cell.sweep, row: cell.row }, { sweep: cell.sweep, column: cell.column }].map((place) =>
        placeKey(place),
      )
    : [];

function timelineAt(cells: CellTimelines | undefined, keys: readonly string[]): NodeTimeline | undefined {
  const all = Object.keys(cells ?? {});
  return cells?.[keys.find((key) => all.includes(key)) ?? all[all.length - 1] ?? ''];
}

/** Drops the pixels of the oldest cells, but not those of the one that has just come. */
function withinBytes(all: Timelines, newest: string, mostBytes: number): Timelines {
  const cells = Object.entries(all).flatMap(([node, byKey]) =>
    Object.entries(byKey).map(([key, timeline]) => ({ node, key, timeline, bytes: bytesOf(timeline) })),
  );
  let over = cells.reduce((sum, { bytes }) => sum + bytes, 0) - mostBytes;
  let kept = all;
  for (const { node, key, timeline, bytes } of cells) {
    if (over <= 0) break;
    if (timeline.cell === undefined || `${node} ${key}` === newest) continue;
    over -= bytes;
    kept = { ...kept, [node]: { ...kept[node], [key]: { ...timeline, x0: [], xt: [] } } };
  }
  return kept;
}

const bytesOf = ({ x0, xt }: NodeTimeline): number =>
  [...x0, ...xt].reduce((sum, { pixels }) => sum + (pixels?.byteLength ?? 0), 0);
