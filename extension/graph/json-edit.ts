/**
 * Minimal text edits of a JSON document. jsonc-parser finds where everything stands; its own `modify` is not used, because its
 * formatter breaks arrays of numbers over lines and joins or splits lines that a person laid out by hand.
 */
import { type JsonNode, type JsonProperty, propertiesOf, propertyAt, readJson, type TextChange, valueOf } from './json';
import { define, sameValue } from './params';
import { LineIndex } from './problems';
import { compareKeys, isPinList, printValue, type PrintStyle } from './write';

/** What happens to one key of an object. */
export type KeyChange =
  | { set: unknown }
  | { remove: true }
  /** Changes inside; with `prune` an object that becomes empty goes. */
  | { patch: JsonPatch; prune?: boolean }
  /** A new name, with changes inside. */
  | { rename: string; patch: JsonPatch };

export type JsonPatch = Map<string, KeyChange>;

/** Applies changes, whose offsets refer to the given text and do not overlap. */
export function applyChanges(text: string, changes: readonly TextChange[]): string {
  let result = '';
  let end = 0;
  for (const change of [...changes].sort((a, b) => a.offset - b.offset)) {
    result += text.slice(end, change.offset) + change.content;
    end = change.offset + change.length;
  }
  return result + text.slice(end);
}

/** Joins changes made one list after the other into one list that refers to the first text. */
export function composeChanges(text: string, lists: readonly (readonly TextChange[])[]): TextChange[] {
  // The text as pieces: of the original (from, to), or new.
  type Piece = { from: number; to: number } | { content: string };
  const size = (piece: Piece) => ('content' in piece ? piece.content.length : piece.to - piece.from);
  const part = (piece: Piece, from: number, to: number): Piece =>
    'content' in piece ? { content: piece.content.slice(from, to) } : { from: piece.from + from, to: piece.from + to };
  let pieces: Piece[] = [{ from: 0, to: text.length }];
  for (const list of lists) {
    const next: Piece[] = [];
    const sorted = [...list].sort((a, b) => a.offset - b.offset);
    let position = 0;
    let index = 0;
    let inside = 0;
    const advance = (until: number, keep: boolean) => {
      while (position < until && index < pieces.length) {
        const piece = pieces[index] as Piece;
        const take = Math.min(size(piece) - inside, until - position);
        if (keep && take > 0) next.push(part(piece, inside, inside + take));
        position += take;
        inside += take;
        if (inside >= size(piece)) {
          index++;
          inside = 0;
        }
      }
    };
    for (const change of sorted) {
      advance(change.offset, true);
      next.push({ content: change.content });
      advance(change.offset + change.length, false);
    }
    advance(Number.POSITIVE_INFINITY, true);
    pieces = next;
  }
  const changes: TextChange[] = [];
  let end = 0;
  let content = '';
  for (const piece of [...pieces, { from: text.length, to: text.length }]) {
    if ('content' in piece) {
      content += piece.content;
      continue;
    }
    if (piece.from > end || content !== '')
      changes.push(trim(text, { offset: end, length: piece.from - end, content }));
    end = piece.to;
    content = '';
  }
  return changes.filter((change) => change.length > 0 || change.content !== '');
}

/** Leaves out what a change would replace by itself. */
function trim(text: string, { offset, length, content }: TextChange): TextChange {
  let start = 0;
  while (start < length && start < content.length && text[offset + start] === content[start]) start++;
  let end = 0;
  while (
    end < length - start &&
    end < content.length - start &&
    text[offset + length - 1 - end] === content[content.length - 1 - end]
  ) {
    end++;
  }
  return { offset: offset + start, length: length - start - end, content: content.slice(start, content.length - end) };
}

/** The changes that carry out a patch of the document's top object. Everything that is not named keeps its bytes. */
export function patchJson(
  text: string,
  patch: JsonPatch,
  root: JsonNode | undefined = readJson(text).root,
): TextChange[] {
  if (root?.type !== 'object') throw new TypeError('The text is not a JSON object.');
  return new Patcher(text, root).object(root, [], patch).changes.sort((a, b) => a.offset - b.offset);
}

interface Inserted {
  name: string;
  /** The whole property as text. */
  text: string;
}

class Patcher {
  private readonly style: PrintStyle;
  /** The document as a whole is laid out over lines. */
  private readonly lines: boolean;
  private readonly lineIndex: LineIndex;
  private readonly indents = new Map<number, string>();

  constructor(
    private readonly text: string,
    root: JsonNode,
  ) {
    this.lineIndex = new LineIndex(text);
    const first = propertiesOf(root)[0];
    const indent = first && this.indentBefore(first.node.offset, root);
    this.lines = first === undefined ? true : indent !== undefined;
    this.style = {
      unit: indent !== undefined && indent !== '' ? indent : '  ',
      eol: text.includes('\r\n') ? '\r\n' : '\n',
      colon: first && this.gap(first) === ':' ? ':' : ': ',
    };
  }

