import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { type PreviewKind } from '../../extension/protocol/engine';
import { Tool } from '../ui/Icon';
import { Splitter } from '../ui/Splitter';
import { CompareSlider } from '../ui/CompareSlider';
import { StepImage } from '../ui/StepImage';
import { openStep } from '../model/actions/pictures';
import { placeKey, shownTimeline } from '../model/cellTimelines';
import { heldIndices, madeIndices, type NodeTimeline, standIn, stepAt } from '../model/frames';
import { setPage, setTimeline } from '../model/page';
import { showTimeline } from '../model/panels';
import { TIMELINE_HEIGHT } from '../model/pageState';
import { askForStep, stepsKey } from '../model/stepRequests';
import { useStudio } from '../model/store';
import { placeWords } from '../model/sweeps';
import { readable } from '../model/words';
import { CLICK_PX } from '../model/scrub';
import { nearestIndex, stepBy, stepUnder, thinned } from '../model/stepMaths';
import { timelineNode } from './timelineNode';

const PLAY_EVERY_MS = 90;
const HEAD = 34;
const NUMBER = 17;
const GAP = 6;
const COMPARING_HEIGHT = 300;

/** The lower pane: every step of one node, to scrub, play and compare. */
export function Timeline() {
  const height = useStudio((state) => state.page.timelineHeight);
  const node = useStudio(timelineNode);
  const timeline = useStudio((state) => (node === undefined ? undefined : shownTimeline(state, node)));
  /** Whether the steps are those of the newest run, or left from one before it. */
  const current = useStudio((state) => timeline !== undefined && state.run?.runId === timeline.runId);
  return (
    <section
      className="timeline"
      id="timeline"
      aria-label="Timeline"
      style={timeline ? { height } : undefined}
      data-testid="timeline"
      data-current={current}
    >
      <Splitter
        orientation="horizontal"
        label="Height of the timeline"
        controls="timeline"
        size={height}
        {...TIMELINE_HEIGHT}
        onSize={(size) => setPage({ timelineHeight: size })}
      />
      {node !== undefined && timeline ? (
        <Steps key={`${node} ${timeline.runId}`} node={node} timeline={timeline} />
      ) : (
        <NoSteps />
      )}
    </section>
  );
}

function NoSteps() {
  const running = useStudio((state) => state.running);
  return (
    <>
      <div className="timeline-head">
        <h2>Timeline</h2>
        <span className="where" />
        <Tool icon="chevron-down" label="Hide the timeline" onClick={() => showTimeline(false)} />
      </div>
      <p className="timeline-empty">
        {running
          ? 'Steps appear here as soon as a node computes its first.'
          : 'Run the graph to see every step of inversion and denoising here. You can scrub, play and compare them.'}
      </p>
    </>
  );
}

