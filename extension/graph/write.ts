import { type TextChange } from './json';
import { parseGraph } from './parse';
import { pinEndKeys, pinKeys } from './pins';
import { frameSchema, type GraphDocument } from './schema';

/** Keys of the file and of a node that have a meaning, in canonical order. */
export const topKeys = ['weft', 'nodes', 'frames', 'layout'];
export const nodeKeys = ['type', 'muted', 'inputs', 'params', 'folded'];
export const frameKeys = Object.keys(frameSchema.shape);

/**
 * The canonical order of an object's keys, by where the object stands: known keys first at the top and in a node, everything
 * else in the order of its UTF-16 units.
 */
export function compareKeys(path: readonly string[]): (a: string, b: string) => number {
  const known = knownKeys(path);
  const rank = (key: string) => {
    const index = known.indexOf(key);
    return index < 0 ? known.length : index;
  };
  return (a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}

function knownKeys(path: readonly string[]): readonly string[] {
  if (path.length === 0) return topKeys;
  if (path.length === 2 && path[0] === 'nodes') return nodeKeys;
  if (!inPins(path)) return [];
  return path.length === PINS_DEPTH + 1 ? pinKeys : pinEndKeys;
}

/** `nodes`, id, `params`, `pins`. */
const PINS_DEPTH = 4;

const inPins = (path: readonly string[]): boolean =>
  path.length >= PINS_DEPTH && path[0] === 'nodes' && path[2] === 'params' && path[3] === 'pins';

/** Whether a value is a list of pins, which has one on each line; the first stands on the line of the list itself. */
export const isPinList = (path: readonly string[]): boolean => path.length === PINS_DEPTH && inPins(path);

/** How a value is laid out. */
export interface PrintStyle {
  /** White space of one level. */
  unit: string;
  eol: string;
  /** Between key and value. */
  colon: string;
  /** On one line: the space inside braces; undefined for one key a line. */
  inline?: string;
}

export const canonicalStyle: PrintStyle = { unit: '  ', eol: '\n', colon: ': ' };

/** A JSON value as text; `indent` is the white space of the line it begins on, `path` where it stands in the document. */
export function printValue(value: unknown, path: readonly string[], style: PrintStyle, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (isPinList(path) && Array.isArray(value) && style.inline === undefined) {
    const inline = { ...style, inline: ' ' };
    const pins = (value as unknown[]).map((pin, index) => printValue(pin, [...path, String(index)], inline));
    return `[${pins.join(`,${style.eol}${indent}${style.unit}`)}]`;
  }
  if (inPins(path) && style.inline === undefined) return printValue(value, path, { ...style, inline: ' ' });
  const inner = indent + style.unit;
  const lines = (open: string, items: string[], close: string) => {
    if (items.length === 0) return open + close;
    if (style.inline === undefined)
      return open + style.eol + inner + items.join(`,${style.eol}${inner}`) + style.eol + indent + close;
    return open + style.inline + items.join(style.colon === ':' ? ',' : ', ') + style.inline + close;
  };
  if (Array.isArray(value)) {
    const items = (value as unknown[]).map((item, index) => printValue(item, [...path, String(index)], style, inner));
    const scalars = value.every((item) => typeof item !== 'object' || item === null);
    return scalars ? `[${items.join(style.colon === ':' ? ',' : ', ')}]` : lines('[', items, ']');
  }
  const object = value as Record<string, unknown>;
  const keys = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort(compareKeys(path));
  return lines(
    '{',
    keys.map((key) => JSON.stringify(key) + style.colon + printValue(object[key], [...path, key], style, inner)),
    '}',
  );
}

/** The canonical text of a graph. Unknown types, parameters and fields are written as they are. */
export function writeGraph(document: GraphDocument): string {
  const nodes = mapRecord(document.nodes, (node) => ({
    ...node,
    muted: node.muted === true ? true : undefined,
    inputs: unlessEmpty(node.inputs),
    params: unlessEmpty(node.params),
    folded: node.folded === true ? true : undefined,
  }));
  const whole = {
    ...document,
    nodes,
    frames: unlessEmpty(
      document.frames && mapRecord(document.frames, (frame) => ({ ...frame, rect: frame.rect.map(toWhole) })),
    ),
    layout: unlessEmpty(document.layout && mapRecord(document.layout, (position) => position.map(toWhole))),
  };
  return `${printValue(whole, [], canonicalStyle)}\n`;
}

/** The change that gives a file its canonical text; none when it has it. Undefined when the file must be mended first. */
export function formatGraph(text: string): TextChange[] | undefined {
  const { document, problems } = parseGraph(text);
  // Writing would lose what could not be read.
  if (!document || problems.length > 0) return undefined;
  const content = writeGraph(document);
  return content === text ? [] : [{ offset: 0, length: text.length, content }];
}

/** A coordinate as the file has it; never -0, which JSON would write as 0 anyway. */
export function toWhole(value: number): number {
  return Math.round(value) + 0;
}

function unlessEmpty<T extends object>(record: T | undefined): T | undefined {
  return record && Object.keys(record).length > 0 ? record : undefined;
}

function mapRecord<T, U>(record: Record<string, T>, map: (value: T) => U): Record<string, U> {
  // fromEntries defines own properties, `__proto__` too.
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
