/**
 * Two sliders over the exact parameters of an attention swap, in the vocabulary of Ctrl-X (Lin et al., 2024, arXiv 2406.07540): structure and appearance
 * schedules from 0 to 1, each the share of the steps up to which its side acts. Pure: the sliders write exact parameters and keep nothing.
 */
import { effectiveParams, sameValue } from './params';
import { type ParamValues } from './catalogue/types';

export interface SwapSliders {
  /** 0: the structure's own keys and values are never used; 1: at every step. */
  structure: number;
  /** 0: nothing is taken from the appearance; 1: up to the last step. */
  appearance: number;
}

type Range = readonly [number, number];

const round = (value: number): number => Math.round(value * 10) / 10;

/**
 * The parameters of a position. `defaults` (of the checkpoint) are one position themselves: the ranges keep their beginnings and the distance of
 * their ends, and the structure is injected as often as by default up to its default end; beyond that more and more often, until at 1 it is at every step.
 */
export function sliderParams(
  { structure, appearance }: SwapSliders,
  defaults: ParamValues,
): { higherRange: Range; lowerRange: Range; structureEvery: number; structureUntil: number } {
  const [higher, lower] = [defaults['higherRange'], defaults['lowerRange']] as [Range, Range];
  const [every, until] = [defaults['structureEvery'], defaults['structureUntil']] as [number, number];
  const end = round(100 * appearance);
  const lowerEnd = round(Math.min(100, Math.max(0, end - (higher[1] - lower[1]))));
  const structureUntil = round(100 * structure);
  const beyond = until < 100 ? Math.max(0, (structureUntil - until) / (100 - until)) : 0;
  return {
    higherRange: [Math.min(higher[0], end), end],
    lowerRange: [Math.min(lower[0], lowerEnd), lowerEnd],
    structureEvery: Math.max(1, Math.round(every - beyond * (every - 1))),
    structureUntil,
  };
}

/** The position that parameters correspond to exactly, undefined when there is none ("custom"). */
export function slidersOf(params: ParamValues, overrides: ParamValues): SwapSliders | undefined {
  const defaults = effectiveParams('attention-swap', {}, overrides);
  const { higherRange, structureUntil } = params;
  if (!Array.isArray(higherRange) || typeof higherRange[1] !== 'number' || typeof structureUntil !== 'number')
    return undefined;
  const sliders = { structure: structureUntil / 100, appearance: higherRange[1] / 100 };
  const exact = sliderParams(sliders, defaults);
  return Object.entries(exact).every(([name, value]) => sameValue(params[name], value)) ? sliders : undefined;
}
