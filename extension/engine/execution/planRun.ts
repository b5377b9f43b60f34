import { catalogue, type GraphDocument, type Plan, PlanError, type PlannedNode, planGraph } from '../../graph';
import { graphError } from '../../protocol/errors';
import { type LoadedCheckpoint } from '../pipeline/loadedCheckpoint';
import { checkpointDefaults } from './checkpointDefaults';

/**
 * The nodes to visit, in the order of work. Plans twice: once to learn which checkpoints take part, then with their own parameter defaults.
 * @throws WeftError for a graph that can't be planned
 */
export async function planRun(
  document: GraphDocument,
  target: string | undefined,
  open: (id: string) => Promise<LoadedCheckpoint>,
): Promise<Plan> {
  try {
    const ids = planGraph(document, { target }).nodes.flatMap((node) => (node.checkpoint ? [node.checkpoint] : []));
    const defaults = new Map<string, ReturnType<typeof checkpointDefaults>>();
    for (const id of new Set(ids)) {
      const { prepared } = await open(id);
      defaults.set(id, checkpointDefaults(prepared.defaults, prepared.domains, prepared.promptTemplate));
    }
    const plan = planGraph(document, {
      target,
      defaults: (type, checkpoint) => defaults.get(checkpoint ?? '')?.[type],
    });
    return { ...plan, nodes: inWorkingOrder(plan.nodes) };
  } catch (error) {
    if (error instanceof PlanError) throw graphError(error.message, error.node);
    throw error;
  }
}

/** Plan order, but what inversions need first, then all inversions: their reference passes can then run side by side. */
function inWorkingOrder(nodes: readonly PlannedNode[]): PlannedNode[] {
  const inverts = ({ type }: PlannedNode): boolean =>
    catalogue[type].outputs.some((output) => output.type === 'inversion');
  const needed = new Set<string>();
  for (const node of [...nodes].reverse())
    if (needed.has(node.id) || inverts(node))
      for (const source of Object.values(node.inputs).flat()) needed.add(source.node);
  const ranks = new Map<string, number>();
  for (const node of nodes) {
    const { category } = catalogue[node.type];
    const above = Math.max(
      0,
      ...Object.values(node.inputs)
        .flat()
        .map((source) => ranks.get(source.node) ?? 0),
    );
    const first = inverts(node) ? 1 : needed.has(node.id) || category === 'source' || category === 'model' ? 0 : 2;
    // Inversions have the odd ranks: what they need comes before, what needs them behind.
    ranks.set(node.id, Math.max(first, inverts(node) === (above % 2 === 1) ? above : above + 1));
  }
  return [...nodes].sort((a, b) => ranks.get(a.id)! - ranks.get(b.id)!);
}