function Steps({ node, timeline }: { node: string; timeline: NodeTimeline }) {
  const page = useStudio((state) => state.page);
  const { kind, index: wanted, compareWith } = page.timeline;
  const nodes = useStudio((state) => state.timelines);
  const complete = useStudio(
    (state) =>
      state.run?.runId === timeline.runId && state.run.state === 'done' && !state.stepsGone.has(stepsKey(timeline)),
  );
  // During a run, what has come; previews are left out where they would slow it. Afterwards every step can be asked for.
  const indices = useMemo(() => (complete ? madeIndices(timeline) : heldIndices(timeline)), [complete, timeline]);
  const last = indices[indices.length - 1] ?? 0;
  // Without a choice of one's own the strip follows the run.
  const current = wanted === undefined ? last : (nearestIndex(indices, wanted) ?? last);
  const [playing, setPlaying] = useState(false);
  usePlay(node, playing, indices, current, () => setPlaying(false));
  const step = useStep(node, timeline, kind, current);
  const other = useStep(
    node,
    timeline,
    kind,
    compareWith === undefined ? undefined : nearestIndex(indices, compareWith),
  );
  const go = (index: number | undefined) => {
    if (index !== undefined) setTimeline({ node, index });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -10,
      PageDown: 10,
      Home: -Infinity,
      End: Infinity,
    };
    const by = steps[event.key];
    if (by !== undefined)
      go(stepBy(indices, current, Number.isFinite(by) ? by : by < 0 ? -indices.length : indices.length));
    else if (event.key === 'Enter' && step) void openStep(node, step, timeline.cell);
    else if (event.key === ' ') setPlaying(!playing);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <div className="timeline-head">
        <h2>Timeline</h2>
        {Object.keys(nodes).length > 1 ? (
          <select
            className="field"
            aria-label="Timeline node"
            value={node}
            data-testid="timeline-node"
            onChange={(event) => setTimeline({ node: event.target.value, index: undefined, compareWith: undefined })}
          >
            {Object.keys(nodes).map((id) => (
              <option key={id} value={id}>
                {readable(id)}
              </option>
            ))}
          </select>
        ) : (
          <span>— {readable(node)}</span>
        )}
        <CellChoice node={node} timeline={timeline} />
        <span className="where" data-testid="timeline-where">
          step {current + 1} of {timeline.total}
          {step && step.timestep >= 0 ? ` · t = ${step.timestep}` : ''}
          {compareWith !== undefined && ` · compared with step ${compareWith + 1}`}
        </span>
        <KindChoice kind={kind} />
        <Tool
          icon="split-horizontal"
          label={compareWith === undefined ? 'Compare this step with others' : 'Stop comparing'}
          aria-pressed={compareWith !== undefined}
          data-testid="timeline-compare"
          onClick={() => {
            setTimeline({ compareWith: compareWith === undefined ? current : undefined, index: current, node });
            // Two pictures are compared at a size where something can be seen.
            if (compareWith === undefined) setPage({ timelineHeight: Math.max(page.timelineHeight, COMPARING_HEIGHT) });
          }}
        />
        <Tool
          icon={playing ? 'debug-pause' : 'play'}
          label={playing ? 'Pause' : 'Play the steps'}
          aria-pressed={playing}
          data-testid="timeline-play"
          onClick={() => {
            if (!playing && current === last) go(indices[0]);
            setPlaying(!playing);
          }}
        />
        <Tool
          icon="go-to-file"
          label="Open this step in VS Code"
          disabled={!step}
          data-testid="timeline-open"
          onClick={() => step && void openStep(node, step, timeline.cell)}
        />
        <Tool icon="chevron-down" label="Hide the timeline" onClick={() => showTimeline(false)} />
      </div>
      <div className="timeline-body">
        <Strip
          node={node}
          timeline={timeline}
          kind={kind}
          indices={indices}
          current={current}
          other={compareWith}
          onGo={go}
          onKeyDown={onKeyDown}
          onOpen={() => step && void openStep(node, step, timeline.cell)}
        />
        {other && step && (
          <div className="stage">
            <CompareSlider
              first={<StepImage step={other} label={`Step ${other.index + 1}`} />}
              second={<StepImage step={step} label={`Step ${step.index + 1}`} />}
              label={`Compare step ${other.index + 1} with step ${step.index + 1}`}
              names={[`${other.index + 1}`, `${step.index + 1}`]}
            />
          </div>
        )}
      </div>
    </>
  );
}

/** After a sweep: the cell whose steps show, by its values. */
function CellChoice({ node, timeline }: { node: string; timeline: NodeTimeline }) {
  const cells = useStudio((state) => state.timelines[node]);
  const sweeps = useStudio((state) => state.sweeps);
  const places = Object.entries(cells ?? {}).map(([key, { cell }]) => ({ key, cell }));
  if (places.every(({ cell }) => cell === undefined)) return null;
  places.sort(({ cell: a }, { cell: b }) => (a?.row ?? -1) - (b?.row ?? -1) || (a?.column ?? -1) - (b?.column ?? -1));
  return (
    <select
      className="field cell-choice"
      aria-label="Cell of the sweep"
      value={placeKey(timeline.cell)}
      data-testid="timeline-cell"
      onChange={(event) => {
        const chosen = places.find(({ key }) => key === event.target.value);
        if (chosen) setTimeline({ cell: chosen.cell ?? null });
      }}
    >
      {places.map(({ key, cell }) => (
        <option key={key} value={key}>
          {cell ? placeWords(sweeps[cell.sweep], cell) : 'the graph’s own values'}
        </option>
      ))}
    </select>
  );
}

function KindChoice({ kind }: { kind: PreviewKind }) {
  return (
    <select
      className="field"
      aria-label="What the timeline shows"
      value={kind}
      data-testid="timeline-kind"
      onChange={(event) => setTimeline({ kind: event.target.value === 'xt' ? 'xt' : 'x0' })}
    >
      <option value="x0">x̂0, the predicted image</option>
      <option value="xt">x_t, the noisy image</option>
    </select>
  );
}

