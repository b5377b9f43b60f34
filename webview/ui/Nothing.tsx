import { type ReactNode } from 'react';
import { run } from '../model/running';
import { useStudio } from '../model/store';
import { readable } from '../model/words';
import { Button } from './Icon';

interface NothingProps {
  /** Begins the test ids. */
  view: string;
  /** The node whose run would give it; absent where no run helps. */
  node?: string;
  /** Absent while that is being found out. */
  why: string | undefined;
  /** Says what the run is for; absent: where it leads. */
  action?: string;
  /** What to say while the graph runs. */
  children?: ReactNode;
}

/** Why a view has nothing to show yet, and what to do about it. */
export function Nothing({ view, node, why, action, children }: NothingProps) {
  const canRun = useStudio((state) => state.canRun);
  const running = useStudio((state) => state.running && node !== undefined);
  return (
    <div className="nothing-yet" data-testid={`${view}-nothing`}>
      <p>{running ? children : (why ?? 'Loading…')}</p>
      {!running && why !== undefined && node !== undefined && (
        <>
          <Button disabled={!canRun} data-testid={`${view}-run`} onClick={() => run(node)}>
            {action ?? `Run to ${readable(node)}`}
          </Button>
          <p className="hint">Earlier results are cached, so running again takes only a moment.</p>
        </>
      )}
    </div>
  );
}
