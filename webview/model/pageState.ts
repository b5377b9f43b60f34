import { z } from 'zod';
// Before any schema is made: it tells zod that the page forbids eval.
import '../../extension/graph';
import { loadPageState, savePageState } from './host';

export const INSPECTOR_WIDTH = { min: 220, max: 640 } as const;
export const TIMELINE_HEIGHT = { min: 110, max: 520 } as const;

const flag = (start: boolean) => z.boolean().catch(start);
const length = (start: number, { min, max }: { min: number; max: number }) =>
  z
    .number()
    .catch(start)
    .transform((value) => Math.min(max, Math.max(min, value)));
/** Of a node. */
const id = z.string().optional().catch(undefined);
const index = z.number().optional().catch(undefined);
const cellSchema = z.object({ sweep: z.string(), row: z.number().optional(), column: z.number().optional() });

/**
 * What a hidden and restored webview comes back to; never part of the graph file. What is stored may come from an older version of the
 * extension: of what is not sound, each part begins anew.
 */
const pageSchema = z.object({
  viewport: z.object({ x: z.number(), y: z.number(), zoom: z.number().positive() }).optional().catch(undefined),
  selection: z
    .array(z.unknown())
    .catch([])
    .transform((ids) => ids.filter((id) => typeof id === 'string')),
  inspectorWidth: length(300, INSPECTOR_WIDTH),
  inspectorOpen: flag(true),
  /** The exact values of an attention swap show. */
  advancedOpen: flag(false),
  /** The workspace's images show above the canvas. */
  shelfOpen: flag(false),
  timelineHeight: length(150, TIMELINE_HEIGHT),
  timelineOpen: flag(true),
  /** The graph runs whenever something in it changes. */
  autoRun: flag(false),
  /** Runs use the draft schedule of the checkpoint. */
  draft: flag(false),
  /** The denoise node whose attention is looked at, in place of the canvas; so are the next three. */
  inspecting: id,
  /** The node whose image is looked at. */
  viewing: id,
  /** The segment node whose mask is looked at. */
  masking: id,
  /** The attention swap whose parts are matched. */
  matching: id,
  /** `cell` of a sweep, null for the graph's own values; without one the timeline follows the run. */
  timeline: z
    .object({
      node: id,
      cell: cellSchema.nullable().optional().catch(undefined),
      index,
      kind: z.enum(['x0', 'xt']).catch('x0'),
      compareWith: index,
    })
    .catch({ kind: 'x0' }),
});
export type PageState = z.output<typeof pageSchema>;

export const initialPageState: PageState = pageSchema.parse({});

export function readPageState(stored: unknown): PageState {
  return pageSchema.catch(initialPageState).parse(stored);
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
