import { useShallow } from 'zustand/react/shallow';
import { type Problem } from '../../extension/graph';
import { useStudio } from '../model/store';
import { plural } from '../model/words';

const NONE: readonly Problem[] = [];

/** How many problems a node has, or all `nodes` of a box; the sentences are in its tooltip, in the inspector and in the Problems panel. */
export function NodeBadge({ id, nodes }: { id: string; nodes?: readonly string[] }) {
  const problems = useStudio(
    useShallow(({ problemsByNode }) =>
      nodes ? nodes.flatMap((node) => problemsByNode[node] ?? []) : (problemsByNode[id] ?? NONE),
    ),
  );
  if (problems.length === 0) return null;
  const serious = problems.some((problem) => problem.severity === 'error');
  const text = problems
    .map(({ node, message }) => (nodes && node !== undefined ? `${node}: ${message}` : message))
    .join('\n');
  return (
    <span
      className={`node-badge codicon codicon-${serious ? 'error' : 'warning'} ${serious ? 'serious' : ''}`}
      role="img"
      aria-label={`${plural(problems.length, serious ? 'problem' : 'warning')}: ${text}`}
      title={text}
      data-testid={`badge-${id}`}
    />
  );
}
