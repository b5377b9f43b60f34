import { useEffect, useMemo, useRef } from 'react';
import { type InspectInfo, type InspectSource } from '../../extension/protocol/inspect';
import { cellAt, fitting, sameSize, type Size, sizeText } from '../../extension/protocol/size';
import { Link, Tool } from '../ui/Icon';
import { Nothing } from '../ui/Nothing';
import { Segmented, type SegmentedOption } from '../ui/Segmented';
import { useEscape } from '../ui/useEscape';
import { useRoom } from '../ui/useRoom';
import { usePictureOf } from '../nodes/NodePicture';
import { StepImage } from '../ui/StepImage';
import { openInspection } from '../model/inspection';
import { setTimeline } from '../model/page';
import { resultTimeline } from '../model/cellTimelines';
import { stepAt, standIn } from '../model/frames';
import { useStudio } from '../model/store';
import { swapAbove } from '../model/upstream';
import { readable } from '../model/words';
import { Flow } from './Flow';
import { type Hovered, Pane } from './Pane';
import { cancelDrag, usePins } from './pinEdits';
import { PinHandles, type Pinning } from './PinHandles';
import { acting, circleWords, PIN_KEYS } from './pins';
import { begin, loadArrows, loadCorrespondence, wantMaps } from './requests';
import { RunWithIt } from './RunWithIt';
import { saveInspection } from './save';
import { Select } from '../ui/Select';
import { StepBar } from './StepBar';
import {
  forget,
  middleStep,
  type Mode,
  gridOf,
  unwatchLast,
  useAttention,
  useStepShown,
  viewAt,
  viewKey,
} from './store';
import { sentenceOf } from './words';

/** Output and appearance side by side: point at one and see where it looks, or where it went, in the other. */
export function AttentionView({ node }: { node: string }) {
  const info = useAttention((state) => state.info);
  const problem = useAttention((state) => state.sentence);
  const latency = useAttention((state) => state.latency);
  useRun(node);
  useSameStep(info);
  // Its keys work at once, also where it was opened by a key and only the mouse is used in it.
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.focus({ preventScroll: true }), []);
  useEscape(leave);
  return (
    <section
      ref={section}
      tabIndex={-1}
      className="inspect"
      aria-label={`Attention of ${readable(node)}`}
      data-testid="inspect"
      data-latency={latency === undefined ? undefined : Math.round(latency)}
    >
      <Head node={node} />
      {info ? (
        <Stage info={info} />
      ) : (
        <Nothing view="inspect" node={node} why={problem}>
          Attention appears as soon as {readable(node)} computes its first step.
        </Nothing>
      )}
    </section>
  );
}

function leave(): void {
  if (!cancelDrag() && !unwatchLast()) openInspection(undefined);
}

/** Learns what there is to ask as soon as the run has come to the node. */
function useRun(node: string): void {
  const runId = useStudio((state) => state.run?.runId);
  const state = useStudio((studio) => studio.run?.nodes[node]?.state);
  useEffect(() => {
    void begin(node);
    return forget;
  }, [node]);
  useEffect(() => {
    if (state === undefined || state === 'running' || state === 'done' || state === 'cached') void begin(node);
  }, [node, runId, state]);
}

/** A run shows its newest step; when it has ended, the step that was looked at before is shown again. */
function useSameStep(info: InspectInfo | undefined): void {
  const node = info?.node;
  const running = useStudio((state) => state.running);
  const chosen = useStudio(({ page: { timeline } }) => (timeline.node === node ? timeline.index : undefined));
  const before = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (chosen !== undefined) before.current = chosen;
    else if (node !== undefined && !running && before.current !== undefined)
      setTimeline({ node, index: before.current });
  }, [node, running, chosen]);
}

const MODES: readonly SegmentedOption<Mode>[] = [
  { value: 'point', icon: 'target', label: 'Point', title: 'Point at a location to see where it attends' },
  {
    value: 'arrows',
    icon: 'arrow-swap',
    label: 'Arrows',
    title: 'Arrows from locations of the output to where they attend most',
  },
  {
    value: 'map',
    icon: 'symbol-color',
    label: 'Correspondence',
    title: 'Each location of the output in the colour of its source',
  },
];