function Strip(props: {
  node: string;
  timeline: NodeTimeline;
  kind: PreviewKind;
  indices: readonly number[];
  current: number;
  other: number | undefined;
  onGo: (index: number | undefined) => void;
  onKeyDown: (event: KeyboardEvent) => void;
  onOpen: () => void;
}) {
  const { timeline, kind, indices, current } = props;
  const strip = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const height = useStudio((state) => state.page.timelineHeight);
  const [scrubbing, setScrubbing] = useState(false);
  const onCurrent = useRef(false);
  const moved = useRef(false);
  const pressed = useRef(0);
  useEffect(() => {
    if (!strip.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(strip.current);
    return () => observer.disconnect();
  }, []);
  // Comparing makes the pane high; the strip then keeps to thumbnails.
  const cell = Math.min(140, Math.max(40, height - HEAD - NUMBER - 16));
  const shown = thinned(indices, width + GAP, cell + GAP);
  useMissing(props.node, timeline, kind, shown);
  const scrub = (clientX: number) => {
    const box = strip.current?.getBoundingClientRect();
    if (!box) return;
    const under = stepUnder(shown, (clientX - box.left) / (cell + GAP));
    props.onGo(under === undefined ? undefined : nearestIndex(indices, under));
  };
  return (
    <div
      className="strip"
      ref={strip}
      role="slider"
      tabIndex={0}
      aria-label="Step"
      aria-valuemin={1}
      aria-valuemax={timeline.total}
      aria-valuenow={current + 1}
      aria-valuetext={`step ${current + 1} of ${timeline.total}`}
      data-testid="timeline-strip"
      onKeyDown={props.onKeyDown}
      onClick={(event) => {
        // A click scrubs; one more on the step that is shown opens it.
        if (onCurrent.current && !moved.current && event.detail > 0) props.onOpen();
      }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const cell = event.target instanceof Element ? event.target.closest('.cell') : null;
        onCurrent.current = cell?.classList.contains('current') === true;
        moved.current = false;
        pressed.current = event.clientX;
        setScrubbing(true);
        // The step that is shown may stand for its neighbours, which a press must not change it to.
        if (onCurrent.current) return;
        // A press on a tile is that tile's step, wherever on it.
        const own = cell?.getAttribute('data-index');
        if (own === null || own === undefined) scrub(event.clientX);
        else props.onGo(Number(own));
      }}
      onPointerMove={(event) => {
        if (!scrubbing || (!moved.current && Math.abs(event.clientX - pressed.current) <= CLICK_PX)) return;
        moved.current = true;
        scrub(event.clientX);
      }}
      onPointerUp={() => setScrubbing(false)}
      onPointerCancel={() => setScrubbing(false)}
    >
      {shown.map((index) => {
        const own = stepAt(timeline, kind, index);
        const step = own ?? standIn(timeline, kind, index);
        const isCurrent = index === nearestIndex(shown, current);
        return (
          <div
            key={index}
            className={`cell ${isCurrent ? 'current' : ''} ${index === props.other ? 'other' : ''}`}
            data-index={index}
            style={{ width: cell }}
          >
            <div className={own ? 'thumb' : 'thumb stand-in'}>
              {step && <StepImage step={step} label={`Step ${index + 1}`} />}
            </div>
            <span className="number">{isCurrent ? current + 1 : index + 1}</span>
          </div>
        );
      })}
    </div>
  );
}

/** Asks for the pictures of the strip that the page lacks: a run sends one kind as it goes. */
function useMissing(node: string, timeline: NodeTimeline, kind: PreviewKind, shown: readonly number[]): void {
  const { runId, cell } = timeline;
  const missing = shown.filter((index) => !stepAt(timeline, kind, index)).join(' ');
  useEffect(() => {
    if (missing === '') return;
    for (const index of missing.split(' ')) askForStep({ runId, cell }, node, kind, Number(index));
  }, [missing, runId, cell, node, kind]);
}

/** A step's picture in the kind that is wanted; what the page lacks is asked for, and the other kind stands in meanwhile. */
function useStep(node: string, timeline: NodeTimeline, kind: PreviewKind, index: number | undefined) {
  const held = index === undefined ? undefined : stepAt(timeline, kind, index);
  const missing = index !== undefined && held === undefined;
  const { runId, cell } = timeline;
  useEffect(() => {
    if (missing) askForStep({ runId, cell }, node, kind, index);
  }, [missing, runId, cell, node, index, kind]);
  return held ?? (index === undefined ? undefined : standIn(timeline, kind, index));
}

function usePlay(node: string, playing: boolean, indices: readonly number[], current: number, stop: () => void): void {
  useEffect(() => {
    if (!playing) return;
    const timer = window.setTimeout(() => {
      const next = stepBy(indices, current, 1);
      if (next === undefined || next === current) stop();
      else setTimeline({ node, index: next });
    }, PLAY_EVERY_MS);
    return () => window.clearTimeout(timer);
  });
}
