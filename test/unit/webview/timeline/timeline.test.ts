import { describe, expect, it } from 'vitest';
import {
  moveRangeEnd,
  nearestIndex,
  rangeSentence,
  reachedPercent,
  reachedSteps,
  scheduleValue,
  shiftRange,
  stepBy,
  stepPercent,
  stepsInside,
  stepUnder,
  thinned,
  timeLeft,
} from '../../../../webview/model/stepMaths';
import { timelineNode } from '../../../../webview/timeline/timelineNode';
import { initialPageState } from '../../../../webview/model/pageState';

const standard = { steps: 100, skip: 32 };

/** The definition: a step k of T is in [a, b) per cent. */
const isInside = (step: number, range: readonly [number, number], steps: number): boolean =>
  100 * step >= range[0] * steps && 100 * step < range[1] * steps;

describe('steps and per cents', () => {
  it('reaches n = T − skip steps', () => {
    expect(reachedSteps(standard)).toBe(68);
    expect(reachedPercent(standard)).toBe(68);
    expect(reachedSteps({ steps: 10, skip: 20 })).toBe(0);
  });

  it('counts a step as inside [a, b) without rounding', () => {
    expect(isInside(10, [10, 90], 100)).toBe(true);
    expect(isInside(9, [10, 90], 100)).toBe(false);
    expect(isInside(90, [10, 90], 100)).toBe(false);
    // 20 % of 33 steps is 6.6: the first whole step behind it is 7.
    expect(isInside(6, [20, 100], 33)).toBe(false);
    expect(isInside(7, [20, 100], 33)).toBe(true);
  });

  it.each([
    [[10, 90], standard],
    [[20, 100], { steps: 33, skip: 5 }],
    [[0, 1], { steps: 7, skip: 0 }],
    [[33, 34], { steps: 50, skip: 24 }],
    [[70, 90], standard],
  ] as const)('the first and last step of %j agree with the test of each step', (range, schedule) => {
    const inside = Array.from({ length: reachedSteps(schedule) }, (_, k) => k).filter((k) =>
      isInside(k, range, schedule.steps),
    );
    const ends = stepsInside(range, schedule);
    expect(ends).toEqual(inside.length === 0 ? undefined : [inside[0], inside.at(-1)]);
  });

  it('says in words which steps those are, and when there are none', () => {
    expect(rangeSentence([10, 90], standard)).toBe('steps 10 – 67 of 68');
    expect(rangeSentence([70, 90], standard)).toBe('never reached: the run ends after 68 of 100 steps');
    expect(rangeSentence([40, 40], standard)).toBe('no steps');
  });

  it('puts a step on a bar of the whole schedule', () => {
    expect(stepPercent(34, standard)).toBe(34);
    expect(stepPercent(25, { steps: 50, skip: 0 })).toBe(50);
    expect(stepPercent(500, standard)).toBe(100);
  });

  it('interpolates a schedule so that both ends are reached', () => {
    expect(scheduleValue(3.5, 1.75, 0, 68)).toBe(3.5);
    expect(scheduleValue(3.5, 1.75, 67, 68)).toBe(1.75);
    expect(scheduleValue(3, 1, 1, 3)).toBe(2);
    expect(scheduleValue(3, 1, 0, 1)).toBe(3);
  });
});

describe('dragging a range', () => {
  it('keeps each end on its side of the other and inside 0 … 100', () => {
    expect(moveRangeEnd([10, 90], 0, 95)).toEqual([90, 90]);
    expect(moveRangeEnd([10, 90], 1, 3)).toEqual([10, 10]);
    expect(moveRangeEnd([10, 90], 1, 400)).toEqual([10, 100]);
  });

  it('shifts as a whole without changing its length', () => {
    expect(shiftRange([10, 30], 200)).toEqual([80, 100]);
    expect(shiftRange([10, 30], -50)).toEqual([0, 20]);
  });
});

describe('the strip', () => {
  it('finds the nearest kept frame and walks among kept ones', () => {
    const kept = [0, 6, 12, 18];
    expect(nearestIndex(kept, 8)).toBe(6);
    expect(nearestIndex([], 8)).toBeUndefined();
    expect(stepBy(kept, 6, 1)).toBe(12);
    expect(stepBy(kept, 18, 1)).toBe(18);
    expect(stepBy(kept, 0, -4)).toBe(0);
  });

  it('thins to what has room, always with both ends', () => {
    const all = Array.from({ length: 68 }, (_, k) => k);
    const shown = thinned(all, 900, 90);
    expect(shown).toHaveLength(10);
    expect(shown[0]).toBe(0);
    expect(shown.at(-1)).toBe(67);
    expect(thinned([3, 4], 900, 90)).toEqual([3, 4]);
  });

  it('tells the time left in units that fit', () => {
    expect(timeLeft(2.3)).toBe('3 s left');
    expect(timeLeft(600)).toBe('10 min left');
    expect(timeLeft(Number.NaN)).toBe('');
  });

  it('shows the selected node, else the one that runs, else the last', () => {
    const timeline = { runId: 'r', total: 1, x0: [], xt: [] };
    const timelines = { invert: { '': timeline }, denoise: { '': timeline } };
    const run = { runId: 'r', state: 'running' as const, nodes: { invert: { state: 'running' as const } } };
    const page = initialPageState;
    expect(timelineNode({ page, run: undefined, timelines })).toBe('denoise');
    expect(timelineNode({ page, run, timelines })).toBe('invert');
    expect(timelineNode({ page: { ...page, selection: ['denoise'] }, run, timelines })).toBe('denoise');
    expect(
      timelineNode({
        page: { ...page, timeline: { kind: 'x0', node: 'invert', index: 3 } },
        run: undefined,
        timelines,
      }),
    ).toBe('invert');
    expect(timelineNode({ page, run: undefined, timelines: {} })).toBeUndefined();
  });
});

describe('the step under the pointer', () => {
  it('is a tile’s own at its middle, one without a tile between two, and stays in the strip', () => {
    const shown = [0, 4, 9, 25];
    expect([0.5, 1.5, 2.5, 3.5].map((along) => stepUnder(shown, along))).toEqual(shown);
    expect(stepUnder(shown, 1)).toBe(2);
    expect([stepUnder(shown, -3), stepUnder(shown, 40), stepUnder([], 1)]).toEqual([0, 25, undefined]);
  });
});
