import { useId } from 'react';
import { Link, Tool } from '../ui/Icon';
import { setFrameColour, setFrameText } from '../model/actions/frames';
import { deleteSelection, toggleFold } from '../model/actions/nodes';
import { revealNode } from '../model/actions/selection';
import { type FrameData } from '../model/flow';
import { useStudio } from '../model/store';
import { readable } from '../model/words';
import { ColourRow } from '../ui/ColourRow';
import { useDraft } from '../ui/useDraft';

export function FrameInspector({ id, data }: { id: string; data: FrameData }) {
  const inputId = useId();
  const readOnly = useStudio((state) => state.readOnly);
  const draft = useDraft(data.text);
  return (
    <>
      <div className="inspector-head">
        <h2 data-testid="inspector-title">Comment frame</h2>
        <Tool
          icon={data.folded ? 'unfold' : 'fold'}
          label={data.folded ? 'Unfold' : 'Fold into one box'}
          keys="E"
          disabled={readOnly}
          onClick={() => toggleFold({ nodes: [], frames: [id] })}
          data-testid="fold-frame"
        />
        <Tool icon="trash" label="Delete" keys="Delete" disabled={readOnly} onClick={deleteSelection} />
      </div>
      <p className="subtitle">
        {data.folded
          ? 'It is folded into one box, which moves, copies and deletes the nodes inside. They run as before.'
          : 'Drag its title to move it together with the nodes inside. Deleting the frame keeps the nodes.'}
      </p>
      <div className="param" data-param="text">
        <div className="param-head">
          <label htmlFor={inputId}>Text</label>
        </div>
        <input
          id={inputId}
          className="field"
          value={draft.text}
          disabled={readOnly}
          onFocus={draft.focus}
          onChange={(event) => draft.setText(event.target.value)}
          onBlur={(event) => {
            draft.blur();
            setFrameText(id, event.target.value);
          }}
          onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
        />
      </div>
      <div className="param" data-param="colour">
        <div className="param-head">
          <span className="param-label">Colour</span>
        </div>
        <ColourRow
          role="radio"
          value={data.colour}
          disabled={readOnly}
          onChoose={(colour) => setFrameColour([id], colour)}
        />
      </div>
      {data.fold && (
        <>
          <h3>Inside</h3>
          <div className="action-list" data-testid="folded-nodes">
            {data.fold.nodes.map((node) => (
              <Link key={node} onClick={() => revealNode(node)}>
                {readable(node)}
              </Link>
            ))}
          </div>
        </>
      )}
    </>
  );
}
