import { type StudioCommand } from '../../extension/protocol/studio';
import { canvasControl } from '../model/control';
import { addFrame } from '../model/actions/frames';
import { deleteSelection, duplicateSelection, startRename, toggleMute } from '../model/actions/nodes';
import { alignSelection, tidy } from '../model/actions/places';
import { focusField, selectAll } from '../model/actions/selection';
import { inspectSelection } from '../model/inspection';
import { showTimeline } from '../model/panels';

/** What a command of VS Code does here. */
const commands: Record<StudioCommand, () => void> = {
  fit: () => canvasControl().fit(),
  zoomToSelection: () => canvasControl().zoomToSelection(),
  autoLayout: tidy,
  addNode: () => canvasControl().openAddMenu(),
  selectAll,
  duplicate: duplicateSelection,
  delete: deleteSelection,
  mute: () => toggleMute(),
  rename: () => startRename(),
  frame: addFrame,
  alignLeft: () => alignSelection('left'),
  alignCentre: () => alignSelection('centre'),
  alignRight: () => alignSelection('right'),
  alignTop: () => alignSelection('top'),
  alignMiddle: () => alignSelection('middle'),
  alignBottom: () => alignSelection('bottom'),
  distributeAcross: () => alignSelection('distribute-x'),
  distributeDown: () => alignSelection('distribute-y'),
  focusInspector: () => focusField(),
  inspect: () => inspectSelection(),
  focusTimeline: () => {
    showTimeline(true);
    window.requestAnimationFrame(() =>
      document.querySelector<HTMLElement>('#timeline [tabindex="0"], #timeline button')?.focus(),
    );
  },
};

export function onCommand(command: StudioCommand): void {
  commands[command]();
}
