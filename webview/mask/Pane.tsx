import { useState, type KeyboardEvent, type PointerEvent } from 'react';
import { fitting, longerSide } from '../../extension/protocol/size';
import { type Segmentation } from '../model/segmentations';
import { useStudio } from '../model/store';
import { ARROWS } from '../ui/arrows';
import { useRoom } from '../ui/useRoom';
import { CellLayer, type Layer } from './CellLayer';
import { borders, clusterPath, outline } from '../ui/cellPaths';
import { brushCells, flipCluster, strokeCells, withCells } from './cells';
import { type Correction } from './useCorrection';

export type ToolName = 'cluster' | 'paint' | 'erase';
type Place = [number, number];

export interface Brush {
  tool: ToolName;
  /** Diameter in cells. */
  size: number;
}

const KEYS: Readonly<Record<string, ToolName>> = { c: 'cluster', p: 'paint', e: 'erase' };

/** The picture under its mask: listens to the pointer and to keys. */
export function Pane(props: {
  found: Segmentation;
  layer: Layer;
  brush: Brush;
  onBrush: (brush: Brush) => void;
  correction: Correction;
}) {
  const { found, layer, brush, onBrush } = props;
  const { now, shown, mask, stroke, setStroke, commit, go } = props.correction;
  const { grid, labels } = found;
  const { tool, size } = brush;
  const readOnly = useStudio((state) => state.readOnly);
  /** Where the pointer or the keys are, in cells. */
  const [at, setAt] = useState<Place | undefined>();
  const [stage, room] = useRoom();
  const painted = (from: Uint8Array, cells: Iterable<number>) => withCells(from, found.found, cells, tool === 'paint');
  const dab = ([x, y]: Place) => {
    const cell = Math.floor(y) * grid.width + Math.floor(x);
    if (tool === 'cluster') commit(flipCluster(now, found.found, labels, cell));
    else commit(painted(now, brushCells(grid, x, y, size)));
  };
  const placeOf = (event: PointerEvent<HTMLDivElement>): Place => {
    const box = event.currentTarget.getBoundingClientRect();
    const inside = (value: number, cells: number) => Math.min(cells - 0.001, Math.max(0, value * cells));
    return [
      inside((event.clientX - box.left) / box.width, grid.width),
      inside((event.clientY - box.top) / box.height, grid.height),
    ];
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const middle: Place = at ?? [grid.width / 2, grid.height / 2];
    const by = event.shiftKey ? 4 : 1;
    const arrow = ARROWS[event.key];
    const key = event.key.toLowerCase();
    const chosen = KEYS[key];
    if ((event.ctrlKey || event.metaKey) && key === 'z') go(event.shiftKey ? 1 : -1);
    else if ((event.ctrlKey || event.metaKey) && key === 'y') go(1);
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (arrow) {
      const inside = (value: number, cells: number) => Math.min(cells - 0.5, Math.max(0.5, Math.floor(value) + 0.5));
      setAt([inside(middle[0] + by * arrow[0], grid.width), inside(middle[1] + by * arrow[1], grid.height)]);
    } else if (key === 'enter' || key === ' ') dab(middle);
    else if (key === '[') onBrush({ tool, size: Math.max(1, size - 1) });
    else if (key === ']') onBrush({ tool, size: Math.min(longerSide(grid), size + 1) });
    else if (chosen) onBrush({ tool: chosen, size });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
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
          setStroke({ correction: painted(now, strokeCells(grid, place, place, size)), last: place });
        }}
        onPointerMove={(event) => {
          const place = placeOf(event);
          setAt(place);
          if (!stroke) return;
          setStroke({
            correction: painted(stroke.correction, strokeCells(grid, stroke.last, place, size)),
            last: place,
          });
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
        <CellLayer layer={layer} found={found} mask={mask} correction={shown} />
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
  );
}
