import { type KeyboardEvent } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { Canvas } from '../canvas/Canvas';
import { AttentionView } from '../attention/AttentionView';
import { PartsView } from '../attention/PartsView';
import { MaskView } from '../mask/MaskView';
import { Inspector } from '../inspector/Inspector';
import { canvasControl } from '../model/control';
import { canvasCovered, setPage } from '../model/page';
import { inspectorShown, showInspector, timelineShown } from '../model/panels';
import { INSPECTOR_WIDTH } from '../model/pageState';
import { useStudio } from '../model/store';
import { Timeline } from '../timeline/Timeline';
import { Banners } from './Banners';
import { CellDialog } from './CellDialog';
import { InvalidDocument } from './InvalidDocument';
import { KeysDialog } from './KeysDialog';
import { Shelf } from './Shelf';
import { StageView } from '../stage/StageView';
import { Splitter } from '../ui/Splitter';
import { Toasts } from './Toasts';
import { Toolbar } from './Toolbar';
import { Variations } from './Variations';
import { useClipboardEvents } from './useClipboardEvents';

/** The studio: one graph, in VS Code's colours. */
export function App() {
  const waiting = useStudio((state) => state.synced === undefined);
  const invalid = useStudio((state) => state.synced !== undefined && state.graph === undefined);
  const inspectorOpen = useStudio(inspectorShown);
  const narrow = useStudio((state) => state.room.narrow);
  const inspectorWidth = useStudio((state) => state.page.inspectorWidth);
  const shelfOpen = useStudio((state) => state.page.shelfOpen);
  const timelineOpen = useStudio(timelineShown);
  const covered = useStudio((state) => canvasCovered(state.page));
  const fileName = useStudio((state) => state.fileName);
  useClipboardEvents();
  if (waiting) return <Announcer />;
  if (invalid) {
    return (
      <div className="studio">
        <InvalidDocument />
        <Announcer />
      </div>
    );
  }
  return (
    <div className="studio" onKeyDown={keepUndoOfFields}>
      <header>
        <h1 className="visually-hidden">{fileName}</h1>
        <Toolbar />
      </header>
      <Banners />
      {covered && (
        <main className="panes">
          <Cover />
          <Toasts />
        </main>
      )}
      {shelfOpen && !covered && <Shelf />}
      <main className="panes" hidden={covered}>
        <div className="canvas-pane">
          <Canvas />
          <Toasts />
        </div>
        {inspectorOpen && (
          <div
            className={narrow ? 'inspector-place over' : 'inspector-place'}
            onKeyDown={narrow ? closeByEscape : undefined}
          >
            <Splitter
              orientation="vertical"
              label="Width of the inspector"
              controls="inspector"
              size={inspectorWidth}
              {...INSPECTOR_WIDTH}
              onSize={(size) => setPage({ inspectorWidth: size })}
            />
            <Inspector />
          </div>
        )}
      </main>
      {timelineOpen && <Timeline />}
      <Variations />
      <CellDialog />
      <KeysDialog />
      <Announcer />
    </div>
  );
}

/** What is shown in place of the canvas. */
function Cover() {
  const [inspecting, masking, matching, viewing] = useStudio(
    useShallow(({ page }) => [page.inspecting, page.masking, page.matching, page.viewing]),
  );
  if (inspecting !== undefined) return <AttentionView node={inspecting} />;
  if (masking !== undefined) return <MaskView key={masking} node={masking} />;
  if (matching !== undefined) return <PartsView key={matching} swap={matching} />;
  return viewing !== undefined && <StageView key={viewing} node={viewing} />;
}

/** Undo and redo in a text field are the field's own; anywhere else they go on to VS Code, which undoes in the document. */
function keepUndoOfFields(event: KeyboardEvent): void {
  if (!(event.ctrlKey || event.metaKey) || !['z', 'y'].includes(event.key.toLowerCase())) return;
  const { target } = event;
  if (target instanceof HTMLTextAreaElement) event.stopPropagation();
  if (target instanceof HTMLInputElement && ['text', 'number', 'search'].includes(target.type)) event.stopPropagation();
}

/** Escape closes the inspector where it lies over the canvas, and gives the canvas the keys. */
function closeByEscape(event: KeyboardEvent): void {
  if (event.key !== 'Escape' || event.defaultPrevented) return;
  event.preventDefault();
  showInspector(false);
  canvasControl().focusCanvas();
}

function Announcer() {
  const announcement = useStudio((state) => state.announcement);
  return (
    <div className="visually-hidden" role="status" aria-live="polite" data-testid="announcer">
      {announcement}
    </div>
  );
}
