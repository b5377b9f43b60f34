/** Sweeps: one or two parameters vary, and every combination of their values is a graph of its own. Pure; files are found by the engine. */
import { isMuted, nodeOf, sourcesAt, Suggestions } from './analyse';
import { inversionsNeed, specOf } from './catalogue';
import { type ParamSpec } from './catalogue/types';
import { type GraphEdit, GraphEditError, cannotMute, editText, overrideParams } from './edit';
import { checkValue, paramOf } from './params';
import { parseGraph } from './parse';
import { pinsWords } from './pins';
import { downstreamOf } from './plan';
import { clip, listed, show } from './problems';
import { type GraphDocument, type GraphNode, type Source } from './schema';
import { writeGraph } from './write';

/** Cells of one sweep: more is a mistake rather than a wish. */
export const MOST_CELLS = 2000;

/** What an axis varies: a parameter of a node, or whether the node is muted. */
export interface AxisTarget {
  node: string;
  param: string;
}

/** One axis as written: `node.param=values`. */
export interface SweepAxis extends AxisTarget {
  /** In the order written; texts of a path parameter may still be folders or patterns. */
  values: unknown[];
}

export class SweepError extends Error {
  constructor(
    message: string,
    readonly node?: string,
  ) {
    super(message);
    this.name = 'SweepError';
  }
}

const NUMBER = String.raw`(-?(?:\d+\.?\d*|\.\d+))`;
const RANGE = new RegExp(`^${NUMBER}:${NUMBER}(?::${NUMBER})?$`);
/** As in a range: JSON wants a digit on both sides of the point. */
const DECIMAL = new RegExp(`^${NUMBER}$`);

/**
 * Reads `node.param=values`. Values are a list with commas, ranges `from:to` or `from:to:step` in it (both ends included), or a JSON
 * array; each is JSON where it reads as JSON, else text. `node.muted=true,false` mutes.
 * @throws SweepError saying what is not understood
 */
export function parseAxis(text: string): SweepAxis {
  return axisOf(text, numbersOf);
}

function axisOf(text: string, expand: (range: NumberRange) => number[]): SweepAxis {
  const match = /^([^.=\s]+)\.([^=\s]+)\s*=\s*(.*)$/s.exec(text.trim());
  if (!match) {
    throw new SweepError(
      `${show(text)} is not an axis. Write NODE.PARAM=VALUES, for instance swap.contrast=1,1.67,2.5 or appearance.path=images/*.png.`,
    );
  }
  const [, node, param, written] = match as unknown as [string, string, string, string];
  const name = `${clip(node)}.${clip(param)}`;
  const parts = partsOf(written);
  if (parts.length === 0) throw new SweepError(`${name} has no values. Write them after the =, separated by commas.`);
  const count = parts.reduce((sum, part) => sum + ('range' in part ? part.range.count : 1), 0);
  if (count > MOST_CELLS) throw tooMany(name, count);
  return { node, param, values: parts.flatMap((part) => ('range' in part ? expand(part.range) : [part.value])) };
}

const tooMany = (what: string, count: number): SweepError =>
  new SweepError(`${what} has ${count} values; the most is ${MOST_CELLS}.`);

interface NumberRange {
  from: number;
  step: number;
  count: number;
}

/** The values of an axis as written behind its `=`: each a value, or a range that stands for many. */
function partsOf(written: string): ({ value: unknown } | { range: NumberRange })[] {
  const text = written.trim();
  if (text === '') return [];
  const list = text.startsWith('[') ? jsonOf(text) : undefined;
  if (Array.isArray(list)) return (list as unknown[]).map((value) => ({ value }));
  const parts = splitAtCommas(text);
  // Before each is read: there may be millions.
  if (parts.length > MOST_CELLS) throw tooMany(`The list ${show(text)}`, parts.length);
  return parts.map((part) => {
    if (part === '')
      throw new SweepError(`A value is missing in ${show(text)}. Write one on each side of every comma.`);
    const range = RANGE.exec(part);
    if (range) return { range: rangeOf(part, Number(range[1]), Number(range[2]), range[3]) };
    if (DECIMAL.test(part)) return { value: Number(part) };
    const json = jsonOf(part);
    return { value: json === undefined ? part : json };
  });
}

