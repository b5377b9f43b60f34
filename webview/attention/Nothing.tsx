import { type ReactNode } from 'react';
import { run } from '../model/running';
import { useStudio } from '../model/store';
import { readable } from '../model/words';

/** Why there is nothing to see yet, and a run of the node that would give it. `children`: what to say while it runs. */
export function Nothing(props: { node: string; sentence: string | undefined; children: ReactNode }) {
  const { node, sentence } = props;
  const canRun = useStudio((state) => state.canRun);
  const running = useStudio((state) => state.running);
  return (
    <div className="inspect-nothing" data-testid="inspect-nothing">
      <p>{running ? props.children : (sentence ?? 'Loading…')}</p>
      {!running && sentence !== undefined && (
        <>
          <button
            type="button"
            className="button"
            disabled={!canRun}
            data-testid="inspect-run"
            onClick={() => run(node)}
          >
            Run to {readable(node)}
          </button>
          <p className="hint">Earlier results are cached, so running again takes only a moment.</p>
        </>
      )}
    </div>
  );
}
