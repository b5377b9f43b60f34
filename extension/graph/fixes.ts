/** What can be done at a click about what is wrong with a graph. */
import { nearest, nodeOf, resolveSource, sourcesAt } from './analyse';
import { nodeTypes, specOf } from './catalogue';
import { applyEdit, type GraphEdit, GraphEditError } from './edit';
import { type TextChange } from './json';
import { applyChanges } from './json-edit';
import { paramOf } from './params';
import { parseGraph } from './parse';
import { type Problem } from './problems';
import { type GraphDocument, parseWire, type Source } from './schema';
import { type GraphFacts, validateGraph } from './validate';
import { frameKeys, nodeKeys, topKeys } from './write';

export interface GraphFix {
  /** Verb and object, as in a menu. */
  title: string;
  changes: TextChange[];
}

export interface FixFacts extends GraphFacts {
  /** Files that a path may have meant which leads nowhere, relative to the graph. */
  files?: readonly string[];
}

/** A fix before it was tried: as an edit, or as the right text for the string that the problem underlines. */
interface Idea {
  title: string;
  edits?: readonly GraphEdit[];
  text?: string;
}

const MOST_FILES = 3;

/** Fixes of one problem of a text, the likeliest first. Each was tried: it solves the problem and makes no other. */
export function fixesOf(text: string, problem: Problem, facts: FixFacts = {}): GraphFix[] {
  const { document } = parseGraph(text);
  const ideas = document ? ideasFor(text, document, problem, facts) : [];
  if (ideas.length === 0) return [];
  const before = validateGraph(text, facts);
  return ideas.flatMap(({ title, edits, text: right }) => {
    const { offset, length } = problem;
    const changes =
      right === undefined ? tryEdits(text, edits ?? []) : [{ offset, length, content: JSON.stringify(right) }];
    if (!changes) return [];
    const after = validateGraph(applyChanges(text, changes), facts);
    const same = ({ code, node }: Problem): boolean => code === problem.code && node === problem.node;
    const better =
      after.filter(same).length < before.filter(same).length && errorsOf(after).length <= errorsOf(before).length;
    return better ? [{ title, changes }] : [];
  });
}

const errorsOf = (problems: readonly Problem[]): Problem[] => problems.filter(({ severity }) => severity === 'error');

function tryEdits(text: string, edits: readonly GraphEdit[]): TextChange[] | undefined {
  try {
    return applyEdit(text, { kind: 'batch', edits });
  } catch (error) {
    if (error instanceof GraphEditError) return undefined;
    throw error;
  }
}

function ideasFor(text: string, document: GraphDocument, problem: Problem, facts: FixFacts): Idea[] {
  const { code, node: id = '', param = '' } = problem;
  const node = nodeOf(document, id);
  const spec = specOf(node?.type ?? '');
  const written = stringAt(text, problem);
  const value = node?.params?.[param];
  switch (code) {
    case 'unknown-type':
      return respelt(written, nodeTypes);
    case 'unknown-param':
      return respelt(written, spec?.params.map(({ name }) => name) ?? []);
    case 'unknown-key':
      return respelt(written, problem.node === undefined ? [...topKeys, ...frameKeys] : nodeKeys);
    case 'unknown-input':
      return respelt(written, spec?.inputs.map(({ name }) => name) ?? []);
    case 'unknown-node':
    case 'unknown-output':
      return wireIdeas(document, written);
    case 'bad-value': {
      const known = paramOf(spec, param);
      const options = known?.kind === 'choice' ? known.options : [];
      return valueIdeas(
        id,
        param,
        value,
        options.map((option) => option.value),
      );
    }
    case 'unknown-domain': {
      const nouns = facts.checkpoints?.flatMap(({ domains }) => domains.flatMap(({ noun, kinds }) => [noun, ...kinds]));
      return valueIdeas(id, param, value, nouns ?? []);
    }
    case 'unknown-checkpoint':
      return valueIdeas(id, param, value, facts.checkpoints?.map((checkpoint) => checkpoint.id) ?? []);
    case 'missing-file':
      return fileIdeas(id, param, value, facts.files ?? []);
    case 'cannot-mute':
      return [{ title: `Unmute ${id}`, edits: [{ kind: 'setMuted', ids: [id], muted: false }] }];
    case 'disagreement':
      return ['schedule', 'checkpoint'].flatMap((port) => sharedWires(document, id, port));
    default:
      return [];
  }
}

