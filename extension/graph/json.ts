/** Reading JSON as a tree that knows where everything stands. */
import { type Node as JsonNode, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { notAGraph } from './notAGraph';
import { define } from './params';

export type { JsonNode };

/** Deeper nesting than any graph has; beyond it recursion would not be safe. */
const MAX_DEPTH = 100;
/** Larger than any graph; a file beyond it is something else. */
const MAX_LENGTH = 16 * 1024 * 1024;

export interface JsonTree {
  root?: JsonNode;
  /** The same as plain data, when there is no error. */
  value?: unknown;
  error?: { code: 'syntax' | 'too-deep' | 'too-large'; message: string; offset: number; length: number };
}

const sentences: Partial<Record<string, string>> = {
  InvalidSymbol: 'This is not a JSON value',
  InvalidNumberFormat: 'This is not a JSON number',
  PropertyNameExpected: 'A name in double quotes is expected here',
  ValueExpected: 'A value is expected here',
  ColonExpected: 'A colon is expected here',
  CommaExpected: 'A comma is expected here',
  CloseBraceExpected: 'A closing brace } is missing here',
  CloseBracketExpected: 'A closing bracket ] is missing here',
  EndOfFileExpected: 'The file should end here',
  InvalidCommentToken: 'Comments are not allowed in JSON',
  UnexpectedEndOfComment: 'A comment is not closed here',
  UnexpectedEndOfString: 'A closing quote is missing here',
  UnexpectedEndOfNumber: 'This number is incomplete',
  InvalidUnicode: 'This is not a valid \\u escape',
  InvalidEscapeCharacter: 'This is not a valid escape',
  InvalidCharacter: 'A control character must be escaped here',
};

/** Parses strict JSON (a byte order mark is passed over); never throws. */
export function readJson(text: string): JsonTree {
  if (text.length > MAX_LENGTH) {
    return { error: { code: 'too-large', message: 'The file is too large to be a graph.', offset: 0, length: 0 } };
  }
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    const mistake = notAGraph(text);
    if (mistake) return { error: { code: 'syntax', ...mistake } };
    return { error: { code: 'too-deep', message: 'The file is nested too deeply.', offset: deep, length: 1 } };
  }
  // A space in its place keeps every offset.
  const plain = text.charCodeAt(0) === 0xfeff ? ` ${text.slice(1)}` : text;
  if (plain.trim() === '') {
    const message = 'The file is empty. A new graph starts with {"weft": 1, "nodes": {}}.';
    return { error: { code: 'syntax', message, offset: 0, length: 0 } };
  }
  const errors: ParseError[] = [];
  const root = parseTree(plain, errors, { disallowComments: true, allowTrailingComma: false });
  const first = errors[0];
  if (first || !root) {
    const mistake = notAGraph(plain);
    if (mistake) return { root, error: { code: 'syntax', ...mistake } };
    const comma = first && trailingComma(plain, first.offset);
    if (comma !== undefined) {
      const message = 'The file is not valid JSON: there is a comma with nothing after it. Remove it.';
      return { root, error: { code: 'syntax', message, offset: comma, length: 1 } };
    }
    const message = `The file is not valid JSON: ${(first && sentences[printParseErrorCode(first.error)]) ?? 'something is wrong here'}.`;
    return { root, error: { code: 'syntax', message, offset: first?.offset ?? 0, length: first?.length ?? 0 } };
  }
  try {
    // Much faster than gathering the values from the tree.
    return { root, value: JSON.parse(plain) as unknown };
  } catch {
    // The two readers do not agree on what JSON is; the tree is what problems are placed by.
    return { root, value: valueOf(root) };
  }
}

const [QUOTE, BACKSLASH, NEWLINE, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [...'"\\\n{}[]'].map((char) =>
  char.charCodeAt(0),
);
/** The comma before a closing brace or bracket at which parsing stopped. */
function trailingComma(text: string, offset: number): number | undefined {
  if (!/^\s*[}\]]/.test(text.slice(offset, offset + 1000))) return undefined;
  const before = text.slice(0, offset).trimEnd();
  return before.endsWith(',') ? before.length - 1 : undefined;
}

function tooDeepAt(text: string): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (quoted) {
      if (char === BACKSLASH) i++;
      // A line break ends a string that was never closed.
      else if (char === QUOTE || char === NEWLINE) quoted = false;
    } else if (char === QUOTE) quoted = true;
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) return i;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--;
  }
  return undefined;
}

/** One key of an object in the text. */
export interface JsonProperty {
  name: string;
  /** The whole property. */
  node: JsonNode;
  key: JsonNode;
  value: JsonNode;
}

/** The properties of an object in the order of the text; duplicates are all there. */
export function propertiesOf(object: JsonNode | undefined): JsonProperty[] {
  if (object?.type !== 'object') return [];
  const properties: JsonProperty[] = [];
  for (const node of object.children ?? []) {
    const [key, value] = node.children ?? [];
    if (key && value && typeof key.value === 'string') properties.push({ name: key.value, node, key, value });
  }
  return properties;
}

const indexes = new WeakMap<JsonNode, Map<string, JsonProperty>>();

/** The property of this name; of duplicates the last, as JSON readers take it. */
export function propertyAt(object: JsonNode | undefined, name: string): JsonProperty | undefined {
  if (object?.type !== 'object') return undefined;
  let index = indexes.get(object);
  if (!index) {
    index = new Map(propertiesOf(object).map((property) => [property.name, property]));
    indexes.set(object, index);
  }
  return index.get(name);
}

/** What stands at a path; undefined when nothing does. */
export function nodeAt(root: JsonNode | undefined, path: readonly (string | number)[]): JsonNode | undefined {
  let node = root;
  for (const step of path) {
    node =
      typeof step === 'number'
        ? node?.type === 'array'
          ? node.children?.[step]
          : undefined
        : propertyAt(node, step)?.value;
  }
  return node;
}

/** The value of a tree as plain data. */
export function valueOf(node: JsonNode): unknown {
  if (node.type === 'array') return (node.children ?? []).map(valueOf);
  if (node.type !== 'object') return node.value as unknown;
  const object: Record<string, unknown> = {};
  for (const { name, value } of propertiesOf(node)) define(object, name, valueOf(value));
  return object;
}

/** Replaces `length` UTF-16 units at `offset`. The offsets of a list of changes all refer to the text before them. */
export interface TextChange {
  offset: number;
  length: number;
  content: string;
}