/** The JSON value that a text is; undefined when it is none. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '{': '}' };

/**
 * A text in parts between its commas; those in JSON strings, and in brackets that are closed again, separate nothing. A bracket that stays
 * open is a letter like others, and so is a quote inside a name.
 */
function splitAtCommas(text: string): string[] {
  const commas: number[] = [];
  const open: { closing: string; commas: number }[] = [];
  let quotes = true;
  // Whether a value may begin here, in an array too.
  let begins = true;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string;
    if (letter === '"' && begins && quotes) {
      const end = endOfString(text, at);
      quotes = end !== undefined;
      at = end ?? at;
    } else if (letter === ',') commas.push(at);
    else if (letter in CLOSING) open.push({ closing: CLOSING[letter] as string, commas: commas.length });
    else if (letter === open.at(-1)?.closing) {
      // What is inside a pair of brackets stays together.
      commas.length = (open.pop() as (typeof open)[number]).commas;
    }
    begins = letter === ',' || letter === '[' || letter === '{' || (begins && /\s/.test(letter));
  }
  const ends = [...commas, text.length];
  return ends.map((end, index) => text.slice(index === 0 ? 0 : (ends[index - 1] as number) + 1, end).trim());
}

/** Where the JSON string that begins at a quote ends; undefined when it does not. */
function endOfString(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return undefined;
}

function rangeOf(text: string, from: number, to: number, written: string | undefined): NumberRange {
  const step = written === undefined ? (to >= from ? 1 : -1) : Number(written);
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (step === 0 || count < 1)
    throw new SweepError(`The range ${clip(text)} has no values because its step points away from its end.`);
  if (count > MOST_CELLS) throw tooMany(`The range ${clip(text)}`, count);
  return { from, step, count };
}

// 0.1 + 0.2 is written 0.3.
const valueAt = ({ from, step }: NumberRange, index: number): number => Number((from + index * step).toPrecision(12));

function numbersOf(range: NumberRange): number[] {
  return Array.from({ length: range.count }, (_, index) => valueAt(range, index));
}

/** The values of a range that tell whether all are fine: its ends, and the second, which is whole when all after it are. */
function tellingOf(range: NumberRange): number[] {
  return [...new Set([0, Math.min(1, range.count - 1), range.count - 1])].map((index) => valueAt(range, index));
}

/** Whether a text of a path axis names several files. */
export const isPattern = (text: string): boolean => /[*?[\]{}]/.test(text) || text.endsWith('/') || text === '.';

/**
 * What an axis varies.
 * @throws SweepError when the graph has no such node or parameter, or a value can't be the parameter's
 */
export function checkAxis(
  document: GraphDocument,
  axis: SweepAxis,
  ids: readonly string[] = Object.keys(document.nodes),
  suggestions = new Suggestions(),
): ParamSpec | 'muted' {
  const name = clip(axis.node);
  const node = nodeOf(document, axis.node);
  if (!node) {
    const like = suggestions.nearest(axis.node, ids);
    const hint = like === undefined ? `The graph has ${listed(ids.slice(0, 20).map(clip))}.` : `Did you mean ${like}?`;
    throw new SweepError(`There is no node ${name} to vary. ${hint}`);
  }
  if (axis.param === 'muted') {
    if (specOf(node.type)?.mute === 'never')
      throw new SweepError(`${name} can't be muted: ${cannotMute(node.type)}`, axis.node);
    const bad = axis.values.find((value) => typeof value !== 'boolean');
    if (bad !== undefined) throw new SweepError(`${name}.muted must be true or false, not ${show(bad)}.`, axis.node);
    return 'muted';
  }
  const spec = specOf(node.type);
  const param = paramOf(spec, axis.param);
  if (!param) {
    const names = [...(spec?.params.map((known) => known.name) ?? []), ...(spec?.mute === 'never' ? [] : ['muted'])];
    throw new SweepError(`${name} has no parameter ${clip(axis.param)}. It has ${listed(names)}.`, axis.node);
  }
  for (const value of axis.values) {
    // A file or a folder may be called like a pattern: which it is shows on the disk.
    if (param.kind === 'path' && param.access === 'read' && typeof value === 'string' && isPattern(value)) continue;
    const reason = checkValue(param, value);
    if (reason !== undefined) throw new SweepError(`${name}: ${reason}`, axis.node);
  }
  return param;
}

