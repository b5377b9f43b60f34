import { Fixes } from './Fixes';
import { Icon } from '../ui/Icon';
import { useStudio } from '../model/store';

const NONE: never[] = [];

/** What is wrong with a node; `onlyGeneral` leaves out what its fields say themselves. */
export function Problems({ node, onlyGeneral = false }: { node: string; onlyGeneral?: boolean }) {
  const problems = useStudio((state) => state.problemsByNode[node]) ?? NONE;
  const shown = problems.filter((problem) => !onlyGeneral || problem.param === undefined);
  return shown.map((problem) => (
    <p key={`${problem.code}${problem.offset}${problem.message}`} className="problem" role="note">
      <Icon name={problem.severity === 'error' ? 'error' : 'warning'} />
      <span>
        {problem.message}
        <Fixes problem={problem} />
      </span>
    </p>
  ));
}
