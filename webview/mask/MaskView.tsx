import { useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { fromOklab, heatColour } from '../../extension/protocol/colours';
import { maskCell, SUSPICIOUS_SHARE } from '../../extension/protocol/mask';
import { fitting, longerSide, type Size } from '../../extension/protocol/size';
import { Tool } from '../ui/Icon';
import { Segmented, type SegmentedOption } from '../ui/Segmented';
import { useRoom } from '../ui/useRoom';
import { resetParam } from '../model/actions/params';
import { pngOf } from '../model/bytes';
import { postToHost } from '../model/host';
import { setPage } from '../model/page';
import { run } from '../model/running';
import { announce, useStudio } from '../model/store';
import { readable } from '../model/words';
import { borders, brushCells, corrected, flipCluster, outline, strokeCells, withCells } from './cells';
import { type Segmentation, useSegmentations } from '../model/segmentations';

type Layer = 'mask' | 'clusters' | 'noun';
type ToolName = 'cluster' | 'paint' | 'erase';

const close = () => setPage({ masking: undefined });

/** A segment node's mask over its picture: what was found and why, and a brush to correct it. */
export function MaskView({ node }: { node: string }) {
  const found = useSegmentations((state) => state[node]);
  const canRun = useStudio((state) => state.canRun);
  return (
    <section
      className="inspect"
      aria-label={`Mask of ${readable(node)}`}
      data-testid="mask-view"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        close();
      }}
    >
      {found ? (
        <Editor key={found.runId} node={node} found={found} />
      ) : (
        <>
          <div className="inspect-head">
            <h2>Mask</h2>
            <span className="where">{readable(node)}</span>
            <Tool icon="close" label="Back to the graph" keys="Escape" data-testid="mask-close" onClick={close} />
          </div>
          <div className="inspect-nothing">
            <p>The mask has not been computed in this window yet.</p>
            <button
              type="button"
              className="button"
              disabled={!canRun}
              data-testid="mask-run"
              onClick={() => run(node)}
            >
              Find the mask
            </button>
            <p className="hint">Earlier results are cached, so this takes only a moment.</p>
          </div>
        </>
      )}
    </section>
  );
}

const TOOLS: readonly SegmentedOption<ToolName>[] = [
  { value: 'cluster', icon: 'wand', label: 'Flip cluster', title: 'Click to add or remove a whole cluster (C)' },
  { value: 'paint', icon: 'edit', label: 'Paint', title: 'Paint to add to the mask (P)' },
  { value: 'erase', icon: 'eraser', label: 'Erase', title: 'Erase to remove from the mask (E)' },
];
const LAYERS: readonly SegmentedOption<Layer>[] = [
  { value: 'mask', label: 'Mask' },
  { value: 'clusters', label: 'Clusters' },
  { value: 'noun', label: 'Noun' },
];

