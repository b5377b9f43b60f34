import { type ParamSpec, pinsWords } from '../../extension/graph';
import { baseName, shortNumber } from './words';

/** A parameter's value as people read it; a default in words where it is computed. */
export function valueWords(param: ParamSpec, value: unknown): string {
  if (value === undefined) return param.defaultNote ?? (param.required ? 'needed' : '–');
  switch (param.kind) {
    case 'number':
    case 'integer':
      if (typeof value !== 'number') break;
      return param.unit === '%' ? `${shortNumber(value)} %` : shortNumber(value);
    case 'range':
      if (Array.isArray(value) && value.length === 2) return `${String(value[0])} – ${String(value[1])} %`;
      break;
    case 'boolean':
      return value === true ? 'on' : 'off';
    case 'choice':
      return param.options.find((option) => option.value === value)?.label ?? String(value);
    case 'pins':
      return pinsWords(value);
    case 'path':
      return typeof value === 'string' ? baseName(value) : JSON.stringify(value);
    default:
      break;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