  object(node: JsonNode, path: string[], patch: JsonPatch): { changes: TextChange[]; empty: boolean } {
    const changes: TextChange[] = [];
    const properties = propertiesOf(node);
    const compare = compareKeys(path);
    const sorted = isSorted(properties, compare);
    const renamed = properties.map(({ name }) => ({ name: nameAfter(patch, name) }));
    // Or else all that are renamed go to new places: those of one could not be told while others have their old names.
    const inPlace = !sorted || isSorted(renamed, compare);
    const removed = new Set<string>();
    const inserted: Inserted[] = [];
    const style = this.styleIn(node);
    const print = (name: string, value: unknown) =>
      JSON.stringify(name) + style.colon + printValue(value, [...path, name], style, this.childIndent(node));

    for (const [name, change] of patch) {
      const property = propertyAt(node, name);
      if ('remove' in change) {
        if (property) removed.add(name);
      } else if ('set' in change) {
        if (!property) inserted.push({ name, text: print(name, change.set) });
        else changes.push(...this.value(property.value, [...path, name], change.set, style));
      } else if ('rename' in change) {
        if (!property) continue;
        const inner =
          property.value.type === 'object' ? this.object(property.value, [...path, name], change.patch).changes : [];
        if (inPlace) {
          const { offset, length } = property.key;
          changes.push({ offset, length, content: JSON.stringify(change.rename) }, ...inner);
        } else {
          removed.add(name);
          const { offset, length } = property.node;
          const { key } = property;
          const all = [{ offset: key.offset, length: key.length, content: JSON.stringify(change.rename) }, ...inner];
          const local = all.map((one) => ({ ...one, offset: one.offset - offset }));
          inserted.push({ name: change.rename, text: applyChanges(this.text.slice(offset, offset + length), local) });
        }
      } else if (!property || property.value.type !== 'object') {
        const value = built(change.patch);
        if (Object.keys(value).length === 0) continue;
        if (property) changes.push(...this.value(property.value, [...path, name], value, style));
        else inserted.push({ name, text: print(name, value) });
      } else {
        const inner = this.object(property.value, [...path, name], change.patch);
        if (inner.empty && change.prune) removed.add(name);
        // Not spread into the arguments of one call: there may be more of them than a call takes.
        else for (const one of inner.changes) changes.push(one);
      }
    }

    // Of a duplicated key all go, or the earlier one would come to light.
    const kept = properties.filter((property) => !removed.has(property.name));
    const sequence = this.arrange(properties, kept, inserted, compare);
    const gaps = this.children(
      node,
      path,
      properties.map((property) => property.node),
      sequence,
    );
    for (const one of gaps) changes.push(one);
    return { changes, empty: kept.length + inserted.length === 0 };
  }

  /** The order of what is kept and what is new: each new key behind the last kept one that comes before it. */
  private arrange(
    all: JsonProperty[],
    kept: JsonProperty[],
    inserted: Inserted[],
    compare: (a: string, b: string) => number,
  ): (number | string)[] {
    const behind = new Map<number, string[]>();
    const ordered = kept.map(({ name }, index) => ({ name, index })).sort((a, b) => compare(a.name, b.name));
    let next = 0;
    for (const { name, text } of [...inserted].sort((a, b) => compare(a.name, b.name))) {
      while (next < ordered.length && compare((ordered[next] as { name: string }).name, name) < 0) next++;
      const place = ordered[next - 1]?.index ?? -1;
      const there = behind.get(place);
      if (there) there.push(text);
      else behind.set(place, [text]);
    }
    const position = new Map(all.map((property, index) => [property, index]));
    return [
      ...(behind.get(-1) ?? []),
      ...kept.flatMap((property, index) => [position.get(property) as number, ...(behind.get(index) ?? [])]),
    ];
  }

  private value(node: JsonNode, path: string[], value: unknown, style: PrintStyle): TextChange[] {
    if (node.type === 'array' && Array.isArray(value) && (node.children?.length ?? 0) > 0 && value.length > 0) {
      return this.array(node, value as unknown[], path, style);
    }
    if (node.type !== 'object' && sameValue(valueOf(node), value)) return [];
    const content = printValue(value, path, style, this.lineIndent(node.offset));
    return [{ offset: node.offset, length: node.length, content }];
  }

  /** Keeps the items at both ends of an array that stay as they are. */
  private array(node: JsonNode, value: unknown[], path: string[], style: PrintStyle): TextChange[] {
    const items = node.children ?? [];
    const same = (index: number, other: number) => sameValue(valueOf(items[index] as JsonNode), value[other]);
    let start = 0;
    while (start < items.length && start < value.length && same(start, start)) start++;
    let end = 0;
    while (
      end < items.length - start &&
      end < value.length - start &&
      same(items.length - 1 - end, value.length - 1 - end)
    )
      end++;
    const print = (item: unknown, index: number) =>
      printValue(item, [...path, String(index)], style, this.childIndent(node));
    if (items.length === value.length) {
      return items.slice(start, items.length - end).map((item, index) => ({
        offset: item.offset,
        length: item.length,
        content: print(value[start + index], start + index),
      }));
    }
    const sequence: (number | string)[] = [];
    for (let i = 0; i < start; i++) sequence.push(i);
    for (let i = start; i < value.length - end; i++) sequence.push(print(value[i], i));
    for (let i = items.length - end; i < items.length; i++) sequence.push(i);
    return this.children(node, path, items, sequence);
  }

