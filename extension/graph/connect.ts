/** Which wires are allowed, and why others are not. */
import { anyOf, aType, circleWords, nodeOf, outputType, sourcesOf } from './analyse';
import { listed } from './problems';
import { catalogue, nodeTypes, specOf } from './catalogue';
import { type InputSpec, type NodeSpec, type OutputSpec, type PortType } from './catalogue/types';
import { type GraphDocument } from './schema';

/** Every input in the catalogue that takes this type, in the catalogue's order: what a wire dragged from an output can feed. */
export function inputsAccepting(type: PortType): { spec: NodeSpec; input: InputSpec }[] {
  return nodeTypes.flatMap((name) => {
    const spec = catalogue[name];
    return spec.inputs.filter((input) => input.types.includes(type)).map((input) => ({ spec, input }));
  });
}

/** Every output in the catalogue that gives one of these types: what can feed an input. */
export function outputsFitting(types: readonly PortType[]): { spec: NodeSpec; output: OutputSpec }[] {
  return nodeTypes.flatMap((name) => {
    const spec = catalogue[name];
    return spec.outputs.filter((output) => types.includes(output.type)).map((output) => ({ spec, output }));
  });
}

/** The ports through which a wire could go when a node of this type is put into it, the first that fit; undefined if it has none. */
export function portsWithin(
  spec: NodeSpec,
  from: PortType,
  to: readonly PortType[],
): { input: string; output: string } | undefined {
  const input = spec.inputs.find(({ types }) => types.includes(from));
  const output = spec.outputs.find(({ type }) => to.includes(type));
  return input && output && { input: input.name, output: output.name };
}

/** The types of the nodes to put between an output and an input so that they fit, the shortest way; undefined if there is none. */
export function nodesBetween(from: PortType, to: readonly PortType[]): NodeSpec[] | undefined {
  const ways: { type: PortType; nodes: NodeSpec[] }[] = [{ type: from, nodes: [] }];
  const seen = new Set<PortType>([from]);
  for (let way = ways.shift(); way; way = ways.shift()) {
    if (to.includes(way.type)) return way.nodes;
    for (const { spec } of inputsAccepting(way.type)) {
      for (const { type } of spec.outputs) {
        if (seen.has(type)) continue;
        seen.add(type);
        ways.push({ type, nodes: [...way.nodes, spec] });
      }
    }
  }
  return undefined;
}

/** The sentence for a wire whose ends do not fit; `from` and `to` are "node.port". */
export function mismatch(from: string, fromType: PortType, to: string, wanted: readonly PortType[]): string {
  const said = `${to} takes ${anyOf(wanted)}, but ${from} is ${aType(fromType)}.`;
  const between = nodesBetween(fromType, wanted);
  if (!between || between.length === 0) return said;
  const names = between.map((spec) => `${/^[aeiou]/.test(spec.type) ? 'an' : 'a'} ${spec.type}`);
  return `${said} Put ${listed(names)} node between them.`;
}

/**
 * Why a wire is refused, as a sentence that names both ends; undefined when it is allowed. A wire that an input already holds
 * is no obstacle: connecting replaces it, or adds to it at a list port.
 */
export function checkConnection(
  document: GraphDocument,
  fromNode: string,
  fromPort: string,
  toNode: string,
  toPort: string,
): string | undefined {
  const from = `${fromNode}.${fromPort}`;
  const to = `${toNode}.${toPort}`;
  for (const [id, end] of [
    [fromNode, from],
    [toNode, to],
  ] as const) {
    const node = nodeOf(document, id);
    if (!node) return `${from} can't be connected to ${to}: there is no node ${id}.`;
    if (!specOf(node.type))
      return `${end} can't be connected: this version of Weft does not know the type "${node.type}".`;
  }
  const target = specOf(nodeOf(document, toNode)?.type ?? '');
  const input = target?.inputs.find(({ name }) => name === toPort);
  const type = outputType(document, { node: fromNode, port: fromPort });
  if (!input) return `${from} can't be connected to ${to}: ${toNode} has no input ${toPort}.`;
  if (!type) return `${from} can't be connected to ${to}: ${fromNode} has no output ${fromPort}.`;
  if (fromNode === toNode) return `${from} can't be connected to ${to}: a node can't feed itself.`;
  if (!input.types.includes(type)) return mismatch(from, type, to, input.types);
  const circle = pathUpstream(document, fromNode, toNode);
  if (circle) return `${from} can't be connected to ${to}: it would form a cycle, ${circleWords([...circle, toNode])}.`;
  return undefined;
}

/** Ids from `to` down to `from` when `to` is upstream of `from`. */
function pathUpstream(document: GraphDocument, from: string, to: string): string[] | undefined {
  const next = new Map<string, string | undefined>([[from, undefined]]);
  // Grows while it is gone through.
  const queue = [from];
  for (const id of queue) {
    if (id === to) {
      const path = [to];
      for (let step = next.get(to); step !== undefined; step = next.get(step)) path.push(step);
      return path;
    }
    const node = nodeOf(document, id);
    for (const source of node ? sourcesOf(node) : []) {
      if (next.has(source.node)) continue;
      next.set(source.node, id);
      queue.push(source.node);
    }
  }
  return undefined;
}
