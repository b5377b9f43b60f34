/** Sweeps: one or two parameters vary, and every combination of their values is a graph of its own. Pure; files are found by the engine. */
import { isMuted, listed, nearest, nodeOf, sourcesAt } from './analyse';
import { specOf } from './catalogue';
import { type ParamSpec } from './catalogue/types';
import { type GraphEdit, GraphEditError, cannotMute, editText, overrideParams } from './edit';
import { checkValue, paramOf } from './params';
import { parseGraph } from './parse';
import { downstreamOf } from './plan';
import { type GraphDocument, type Source } from './schema';
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

const RANGE = /^(-?\d+(?:\.\d+)?):(-?\d+(?:\.\d+)?)(?::(-?\d+(?:\.\d+)?))?$/;

/**
 * Reads `node.param=values`. Values are a list with commas, ranges `from:to` or `from:to:step` in it (both ends included), or a JSON
 * array; each is JSON where it reads as JSON, else text. `node.muted=true,false` mutes.
 * @throws SweepError saying what is not understood
 */
export function parseAxis(text: string): SweepAxis {
  const match = /^([^.=\s]+)\.([^=\s]+)\s*=\s*(.*)$/s.exec(text.trim());
  if (!match) {
    throw new SweepError(
      `${JSON.stringify(text)} is no axis: write NODE.PARAM=VALUES, for instance swap.contrast=1,1.67,2.5 or appearance.path=looks/*.png.`,
    );
  }
  const [, node, param, written] = match as unknown as [string, string, string, string];
  const values = parseValues(written);
  if (values.length === 0)
    throw new SweepError(`${node}.${param} has no values: write them behind the =, with commas.`);
  return { node, param, values };
}

/** The values of an axis as written behind its `=`. */
export function parseValues(written: string): unknown[] {
  const text = written.trim();
  if (text.startsWith('[')) {
    for (const json of [text, `[${text}]`]) {
      try {
        const list: unknown = JSON.parse(json);
        if (Array.isArray(list)) return list;
      } catch {
        // Not JSON: a list of arrays, or one that begins with a bracket, such as the pattern [ab]*.png.
      }
    }
  }
  return text
    .split(/,(?![^{[]*[}\]])/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => {
      const range = RANGE.exec(part);
      if (range)
        return numbersOf(
          part,
          Number(range[1]),
          Number(range[2]),
          range[3] === undefined ? undefined : Number(range[3]),
        );
      try {
        return [JSON.parse(part) as unknown];
      } catch {
        return [part];
      }
    });
}

function numbersOf(text: string, from: number, to: number, written: number | undefined): number[] {
  const step = written ?? (to >= from ? 1 : -1);
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  if (step === 0 || count < 1)
    throw new SweepError(`The range ${text} has no values: its step leads away from its end.`);
  if (count > MOST_CELLS) throw new SweepError(`The range ${text} has ${count} values; at most ${MOST_CELLS} fit.`);
  // 0.1 + 0.2 is written 0.3.
  return Array.from({ length: count }, (_, index) => Number((from + index * step).toPrecision(12)));
}

/** Whether a text of a path axis names several files. */
export const isPattern = (text: string): boolean => /[*?[\]{}]/.test(text) || text.endsWith('/') || text === '.';

/**
 * What an axis varies.
 * @throws SweepError when the graph has no such node or parameter, or a value can't be the parameter's
 */
