import { Icon } from '../app/Icon';
import { addFrame, alignSelection, deleteSelection, duplicateSelection, tidy, toggleMute } from '../state/actions';
import { useStudio } from '../state/store';
import { plural } from '../state/words';

/** Several things at once: what can be done with all of them. */
export function ManyInspector({ ids }: { ids: readonly string[] }) {
  const readOnly = useStudio((state) => state.readOnly);
  const actions: [string, string, () => void][] = [
    ['Align left', 'layout-sidebar-left', () => alignSelection('left')],
    ['Align top', 'layout-panel-justify', () => alignSelection('top')],
    ['Align centres', 'layout-centered', () => alignSelection('centre')],
    ['Distribute across', 'split-horizontal', () => alignSelection('distribute-x')],
    ['Distribute down', 'split-vertical', () => alignSelection('distribute-y')],
    ['Tidy these', 'type-hierarchy', tidy],
    ['Frame around them', 'comment', addFrame],
    ['Duplicate', 'files', duplicateSelection],
    ['Mute or unmute', 'eye', () => toggleMute()],
    ['Delete', 'trash', deleteSelection],
  ];
  return (
    <>
      <div className="inspector-head">
        <h2 data-testid="inspector-title">{plural(ids.length, 'item')} selected</h2>
      </div>
      <p className="subtitle">Select one to edit its parameters.</p>
      <div className="action-list">
        {actions.map(([label, icon, act]) => (
          <button key={label} type="button" className="button secondary" disabled={readOnly} onClick={act}>
            <Icon name={icon} />
            {label}
          </button>
        ))}
      </div>
    </>
  );
}
