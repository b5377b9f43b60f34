import { type NumberParam, type RangeParam } from '../../extension/graph';

type Range = [from: number, to: number];

/** A value of the file as a range, if it is one. */
export function asRange(value: unknown): Range | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [from, to] = value as unknown[];
  return typeof from === 'number' && typeof to === 'number' ? [from, to] : undefined;
}

/** One end of a range as a number of its own. */
export interface RangeEnd {
  param: NumberParam;
  value: number;
  endOf: {
    param: RangeParam;
    /** The range with another number at this end. */
    with: (value: number) => Range;
  };
}

/** @param end 0 where it begins, 1 where it ends; it reaches as far as the other */
export function rangeEnd(param: RangeParam, [from, to]: Range, end: 0 | 1): RangeEnd {
  const { name, label, help, step, min, max } = param;
  return {
    param: {
      kind: 'number',
      name: `${name}-${end === 0 ? 'from' : 'to'}`,
      label: `${label}, ${end === 0 ? 'from' : 'to'}`,
      help,
      step,
      min: end === 0 ? min : from,
      max: end === 0 ? to : max,
      slider: [min, max],
    },
    value: end === 0 ? from : to,
    endOf: { param, with: (value) => (end === 0 ? [value, to] : [from, value]) },
  };
}
