import { Button } from '../ui/Icon';
import { ALIGNMENTS } from '../model/align';
import { AlignIcon } from '../ui/AlignIcon';
import { ColourRow } from '../ui/ColourRow';
import { addFrame, setFrameColour, sharedColour } from '../model/actions/frames';
import { deleteSelection, duplicateSelection, toggleFold, toggleMute } from '../model/actions/nodes';
import { alignSelection, tidy } from '../model/actions/places';
import { selected } from '../model/actions/selection';
import { useStudio } from '../model/store';
import { plural } from '../model/words';

/** Several things at once: what can be done with all of them. */
export function ManyInspector({ ids }: { ids: readonly string[] }) {
  const { nodes, frames } = selected();
  const count = nodes.length;
  const colour = useStudio((state) => sharedColour(state.graph, frames));
  const readOnly = useStudio((state) => state.readOnly);
  const actions: [string, string, () => void][] = [
    ['Tidy selection', 'type-hierarchy', tidy],
    ['Add frame around selection', 'comment', addFrame],
    ['Duplicate', 'files', duplicateSelection],
    ['Fold or unfold', 'fold', () => toggleFold()],
    ['Mute or unmute', 'eye', () => toggleMute()],
    ['Delete', 'trash', deleteSelection],
  ];
  return (
    <>
      <div className="inspector-head">
        <h2 data-testid="inspector-title">{plural(ids.length, 'item')} selected</h2>
      </div>
      <p className="subtitle">Select one to edit its parameters.</p>
      <h3>Align</h3>
      <div className="align-grid" role="group" aria-label="Align">
        {ALIGNMENTS.map(({ how, label, atLeast }) => (
          <button
            key={how}
            type="button"
            className="tool"
            aria-label={label}
            title={label}
            disabled={readOnly || count < atLeast}
            onClick={() => alignSelection(how)}
          >
            <AlignIcon how={how} />
          </button>
        ))}
      </div>
      {frames.length > 0 && (
        <>
          <h3>Colour of the frames</h3>
          <ColourRow
            role="radio"
            value={colour}
            disabled={readOnly}
            onChoose={(chosen) => setFrameColour(frames, chosen)}
          />
        </>
      )}
      <h3>Actions</h3>
      <div className="action-list">
        {actions.map(([label, icon, act]) => (
          <Button key={label} secondary icon={icon} disabled={readOnly} onClick={act}>
            {label}
          </Button>
        ))}
      </div>
    </>
  );
}
