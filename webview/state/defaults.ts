import { type GraphDocument, effectiveParams } from '../../extension/graph';
import { type CheckpointInfo } from '../../extension/protocol/engine';
import { type Schedule } from '../timeline/maths';
import { nearestUpstream } from './wires';

/** Which checkpoint a node works with: the nearest up its wires, else the graph's only or first one. */
export function checkpointOf(
  graph: GraphDocument,
  id: string,
  checkpoints: readonly CheckpointInfo[],
): CheckpointInfo | undefined {
  const node =
    nearestUpstream(graph, id, 'checkpoint') ??
    Object.keys(graph.nodes).find((other) => graph.nodes[other]?.type === 'checkpoint');
  const name = node === undefined ? undefined : effectiveParams('checkpoint', graph.nodes[node]?.params)['id'];
  return checkpoints.find((checkpoint) => checkpoint.id === name);
}

/** The schedule a node runs with: the nearest up its wires, the graph's first, or the checkpoint's default. */
export function scheduleOf(graph: GraphDocument, id: string, checkpoint: CheckpointInfo | undefined): Schedule {
  const node =
    nearestUpstream(graph, id, 'schedule') ??
    Object.keys(graph.nodes).find((other) => graph.nodes[other]?.type === 'schedule');
  const written = node === undefined ? {} : graph.nodes[node]?.params;
  const { steps, skip } = effectiveParams('schedule', written, checkpoint?.defaults['schedule']);
  return {
    steps: typeof steps === 'number' && steps > 0 ? steps : 100,
    skip: typeof skip === 'number' && skip >= 0 ? skip : 0,
  };
}
