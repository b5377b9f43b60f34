import { type IntegerParam, type NumberParam, type ParamValues } from '../../extension/graph';

/**
 * Least and most of a parameter's slider: its useful range, or all of it, and always the value that it has.
 * @param params the node's, with defaults
 */
export function sliderSpan(
  { name, min, max, slider }: NumberParam | IntegerParam,
  params: ParamValues,
): [number, number] {
  const [least, most] = (typeof slider === 'function' ? slider(params) : slider) ?? [min, max];
  const { [name]: value } = params;
  return typeof value === 'number' ? [Math.min(least, value), Math.max(most, value)] : [least, most];
}
