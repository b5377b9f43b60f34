/** Dragging a number: how far a pointer's way in pixels moves it. */

export interface ScrubSpan {
  min: number;
  max: number;
  /** The number is a multiple of this. */
  step: number;
  /** What a drag of {@link SPAN_PX} covers; undefined: a step a pixel. */
  span?: readonly [number, number] | undefined;
}

const SPAN_PX = 200;
/** A press that moves less is a click. */
export const CLICK_PX = 3;

/** The number of a drag while it goes on: what it is exactly, and what is shown. */
export class Scrub {
  private exact: number;

  constructor(
    start: number,
    private readonly range: ScrubSpan,
  ) {
    this.exact = start;
  }

  /** @param keys of the pointer event: Shift for fine, Ctrl, Cmd or Alt for coarse steps, which may change on the way */
  move(pixels: number, keys: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean; altKey: boolean }): number {
    const { min, max, step, span } = this.range;
    const perPixel = span ? (span[1] - span[0]) / SPAN_PX : step;
    const factor = keys.shiftKey ? 0.1 : keys.ctrlKey || keys.metaKey || keys.altKey ? 5 : 1;
    this.exact = Math.min(max, Math.max(min, this.exact + pixels * perPixel * factor));
    // 0.1 + 0.2 is 0.3.
    const shown = Number((Math.round(this.exact / step) * step).toPrecision(12));
    return Math.min(max, Math.max(min, shown));
  }
}
