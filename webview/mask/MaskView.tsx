import { useSegmentations } from '../model/segmentations';
import { readable } from '../model/words';
import { Tool } from '../ui/Icon';
import { Nothing } from '../ui/Nothing';
import { useEscape } from '../ui/useEscape';
import { close, Editor } from './Editor';

/** A segment node's mask over its picture: what was found and why, and a brush to correct it. */
export function MaskView({ node }: { node: string }) {
  const found = useSegmentations((state) => state[node]);
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
          <Nothing
            view="mask"
            node={node}
            why="The mask has not been computed in this window yet."
            action="Find the mask"
          >
            The mask appears as soon as {readable(node)} is done.
          </Nothing>
        </>
      )}
    </section>
  );
}
