import { useStudio } from '../model/store';
import { plural } from '../model/words';

/** How many problems a node has; the sentences are in its tooltip, in the inspector and in the Problems panel. */
export function NodeBadge({ id }: { id: string }) {
  const problems = useStudio((state) => state.problemsByNode[id]);
  if (!problems?.length) return null;
  const serious = problems.some((problem) => problem.severity === 'error');
  const text = problems.map((problem) => problem.message).join('\n');
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
