/**
 * Steps and per cents. A run walks n = T − skip steps, k = 0 … n − 1; ranges are per cents of T, and step k is inside [a, b) if and
 * only if 100 k ≥ a T and 100 k < b T (no rounding). What lies beyond n is never reached.
 */
export interface Schedule {
  steps: number;
  skip: number;
}

export function reachedSteps({ steps, skip }: Schedule): number {
  return Math.max(0, Math.floor(steps) - Math.max(0, Math.floor(skip)));
}

/** The per cent of T at which the run ends: the rest of a range is shaded. */
export function reachedPercent(schedule: Schedule): number {
  return schedule.steps > 0 ? (100 * reachedSteps(schedule)) / schedule.steps : 0;
}

/** First and last reached step inside the range, or undefined when the run never is. */
export function stepsInside(range: readonly [number, number], schedule: Schedule): [number, number] | undefined {
  const first = Math.ceil((range[0] * schedule.steps) / 100);
  const last = Math.min(Math.ceil((range[1] * schedule.steps) / 100), reachedSteps(schedule)) - 1;
  return last >= first ? [first, last] : undefined;
}

/** "steps 10 – 67 of 68", or why there are none. */
export function rangeSentence(range: readonly [number, number], schedule: Schedule): string {
  const inside = stepsInside(range, schedule);
  const n = reachedSteps(schedule);
  if (range[1] <= range[0]) return 'no steps';
  if (!inside) return `never reached: the run ends after ${n} of ${schedule.steps} steps`;
  return inside[0] === inside[1] ? `step ${inside[0]} of ${n}` : `steps ${inside[0]} – ${inside[1]} of ${n}`;
}

/** Where step k stands on a bar that spans 0 … T, in per cent. */
export function stepPercent(step: number, schedule: Schedule): number {
  return schedule.steps > 0 ? Math.min(100, Math.max(0, (100 * step) / schedule.steps)) : 0;
}

/** Keeps a dragged end of a range in 0 … 100 and on its side of the other end. */
export function moveRangeEnd(range: readonly [number, number], end: 0 | 1, value: number): [number, number] {
  const bounded = Math.min(100, Math.max(0, Math.round(value)));
  return end === 0 ? [Math.min(bounded, range[1]), range[1]] : [range[0], Math.max(bounded, range[0])];
}

/** Shifts a whole range, keeping its length inside 0 … 100. */
export function shiftRange(range: readonly [number, number], by: number): [number, number] {
  const shift = Math.min(100 - range[1], Math.max(-range[0], Math.round(by)));
  return [range[0] + shift, range[1] + shift];
}

/** The kept frame nearest to a step (frames may be sparse, and are sorted); undefined when there are none. */
export function nearestIndex(indices: readonly number[], wanted: number): number | undefined {
  let best: number | undefined;
  for (const index of indices) {
    if (best === undefined || Math.abs(index - wanted) < Math.abs(best - wanted)) best = index;
  }
  return best;
}

/** The frame `by` places further, staying at the ends; at no known place the nearest counts as present. */
export function stepBy(indices: readonly number[], present: number, by: number): number | undefined {
  const nearest = nearestIndex(indices, present);
  if (nearest === undefined) return undefined;
  const at = indices.indexOf(nearest) + by;
  return indices[Math.min(indices.length - 1, Math.max(0, at))];
}

/** The frames a strip of this width shows: evenly spread, always with the first and the last. */
export function thinned(indices: readonly number[], width: number, cell: number): number[] {
  const room = Math.max(2, Math.floor(width / cell));
  if (indices.length <= room) return [...indices];
  const picked: number[] = [];
  for (let i = 0; i < room; i++) {
    const index = indices[Math.round((i * (indices.length - 1)) / (room - 1))];
    if (index !== undefined && picked[picked.length - 1] !== index) picked.push(index);
  }
  return picked;
}

/** "3 s left", "2 min left"; whole seconds, because the estimate is no better. */
export function timeLeft(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '';
  if (seconds < 90) return `${Math.max(1, Math.ceil(seconds))} s left`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

/** Value at step k of a linear schedule over n steps (linspace: both ends are reached). */
export function scheduleValue(start: number, end: number, step: number, n: number): number {
  return n <= 1 ? start : start + ((end - start) * Math.min(Math.max(step, 0), n - 1)) / (n - 1);
}

/**
 * The step under a place of the strip: exactly a tile's own at its middle, and those that have no tile between two.
 * @param along how many tiles the place is from the strip's left edge
 */
export function stepUnder(shown: readonly number[], along: number): number | undefined {
  const at = Math.min(shown.length - 1, Math.max(0, along - 0.5));
  const [left, right] = [shown[Math.floor(at)], shown[Math.ceil(at)]];
  return left === undefined || right === undefined ? undefined : Math.round(left + (right - left) * (at % 1));
}
