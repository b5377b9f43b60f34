import { describe, expect, it } from 'vitest';
import { effectiveParams, sliderParams, slidersOf } from '../../../extension/graph';

const mini = { higherRange: [0, 100], lowerRange: [0, 100], structureEvery: 5, structureUntil: 0 };

describe.each([
  ['the catalogue', {}, { structure: 0.4, appearance: 0.9 }],
  ['a checkpoint', mini, { structure: 0, appearance: 1 }],
])('the sliders of a swap with the defaults of %s', (_, overrides, position) => {
  const defaults = effectiveParams('attention-swap', {}, overrides);

  it('have a position for them', () => {
    expect(slidersOf(defaults, overrides)).toEqual(position);
  });
  it('come back from what they write, at every position', () => {
    for (let structure = 0; structure <= 1; structure += 0.05) {
      for (let appearance = 0; appearance <= 1; appearance += 0.05) {
        const at = slidersOf(sliderParams({ structure, appearance }, defaults), overrides);
        expect(at?.structure).toBeCloseTo(structure, 3);
        expect(at?.appearance).toBeCloseTo(appearance, 3);
      }
    }
  });
  it('take nothing of the appearance at 0, and the structure at every step at 1', () => {
    const nothing = sliderParams({ structure: 0, appearance: 0 }, defaults);
    expect(nothing.higherRange).toEqual([0, 0]);
    expect(nothing.lowerRange).toEqual([0, 0]);
    expect(nothing.structureUntil).toBe(0);
    const all = sliderParams({ structure: 1, appearance: 1 }, defaults);
    expect(all).toMatchObject({ structureEvery: 1, structureUntil: 100 });
    expect(all.higherRange[1]).toBe(100);
  });
  it('show custom for what no position writes', () => {
    expect(slidersOf({ ...defaults, structureEvery: 3 }, overrides)).toBe(undefined);
    expect(slidersOf({ ...defaults, lowerRange: [20, 50] }, overrides)).toBe(undefined);
  });
});
