import { create } from 'zustand';
import { type InspectInfo, type InspectLevel, type InspectPeak } from '../../extension/protocol/inspect';
import { cellAt, type Size } from '../../extension/protocol/size';
import { useStudio } from '../model/store';
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
  pins: readonly Pin[];
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
  pins: [],
  maps: new Map(),
  correspondences: new Map(),
  arrows: new Map(),
  latency: undefined,
};

export const useAttention = create<AttentionState>()(() => initial);
export const attention = (): AttentionState => useAttention.getState();

/** Forgets what belongs to a run. */
export function forget(): void {
  for (const url of Object.values(attention().pictures)) if (url !== undefined) URL.revokeObjectURL(url);
  const { level, head, mode, raw, asOfStep } = attention();
  useAttention.setState({ ...initial, level, head, mode, raw, asOfStep });
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
    const frames = info && state.timelines[info.node]?.x0;
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

let pinCount = 0;

/** Pins a place, or unpins the one that is pinned there. */
export function togglePin(side: Side, x: number, y: number): void {
  const { pins, info, level } = attention();
  const grid = gridOf(info, level);
  const same = pins.find((pin) => pin.side === side && cellAt(pin.x, pin.y, grid) === cellAt(x, y, grid));
  if (same) {
    useAttention.setState({ pins: pins.filter((pin) => pin !== same) });
    return;
  }
  const free = PIN_COLOURS.findIndex((_, index) => !pins.some(({ colour }) => colour === index));
  const colour = free < 0 ? pinCount % PIN_COLOURS.length : free;
  useAttention.setState({ pins: [...pins, { id: ++pinCount, side, x, y, colour }] });
}

/** Takes the newest pin away; false when there was none. */
export function unpin(): boolean {
  const { pins } = attention();
  useAttention.setState({ pins: pins.slice(0, -1) });
  return pins.length > 0;
}
