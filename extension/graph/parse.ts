import { readJson, type JsonNode, nodeAt, propertiesOf, propertyAt, valueOf } from './json';
import { migrate } from './migrations';
import { show } from './params';
import { LineIndex, type Problem, type ProblemCode } from './problems';
import { CURRENT_VERSION, type GraphDocument, graphDocumentSchema } from './schema';

export interface ParsedGraph {
  /**
   * The graph, absent when there is none to show. What did not fit the schema is left out of it (never out of the text)
   * and reported, so that an editor can show the rest.
   */
  document?: GraphDocument;
  problems: Problem[];
  /** The text as a tree with offsets, absent when nothing could be read. */
  tree?: JsonNode;
  /** The version that the text says, when it says one. */
  version?: number;
}

/**
 * Reads a graph file's text. Never throws. A file of a later version gives a document and a problem `later-version`:
 * it can be shown, not edited.
 */
export function parseGraph(text: string): ParsedGraph {
  const lines = new LineIndex(text);
  const problems: Problem[] = [];
  const report = (
    code: ProblemCode,
    message: string,
    at: { offset: number; length: number },
    more: Partial<Problem> = {},
  ) =>
    problems.push({
      code,
      severity: 'error',
      message,
      offset: at.offset,
      length: at.length,
      ...lines.at(at.offset),
      ...more,
    });

  const { root, error } = readJson(text);
  if (error) report(error.code, error.message, error);
  if (error || !root) return { problems, tree: root };

  reportDuplicates(root, [], (name, first, second, path) => {
    const where = path.length === 0 ? 'the file' : path.join('.');
    const line = lines.at(first.offset).line;
    report(
      'duplicate-key',
      `${show(name)} appears twice in ${where}, first in line ${line}; only the last counts.`,
      second,
      {
        node: path[0] === 'nodes' ? (path[1] ?? name) : undefined,
      },
    );
  });

  const data = valueOf(root);
  if (!isRecord(data)) {
    report('schema', 'The file must hold one JSON object, with "weft" and "nodes" in it.', root);
    return { problems, tree: root };
  }
  const version = typeof data['weft'] === 'number' ? data['weft'] : undefined;
  const later = version !== undefined && version > CURRENT_VERSION;
  if (later) {
    report(
      'later-version',
      `The file has version ${version} of the format, this Weft knows ${CURRENT_VERSION}. It can be looked at, not changed; update Weft to edit it.`,
      nodeAt(root, ['weft']) ?? root,
    );
  }
  const current = migrate(data);
  const result = graphDocumentSchema.safeParse(current);
  let usable = true;
  for (const issue of result.error?.issues ?? []) {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    const { message, keep } = explain(path, current);
    if (path.length < 2 && (path[0] === undefined || path[0] === 'weft' || path[0] === 'nodes')) usable = false;
    // What to leave out is a whole field, not one number of a position.
    remove(current, keep);
    if (later) continue;
    const at = keyAt(root, keep) ?? nodeAt(root, path.slice(0, -1)) ?? root;
    report(
      'schema',
      message,
      at.type === 'object' && keep.length === 1 ? { offset: at.offset, length: 1 } : at,
      subject(path),
    );
  }
  return { document: usable ? (current as GraphDocument) : undefined, problems, tree: root, version };
}

/** The key of a node in the text (its whole quoted name), where a problem of the node as such is shown. */
export function keyAt(root: JsonNode | undefined, path: readonly (string | number)[]): JsonNode | undefined {
  const last = path.at(-1);
  const parent = nodeAt(root, path.slice(0, -1));
  return typeof last === 'string' ? propertyAt(parent, last)?.key : nodeAt(root, path);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function subject(path: readonly (string | number)[]): Partial<Problem> {
  if (path[0] !== 'nodes' || path.length < 2) return {};
  return {
    node: String(path[1]),
    port: path[2] === 'inputs' && path.length > 3 ? String(path[3]) : undefined,
    param: path[2] === 'params' && path.length > 3 ? String(path[3]) : undefined,
  };
}

/** The sentence for a place where the schema does not hold, and the path of the field that is to be left out. */
function explain(path: readonly (string | number)[], data: unknown): { message: string; keep: (string | number)[] } {
  const [top, id, field, port] = path;
  const at = (length: number) => {
    const keep = path.slice(0, length);
    return { keep, value: keep.reduce<unknown>((value, step) => get(value, step), data) };
  };
  const not = (value: unknown) => (value === undefined ? '' : `, not ${show(value)}`);
  if (top === 'weft') {
    const { keep, value } = at(1);
    const message =
      value === undefined
        ? `The file does not say its version; add "weft": ${CURRENT_VERSION}.`
        : `weft must be the version of the format, ${CURRENT_VERSION}${not(value)}.`;
    return { keep, message };
  }
  if (top === 'nodes' && path.length === 1) {
    const { keep, value } = at(1);
    return {
      keep,
      message: value === undefined ? 'The file has no "nodes".' : 'nodes must be an object: nodes by their ids.',
    };
  }
  if (top === 'nodes' && (path.length === 2 || field === 'type')) {
    const { keep, value } = at(2);
    const message = isRecord(value)
      ? `type must be text${not(value['type'])}.`
      : 'A node must be an object with a type.';
    // Without its type a node is nothing.
    return { keep, message: isRecord(value) && value['type'] === undefined ? 'The node has no type.' : message };
  }
  if (top === 'nodes' && field === 'muted') {
    const { keep, value } = at(3);
    return { keep, message: `muted must be true or left out${not(value)}.` };
  }
  if (top === 'nodes' && field === 'inputs' && path.length > 3) {
    const { keep, value } = at(4);
    return { keep, message: `The input ${String(port)} must be "node.port" or an array of such${not(value)}.` };
  }
  if (top === 'nodes' && path.length >= 3) {
    const { keep, value } = at(3);
    return { keep, message: `${String(field)} must be an object${not(value)}.` };
  }
  if (top === 'frames' && path.length >= 2) {
    return { keep: at(2).keep, message: `The frame ${show(id)} must have a text and a rect of four numbers.` };
  }
  if (top === 'layout' && path.length >= 2) {
    const { keep, value } = at(2);
    return { keep, message: `The layout of ${show(id)} must be [x, y], two numbers${not(value)}.` };
  }
  return {
    keep: at(1).keep,
    message: top === undefined ? 'The file must hold one JSON object.' : `${String(top)} must be an object.`,
  };
}

function get(value: unknown, step: string | number): unknown {
  if (Array.isArray(value)) return typeof step === 'number' ? (value as unknown[])[step] : undefined;
  return isRecord(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}

function remove(data: unknown, path: readonly (string | number)[]): void {
  const parent = path.slice(0, -1).reduce<unknown>(get, data);
  const last = path.at(-1);
  if (isRecord(parent) && last !== undefined) delete parent[last];
}

function reportDuplicates(
  node: JsonNode,
  path: string[],
  found: (name: string, first: JsonNode, second: JsonNode, path: string[]) => void,
): void {
  if (node.type === 'array') {
    for (const [index, child] of (node.children ?? []).entries())
      reportDuplicates(child, [...path, String(index)], found);
    return;
  }
  const seen = new Map<string, JsonNode>();
  for (const { name, key, value } of propertiesOf(node)) {
    const first = seen.get(name);
    if (first) found(name, first, key, path);
    else seen.set(name, key);
    reportDuplicates(value, [...path, name], found);
  }
}
