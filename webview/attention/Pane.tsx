import { useLayoutEffect, useMemo, useRef, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { cellAt, middleOf, type Size } from '../../extension/protocol/size';
import { ARROWS } from '../ui/arrows';
import { correspondencePixels, DRAWN, heatPixels, WATCH_COLOURS, watchPixels, placePixels } from './heat';
import {
  type Correspondence,
  type Point,
  type PointMap,
  type Side,
  toggleWatch,
  useAttention,
  type Watch,
} from './store';

export interface Watched {
  watch: Watch;
  point: Point;
  found: PointMap | undefined;
}

export interface Hovered {
  point: Point;
  found: PointMap | undefined;
}

/** One of the two pictures: listens to the pointer and to arrow keys, and lies under what is seen in it. */
export function Pane(props: {
  which: Side;
  label: string;
  grid: Size;
  /** Its picture on the page. */
  box: Size;
  watched: readonly Watched[];
  hovered: Hovered | undefined;
  correspondence: Correspondence | undefined;
  disabled: boolean;
  children: ReactNode;
}) {
  const { which, label, grid, box: size, watched, hovered, correspondence, disabled } = props;
  const overlay = useOverlay(which, grid, watched, hovered, correspondence);
  /** Marks count in widths of the picture: so high it is. */
  const tall = size.height / size.width;
  const own = hovered?.point.side === which ? hovered.point.token : undefined;

  const point = (token: number | undefined) => {
    const before = useAttention.getState().hover;
    if (before?.token === token && before?.side === which) return;
    useAttention.setState({ hover: token === undefined ? undefined : { side: which, token } });
  };
  const onPointer = (event: PointerEvent<HTMLDivElement>) => {
    if (disabled) return;
    const box = event.currentTarget.getBoundingClientRect();
    point(cellAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, grid));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (disabled) return;
    const by = (event.shiftKey ? 4 : 1) * (event.ctrlKey || event.metaKey || event.altKey ? 0 : 1);
    const arrow = ARROWS[event.key];
    const at = own ?? cellAt(0.5, 0.5, grid);
    if (arrow && by > 0) {
      const inside = (value: number, cells: number) => Math.min(cells - 1, Math.max(0, value));
      const x = inside((at % grid.width) + by * arrow[0], grid.width);
      const y = inside(Math.floor(at / grid.width) + by * arrow[1], grid.height);
      point(own === undefined ? at : y * grid.width + x);
    } else if (event.key === 'Enter' || event.key === ' ') toggleWatch(which, ...middleOf(at, grid));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <figure className="inspect-figure" style={{ width: size.width }}>
      <figcaption>{label}</figcaption>
      <div
        className={`inspect-pane ${overlay.dim ? 'dimmed' : ''} ${disabled ? 'disabled' : ''}`}
        style={{ ...size }}
        role="application"
        tabIndex={0}
        aria-roledescription="picture to point at"
        aria-label={`${label}. Arrow keys move the point, Enter watches it.`}
        aria-describedby="inspect-sentence"
        aria-disabled={disabled}
        data-testid={`inspect-${which}`}
        onPointerMove={onPointer}
        onPointerLeave={() => point(undefined)}
        onFocus={(event) => {
          // Coming by keyboard, the point starts in the middle.
          if (event.target.matches(':focus-visible') && own === undefined) point(cellAt(0.5, 0.5, grid));
        }}
        onBlur={() => point(undefined)}
        onKeyDown={onKeyDown}
        onClick={(event) => {
          if (disabled) return;
          const box = event.currentTarget.getBoundingClientRect();
          toggleWatch(which, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
        }}
      >
        <div className="inspect-picture">{props.children}</div>
        <Overlay image={overlay.image} which={which} />
        <svg className="inspect-marks" viewBox={`0 0 1 ${tall}`} aria-hidden="true">
          {own !== undefined && <Cell token={own} grid={grid} tall={tall} />}
        </svg>
      </div>
    </figure>
  );
}

/** What covers the picture: the pointed place's heat, else that of the watched ones, else the colours of correspondence. */
function useOverlay(
  which: Side,
  { width, height }: Size,
  watched: readonly Watched[],
  hovered: Hovered | undefined,
  correspondence: Correspondence | undefined,
): { image: ImageData | undefined; dim: boolean } {
  const heat = hovered && hovered.point.side !== which ? hovered.found?.map : undefined;
  const seen = useMemo(() => watched.filter(({ point, found }) => point.side !== which && found), [watched, which]);
  const targets = correspondence?.targets;
  const image = useMemo(() => {
    if (targets) return which === 'output' ? correspondencePixels(targets, { width, height }) : placePixels();
    if (heat) return heatPixels(heat, { width, height });
    if (seen.length === 0) return undefined;
    return watchPixels(
      seen.map(({ watch, found }) => ({
        map: found?.map ?? [],
        colour: WATCH_COLOURS[watch.colour] ?? [255, 255, 255],
      })),
      { width, height },
    );
  }, [targets, heat, seen, which, width, height]);
  return { image, dim: image !== undefined };
}

function Overlay({ image, which }: { image: ImageData | undefined; which: Side }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    if (image) context.putImageData(image, 0, 0);
    else context.clearRect(0, 0, DRAWN, DRAWN);
  }, [image]);
  return (
    <canvas
      ref={canvas}
      className="inspect-heat"
      width={DRAWN}
      height={DRAWN}
      aria-hidden="true"
      data-testid={`inspect-heat-${which}`}
      data-shown={image !== undefined}
    />
  );
}

function Cell({ token, grid, tall }: { token: number; grid: Size; tall: number }) {
  const size = 1 / grid.width;
  const height = tall / grid.height;
  const at = { x: (token % grid.width) * size, y: Math.floor(token / grid.width) * height, width: size, height };
  return (
    <>
      <rect className="cell-halo" {...at} rx={size / 6} />
      <rect className="cell-line" {...at} rx={size / 6} />
    </>
  );
}
