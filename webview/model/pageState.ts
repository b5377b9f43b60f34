import { type CellPlace, type PreviewKind } from '../../extension/protocol/engine';
import { loadPageState, savePageState } from './host';

/** What a hidden and restored webview comes back to; never part of the graph file. */
export interface PageState {
  viewport?: { x: number; y: number; zoom: number };
  selection: string[];
  inspectorWidth: number;
  inspectorOpen: boolean;
  /** The exact values of an attention swap show. */
  advancedOpen: boolean;
  /** The workspace's images show above the canvas. */
  shelfOpen: boolean;
  timelineHeight: number;
  timelineOpen: boolean;
  /** The graph runs whenever something in it changes. */
  autoRun: boolean;
  /** Runs use the draft schedule of the checkpoint. */
  draft: boolean;
  /** The denoise node whose attention is looked at, in place of the canvas. */
  inspecting?: string;
  /** The node whose image is looked at, in place of the canvas. */
  viewing?: string;
  /** The segment node whose mask is looked at, in place of the canvas. */
  masking?: string;
  /** The attention swap whose parts are matched, in place of the canvas. */
  matching?: string;
  /** `cell` of a sweep, null for the graph's own values; without one the timeline follows the run. */
  timeline: { node?: string; cell?: CellPlace | null; index?: number; kind: PreviewKind; compareWith?: number };
}

export const initialPageState: PageState = {
  selection: [],
  inspectorWidth: 300,
  inspectorOpen: true,
  advancedOpen: false,
  shelfOpen: false,
  timelineHeight: 150,
  timelineOpen: true,
  autoRun: false,
  draft: false,
  timeline: { kind: 'x0' },
};

export const INSPECTOR_WIDTH = { min: 220, max: 640 } as const;
export const TIMELINE_HEIGHT = { min: 110, max: 520 } as const;

export function clamp(value: number, { min, max }: { min: number; max: number }): number {
  return Math.min(max, Math.max(min, value));
}

/** Reads a stored state, keeping what is sound: it may come from an older version of the extension. */
export function readPageState(stored: unknown): PageState {
  if (typeof stored !== 'object' || stored === null) return initialPageState;
  const given = stored as Partial<Record<keyof PageState, unknown>>;
  const state: PageState = { ...initialPageState };
  if (isViewport(given.viewport)) state.viewport = given.viewport;
  if (Array.isArray(given.selection)) state.selection = given.selection.filter((id) => typeof id === 'string');
  if (typeof given.inspectorWidth === 'number') state.inspectorWidth = clamp(given.inspectorWidth, INSPECTOR_WIDTH);
  if (typeof given.timelineHeight === 'number') state.timelineHeight = clamp(given.timelineHeight, TIMELINE_HEIGHT);
  if (typeof given.inspectorOpen === 'boolean') state.inspectorOpen = given.inspectorOpen;
  if (typeof given.shelfOpen === 'boolean') state.shelfOpen = given.shelfOpen;
  if (typeof given.advancedOpen === 'boolean') state.advancedOpen = given.advancedOpen;
  if (typeof given.autoRun === 'boolean') state.autoRun = given.autoRun;
  if (typeof given.draft === 'boolean') state.draft = given.draft;
  if (typeof given.masking === 'string') state.masking = given.masking;
  if (typeof given.matching === 'string') state.matching = given.matching;
  if (typeof given.viewing === 'string') state.viewing = given.viewing;
  if (typeof given.inspecting === 'string') state.inspecting = given.inspecting;
  if (typeof given.timelineOpen === 'boolean') state.timelineOpen = given.timelineOpen;
  if (typeof given.timeline === 'object' && given.timeline !== null) {
    const { node, cell, index, kind, compareWith } = given.timeline as Record<string, unknown>;
    state.timeline = {
      kind: kind === 'xt' ? 'xt' : 'x0',
      ...(typeof node === 'string' ? { node } : {}),
      ...(cell === null || isCellPlace(cell) ? { cell } : {}),
      ...(typeof index === 'number' ? { index } : {}),
      ...(typeof compareWith === 'number' ? { compareWith } : {}),
    };
  }
  return state;
}

function isCellPlace(value: unknown): value is CellPlace {
  if (typeof value !== 'object' || value === null) return false;
  const { sweep, row, column } = value as Record<string, unknown>;
  return typeof sweep === 'string' && [row, column].every((at) => at === undefined || typeof at === 'number');
}

function isViewport(value: unknown): value is { x: number; y: number; zoom: number } {
  if (typeof value !== 'object' || value === null) return false;
  const { x, y, zoom } = value as Record<string, unknown>;
  return [x, y, zoom].every((part) => typeof part === 'number' && Number.isFinite(part)) && (zoom as number) > 0;
}

export function restorePageState(): PageState {
  return readPageState(loadPageState());
}

let saving: number | undefined;

/** Stores soon; many changes in a row (a pan, a resize) are stored once. */
export function storePageState(state: PageState): void {
  if (saving !== undefined) window.clearTimeout(saving);
  saving = window.setTimeout(() => {
    saving = undefined;
    savePageState(state);
  }, 150);
}