function Head({ node }: { node: string }) {
  const info = useAttention((state) => state.info);
  const { level, layer, head, look, raw, mode, asOfStep, watches } = useAttention();
  const step = useStepShown(info);
  const current = info?.levels.find((one) => one.level === level);
  const layers = current?.layers ?? [];
  const heads = (layers.find(({ index }) => index === layer) ?? layers[0])?.heads ?? 0;
  return (
    <div className="inspect-head" role="toolbar" aria-label="Attention options">
      <h2>Attention</h2>
      <span className="where" data-testid="inspect-where">
        {readable(node)}
        {info && ` · step ${step + 1} of ${info.steps.length}`}
      </span>
      {info && (
        <>
          <Segmented
            name="View"
            testId="inspect-mode"
            options={MODES}
            value={mode}
            onChange={(value) => useAttention.setState({ mode: value })}
          />
          <Select
            name="Attention resolution"
            testId="inspect-level"
            options={info.levels.map((one) => ({ value: one.level, label: sizeText(one.grid) }))}
            value={level}
            onChange={(value) => useAttention.setState({ level: value, layer: undefined, hover: undefined })}
          />
          {info.appearances.length > 1 && (
            <Select
              name="Appearance"
              testId="inspect-look"
              options={info.appearances.map((id, index) => ({ value: index, label: readable(id) }))}
              value={look}
              onChange={(value) => useAttention.setState({ look: value })}
            />
          )}
          {layers.length > 1 && (
            <Select
              name="Layer"
              testId="inspect-layer"
              options={[
                { value: undefined, label: `all ${layers.length} layers` },
                ...layers.map(({ index }, position) => ({ value: index, label: `layer ${position + 1}` })),
              ]}
              value={layer}
              onChange={(value) => useAttention.setState({ layer: value })}
            />
          )}
          <Select
            name="Head"
            testId="inspect-head"
            options={[
              { value: undefined, label: `mean of ${heads} heads` },
              ...Array.from({ length: heads }, (_, index) => ({ value: index, label: `head ${index + 1}` })),
            ]}
            value={head}
            onChange={(value) => useAttention.setState({ head: value })}
          />
          {info.contrast !== 1 && (
            <Tool
              icon="color-mode"
              label={
                raw ? 'Show attention with the contrast of the run' : 'Show attention without the contrast of the run'
              }
              aria-pressed={!raw}
              data-testid="inspect-contrast"
              onClick={() => useAttention.setState({ raw: !raw })}
            />
          )}
          <Tool
            icon="history"
            label={asOfStep ? 'Show the result' : 'Show the output at this step'}
            aria-pressed={asOfStep}
            data-testid="inspect-as-of-step"
            onClick={() => useAttention.setState({ asOfStep: !asOfStep })}
          />
          <Tool
            icon="eye-closed"
            label="Stop watching locations"
            disabled={watches.length === 0}
            onClick={() => useAttention.setState({ watches: [] })}
          />
          <Tool icon="save" label="Save as image…" data-testid="inspect-save" onClick={() => void saveInspection()} />
        </>
      )}
      <Tool
        icon="close"
        label="Back to the graph"
        keys="Escape"
        data-testid="inspect-close"
        onClick={() => openInspection(undefined)}
      />
    </div>
  );
}

const GAP = 56;
const CAPTION = 30;

function Stage({ info }: { info: InspectInfo }) {
  const { level, layer, head, look, raw, mode, asOfStep, hover, watches, maps, correspondences, arrows, pictures } =
    useAttention();
  const step = useStepShown(info);
  const source = info.steps[step]?.[level];
  const grid = gridOf(info, level);
  const [stage, room] = useRoom();
  const box = fitting(info.size, { width: (room.width - GAP) / 2, height: room.height - CAPTION });

  // Parts rather than the view: a view is a new object each time.
  useEffect(() => {
    if (!source) return;
    const view = viewAt(step);
    if (mode === 'map') void loadCorrespondence(view);
    if (mode === 'arrows') void loadArrows(view);
    const watched = watches.map((watch) => ({ side: watch.side, token: tokenOf(watch, grid) }));
    wantMaps(view, hover ? [hover, ...watched] : watched);
  }, [info, source, step, level, layer, head, look, raw, mode, watches, hover, grid]);

  const shownKey = viewKey({ step, level, layer, head, look, raw });
  const watched = useMemo(
    () =>
      watches.map((watch) => {
        const point = { side: watch.side, token: tokenOf(watch, grid) };
        return { watch, point, found: maps.get(`${shownKey} ${point.side} ${point.token}`) };
      }),
    [watches, maps, shownKey, grid],
  );
  const hovered = hover && { point: hover, found: maps.get(`${shownKey} ${hover.side} ${hover.token}`) };
  const correspondence = mode === 'map' ? correspondences.get(shownKey) : undefined;
  const arrowList = mode === 'arrows' ? arrows.get(shownKey) : undefined;
  const pinning = usePinning(info, source);
  const stale = useStale(info);
  const picture = pictures[source === 'structure' ? 'structure' : look];
  const shared = { grid, box, watched, hovered, disabled: source === undefined };
  const output = asOfStep ? `Output at step ${step + 1}` : 'Output';
  return (
    <>
      <StepBar info={info} step={step} level={level} onStep={(index) => setTimeline({ node: info.node, index })} />
      <div className="inspect-stage" ref={stage}>
        <div className="inspect-panes" style={{ width: 2 * box.width + GAP, height: box.height + CAPTION, gap: GAP }}>
          <Pane
            {...shared}
            which="output"
            label={stale ? `${output}, before the pins were changed` : output}
            correspondence={correspondence}
          >
            <OutputPicture node={info.node} step={step} asOfStep={asOfStep} />
          </Pane>
          <Pane
            {...shared}
            which="source"
            label={
              source === 'structure'
                ? 'Structure, attended to at this step to keep its shapes'
                : info.appearances.length > 1
                  ? `Appearance ${look + 1} of ${info.appearances.length}`
                  : 'Appearance'
            }
            correspondence={correspondence}
          >
            {picture && <img src={picture} alt={source ?? 'appearance'} draggable={false} />}
          </Pane>
          <Flow
            {...{ box, grid, watched, hovered, correspondence }}
            gap={GAP}
            arrows={arrowList}
            pins={pinning?.shown ?? []}
          />
          {pinning && <PinHandles box={box} gap={GAP} grid={grid} pinning={pinning} watched={watched} />}
        </div>
      </div>
      <div className="inspect-foot">
        <Sentence {...{ info, step, grid, hovered, pinning, stale }} />
        {(stale || (pinning?.pins.length ?? 0) > 0) && (
          <RunWithIt node={info.node} stale={stale} what="pins" testId="inspect-run-pins" />
        )}
      </div>
    </>
  );
}

