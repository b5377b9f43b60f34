/** Where a problem is to be looked for by the user, whose file is not always the text that was checked. */
import { applyChanges } from './json-edit';
import { type TextChange } from './json';
import { nodeAt } from './json';
import { parseGraph } from './parse';
import { formatProblem, LineIndex, type Problem } from './problems';
import { GraphEditError, overrideChanges, type Override } from './edit';
import { validateGraph, type GraphFacts } from './validate';

/** How the user knows a graph. */
export interface GraphName {
  /** What to call it: its file as it was named, or what it comes from. */
  as: string;
  /** Whether the text is that file's, so that lines can be told. */
  lines: boolean;
  /** The text that it was made from, whose lines are told: a sweep's, for one of its cells. */
  of?: string;
  /** Parameters that came from options of a command, by `node.param`: `--skip`. */
  options?: Readonly<Record<string, string>>;
}

/** Problems that the text itself has, whatever is set in it. */
const ofTheText = new Set(['syntax', 'too-deep', 'too-large', 'duplicate-key', 'later-version', 'schema']);

/** A graph's text with parameters set from outside, what is wrong with it, and how to say where. */
export interface CheckedGraph {
  text: string;
  problems: Problem[];
  /** A problem as a line: `file:line:column: node.port: message`, or the option that brought it in, `--set swap.contrast: message`. */
  tell(problem: Problem): string;
}

/**
 * Checks a graph as it will run.
 * @throws GraphEditError for a node or parameter to set that is not there
 */
export function checkGraph(
  original: string,
  overrides: readonly Override[],
  name: GraphName,
  facts: GraphFacts,
): CheckedGraph {
  const before = parseGraph(original);
  // Where nothing can be set, the file's own problems say why.
  const settable = before.document !== undefined && !before.problems.some(({ code }) => code === 'later-version');
  const changes = settable ? changesOf(original, overrides) : [];
  const text = applyChanges(original, changes);
  let problems = validateGraph(text, facts);
  if (changes.length > 0) problems = [...before.problems, ...problems.filter(({ code }) => !ofTheText.has(code))];
  const own = new Set(before.problems);
  const { tree } = changes.length > 0 ? parseGraph(text) : before;
  const lines = new LineIndex(name.of ?? original);

  const optionOf = (problem: Problem): string | undefined => {
    if (own.has(problem)) return undefined;
    for (const [node, param] of overrides) {
      const value = nodeAt(tree, ['nodes', node, 'params', param]);
      if (value && problem.offset >= value.offset && problem.offset < value.offset + Math.max(1, value.length))
        return `--set ${node}.${param}`;
    }
    return name.options?.[`${problem.node}.${problem.param ?? problem.port}`];
  };
  const tell = (problem: Problem): string => {
    const option = optionOf(problem);
    if (option !== undefined) return `${option}: ${problem.message}`;
    const offset =
      name.of !== undefined
        ? placeIn(name.of, problem)
        : own.has(problem)
          ? problem.offset
          : originalOffset(changes, problem.offset);
    const line = formatProblem(name.as, { ...problem, ...lines.at(offset) });
    return name.lines ? line : `${name.as}${line.slice(name.as.length).replace(/^:\d+:\d+/, '')}`;
  };
  return { text, problems, tell };
}

function changesOf(original: string, overrides: readonly Override[]): TextChange[] {
  if (overrides.length === 0) return [];
  for (const override of overrides) {
    try {
      overrideChanges(original, [override]);
    } catch (error) {
      if (!(error instanceof GraphEditError)) throw error;
      throw new GraphEditError(`--set ${override[0]}.${override[1]}: ${error.message}`);
    }
  }
  return overrideChanges(original, overrides);
}

/** Where the text that another was made from speaks of a problem's subject, or at least of its node. */
function placeIn(text: string, { node = '', port, param }: Problem): number {
  const { tree } = parseGraph(text);
  const part = port === undefined ? ['params', param ?? ''] : ['inputs', port];
  return (nodeAt(tree, ['nodes', node, ...part]) ?? nodeAt(tree, ['nodes', node]))?.offset ?? 0;
}

/** Where a place of the changed text was before the changes; what is new was nowhere, and gets the place where it was put. */
function originalOffset(changes: readonly TextChange[], offset: number): number {
  let shift = 0;
  for (const change of [...changes].sort((a, b) => a.offset - b.offset)) {
    const start = change.offset + shift;
    if (offset < start) break;
    if (offset < start + change.content.length) return change.offset;
    shift += change.content.length - change.length;
  }
  return offset - shift;
}
