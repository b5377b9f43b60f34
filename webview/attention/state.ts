import { create } from 'zustand';
import {
  floatsOf,
  type AttentionRequest,
  type InspectInfo,
  type InspectLevel,
  type InspectPeak,
  tokensOf,
} from '../../extension/protocol/inspect';
import { cellAt, middleOf, type Size } from '../../extension/protocol/size';
import { bytesOf } from '../model/bytes';
import { setTimeline } from '../model/page';
import { studio, useStudio } from '../model/store';
import { ask } from '../model/inspectRequests';
import { PIN_COLOURS } from './heat';

/** Which picture a point lies in: the output, or what it looked at. */
export type Side = 'output' | 'source';
export type Mode = 'point' | 'arrows' | 'map';

export interface Point {
  side: Side;
  /** Token of the resolution that is shown. */
  token: number;
}

export interface Pin {
  id: number;
  side: Side;
  /** 0 … 1: a pin keeps its place when the resolution changes. */
  x: number;
  y: number;
  /** Index into {@link PIN_COLOURS}. */
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

interface InspectState {
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
  pins: readonly Pin[];
  /** By view and point; a place that was seen once shows at once. */
  maps: ReadonlyMap<string, PointMap>;
  correspondences: ReadonlyMap<string, Correspondence>;
  arrows: ReadonlyMap<string, readonly { from: [number, number]; to: InspectPeak }[]>;
  /** Milliseconds from the last pointer movement to its heat map being drawn, when the engine was asked. */
  latency: number | undefined;
}

const initial: InspectState = {
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
  pins: [],
  maps: new Map(),
  correspondences: new Map(),
  arrows: new Map(),
  latency: undefined,
};

export const useInspect = create<InspectState>()(() => initial);
const inspect = (): InspectState => useInspect.getState();

/** Forgets what belongs to a run. */
export function forget(): void {
  for (const url of Object.values(inspect().pictures)) if (url !== undefined) URL.revokeObjectURL(url);
  const { level, head, mode, raw, asOfStep } = inspect();
  useInspect.setState({ ...initial, level, head, mode, raw, asOfStep });
}

/** Learns what can be asked of the last run's node; called again whenever the run moves on until there is an answer. */
export async function begin(node: string): Promise<void> {
  const { run } = studio();
  if (!run) {
    useInspect.setState({ info: undefined, sentence: 'This graph has not run in this window yet.' });
    return;
  }
  if (inspect().info?.runId === run.runId) return;
  try {
    const info = await ask('inspect.open', { runId: run.runId, node });
    if (studio().page.inspecting !== node || studio().run?.runId !== info.runId) return;
    if (inspect().info?.runId === info.runId) return;
    forget();
    const level = levelOf(info, inspect().level);
    useInspect.setState({ info, level, sentence: undefined });
    // The strip and the inspector show one step; without a choice the one in the middle of the swap says most.
    const { timeline } = studio().page;
    if (!studio().running && (timeline.node !== node || timeline.index === undefined)) {
      setTimeline({ node, index: middleStep(info, level) });
    } else setTimeline({ node });
    for (const picture of [...info.appearances.keys(), 'structure' as const]) {
      const { png } = await ask('inspect.picture', { runId: info.runId, node, picture });
      const url = URL.createObjectURL(new Blob([new Uint8Array(bytesOf(png))], { type: 'image/png' }));
      useInspect.setState(({ pictures }) => ({ pictures: { ...pictures, [picture]: url } }));
    }
  } catch (error) {
    if (!inspect().info) useInspect.setState({ sentence: messageOf(error) });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function levelOf(info: InspectInfo, wanted: InspectLevel): InspectLevel {
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
    const frames = info && state.timelines[info.node]?.x0;
    return frames?.[frames.length - 1]?.index;
  });
  const last = (info?.steps.length ?? 1) - 1;
  return Math.min(last, Math.max(0, chosen ?? newest ?? 0));
}

export function viewAt(step: number): View {
  const { level, layer, head, look, raw } = inspect();
  return { step, level, look, ...(layer === undefined ? {} : { layer }), ...(head === undefined ? {} : { head }), raw };
}

export const viewKey = (view: View): string =>
  JSON.stringify([view.step, view.level, view.layer, view.head, view.look, view.raw]);
export const pointKey = (view: View, { side, token }: Point): string => `${viewKey(view)} ${side} ${token}`;

export function gridOf(info: InspectInfo | undefined, level: InspectLevel): Size {
  return info?.levels.find((one) => one.level === level)?.grid ?? { width: 1, height: 1 };
}

const attention = (info: InspectInfo, view: View): AttentionRequest => ({
  runId: info.runId,
  node: info.node,
  ...view,
});

let asking = false;
let next: { view: View; point: Point; since: number } | undefined;

/** Asks for the map of a point unless it is known. One question is under way at a time; of those that wait the newest counts. */
export function wantMap(view: View, point: Point): void {
  if (inspect().maps.has(pointKey(view, point))) return;
  next = { view, point, since: performance.now() };
  if (!asking) void askNext();
}

async function askNext(): Promise<void> {
  asking = true;
  for (let wanted = next; wanted; wanted = next) {
    next = undefined;
    await loadMap(wanted.view, wanted.point);
    const { since } = wanted;
    window.requestAnimationFrame(() => useInspect.setState({ latency: performance.now() - since }));
  }
  asking = false;
}

/** So many maps stay on the page: 16 kB each at 64 × 64. */
const KEPT_MAPS = 1500;

export async function loadMap(view: View, point: Point): Promise<void> {
  const { info } = inspect();
  const key = pointKey(view, point);
  if (!info || inspect().maps.has(key)) return;
  const place = middleOf(point.token, gridOf(info, view.level));
  try {
    const { weights, peaks } = await ask('inspect.map', {
      ...attention(info, view),
      from: point.side,
      points: [place],
    });
    const [peak] = peaks;
    if (!peak || inspect().info !== info) return;
    const maps = new Map(inspect().maps);
    maps.set(key, { map: floatsOf(bytesOf(weights)), peak });
    for (const oldest of maps.keys()) {
      if (maps.size <= KEPT_MAPS) break;
      maps.delete(oldest);
    }
    useInspect.setState({ maps, sentence: undefined });
  } catch (error) {
    useInspect.setState({ sentence: messageOf(error) });
  }
}

export async function loadCorrespondence(view: View): Promise<void> {
  const { info, correspondences } = inspect();
  const key = viewKey(view);
  if (!info || correspondences.has(key)) return;
  try {
    const { targets, weights } = await ask('inspect.correspondence', attention(info, view));
    if (inspect().info !== info) return;
    const found = { targets: tokensOf(bytesOf(targets)), weights: floatsOf(bytesOf(weights)) };
    useInspect.setState((state) => ({
      correspondences: new Map(state.correspondences).set(key, found),
      sentence: undefined,
    }));
  } catch (error) {
    useInspect.setState({ sentence: messageOf(error) });
  }
}

/** Arrows start at so many places a side. */
const ARROWS = 9;

export async function loadArrows(view: View): Promise<void> {
  const { info, arrows } = inspect();
  const key = viewKey(view);
  if (!info || arrows.has(key)) return;
  const { width, height } = gridOf(info, view.level);
  const starts = { width: Math.min(ARROWS, width), height: Math.min(ARROWS, height) };
  const points = Array.from({ length: starts.width * starts.height }, (_, index) => middleOf(index, starts));
  try {
    const { peaks } = await ask('inspect.map', { ...attention(info, view), from: 'output', points, peaksOnly: true });
    if (inspect().info !== info) return;
    const found = peaks.map((to, index) => ({ from: points[index] ?? ([0, 0] as [number, number]), to }));
    useInspect.setState((state) => ({ arrows: new Map(state.arrows).set(key, found), sentence: undefined }));
  } catch (error) {
    useInspect.setState({ sentence: messageOf(error) });
  }
}

let pinCount = 0;

/** Pins a place, or unpins the one that is pinned there. */
export function togglePin(side: Side, x: number, y: number): void {
  const { pins, info, level } = inspect();
  const grid = gridOf(info, level);
  const same = pins.find((pin) => pin.side === side && cellAt(pin.x, pin.y, grid) === cellAt(x, y, grid));
  if (same) {
    useInspect.setState({ pins: pins.filter((pin) => pin !== same) });
    return;
  }
  const free = PIN_COLOURS.findIndex((_, index) => !pins.some(({ colour }) => colour === index));
  const colour = free < 0 ? pinCount % PIN_COLOURS.length : free;
  useInspect.setState({ pins: [...pins, { id: ++pinCount, side, x, y, colour }] });
}

/** Takes the newest pin away; false when there was none. */
export function unpin(): boolean {
  const { pins } = inspect();
  useInspect.setState({ pins: pins.slice(0, -1) });
  return pins.length > 0;
}
