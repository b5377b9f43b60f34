/** A graph as a draft: the same with the few steps of its checkpoint's draft schedule, and outputs under names of their own. */
import { isMuted, resolverOf, sourcesAt } from './analyse';
import { specOf } from './catalogue';
import { type Draft } from './catalogue/types';
import { freshId, type GraphEdit } from './edit';
import { effectiveParams } from './params';
import { type GraphDocument, type GraphNode } from './schema';
import { GraphView } from './view';

type AddNode = Extract<GraphEdit, { kind: 'addNode' }>;

/** What a draft's files are called: `result-draft.png`. */
export const draftName = (file: string): string => file.replace(/(\.[^./\\]+)?$/, '-draft$1');

/**
 * The edits that make a draft of a graph. A step of a `segment` node that was written for the long schedule goes; ranges are in per cent and stay.
 * @param draftOf the draft of a checkpoint by its id; undefined for one that is not there, whose nodes stay as they are
 * @param kept parameters that stay as they are, as `node.param`: those that the user sets for this run
 */
export function draftEdits(
  document: GraphDocument,
  draftOf: (checkpoint: string | undefined) => Draft | undefined,
  kept: ReadonlySet<string> = new Set(),
): GraphEdit[] {
  const edits: GraphEdit[] = [];
  const view = new GraphView(document);
  const resolve = resolverOf(document);
  const set = (id: string, param: string, value: unknown): void => {
    if (!kept.has(`${id}.${param}`)) edits.push({ kind: 'setParam', id, param, value, keepDefault: true });
  };
  // With the nodes that are added, so that none gets the id of another.
  const grown = { ...document, nodes: { ...document.nodes } };
  const add = (type: string, base: string, more: Pick<AddNode, 'params' | 'inputs'>, near: string): string => {
    const id = freshId(grown, base);
    grown.nodes[id] = { type };
    edits.push({ kind: 'addNode', type, id, ...more, position: beside(near) });
    return id;
  };
  const beside = (id: string): [number, number] => {
    const [x, y] = document.layout?.[id] ?? [0, 0];
    return [x, y - 160];
  };

  const shortened = new Set<string>();
  const implied = new Map<Draft, string>();
  for (const [id, node] of Object.entries(document.nodes)) {
    if (node.type === 'segment' && node.params?.['step'] !== undefined) set(id, 'step', undefined);
    for (const param of specOf(node.type)?.params ?? []) {
      if (param.kind !== 'path' || param.access !== 'write') continue;
      const file = effectiveParams(node.type, node.params)[param.name];
      if (typeof file === 'string') set(id, param.name, draftName(file));
    }
    if (node.type !== 'invert') continue;
    const draft = draftOf(view.node(id)?.checkpoint);
    if (!draft) continue;
    const params = { steps: draft.steps, skip: draft.skip, spacing: draft.spacing };
    const schedule = sourcesAt(node, 'schedule').flatMap((wire) => resolve(wire)?.node ?? [])[0];
    if (schedule === undefined) {
      const made = implied.get(draft) ?? add('schedule', 'draft-schedule', { params }, id);
      implied.set(draft, made);
      edits.push({ kind: 'connect', from: { node: made, port: 'schedule' }, to: { node: id, port: 'schedule' } });
    } else if (!shortened.has(schedule) && document.nodes[schedule]?.type === 'schedule') {
      shortened.add(schedule);
      for (const [param, value] of Object.entries(params)) set(schedule, param, value);
    }
  }
  for (const [id, node] of Object.entries(document.nodes)) {
    const lora = node.type === 'checkpoint' ? draftOf(view.node(id)?.checkpoint)?.lora : undefined;
    if (lora === undefined) continue;
    const consumers = consumersOfCheckpoint(document, id);
    if (consumers.length === 0 || hasLora(document, lora)) continue;
    const inputs = { checkpoint: `${id}.checkpoint` };
    const made = add('lora', 'draft-lora', { params: { path: lora }, inputs }, id);
    for (const to of consumers) edits.push({ kind: 'connect', from: { node: made, port: 'checkpoint' }, to });
  }
  return edits;
}

/** Ports that a checkpoint node is wired to. */
function consumersOfCheckpoint(document: GraphDocument, id: string): { node: string; port: string }[] {
  const ports: { node: string; port: string }[] = [];
  for (const [node, { inputs }] of Object.entries(document.nodes)) {
    for (const port of Object.keys(inputs ?? {})) {
      const wires = sourcesAt(document.nodes[node] as GraphNode, port);
      if (wires.some((wire) => wire.node === id && wire.port === 'checkpoint')) ports.push({ node, port });
    }
  }
  return ports;
}

const hasLora = (document: GraphDocument, lora: string): boolean =>
  Object.values(document.nodes).some(
    (node) => node.type === 'lora' && node.params?.['path'] === lora && !isMuted(node),
  );
