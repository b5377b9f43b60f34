import { Button } from '../ui/Icon';
import { insertStandardGraph } from '../model/starter';
import { useStudio } from '../model/store';
import { canvasControl } from '../model/control';

/** What to do with an empty graph. */
export function EmptyHint() {
  const empty = useStudio((state) => state.graph !== undefined && Object.keys(state.graph.nodes).length === 0);
  const busy = useStudio((state) => state.popup !== undefined);
  const readOnly = useStudio((state) => state.readOnly);
  if (!empty || busy) return null;
  return (
    <div className="empty-hint" data-testid="empty-hint">
      <h2>An empty graph</h2>
      <p>
        Start with the standard graph and choose two images, or build your own: double-click the canvas, press{' '}
        <kbd>N</kbd>, or take images from <b>Images</b> in the toolbar. You can also paste one, or drop it from the
        Explorer with <kbd>Shift</kbd> held.
      </p>
      {!readOnly && (
        <div className="actions">
          <Button icon="type-hierarchy" onClick={insertStandardGraph}>
            Insert the standard graph
          </Button>
          <Button secondary icon="add" onClick={() => canvasControl().openAddMenu()}>
            Add a node
          </Button>
        </div>
      )}
    </div>
  );
}
