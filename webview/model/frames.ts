import { type CellPlace, type PreviewKind } from '../../extension/protocol/engine';
import { type TimelineFrame } from '../../extension/protocol/studio';

/** One step's picture, as pixels (a preview of the run) or as the URL of a PNG (asked for afterwards). */
export interface StepPicture {
  index: number;
  timestep: number;
  width: number;
  height: number;
  pixels?: Uint8Array;
  url?: string;
}

/** All steps of one node that the webview holds, each list sorted by step. */
export interface NodeTimeline {
  runId: string;
  /** Where in a sweep they were made. */
  cell?: CellPlace;
  total: number;
  x0: readonly StepPicture[];
  xt: readonly StepPicture[];
  /** Steps that the run had no need of: asked for, and not there. */
  absent?: ReadonlySet<number>;
}

/** Adds a frame of a run; the first frame of another run replaces what the last run left. */
export function withFrame(timeline: NodeTimeline | undefined, frame: TimelineFrame): NodeTimeline {
  const { runId, cell, total, kind, index, timestep, width, height, rgba } = frame;
  const base = timeline?.runId === runId ? timeline : { runId, ...(cell && { cell }), total, x0: [], xt: [] };
  return { ...base, total, [kind]: insert(base[kind], { index, timestep, width, height, pixels: rgba }) };
}

/** Adds a picture that was asked for. Its timestep is taken from the other list when that knows it. */
export function withPicture(
  timeline: NodeTimeline,
  picture: { index: number; kind: PreviewKind; url: string },
): NodeTimeline {
  const { index, kind, url } = picture;
  const known = [...timeline[kind], ...timeline[kind === 'x0' ? 'xt' : 'x0']].find((step) => step.index === index);
  const step = { index, timestep: known?.timestep ?? -1, width: known?.width ?? 0, height: known?.height ?? 0, url };
  return { ...timeline, [kind]: insert(timeline[kind], step) };
}

/** Notes that the run did not make a step. */
export function withoutStep(timeline: NodeTimeline, index: number): NodeTimeline {
  return { ...timeline, absent: new Set([...(timeline.absent ?? []), index]) };
}

/** Every step that there may be a picture of after the run. */
export function madeIndices({ total, absent }: NodeTimeline): number[] {
  return Array.from({ length: total }, (_, index) => index).filter((index) => !absent?.has(index));
}

function insert(steps: readonly StepPicture[], step: StepPicture): StepPicture[] {
  const last = steps[steps.length - 1];
  if (!last || last.index < step.index) return [...steps, step];
  const others = steps.filter((other) => other.index !== step.index);
  const at = others.findIndex((other) => other.index > step.index);
  return at < 0 ? [...others, step] : [...others.slice(0, at), step, ...others.slice(at)];
}

export function newest(timeline: NodeTimeline | undefined): StepPicture | undefined {
  return timeline?.x0[timeline.x0.length - 1] ?? timeline?.xt[timeline.xt.length - 1];
}

export function stepAt(timeline: NodeTimeline, kind: PreviewKind, index: number): StepPicture | undefined {
  return timeline[kind].find((step) => step.index === index);
}

/** Every step that is held in either kind: the strip has a cell for each, and asks for the kind it lacks. */
export function heldIndices(timeline: NodeTimeline): number[] {
  const indices = new Set([...timeline.x0, ...timeline.xt].map((step) => step.index));
  return [...indices].sort((a, b) => a - b);
}

/** What is shown until a step's own picture comes: the other kind of it, else the nearest step. */
export function standIn(timeline: NodeTimeline, kind: PreviewKind, index: number): StepPicture | undefined {
  const other = stepAt(timeline, kind === 'x0' ? 'xt' : 'x0', index);
  if (other) return other;
  const steps = timeline[kind].length > 0 ? timeline[kind] : timeline[kind === 'x0' ? 'xt' : 'x0'];
  let best: StepPicture | undefined;
  for (const step of steps) if (!best || Math.abs(step.index - index) < Math.abs(best.index - index)) best = step;
  return best;
}
