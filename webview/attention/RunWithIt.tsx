import { run } from '../model/running';
import { useStudio } from '../model/store';
import { readable } from '../model/words';
import { Button } from '../ui/Icon';

/** Runs a node with what was changed since its last run. */
export function RunWithIt(props: { node: string; stale: boolean; what: 'pins' | 'matches'; testId: string }) {
  const { node, stale, what, testId } = props;
  const canRun = useStudio((state) => state.canRun);
  const running = useStudio((state) => state.running);
  return (
    <Button
      disabled={!canRun || !stale}
      title={
        stale ? `Run to ${readable(node)} with the ${what} as they are now` : `The result shows the ${what} as they are`
      }
      data-testid={testId}
      onClick={() => run(node)}
    >
      {running && stale ? 'Running…' : 'Run with it'}
    </Button>
  );
}
