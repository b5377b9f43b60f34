import { formatSeconds } from '../../extension/protocol/numbers';
import { addFrame } from '../model/actions/frames';
import { tidy } from '../model/actions/places';
import { toggleAutoRun } from '../model/autoRun';
import { toggleDraft } from '../model/draft';
import { setPage } from '../model/page';
import { inspectorShown, showInspector, showTimeline, timelineShown } from '../model/panels';
import { run, stopRun } from '../model/running';
import { canvasControl } from '../model/control';
import { studio, useStudio } from '../model/store';
import { readable } from '../model/words';
import { timeLeft } from '../model/stepMaths';
import { Tool } from '../ui/Icon';

/** Above the canvas: what one does most, and what the run is doing. */
export function Toolbar() {
  const readOnly = useStudio((state) => state.readOnly);
  const canRun = useStudio((state) => state.canRun);
  const trusted = useStudio((state) => state.trusted);
  const running = useStudio((state) => state.running);
  const autoRun = useStudio((state) => state.page.autoRun);
  const draft = useStudio((state) => state.page.draft);
  const shelfOpen = useStudio((state) => state.page.shelfOpen);
  const inspectorOpen = useStudio(inspectorShown);
  const timelineOpen = useStudio(timelineShown);
  return (
    <div className="toolbar" role="toolbar" aria-label="Graph">
      <Tool
        className="run"
        icon="play"
        label={trusted ? 'Run the graph' : 'Run the graph (trust this folder first)'}
        text="Run"
        disabled={!canRun}
        data-testid="run"
        onClick={() => run()}
      />
      <Tool
        className="stop"
        icon="debug-stop"
        label="Stop the run"
        text="Stop"
        disabled={!running}
        data-testid="stop"
        onClick={stopRun}
      />
      <Tool
        icon="sync"
        label="Auto-run: run whenever something changes"
        text="Auto"
        aria-pressed={autoRun}
        disabled={!canRun && !autoRun}
        data-testid="auto-run"
        onClick={toggleAutoRun}
      />
      <Tool
        icon="dashboard"
        label="Draft: run with few steps, into files of their own"
        text="Draft"
        aria-pressed={draft}
        data-testid="draft"
        onClick={toggleDraft}
      />
      <span className="separator" />
      <Tool
        icon="add"
        label="Add a node"
        keys="N"
        text="Add"
        disabled={readOnly}
        data-testid="add"
        onClick={() => canvasControl().openAddMenu()}
      />
      <Tool
        icon="file-media"
        label={shelfOpen ? 'Hide the images of the workspace' : 'Show the images of the workspace'}
        text="Images"
        aria-pressed={shelfOpen}
        data-testid="toggle-shelf"
        onClick={() => setPage({ shelfOpen: !studio().page.shelfOpen })}
      />
      <Tool
        icon="comment"
        label="Add a comment frame"
        keys="G"
        disabled={readOnly}
        data-testid="add-frame"
        onClick={addFrame}
      />
      <Tool
        icon="type-hierarchy"
        label="Tidy the layout"
        keys="T"
        text="Tidy"
        disabled={readOnly}
        data-testid="tidy"
        onClick={tidy}
      />
      <Tool
        icon="screen-full"
        label="Fit the graph to the view"
        keys="F"
        text="Fit"
        data-testid="fit"
        onClick={() => canvasControl().fit()}
      />
      <RunState />
      <Tool
        icon="layout-panel"
        label={timelineOpen ? 'Hide the timeline' : 'Show the timeline'}
        aria-pressed={timelineOpen}
        data-testid="toggle-timeline"
        onClick={() => showTimeline(!timelineOpen)}
      />
      <Tool
        icon="layout-sidebar-right"
        label={inspectorOpen ? 'Hide the inspector' : 'Show the inspector'}
        aria-pressed={inspectorOpen}
        data-testid="toggle-inspector"
        onClick={() => showInspector(!inspectorOpen)}
      />
    </div>
  );
}

function RunState() {
  const words = useStudio((state) => {
    const { run: last } = state;
    if (!last) return '';
    if (last.state === 'queued') return 'Waiting for another run';
    if (last.state === 'done') {
      const what = last.draft ? 'Draft done' : 'Done';
      return last.seconds === undefined ? what : `${what} in ${formatSeconds(last.seconds)}`;
    }
    if (last.state === 'failed') return last.message ?? 'Failed';
    if (last.state === 'cancelled') return 'Stopped';
    const at = Object.entries(last.nodes).find(([, node]) => node.state === 'running');
    if (!at) return 'Running';
    const [id, { step, total, secondsLeft }] = at;
    const steps = step === undefined || !total ? '' : ` ${step} / ${total}`;
    return `${readable(id)}${steps}${secondsLeft === undefined ? '' : ` · ${timeLeft(secondsLeft)}`}`;
  });
  const failed = useStudio((state) => state.run?.state === 'failed');
  return (
    <span className={failed ? 'run-state failed' : 'run-state'} title={words} data-testid="run-state">
      {words}
    </span>
  );
}
