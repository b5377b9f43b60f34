import { run } from '../model/running';
import { useSegmentations } from '../model/segmentations';
import { useStudio } from '../model/store';
import { readable } from '../model/words';
import { Tool } from '../ui/Icon';
import { useEscape } from '../ui/useEscape';
import { close, Editor } from './Editor';

/** A segment node's mask over its picture: what was found and why, and a brush to correct it. */
export function MaskView({ node }: { node: string }) {
  const found = useSegmentations((state) => state[node]);
  const canRun = useStudio((state) => state.canRun);
  useEscape(close);
  return (
    <section className="inspect" aria-label={`Mask of ${readable(node)}`} data-testid="mask-view">
      {found ? (
        <Editor key={found.runId} node={node} found={found} />
      ) : (
        <>
          <div className="inspect-head">
            <h2>Mask</h2>
            <span className="where">{readable(node)}</span>
            <Tool icon="close" label="Back to the graph" keys="Escape" data-testid="mask-close" onClick={close} />
          </div>
          <div className="inspect-nothing">
            <p>The mask has not been computed in this window yet.</p>
            <button
              type="button"
              className="button"
              disabled={!canRun}
              data-testid="mask-run"
              onClick={() => run(node)}
            >
              Find the mask
            </button>
            <p className="hint">Earlier results are cached, so this takes only a moment.</p>
          </div>
        </>
      )}
    </section>
  );
}
