/** Effective parameters: what was written, over the checkpoint's defaults, over the catalogue's. */
import { specOf } from './catalogue';
import { type NodeSpec, type ParamSpec, type ParamValues } from './catalogue/types';
import { checkPath, pickedPathFault } from './paths';
import { pinsFault } from './pins';
import { show } from './problems';
import { type GraphDocument, isRecord } from './schema';

/** Characters, far beyond the 77 tokens that a prompt may have and the 2000 values of a sweep. */
const LONGEST = { axis: 50_000, text: 10_000, domain: 1000, checkpoint: 1000 } as const;

/** The parameter of this name, undefined when the type has none. */
export function paramOf(spec: NodeSpec | undefined, name: string): ParamSpec | undefined {
  return spec?.params.find((param) => param.name === name);
}

/**
 * A node's parameters with defaults filled in; unknown ones are kept. A parameter without a default is absent.
 * @param overrides the checkpoint's own defaults for this type of node
 */
export function effectiveParams(
  type: string,
  params: ParamValues = {},
  overrides: ParamValues = {},
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const spec = specOf(type);
  for (const param of spec?.params ?? []) {
    const override = overrides[param.name];
    const usable = override !== undefined && checkValue(param, override) === undefined;
    const value = param.derive ? undefined : usable ? override : param.default;
    if (value !== undefined) values[param.name] = value;
  }
  for (const [name, value] of Object.entries(params)) if (value !== undefined) define(values, name, value);
  for (const param of spec?.params ?? []) {
    if (values[param.name] !== undefined) continue;
    const value = param.derive?.(values, overrides);
    if (value !== undefined) values[param.name] = value;
  }
  return values;
}

/** The default of one parameter of a node, given what the node says about its other parameters. */
export function defaultOf(type: string, name: string, params: ParamValues = {}, overrides: ParamValues = {}): unknown {
  const others = Object.fromEntries(Object.entries(params).filter(([key]) => key !== name));
  return effectiveParams(type, others, overrides)[name];
}

/** The paths of all files that a graph names for reading, as they are written in it. */
export function pathsRead(graph: GraphDocument | undefined): string[] {
  const paths = new Set<string>();
  for (const node of Object.values(graph?.nodes ?? {})) {
    for (const [name, value] of Object.entries(node.params ?? {})) {
      const param = paramOf(specOf(node.type), name);
      if (param?.kind !== 'path' || param.access !== 'read' || typeof value !== 'string') continue;
      if (!param.isName?.(value)) paths.add(value);
    }
  }
  return [...paths];
}

/** Whether two parameter values are the same. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys({ ...a, ...b });
  return keys.every((key) => sameValue(own(a, key), own(b, key)));
}

const own = (object: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/**
 * Why a value can't be this parameter's, as a sentence that begins with the parameter's name; undefined if it can.
 * @param isPicked whether the user picked that very file by hand: its name may then be one that does not travel to other machines
 */
export function checkValue(
  param: ParamSpec,
  value: unknown,
  isPicked?: (path: string, access: 'read' | 'write') => boolean,
): string | undefined {
  const { name } = param;
  switch (param.kind) {
    case 'number':
    case 'integer': {
      const right = param.kind === 'integer' ? Number.isInteger(value) : Number.isFinite(value);
      if (right && Number(value) >= param.min && Number(value) <= param.max) return undefined;
      const what = right ? '' : param.kind === 'integer' ? 'a whole number ' : 'a number ';
      return `${name} must be ${what}between ${param.min} and ${param.max}, not ${show(value)}.`;
    }
    case 'range': {
      if (!Array.isArray(value) || value.length !== 2 || !value.every((end) => Number.isFinite(end))) {
        return `${name} must be two numbers between ${param.min} and ${param.max}, [from, to] in per cent, not ${show(value)}.`;
      }
      const [from, to] = value as [number, number];
      if (from < param.min || to > param.max || from > param.max || to < param.min) {
        return `${name} must be between ${param.min} and ${param.max} per cent, not ${show(value)}.`;
      }
      if (from > to)
        return `${name} is reversed: it starts at ${from} per cent and ends at ${to}. Swap the two numbers.`;
      return undefined;
    }
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${name} must be true or false, not ${show(value)}.`;
    case 'choice': {
      if (param.options.some((option) => option.value === value)) return undefined;
      const options = param.options.map((option) => `"${option.value}"`).join(' or ');
      return `${name} must be ${options}, not ${show(value)}.`;
    }
    case 'pins': {
      const fault = pinsFault(value);
      return fault === undefined ? undefined : name + fault;
    }
    case 'path': {
      if (typeof value !== 'string') return `${name} must be text, not ${show(value)}.`;
      const reason = isPicked?.(value, param.access) ? pickedPathFault(value)?.must : checkPath(value, param.access);
      if (reason !== undefined) return `${name} ${reason}`;
      const extension = /\.([^./]+)$/.exec(value)?.[1]?.toLowerCase() ?? '';
      if (param.access === 'write' && !param.filter.extensions.includes(extension)) {
        return `${name} must end in ${param.filter.extensions.map((known) => `.${known}`).join(', ')}, not ${show(value)}.`;
      }
      return undefined;
    }
    case 'axis':
    case 'text':
    case 'domain':
    case 'checkpoint':
      if (typeof value !== 'string') return `${name} must be text, not ${show(value)}.`;
      if (value.length > LONGEST[param.kind]) return `${name} is longer than ${LONGEST[param.kind]} characters.`;
      return value.trim() === '' ? `${name} is empty. Enter a value.` : undefined;
  }
}

/** Sets a key that a stranger's file chose: `__proto__` becomes an ordinary property. */
export function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
