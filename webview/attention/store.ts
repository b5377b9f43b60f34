import { create } from 'zustand';
import { type InspectInfo, type InspectLevel, type InspectPeak } from '../../extension/protocol/inspect';
import { cellAt, type Size } from '../../extension/protocol/size';
import { resultTimeline } from '../model/cellTimelines';
import { useStudio } from '../model/store';
import { WATCH_COLOURS } from './heat';
import { type PinCircle } from './pins';

/** Which picture a point lies in: the output, or what it looked at. */
export type Side = 'output' | 'source';
export type Mode = 'point' | 'arrows' | 'map';

export interface Point {
  side: Side;
  /** Token of the resolution that is shown. */
  token: number;
}

/** A place whose attention stays in sight. */
export interface Watch {
  id: number;
  side: Side;
  /** 0 … 1: it keeps its place when the resolution changes. */
  x: number;
  y: number;
  /** Index into {@link WATCH_COLOURS}. */
  colour: number;
}

/** The map of one point. */
export interface PointMap {
  map: Float32Array;
  peak: InspectPeak;
}

export interface Correspondence {
  targets: Uint16Array;
  weights: Float32Array;
}

/** The attention that is looked at. */
export interface View {
  step: number;
  level: InspectLevel;
  layer?: number | undefined;
  head?: number | undefined;
  look: number;
  raw: boolean;
}

interface AttentionState {
  info: InspectInfo | undefined;
  /** Why there is nothing to see. */
  sentence: string | undefined;
  /** Blob URLs of the pictures as the model saw them. */
  pictures: Readonly<Record<number | 'structure', string | undefined>>;
  level: InspectLevel;
  layer: number | undefined;
  head: number | undefined;
  /** Which of several appearances. */
  look: number;
  raw: boolean;
  mode: Mode;
  /** The output as it was at the step, instead of the result. */
  asOfStep: boolean;
  hover: Point | undefined;
  watches: readonly Watch[];
  /** The pin that is being dragged, by its place in the list. */
  dragging: number | undefined;
  /** The circle of a pin that has the focus. */
  circle: PinCircle | undefined;
  /** By view and point; a place that was seen once shows at once. */
  maps: ReadonlyMap<string, PointMap>;
  correspondences: ReadonlyMap<string, Correspondence>;
  arrows: ReadonlyMap<string, readonly { from: [number, number]; to: InspectPeak }[]>;
  /** Milliseconds from the last pointer movement to its heat map being drawn, when the engine was asked. */
  latency: number | undefined;
}

const initial: AttentionState = {
  info: undefined,
  sentence: undefined,
  pictures: { structure: undefined },
  level: 'high',
  layer: undefined,
  head: undefined,
  look: 0,
  raw: false,
  mode: 'point',
  asOfStep: false,
  hover: undefined,
  watches: [],
  dragging: undefined,
  circle: undefined,
  maps: new Map(),
  correspondences: new Map(),
  arrows: new Map(),
  latency: undefined,
};

export const useAttention = create<AttentionState>()(() => initial);
export const attention = (): AttentionState => useAttention.getState();

/** Forgets what belongs to a node. */
export function forget(): void {
  for (const url of Object.values(attention().pictures)) if (url !== undefined) URL.revokeObjectURL(url);
  const { level, head, mode, raw, asOfStep } = attention();
  useAttention.setState({ ...initial, level, head, mode, raw, asOfStep });
}

/** Begins with another run: what was found out about the last one goes, watched places and images stay until there are new ones. */
export function renew(info: InspectInfo): void {
  const { maps, correspondences, arrows, layer } = initial;
  const { look, level } = attention();
  useAttention.setState({
    ...{ maps, correspondences, arrows, layer, info },
    sentence: undefined,
    level: levelOf(info, level),
    look: Math.min(look, info.appearances.length - 1),
  });
}

export function levelOf(info: InspectInfo, wanted: InspectLevel): InspectLevel {
  const swapped = info.levels.filter(({ level }) => info.steps.some((step) => step[level]));
  return (swapped.find(({ level }) => level === wanted) ?? swapped[0] ?? info.levels[0])?.level ?? wanted;
}

export function middleStep(info: InspectInfo, level: InspectLevel): number {
  const steps = info.steps.flatMap((step, index) => (step[level] === 'appearance' ? [index] : []));
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

/** The step that is shown: the timeline's choice, else the newest the run has come to. */
export function useStepShown(info: InspectInfo | undefined): number {
  const chosen = useStudio((state) =>
    state.page.timeline.node === info?.node ? state.page.timeline.index : undefined,
  );
  const newest = useStudio((state) => {
    const frames = info && resultTimeline(state, info.node)?.x0;
    return frames?.[frames.length - 1]?.index;
  });
  const last = (info?.steps.length ?? 1) - 1;
  return Math.min(last, Math.max(0, chosen ?? newest ?? 0));
}

export function viewAt(step: number): View {
  const { level, layer, head, look, raw } = attention();
  return { step, level, look, ...(layer === undefined ? {} : { layer }), ...(head === undefined ? {} : { head }), raw };
}

export const viewKey = (view: View): string =>
  JSON.stringify([view.step, view.level, view.layer, view.head, view.look, view.raw]);
export const pointKey = (view: View, { side, token }: Point): string => `${viewKey(view)} ${side} ${token}`;

export function gridOf(info: InspectInfo | undefined, level: InspectLevel): Size {
  return info?.levels.find((one) => one.level === level)?.grid ?? { width: 1, height: 1 };
}

let watchCount = 0;

/** Watches a place, or no longer the one that is watched there. */
export function toggleWatch(side: Side, x: number, y: number): void {
  const { watches, info, level } = attention();
  const grid = gridOf(info, level);
  const same = watches.find((watch) => watch.side === side && cellAt(watch.x, watch.y, grid) === cellAt(x, y, grid));
  if (same) return unwatch(same.id);
  const free = WATCH_COLOURS.findIndex((_, index) => !watches.some(({ colour }) => colour === index));
  const colour = free < 0 ? watchCount % WATCH_COLOURS.length : free;
  useAttention.setState({ watches: [...watches, { id: ++watchCount, side, x, y, colour }] });
}

export function unwatch(id: number): void {
  useAttention.setState({ watches: attention().watches.filter((watch) => watch.id !== id) });
}

/** Stops watching the newest place; false when there was none. */
export function unwatchLast(): boolean {
  const { watches } = attention();
  useAttention.setState({ watches: watches.slice(0, -1) });
  return watches.length > 0;
}