/** @throws SweepError when both axes vary the same: the rows would win, and every row be alike */
export function checkAxes(columns: AxisTarget, rows: AxisTarget | undefined, whose = 'The sweep'): void {
  if (rows && rows.node === columns.node && rows.param === columns.param)
    throw new SweepError(
      `${whose} varies ${clip(rows.node)}.${clip(rows.param)} along both axes. Choose another parameter for the rows.`,
    );
}

/** A value as a person reads it. */
export function valueWords(target: AxisTarget, value: unknown): string {
  if (target.param === 'muted') return value === true ? `without ${target.node}` : `with ${target.node}`;
  if (target.param === 'path' && typeof value === 'string')
    return (value.split('/').at(-1) ?? value).replace(/\.[^.]+$/, '');
  if (target.param === 'pins') return pinsWords(value);
  if (Array.isArray(value)) return value.map(String).join('–');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The title of an axis: the node's name alone where the parameter says nothing more. */
export function axisWords({ node, param }: AxisTarget): string {
  return param === 'path' || param === 'muted' || param === 'id' ? node : `${node}.${param}`;
}

/** One combination of values. */
export interface SweepCell {
  row: number;
  column: number;
  set: { node: string; param: string; value: unknown }[];
}

/** All combinations, row by row. Without a row axis there is one row. */
export function cellsOf(columns: SweepAxis | undefined, rows: SweepAxis | undefined): SweepCell[] {
  const along = (axis: SweepAxis | undefined): (SweepCell['set'][number] | undefined)[] =>
    axis ? axis.values.map((value) => ({ node: axis.node, param: axis.param, value })) : [undefined];
  return along(rows).flatMap((inRow, row) =>
    along(columns).map((inColumn, column) => ({
      row,
      column,
      set: [inRow, inColumn].filter((one) => one !== undefined),
    })),
  );
}

/**
 * The graph of one cell, canonical: values set, the sweep and whatever hangs on it taken away.
 * @throws SweepError for a node or parameter that is not there
 */
export function cellGraph(text: string, set: SweepCell['set']): string {
  try {
    const values = set.filter(({ param }) => param !== 'muted');
    let changed = overrideParams(
      text,
      values.map(({ node, param, value }) => [node, param, value] as const),
    );
    const edits = set
      .filter(({ param }) => param === 'muted')
      .map(({ node, value }): GraphEdit => ({ kind: 'setMuted', ids: [node], muted: value === true }));
    const { document } = parseGraph(changed);
    const sweeps = Object.entries(document?.nodes ?? {}).flatMap(([id, node]) => (node.type === 'sweep' ? [id] : []));
    if (document && sweeps.length > 0) edits.push({ kind: 'removeNodes', ids: [...downstreamOf(document, sweeps)] });
    if (edits.length > 0) changed = editText(changed, { kind: 'batch', edits });
    const made = parseGraph(changed).document;
    if (!made) throw new SweepError("The graph can't be read.");
    return writeGraph(made);
  } catch (error) {
    if (error instanceof GraphEditError) throw new SweepError(error.message);
    throw error;
  }
}

/**
 * The cells in the order in which shards divide them: what is costly to change varies least, so that a block of neighbours shares
 * its inversions.
 */
export function inShardOrder<T extends SweepCell>(document: GraphDocument, cells: readonly T[]): T[] {
  const costly = (set: SweepCell['set'][number] | undefined): boolean =>
    inversionsNeed(nodeOf(document, set?.node ?? '')?.type ?? '');
  const [first] = cells;
  const byColumn = first?.set.length === 2 && costly(first.set[1]) && !costly(first.set[0]);
  return byColumn ? [...cells].sort((a, b) => a.column - b.column || a.row - b.row) : [...cells];
}

/** The block of cells that shard `index` of `count` (from 1) computes; blocks differ by one cell at most. */
export function shardOf<T>(cells: readonly T[], index: number, count: number): T[] {
  const from = Math.floor(((index - 1) * cells.length) / count);
  const to = Math.floor((index * cells.length) / count);
  return cells.slice(from, to);
}

/**
 * The picture that a sweep without a node of its own shows: the only one that a denoise (or evaluate) node makes.
 * @throws SweepError when there is none, or several
 */
export function sweptPicture(document: GraphDocument, named?: string): Source {
  if (named !== undefined) {
    const dot = named.lastIndexOf('.');
    const source = dot > 0 ? { node: named.slice(0, dot), port: named.slice(dot + 1) } : { node: named, port: 'image' };
    const node = nodeOf(document, source.node);
    const output = specOf(node?.type ?? '')?.outputs.find(({ name }) => name === source.port);
    if (!node || output?.type !== 'image') throw new SweepError(`${named} is not an image in this graph.`);
    return source;
  }
  const of = (type: string): string[] =>
    Object.entries(document.nodes).flatMap(([id, node]) => (node.type === type && !isMuted(node) ? [id] : []));
  const candidates = of('evaluate').length > 0 ? of('evaluate') : of('denoise');
  if (candidates.length === 1) return { node: candidates[0]!, port: 'image' };
  if (candidates.length === 0) throw new SweepError('The graph has no denoise node, so there is no image to show.');
  throw new SweepError(
    `The graph makes several images. Choose the one to show, for instance --of ${candidates[0]}.image (or ${listed(candidates.slice(1, 6), 'or')}).`,
  );
}

/** One axis of a sweep node, undefined when it is not set. @throws SweepError */
function axisAt(
  id: string,
  node: GraphNode,
  param: 'columns' | 'rows',
  read: (text: string) => SweepAxis,
): SweepAxis | undefined {
  const written = node.params?.[param];
  if (written === undefined || written === '') return undefined;
  if (typeof written !== 'string') throw new SweepError(`${id}.${param} must be text, NODE.PARAM=VALUES.`, id);
  return read(written);
}

/** The axes and the picture of a sweep node. @throws SweepError */
export function sweepOf(
  document: GraphDocument,
  id: string,
): { columns: SweepAxis; rows?: SweepAxis; picture: Source } {
  const node = nodeOf(document, id)!;
  try {
    const columns = axisAt(id, node, 'columns', parseAxis);
    const rows = axisAt(id, node, 'rows', parseAxis);
    for (const axis of [columns, rows]) if (axis) checkAxis(document, axis);
    if (!columns) throw new SweepError(`${id} varies nothing. Set its columns, for instance swap.contrast=1,1.67.`);
    checkAxes(columns, rows, id);
    const picture = sourcesAt(node, 'image')[0];
    if (!picture) throw new SweepError(`${id}.image is not connected. Connect the image that each cell shows.`);
    return { columns, rows, picture };
  } catch (error) {
    if (error instanceof SweepError) throw new SweepError(error.message, id);
    throw error;
  }
}

/** What is wrong with the axes of a sweep node. Of ranges only what tells is looked at, so that a long file of them is read in no time. */
export function axisProblems(
  document: GraphDocument,
  id: string,
  ids: readonly string[],
  suggestions: Suggestions,
): { param: 'columns' | 'rows'; message: string }[] {
  const node = nodeOf(document, id)!;
  const axes: Partial<Record<'columns' | 'rows', SweepAxis>> = {};
  const found: ReturnType<typeof axisProblems> = [];
  for (const param of ['columns', 'rows'] as const) {
    // Other values than texts are known to be bad.
    if (typeof node.params?.[param] !== 'string') continue;
    try {
      const axis = axisAt(id, node, param, (text) => axisOf(text, tellingOf));
      if (axis) checkAxis(document, axis, ids, suggestions);
      axes[param] = axis;
      if (axes.columns) checkAxes(axes.columns, axes.rows, clip(id));
    } catch (error) {
      if (!(error instanceof SweepError)) throw error;
      found.push({ param, message: error.message });
    }
  }
  return found;
}
