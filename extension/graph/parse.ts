import { readJson, type JsonNode, nodeAt, propertyAt } from './json';
import { migrate } from './migrations';
import { clip, listed, type Problem, ProblemList, show } from './problems';
import {
  CURRENT_VERSION,
  FRAME_COLOURS,
  frameSchema,
  type GraphDocument,
  graphDocumentSchema,
  isRecord,
  positionSchema,
} from './schema';

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
  const problems = new ProblemList(text);
  const { root, value: data, error } = readJson(text);
  if (error)
    problems.add(
      error.code,
      () => error,
      () => error.message,
    );
  if (error || !root) return { problems: problems.all(), tree: root };

  reportDuplicates(root, [], (name, first, second, path) => {
    const [top, id] = path;
    const sentence = (): string => {
      const where = path.length === 0 ? 'the file' : path.map(clip).join('.');
      return `${show(name)} appears twice in ${where}, first on line ${problems.lineOf(first.offset)}; only the last counts.`;
    };
    problems.add('duplicate-key', () => second, sentence, { node: top === 'nodes' ? (id ?? name) : undefined });
  });

  if (!isRecord(data)) {
    problems.add(
      'schema',
      () => root,
      () => 'The file must contain one JSON object with "weft" and "nodes".',
    );
    return { problems: problems.all(), tree: root };
  }
  const version = typeof data['weft'] === 'number' ? data['weft'] : undefined;
  const later = version !== undefined && version > CURRENT_VERSION;
  if (later) {
    const sentence = `The file uses version ${version} of the format, and this Weft knows ${CURRENT_VERSION}. It is read-only here; update Weft to edit it.`;
    problems.add(
      'later-version',
      () => nodeAt(root, ['weft']) ?? root,
      () => sentence,
    );
  }
  const current = migrate(data);
  const usable = leaveOutMisfits(current, (path, message, severity) => {
    if (later) return;
    const [top, id, field, key] = path;
    // The top itself is marked by its brace, or all of the file would be underlined.
    const at = () => keyAt(root, path) ?? { offset: root.offset, length: 1 };
    const subject =
      top !== 'nodes'
        ? {}
        : { node: id, ...(key === undefined ? {} : { [field === 'inputs' ? 'port' : 'param']: key }) };
    problems.add('schema', at, message, subject, severity);
  });
  const document = usable ? (current as GraphDocument) : undefined;
  return { document, problems: problems.all(), tree: root, version };
}

/** The key of a node in the text (its whole quoted name), where a problem of the node as such is shown. */
export function keyAt(root: JsonNode | undefined, path: readonly (string | number)[]): JsonNode | undefined {
  const last = path.at(-1);
  const parent = nodeAt(root, path.slice(0, -1));
  return typeof last === 'string' ? propertyAt(parent, last)?.key : nodeAt(root, path);
}

/** What the keys of a frame must be that say how it looks. */
const looks = {
  colour: () => `The colour of a frame must be one of ${listed(FRAME_COLOURS)}`,
  folded: () => "folded must be a list of nodes' ids",
};

/**
 * Takes what does not fit the schema out of the data, a whole field at a time, and says so. The file is gone through piece by piece: zod
 * would try to hold all that is wrong with it at once, and a file may be wrong throughout.
 * @returns whether what is left is a graph
 */
function leaveOutMisfits(
  data: Record<string, unknown>,
  misfit: (path: string[], message: () => string, severity?: Problem['severity']) => void,
): boolean {
  const not = (value: unknown): string => (value === undefined ? '' : `, not ${show(value)}`);
  const { weft, nodes, frames, layout } = data;
  const { shape } = graphDocumentSchema;
  const known = shape.weft.safeParse(weft).success;
  if (!known) {
    misfit(['weft'], () =>
      weft === undefined
        ? `The file has no version. Add "weft": ${CURRENT_VERSION}.`
        : `weft must be the version of the format, ${CURRENT_VERSION}${not(weft)}.`,
    );
  }
  if (!isRecord(nodes)) {
    misfit(['nodes'], () =>
      nodes === undefined ? 'The file has no "nodes".' : 'nodes must be an object: nodes by their ids.',
    );
    return false;
  }
  for (const [id, node] of Object.entries(nodes)) {
    const at = ['nodes', id];
    // Without its type a node is nothing.
    if (!isRecord(node) || typeof node['type'] !== 'string') {
      misfit(at, () => {
        if (!isRecord(node)) return 'A node must be an object with a type.';
        return node['type'] === undefined ? 'The node has no type.' : `type must be text${not(node['type'])}.`;
      });
      delete nodes[id];
      continue;
    }
    const { muted, folded, inputs, params } = node;
    for (const [flag, value] of Object.entries({ muted, folded })) {
      if (value === undefined || typeof value === 'boolean') continue;
      const severity = flag === 'folded' ? 'warning' : 'error';
      misfit([...at, flag], () => `${flag} must be true or left out${not(value)}.`, severity);
      delete node[flag];
    }
    for (const [field, value] of Object.entries({ inputs, params })) {
      if (value === undefined || isRecord(value)) continue;
      misfit([...at, field], () => `${field} must be an object${not(value)}.`);
      delete node[field];
    }
    if (!isRecord(inputs)) continue;
    for (const [port, wire] of Object.entries(inputs)) {
      if (typeof wire === 'string' || (Array.isArray(wire) && wire.every((one) => typeof one === 'string'))) continue;
      misfit(
        [...at, 'inputs', port],
        () => `The input ${clip(port)} must be "node.port" or an array of them${not(wire)}.`,
      );
      delete inputs[port];
    }
  }
  for (const [field, value] of Object.entries({ frames, layout })) {
    if (value === undefined) continue;
    if (!isRecord(value)) {
      misfit([field], () => `${field} must be an object.`);
      delete data[field];
      continue;
    }
    const schema = field === 'frames' ? frameSchema : positionSchema;
    for (const [id, one] of Object.entries(value)) {
      // Only how it looks: no reason not to show or run the graph.
      if (field === 'frames' && isRecord(one)) {
        for (const [key, must] of Object.entries(looks)) {
          const { [key]: look } = one;
          if (frameSchema.shape[key as keyof typeof looks].safeParse(look).success) continue;
          misfit([field, id, key], () => `${must()}${not(look)}.`, 'warning');
          delete one[key];
        }
      }
      if (schema.safeParse(one).success) continue;
      misfit([field, id], () =>
        field === 'frames'
          ? `The frame ${show(id)} must have a text and a rect of four numbers.`
          : `The layout of ${show(id)} must be [x, y], two numbers${not(one)}.`,
      );
      delete value[id];
    }
  }
  return known;
}

function reportDuplicates(
  node: JsonNode,
  path: string[],
  found: (name: string, first: JsonNode, second: JsonNode, path: readonly string[]) => void,
): void {
  const inside = (step: string, child: JsonNode): void => {
    if (!child.children?.length) return;
    path.push(step);
    reportDuplicates(child, path, found);
    path.pop();
  };
  if (node.type === 'array') {
    for (const [index, child] of (node.children ?? []).entries()) inside(String(index), child);
    return;
  }
  const seen = new Map<string, JsonNode>();
  for (const { children } of node.children ?? []) {
    const [key, value] = children as [JsonNode, JsonNode];
    const name = key.value as string;
    const first = seen.get(name);
    if (first) found(name, first, key, path);
    else seen.set(name, key);
    inside(name, value);
  }
}
