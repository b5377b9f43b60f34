import { specOf, type GraphDocument, type Problem } from '../../extension/graph';
import { readable } from '../model/words';

/** What a person would do next with this graph, and the node it concerns. */
export function nextStep(state: {
  graph: GraphDocument | undefined;
  problems: readonly Problem[];
  trusted: boolean;
  running: boolean;
  run: { state: string } | undefined;
}): { sentence: string; node?: string } {
  const { graph, problems, trusted, running, run } = state;
  if (!graph || Object.keys(graph.nodes).length === 0) {
    return { sentence: 'Add the first node: double-click the canvas or press N.' };
  }
  const general = problems.find(({ severity, node }) => severity === 'error' && node === undefined);
  if (general) return { sentence: general.message };
  for (const [id, node] of Object.entries(graph.nodes)) {
    const missing = specOf(node.type)?.params.find(
      (param) => param.required && node.params?.[param.name] === undefined,
    );
    if (missing?.kind === 'path') return { sentence: `Choose an image for ${readable(id)}.`, node: id };
    if (missing) return { sentence: `Enter the ${missing.label.toLowerCase()} of ${readable(id)}.`, node: id };
  }
  const problem = problems.find(({ severity, node }) => severity === 'error' && node !== undefined);
  if (problem) return { sentence: problem.message, ...(problem.node === undefined ? {} : { node: problem.node }) };
  if (!trusted) return { sentence: 'Trust this folder to run its graphs.' };
  if (running) return { sentence: 'Running. Watch the steps in the nodes and in the timeline below.' };
  if (!run) return { sentence: 'Ready. Run the graph and watch each step appear in its node.' };
  return { sentence: 'Change a parameter and run again: unchanged nodes come from the cache.' };
}