  /** Rewrites the gaps between the children that stay (numbers, ascending), where others go or new ones (texts) come. */
  private children(
    node: JsonNode,
    path: readonly string[],
    items: JsonNode[],
    sequence: (number | string)[],
  ): TextChange[] {
    const changes: TextChange[] = [];
    const separator = this.separator(node, path, items);
    const kept = sequence.filter((entry) => typeof entry === 'number');
    const endOf = (item: JsonNode) => item.offset + item.length;
    if (kept.length === 0) {
      if (items.length === 0 && sequence.length === 0) return [];
      const inline = this.styleIn(node).inline;
      const open = inline ?? this.style.eol + this.childIndent(node);
      const close = inline ?? this.style.eol + this.lineIndent(node.offset);
      const content = sequence.length === 0 ? '' : open + sequence.join(`,${separator}`) + close;
      return [{ offset: node.offset + 1, length: node.length - 2, content }];
    }
    let previous: number | undefined;
    let fresh: string[] = [];
    for (const entry of [...sequence, undefined]) {
      if (typeof entry === 'string') {
        fresh.push(entry);
        continue;
      }
      const lastGone = items[(entry ?? items.length) - 1];
      if (previous === undefined) {
        const first = items[0] as JsonNode;
        const offset = first.offset;
        const length = (items[entry as number] as JsonNode).offset - offset;
        const content = fresh.map((text) => `${text},${separator}`).join('');
        if (length > 0 || content !== '') changes.push({ offset, length, content });
      } else {
        const offset = endOf(items[previous] as JsonNode);
        const gone = lastGone !== undefined && lastGone !== items[previous];
        const length = gone ? endOf(lastGone) - offset : 0;
        const content = fresh.map((text) => `,${separator}${text}`).join('');
        if (length > 0 || content !== '') changes.push({ offset, length, content });
      }
      previous = entry;
      fresh = [];
    }
    return changes;
  }

  /** What stands behind the comma between two children. */
  private separator(node: JsonNode, path: readonly string[], items: JsonNode[]): string {
    const line = this.style.eol + this.childIndent(node);
    if (this.styleIn(node).inline === undefined) return line;
    const [first, second] = items;
    // The first pin stands on the line of its list also where each has its own.
    if (!second && this.lines && isPinList(path)) return line;
    if (!first || !second) return this.style.colon === ':' ? '' : ' ';
    const between = this.text.slice(first.offset + first.length, second.offset);
    return between.slice(between.indexOf(',') + 1);
  }

  private styleIn(node: JsonNode): PrintStyle {
    const first = node.children?.[0];
    if (!first) return this.lines ? this.style : { ...this.style, inline: '' };
    if (this.indentBefore(first.offset, node) !== undefined) return this.style;
    const inner = this.text.slice(node.offset + 1, first.offset);
    return { ...this.style, inline: node.type === 'object' ? inner : '' };
  }

  private childIndent(node: JsonNode): string {
    const first = node.children?.[0];
    const own = first && this.indentBefore(first.offset, node);
    return own ?? this.lineIndent(node.offset) + this.style.unit;
  }

  /** The white space of a line up to a child that begins it; undefined when the child stands on its parent's line. */
  private indentBefore(offset: number, parent: JsonNode): string | undefined {
    const before = this.text.slice(parent.offset + 1, offset);
    const end = Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r'));
    return end < 0 ? undefined : before.slice(end + 1);
  }

  private lineIndent(offset: number): string {
    // Known by line: a whole graph may stand on one.
    const start = offset - this.lineIndex.at(offset).column + 1;
    let indent = this.indents.get(start);
    if (indent === undefined) {
      let end = start;
      while (this.text[end] === ' ' || this.text[end] === '\t') end++;
      this.indents.set(start, (indent = this.text.slice(start, end)));
    }
    return indent.length > offset - start ? indent.slice(0, offset - start) : indent;
  }

  private gap({ key, value }: JsonProperty): string {
    return this.text.slice(key.offset + key.length, value.offset);
  }
}

function nameAfter(patch: JsonPatch, name: string): string {
  const change = patch.get(name);
  return change && 'rename' in change ? change.rename : name;
}

function isSorted(properties: { name: string }[], compare: (a: string, b: string) => number): boolean {
  return properties.every((property, index) => {
    const next = properties[index + 1];
    return next === undefined || compare(property.name, next.name) <= 0;
  });
}

/** What a patch makes where there was nothing. */
function built(patch: JsonPatch): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, change] of patch) {
    if ('set' in change) define(object, name, change.set);
    else if ('patch' in change && !('rename' in change)) {
      const value = built(change.patch);
      if (Object.keys(value).length > 0 || change.prune !== true) define(object, name, value);
    }
  }
  return object;
}