/** The pins to show and to change; undefined while the right picture is the structure, or where there is no swap. */
function usePinning(info: InspectInfo, source: InspectSource | undefined): Pinning | undefined {
  const swap = useStudio((state) => swapAbove(state.graph, info.node));
  const pins = usePins(swap);
  const appearance = useAttention((state) => info.numbers[state.look]) ?? 1;
  const dragging = useAttention((state) => state.dragging);
  const circle = useAttention((state) => state.circle);
  if (swap === undefined || source === 'structure') return undefined;
  const shown = pins
    .map((pin, index) => ({
      ...{ pin, index },
      dragged: index === dragging,
      focused: circle?.index === index ? circle.end : undefined,
    }))
    .filter(({ pin }) => (pin.appearance ?? 1) === appearance);
  return { swap, pins, shown, appearance };
}

/** Whether what is shown was made with other pins than the graph has now. */
function useStale(info: InspectInfo): boolean {
  const pins = usePins(useStudio((state) => swapAbove(state.graph, info.node)));
  return acting(pins) !== acting(info.pins);
}

function Sentence(props: {
  info: InspectInfo;
  step: number;
  grid: Size;
  hovered: Hovered | undefined;
  pinning: Pinning | undefined;
  stale: boolean;
}) {
  const { info, step, grid, hovered, pinning, stale } = props;
  const { level, mode, raw, watches, circle, sentence: refusal } = useAttention();
  const source = info.steps[step]?.[level];
  const readOnly = useStudio((state) => state.readOnly);
  const focused = circle && pinning?.pins[circle.index];
  const shown = () => {
    if (focused) return `${circleWords(circle, focused)} ${PIN_KEYS}`;
    if (!source) return offSentence(info, step, grid);
    if (refusal !== undefined) return refusal;
    if (stale && !hovered) return STALE;
    const contrast = raw ? 1 : info.contrast;
    const watchedHere = watches.some(
      (watch) => watch.side === hovered?.point.side && tokenOf(watch, grid) === hovered.point.token,
    );
    return sentenceOf({
      ...{ grid, source, hovered, watchedHere, mode, contrast },
      watched: watches.length,
      canPin: pinning !== undefined && !readOnly,
    });
  };
  return (
    <p
      className={source ? 'inspect-sentence' : 'inspect-sentence off'}
      id="inspect-sentence"
      aria-live="polite"
      data-testid="inspect-sentence"
    >
      {shown()}
      {!source && !focused && (
        <Link onClick={() => setTimeline({ node: info.node, index: middleStep(info, level) })}>
          Go to a step with the swap on
        </Link>
      )}
    </p>
  );
}

const STALE = 'The output and its attention are from before the pins were changed. Run to see the result with them.';

const tokenOf = ({ x, y }: { x: number; y: number }, grid: Size): number => cellAt(x, y, grid);

function offSentence(info: InspectInfo, step: number, grid: Size): string {
  const level = info.levels.find((one) => sameSize(one.grid, grid))?.level;
  const on = info.steps.flatMap((one, index) => (level && one[level] ? [index + 1] : []));
  const where = `The swap at ${sizeText(grid)} is off at step ${step + 1}, so the output attended only to itself. `;
  return on.length === 0
    ? `${where}It is off at every step. `
    : `${where}It is on from step ${on[0]} to ${on[on.length - 1]}. `;
}

function OutputPicture({ node, step, asOfStep }: { node: string; step: number; asOfStep: boolean }) {
  const result = usePictureOf(node);
  const timeline = useStudio((state) => resultTimeline(state, node));
  const frame = timeline && (stepAt(timeline, 'x0', step) ?? standIn(timeline, 'x0', step));
  return asOfStep && frame ? <StepImage step={frame} label={`Output at step ${step + 1}`} /> : result;
}
