/** What two versions of a graph differ in, as far as a result does, in a few words each. */
import { checkpointsOf, isMuted, nodeOf, orderOf } from './analyse';
import { nodeTypes, specOf } from './catalogue';
import { type ParamSpec, type ParamValues } from './catalogue/types';
import { effectiveParams, paramOf, sameValue } from './params';
import { parseGraph } from './parse';
import { pinsOf, pinsWords } from './pins';
import { show } from './problems';
import { type GraphDocument, type GraphNode, wiresOf } from './schema';

/** Of a checkpoint: its own parameter defaults. */
interface Defaults {
  id: string;
  defaults?: Readonly<Record<string, ParamValues>>;
}

const LONGEST_VALUE = 32;

/**
 * For instance `contrast 1.67 → 5.13`, `structure giraffe.png → cow.png`, `adain muted`, images first, in the order of the catalogue.
 * Names of files that are written, places on the canvas and new names of nodes change no result and are left out. Empty where one can't be read.
 */
export function graphChanges(beforeText: string, afterText: string, checkpoints: readonly Defaults[] = []): string[] {
  const before = parseGraph(beforeText).document;
  const after = parseGraph(afterText).document;
  if (!before || !after) return [];
  const renamed = renames(before, after);
  const earlier = new Map(Object.entries(before.nodes).map(([id, node]) => [renamed.get(id) ?? id, { id, node }]));
  const [defaultsBefore, defaultsAfter] = [defaultsOf(before, checkpoints), defaultsOf(after, checkpoints)];
  const several = new Set([...repeated(before), ...repeated(after)]);
  const found: string[] = [];
  for (const [id, node] of inOrder(after)) {
    const old = earlier.get(id);
    if (!old) found.push(`${id} added`);
    else if (old.node.type !== node.type) found.push(`${id} replaced`);
    else {
      const values = {
        before: effectiveParams(node.type, old.node.params, defaultsBefore(old.id, node.type)),
        after: effectiveParams(node.type, node.params, defaultsAfter(id, node.type)),
      };
      const alone = !several.has(node.type);
      // A default that another parameter or checkpoint moves is no change of its own.
      for (const name of Object.keys({ ...old.node.params, ...node.params })) {
        const param = paramOf(specOf(node.type), name);
        const [from, to] = [values.before[name], values.after[name]];
        if (!param || (param.kind === 'path' && param.access === 'write') || sameValue(from, to)) continue;
        const moved = param.kind === 'pins' ? pinChanges(from, to) : undefined;
        const change = moved ?? `${subject(id, param, alone)} ${valueWords(param, from)} → ${valueWords(param, to)}`;
        found.push(moved === undefined || alone ? change : `${id} ${change}`);
      }
      if (isMuted(old.node) !== isMuted(node)) found.push(`${id} ${isMuted(node) ? 'muted' : 'unmuted'}`);
      if (wiring(old.node, renamed) !== wiring(node)) found.push(`${id} rewired`);
    }
  }
  for (const id of earlier.keys()) if (!nodeOf(after, id)) found.push(`${id} removed`);
  return found;
}

/** Old ids by which new ones stand for them: of each type at most one, where exactly one went and one came. */
function renames(before: GraphDocument, after: GraphDocument): Map<string, string> {
  const [gone, come] = [lacking(before, after), lacking(after, before)];
  return new Map(
    [...gone].flatMap(([type, [id, ...more]]) => {
      const [to, ...others] = come.get(type) ?? [];
      return id === undefined || to === undefined || more.length + others.length > 0 ? [] : [[id, to] as const];
    }),
  );
}

/** Nodes that the other graph does not have, by type. */
function lacking(document: GraphDocument, other: GraphDocument): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [id, { type }] of Object.entries(document.nodes))
    if (!nodeOf(other, id)) found.set(type, [...(found.get(type) ?? []), id]);
  return found;
}

function defaultsOf(document: GraphDocument, checkpoints: readonly Defaults[]) {
  const used = checkpointsOf(document, orderOf(document).ids);
  return (id: string, type: string): ParamValues => {
    const checkpoint = used.get(id);
    return checkpoints.find((known) => known.id === checkpoint)?.defaults?.[type] ?? {};
  };
}

/** Nodes by type in the order of the catalogue: a file has them by their names. */
function inOrder({ nodes }: GraphDocument): [string, GraphNode][] {
  const rank = new Map<string, number>(nodeTypes.map((type, index) => [type, index]));
  const of = ([, { type }]: [string, GraphNode]): number => rank.get(type) ?? nodeTypes.length;
  return Object.entries(nodes).sort((a, b) => of(a) - of(b));
}

/** The types that a graph has several nodes of. */
function repeated({ nodes }: GraphDocument): Set<string> {
  const [once, often] = [new Set<string>(), new Set<string>()];
  for (const { type } of Object.values(nodes)) (once.has(type) ? often : once).add(type);
  return often;
}

/** A picture by its node, which says what it is for; another parameter by its name, with the node's where several have one. */
function subject(id: string, param: ParamSpec, alone: boolean): string {
  if (param.kind === 'path' && param.name === 'path') return id;
  const name = /^\p{Lu}\p{Ll}/u.test(param.label) ? param.label[0]?.toLowerCase() + param.label.slice(1) : param.label;
  return alone ? name : `${id} ${name}`;
}

/** Which pins of a list changed; undefined where their number did. */
function pinChanges(before: unknown, after: unknown): string | undefined {
  const [old, pins] = [pinsOf(before), pinsOf(after)];
  if (old.length !== pins.length) return undefined;
  const changed = pins.flatMap((pin, index) => (sameValue(pin, old[index]) ? [] : [index + 1]));
  return changed.length === 1 ? `pin ${changed[0]} changed` : `${changed.length} pins changed`;
}

function valueWords(param: ParamSpec, value: unknown): string {
  if (value === undefined) return 'default';
  if (param.kind === 'pins') return pinsWords(value);
  if (Array.isArray(value)) return value.map(String).join('–');
  if (typeof value !== 'string') return typeof value === 'boolean' ? (value ? 'on' : 'off') : show(value);
  const text = param.kind === 'path' ? (value.split('/').at(-1) ?? value) : value;
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text;
}

/** The wires of a node as one text, equal if they are; `renamed` gives other ids their new ones. */
function wiring(node: GraphNode, renamed: ReadonlyMap<string, string> = new Map()): string {
  const current = (wire: string): string => {
    const [id = '', ...port] = wire.split('.');
    return [renamed.get(id) ?? id, ...port].join('.');
  };
  const inputs = Object.entries(node.inputs ?? {}).map(([port, wires]) => [port, ...wiresOf(wires).map(current)]);
  return JSON.stringify(inputs.filter(({ length }) => length > 1).sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)));
}