export function checkAxis(document: GraphDocument, axis: SweepAxis): ParamSpec | 'muted' {
  const node = nodeOf(document, axis.node);
  if (!node) {
    const ids = Object.keys(document.nodes);
    const like = nearest(axis.node, ids);
    const hint = like === undefined ? `The graph has ${listed(ids.slice(0, 20))}.` : `Did you mean ${like}?`;
    throw new SweepError(`There is no node ${axis.node} to vary. ${hint}`);
  }
  if (axis.param === 'muted') {
    if (specOf(node.type)?.mute === 'never')
      throw new SweepError(`${axis.node} can't be muted: ${cannotMute(node.type)}`, axis.node);
    const bad = axis.values.find((value) => typeof value !== 'boolean');
    if (bad !== undefined)
      throw new SweepError(`${axis.node}.muted must be true or false, not ${JSON.stringify(bad)}.`, axis.node);
    return 'muted';
  }
  const spec = specOf(node.type);
  const param = paramOf(spec, axis.param);
  if (!param) {
    const names = [...(spec?.params.map(({ name }) => name) ?? []), ...(spec?.mute === 'never' ? [] : ['muted'])];
    throw new SweepError(`${axis.node} has no parameter ${axis.param}. It has ${listed(names)}.`, axis.node);
  }
  for (const value of axis.values) {
    if (param.kind === 'path' && typeof value === 'string' && isPattern(value)) continue;
    const reason = checkValue(param, value);
    if (reason !== undefined) throw new SweepError(`${axis.node}: ${reason}`, axis.node);
  }
  return param;
}

/** A value as a person reads it. */
export function valueWords(target: AxisTarget, value: unknown): string {
  if (target.param === 'muted') return value === true ? `without ${target.node}` : `with ${target.node}`;
  if (target.param === 'path' && typeof value === 'string')
    return (value.split('/').at(-1) ?? value).replace(/\.[^.]+$/, '');
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
    if (!made) throw new SweepError('The graph can not be read.');
    return writeGraph(made);
  } catch (error) {
    if (error instanceof GraphEditError) throw new SweepError(error.message);
    throw error;
  }
}

/** Types of nodes whose change costs inversions, not only the output's own steps. */
const COSTLY = new Set(['image', 'checkpoint', 'freeu', 'prompt', 'schedule', 'invert']);

/**
 * The cells in the order in which shards divide them: what is costly to change varies least, so that a block of neighbours shares
 * its inversions.
 */
export function inShardOrder<T extends SweepCell>(document: GraphDocument, cells: readonly T[]): T[] {
  const costly = (set: SweepCell['set'][number] | undefined): boolean =>
    COSTLY.has(nodeOf(document, set?.node ?? '')?.type ?? '');
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
    if (!node || output?.type !== 'image') throw new SweepError(`${named} is no picture of this graph.`);
    return source;
  }
  const of = (type: string): string[] =>
    Object.entries(document.nodes).flatMap(([id, node]) => (node.type === type && !isMuted(node) ? [id] : []));
  const candidates = of('evaluate').length > 0 ? of('evaluate') : of('denoise');
  if (candidates.length === 1) return { node: candidates[0]!, port: 'image' };
  if (candidates.length === 0) throw new SweepError('The graph has no denoise node, so there is no picture to show.');
  throw new SweepError(
    `The graph makes several pictures: say which one to show, for instance --of ${candidates[0]}.image (or ${listed(candidates.slice(1, 6), 'or')}).`,
  );
}

/** The axes and the picture of a sweep node. @throws SweepError */
export function sweepOf(
  document: GraphDocument,
  id: string,
): { columns: SweepAxis; rows?: SweepAxis; picture: Source } {
  const node = nodeOf(document, id)!;
  const read = (param: string): SweepAxis | undefined => {
    const written = node.params?.[param];
    if (written === undefined || written === '') return undefined;
    if (typeof written !== 'string') throw new SweepError(`${id}.${param} must be text, NODE.PARAM=VALUES.`, id);
    try {
      const axis = parseAxis(written);
      checkAxis(document, axis);
      return axis;
    } catch (error) {
      if (error instanceof SweepError) throw new SweepError(error.message, id);
      throw error;
    }
  };
  const columns = read('columns');
  const rows = read('rows');
  if (!columns)
    throw new SweepError(`${id} varies nothing: say what its columns are, for instance swap.contrast=1,1.67.`, id);
  if (rows && rows.node === columns.node && rows.param === columns.param)
    throw new SweepError(`${id} varies ${rows.node}.${rows.param} along both axes: choose another for the rows.`, id);
  const picture = sourcesAt(node, 'image')[0];
  if (!picture) throw new SweepError(`${id}.image needs a wire: the picture that each cell shows.`, id);
  return { columns, rows, picture };
}