/** The text of the string that a problem underlines. */
function stringAt(text: string, { offset, length }: Problem): string | undefined {
  try {
    const value: unknown = JSON.parse(text.slice(offset, offset + length));
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function respelt(wrong: string | undefined, names: readonly string[]): Idea[] {
  const right = wrong === undefined ? undefined : nearest(wrong, names);
  return right === undefined ? [] : [{ title: `Change to "${right}"`, text: right }];
}

/** A wire whose node, or whose output, has a name near to one that there is; an only output needs no likeness. */
function wireIdeas(document: GraphDocument, written: string | undefined): Idea[] {
  const wire = parseWire(written ?? '');
  const from = wire && (nodeOf(document, wire.node) ? wire.node : nearest(wire.node, Object.keys(document.nodes)));
  if (from === undefined) return [];
  const outputs = specOf(nodeOf(document, from)?.type ?? '')?.outputs.map(({ name }) => name) ?? [];
  const port = outputs.length === 1 ? outputs[0] : nearest(wire?.port ?? '', outputs);
  return port === undefined ? [] : [{ title: `Change to "${from}.${port}"`, text: `${from}.${port}` }];
}

function valueIdeas(id: string, param: string, value: unknown, values: readonly string[]): Idea[] {
  const right = typeof value === 'string' ? nearest(value, values) : undefined;
  return right === undefined ? [] : [useValue(id, param, right)];
}

// Written also where it is the catalogue's default: the checkpoint may have another.
const useValue = (id: string, param: string, value: string): Idea => ({
  title: `Use ${value}`,
  edits: [{ kind: 'setParam', id, param, value, keepDefault: true }],
});

/** Files of the same name elsewhere; without one, that with the nearest name. */
function fileIdeas(id: string, param: string, value: unknown, files: readonly string[]): Idea[] {
  if (typeof value !== 'string') return [];
  const nameOf = (path: string): string => path.split(/[\\/]/).at(-1)?.toLowerCase() ?? '';
  const named = (name: string): string[] => files.filter((file) => nameOf(file) === name);
  const same = named(nameOf(value));
  const near = same.length > 0 ? undefined : nearest(nameOf(value), files.map(nameOf));
  const found = near === undefined ? same : named(near);
  return found.slice(0, MOST_FILES).map((file) => useValue(id, param, file));
}

/** All inversions of a swap wired to what one of them has at a port, the structure's first. */
function sharedWires(document: GraphDocument, swap: string, port: string): Idea[] {
  const node = nodeOf(document, swap);
  const inversions = node
    ? ['structure', 'appearance']
        .flatMap((side) => sourcesAt(node, side))
        .flatMap((source) => resolveSource(document, source)?.node ?? [])
    : [];
  const ids = [...new Set(inversions)].filter((id) => nodeOf(document, id)?.type === 'invert');
  const wires = ids.map((id) => ({ id, source: sourcesAt(nodeOf(document, id) ?? { type: '' }, port)[0] }));
  const sources = new Map<string, Source>();
  for (const { source } of wires) if (source) sources.set(`${source.node}.${source.port}`, source);
  return [...sources.values()].map((from) => ({
    title: `Wire ${ids.length === 2 ? 'both' : 'all'} to ${from.node}`,
    edits: wires
      .filter(({ source }) => source?.node !== from.node || source.port !== from.port)
      .map(({ id }): GraphEdit => ({ kind: 'connect', from, to: { node: id, port } })),
  }));
}
