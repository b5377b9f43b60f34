import { type GraphDocument, effectiveParams } from '../../extension/graph';
import { type CheckpointInfo } from '../../extension/protocol/engine';
import { type Schedule } from './stepMaths';
import { nearestUpstream } from './wires';

/** Which checkpoint a node works with: the nearest up its wires, else the graph's only or first one. */
export function checkpointOf(
  graph: GraphDocument,
  id: string,
  checkpoints: readonly CheckpointInfo[],
): CheckpointInfo | undefined {
  const node = nearestUpstream(graph, id, 'checkpoint') ?? firstOf(graph, 'checkpoint');
  const name = node === undefined ? undefined : effectiveParams('checkpoint', graph.nodes[node]?.params)['id'];
  return checkpoints.find((checkpoint) => checkpoint.id === name);
}

/** The schedule a node runs with: the nearest up its wires, the graph's first, or the checkpoint's default. */
export function scheduleOf(graph: GraphDocument, id: string, checkpoint: CheckpointInfo | undefined): Schedule {
  const node = nearestUpstream(graph, id, 'schedule') ?? firstOf(graph, 'schedule');
  const written = node === undefined ? {} : graph.nodes[node]?.params;
  const { steps, skip } = effectiveParams('schedule', written, checkpoint?.defaults['schedule']);
  return {
    steps: typeof steps === 'number' && steps > 0 ? steps : 100,
    skip: typeof skip === 'number' && skip >= 0 ? skip : 0,
  };
}

const firsts = new WeakMap<GraphDocument, Map<string, string>>();

/** The first node of a type; found once for a graph, because every node of it asks. */
function firstOf(graph: GraphDocument, type: string): string | undefined {
  let known = firsts.get(graph);
  if (!known) {
    known = new Map();
    for (const [id, node] of Object.entries(graph.nodes)) if (!known.has(node.type)) known.set(node.type, id);
    firsts.set(graph, known);
  }
  return known.get(type);
}