function Editor({ node, found }: { node: string; found: Segmentation }) {
  const { grid, labels } = found;
  const longest = longerSide(grid);
  const readOnly = useStudio((state) => state.readOnly);
  const canRun = useStudio((state) => state.canRun);
  const written = useStudio((state) => state.graph?.nodes[node]?.params?.['override']);
  const [layer, setLayer] = useState<Layer>('mask');
  const [tool, setTool] = useState<ToolName>('cluster');
  const [size, setSize] = useState(Math.max(1, Math.round(longest / 12)));
  const [history, setHistory] = useState({ past: [found.correction], at: 0 });
  const [saved, setSaved] = useState(found.correction);
  /** Where the pointer or the keys are, in cells. */
  const [at, setAt] = useState<[number, number] | undefined>();
  /** A stroke that is being drawn. */
  const [stroke, setStroke] = useState<{ correction: Uint8Array; last: [number, number] } | undefined>();
  const now = history.past[history.at] ?? found.correction;
  const correction = stroke?.correction ?? now;
  const mask = corrected(found.found, correction);
  const share = mask.reduce((sum, value) => sum + value, 0) / mask.length;
  const changed = now !== saved;
  const suspicious = share < SUSPICIOUS_SHARE.least || share > SUSPICIOUS_SHARE.most;

  const commit = (next: Uint8Array) => {
    if (next.every((value, cell) => value === now[cell])) return;
    const past = [...history.past.slice(0, history.at + 1), next];
    setHistory({ past, at: past.length - 1 });
    const area = corrected(found.found, next).reduce((sum, value) => sum + value, 0) / next.length;
    announce(`The mask covers ${percent(area)} of the picture.`);
  };
  const go = (by: number) =>
    setHistory(({ past, at: place }) => ({ past, at: Math.min(past.length - 1, Math.max(0, place + by)) }));
  const dab = (place: [number, number]) => {
    const cell = Math.floor(place[1]) * grid.width + Math.floor(place[0]);
    if (tool === 'cluster') commit(flipCluster(now, found.found, labels, cell));
    else commit(withCells(now, found.found, brushCells(grid, ...place, size), tool === 'paint'));
  };
  const placeOf = (event: PointerEvent<HTMLDivElement>): [number, number] => {
    const box = event.currentTarget.getBoundingClientRect();
    const inside = (value: number, cells: number) => Math.min(cells - 0.001, Math.max(0, value * cells));
    return [
      inside((event.clientX - box.left) / box.width, grid.width),
      inside((event.clientY - box.top) / box.height, grid.height),
    ];
  };
  const save = async () => {
    const png = await toPng(now, grid);
    if (!png) return;
    postToHost({ type: 'saveCorrection', node, param: 'override', png });
    setSaved(now);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const middle: [number, number] = at ?? [grid.width / 2, grid.height / 2];
    const by = event.shiftKey ? 4 : 1;
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-by, 0],
      ArrowRight: [by, 0],
      ArrowUp: [0, -by],
      ArrowDown: [0, by],
    };
    const move = moves[event.key];
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === 'z') go(event.shiftKey ? 1 : -1);
    else if ((event.ctrlKey || event.metaKey) && key === 'y') go(1);
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (move) {
      const inside = (value: number, cells: number) => Math.min(cells - 0.5, Math.max(0.5, Math.floor(value) + 0.5));
      setAt([inside(middle[0] + move[0], grid.width), inside(middle[1] + move[1], grid.height)]);
    } else if (key === 'enter' || key === ' ') dab(middle);
    else if (key === '[') setSize(Math.max(1, size - 1));
    else if (key === ']') setSize(Math.min(longest, size + 1));
    else if (key === 'c') setTool('cluster');
    else if (key === 'p') setTool('paint');
    else if (key === 'e') setTool('erase');
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const [stage, room] = useRoom();
  return (
    <>
      <div className="inspect-head" role="toolbar" aria-label="Mask">
        <h2>Mask</h2>
        <span className="where">
          {readable(node)} · “{found.noun}”
        </span>
        <Segmented name="Layer" testId="mask" options={LAYERS} value={layer} onChange={setLayer} />
        <Segmented name="Tool" testId="mask" options={TOOLS} value={tool} onChange={setTool} />
        <label className="mask-size">
          <span>Brush size</span>
          <input
            type="range"
            min={1}
            max={Math.max(2, Math.round(longest / 2))}
            value={size}
            disabled={tool === 'cluster'}
            data-testid="mask-size"
            aria-valuetext={`${size} cells`}
            onChange={(event) => setSize(Number(event.target.value))}
          />
        </label>
        <Tool
          icon="discard"
          label="Undo"
          keys="Ctrl+Z"
          disabled={history.at === 0}
          data-testid="mask-undo"
          onClick={() => go(-1)}
        />
        <Tool
          icon="redo"
          label="Redo"
          keys="Ctrl+Y"
          disabled={history.at === history.past.length - 1}
          onClick={() => go(1)}
        />
        <Tool
          icon="clear-all"
          label="Clear all corrections"
          disabled={now.every((value) => value === maskCell.kept)}
          data-testid="mask-clear"
          onClick={() => commit(new Uint8Array(now.length))}
        />
        <button
          type="button"
          className="button"
          disabled={!changed || readOnly}
          data-testid="mask-save"
          onClick={() => void save()}
        >
          Save correction
        </button>
        <Tool icon="close" label="Back to the graph" keys="Escape" data-testid="mask-close" onClick={close} />
      </div>
      <div className="inspect-stage" ref={stage}>
        <div
          className={`inspect-pane mask-pane ${tool}`}
          style={{ ...fitting(grid, room) }}
          role="application"
          tabIndex={0}
          aria-roledescription="mask to paint"
          aria-label={`Mask over the picture. Arrow keys move, Enter ${tool === 'cluster' ? 'flips the cluster' : `${tool}s`}.`}
          aria-describedby="mask-sentence"
          data-testid="mask-pane"
          onKeyDown={onKeyDown}
          onPointerDown={(event) => {
            const place = placeOf(event);
            setAt(place);
            if (readOnly || event.button !== 0) return;
            if (tool === 'cluster') return dab(place);
            event.currentTarget.setPointerCapture(event.pointerId);
            const cells = strokeCells(grid, place, place, size);
            setStroke({ correction: withCells(now, found.found, cells, tool === 'paint'), last: place });
          }}
          onPointerMove={(event) => {
            const place = placeOf(event);
            setAt(place);
            if (!stroke) return;
            const cells = strokeCells(grid, stroke.last, place, size);
            setStroke({ correction: withCells(stroke.correction, found.found, cells, tool === 'paint'), last: place });
          }}
          onPointerUp={() => {
            if (stroke) commit(stroke.correction);
            setStroke(undefined);
          }}
          onPointerCancel={() => setStroke(undefined)}
          onPointerLeave={() => setAt(undefined)}
        >
          <div className="inspect-picture">
            <img src={found.url} alt="" draggable={false} />
          </div>
          <Cells layer={layer} found={found} mask={mask} correction={correction} />
          <svg className="inspect-marks" viewBox={`0 0 ${grid.width} ${grid.height}`} aria-hidden="true">
            {layer === 'clusters' && <path className="mask-borders" d={borders(labels, grid)} />}
            <path className="mask-halo" d={outline(mask, grid)} />
            <path className="mask-line" d={outline(mask, grid)} />
            {at && tool !== 'cluster' && (
              <>
                <circle className="mask-halo" cx={at[0]} cy={at[1]} r={size / 2} />
                <circle className="mask-line" cx={at[0]} cy={at[1]} r={size / 2} />
              </>
            )}
            {at && tool === 'cluster' && <path className="mask-hover" d={clusterPath(labels, grid, at)} />}
          </svg>
        </div>
      </div>
      <p
        className={suspicious ? 'inspect-sentence off' : 'inspect-sentence'}
        id="mask-sentence"
        aria-live="polite"
        data-testid="mask-sentence"
      >
        {sentence(found, correction, share)}
        {changed && ' Not saved yet.'}
        {!changed && written !== undefined && (
          <>
            {' '}
            Saved in {String(written)}.{' '}
            <button type="button" className="link" disabled={!canRun} data-testid="mask-run" onClick={() => run()}>
              Run with the correction
            </button>{' '}
            <button
              type="button"
              className="link"
              disabled={readOnly}
              data-testid="mask-remove"
              onClick={() => resetParam(node, 'override')}
            >
              Use the mask as found
            </button>
          </>
        )}
      </p>
    </>
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function sentence(found: Segmentation, correction: Uint8Array, share: number): string {
  const count = correction.reduce((sum, value) => sum + (value === maskCell.kept ? 0 : 1), 0);
  const covers = `The mask covers ${percent(share)} of the picture`;
  const doubt =
    share < SUSPICIOUS_SHARE.least ? ', almost nothing' : share > SUSPICIOUS_SHARE.most ? ', almost all of it' : '';
  const edits = count === 0 ? '' : `; ${count} of ${found.labels.length} cells are corrected`;
  return `${covers}${doubt}${edits}.`;
}

function clusterPath(labels: Uint8Array, { width }: Size, [x, y]: [number, number]): string {
  const label = labels[Math.floor(y) * width + Math.floor(x)];
  return [...labels.keys()]
    .filter((cell) => labels[cell] === label)
    .map((cell) => `M${cell % width} ${Math.floor(cell / width)}h1v1h-1z`)
    .join('');
}

/** The cells of the chosen layer, one pixel each; the page scales them. */
function Cells(props: { layer: Layer; found: Segmentation; mask: Uint8Array; correction: Uint8Array }) {
  const { layer, found, mask, correction } = props;
  const { labels, nounMap } = found;
  const { width, height } = found.grid;
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const image = new ImageData(width, height);
    const clusters = Math.max(...labels) + 1;
    for (let cell = 0; cell < labels.length; cell++) {
      const [red, green, blue, opacity] = colourOf(cell);
      image.data.set([red, green, blue, 255 * opacity], 4 * cell);
    }
    context.putImageData(image, 0, 0);
    function colourOf(cell: number): [number, number, number, number] {
      if (layer === 'clusters') {
        const hue = (2 * Math.PI * (labels[cell] ?? 0)) / clusters;
        return [...fromOklab(0.72, 0.15 * Math.cos(hue), 0.15 * Math.sin(hue)), 0.6];
      }
      if (layer === 'noun') return [...heatColour((nounMap[cell] ?? 0) / 255), nounMap.length > 0 ? 0.75 : 0];
      if (correction[cell] === maskCell.inside) return [70, 220, 120, 0.45];
      if (correction[cell] === maskCell.outside) return [235, 60, 60, 0.62];
      return mask[cell] ? [0, 0, 0, 0] : [0, 0, 0, 0.68];
    }
  }, [layer, width, height, labels, nounMap, mask, correction]);
  return <canvas ref={canvas} className="mask-cells" width={width} height={height} aria-hidden="true" />;
}

/** White where a cell is put inside, black where it is put outside, transparent where the mask stays as found. */
async function toPng(correction: Uint8Array, { width, height }: Size): Promise<Uint8Array | undefined> {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  const image = new ImageData(width, height);
  for (const [cell, value] of correction.entries()) {
    const bright = value === maskCell.inside ? 255 : 0;
    image.data.set([bright, bright, bright, value === maskCell.kept ? 0 : 255], 4 * cell);
  }
  context.putImageData(image, 0, 0);
  return pngOf(canvas);
}
