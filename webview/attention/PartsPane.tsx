import { type KeyboardEvent, type PointerEvent, type ReactNode, useLayoutEffect, useRef } from 'react';
import { clusterColour, type Rgb } from '../../extension/protocol/colours';
import { cellAt, middleOf, type Size } from '../../extension/protocol/size';
import { borders, outline } from '../ui/cellPaths';
import { Icon } from '../ui/Icon';
import { cssColour } from './heat';

export type PartsSide = 'structure' | 'appearance';

/** A part as it is drawn. */
export interface ShownPart {
  /** Its number and colour: those of a part of the appearance; undefined where its look comes from elsewhere. */
  colour: number | undefined;
  /** The cell of its number. */
  middle: number;
  /** For those who can't see it. */
  label: string;
  /** The graph says what it is matched with. */
  corrected?: boolean;
}

/** One of the two images under its parts. */
export function PartsPane(props: {
  side: PartsSide;
  label: string;
  grid: Size;
  /** The picture on the page. */
  box: Size;
  labels: Uint8Array;
  parts: readonly ShownPart[];
  /** Numbers of colours. */
  colours: number;
  /** Parts in the light; all where there is none. */
  lit: ReadonlySet<number>;
  chosen: number | undefined;
  onPoint: (part: number | undefined) => void;
  onChoose: (part: number) => void;
  onDelete?: (part: number) => void;
  children: ReactNode;
}) {
  const { side, label, grid, box, labels, parts, colours, lit, chosen, onPoint, onChoose } = props;
  const partAt = (event: PointerEvent<HTMLDivElement> | React.MouseEvent<HTMLDivElement>): number => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    return labels[cellAt((event.clientX - left) / width, (event.clientY - top) / height, grid)] ?? 0;
  };
  const onKeyDown = (part: number) => (event: KeyboardEvent) => {
    if (event.key !== 'Delete' && event.key !== 'Backspace') return;
    event.preventDefault();
    event.stopPropagation();
    props.onDelete?.(part);
  };
  const marked = Uint8Array.from(labels, (part) => Number(lit.has(part)));
  const picked = Uint8Array.from(labels, (part) => Number(part === chosen));
  return (
    <figure className="inspect-figure" style={{ width: box.width }}>
      <figcaption>{label}</figcaption>
      <div
        className="inspect-pane parts-pane"
        style={{ ...box }}
        data-testid={`parts-${side}`}
        onPointerMove={(event) => onPoint(partAt(event))}
        onPointerLeave={() => onPoint(undefined)}
        onClick={(event) => onChoose(partAt(event))}
      >
        <div className="inspect-picture">{props.children}</div>
        <Cells {...{ side, grid, labels, parts, colours, lit }} />
        <svg className="inspect-marks" viewBox={`0 0 ${grid.width} ${grid.height}`} aria-hidden="true">
          <path className="mask-borders" d={borders(labels, grid)} />
          {lit.size > 0 && <path className="mask-halo" d={outline(marked, grid)} />}
          {lit.size > 0 && <path className="mask-line" d={outline(marked, grid)} />}
          {chosen !== undefined && <path className="parts-chosen" d={outline(picked, grid)} />}
        </svg>
        {parts.map(({ colour, middle, label: words, corrected }, part) => {
          const [x, y] = middleOf(middle, grid);
          return (
            <button
              key={part}
              type="button"
              className={corrected ? 'parts-badge corrected' : 'parts-badge'}
              style={{
                left: `${100 * x}%`,
                top: `${100 * y}%`,
                ...(colour === undefined ? {} : { backgroundColor: cssColour(clusterColour(colour, colours)) }),
              }}
              aria-label={words}
              aria-pressed={part === chosen}
              aria-describedby="inspect-sentence"
              data-testid={`parts-${side}-${part + 1}`}
              data-colour={colour === undefined ? 'none' : colour + 1}
              onFocus={() => onPoint(part)}
              onBlur={() => onPoint(undefined)}
              onKeyDown={onKeyDown(part)}
              onClick={(event) => {
                event.stopPropagation();
                onChoose(part);
              }}
            >
              {colour === undefined ? '–' : colour + 1}
              {corrected && <Icon name="pinned" />}
            </button>
          );
        })}
      </div>
    </figure>
  );
}

const GREY: Rgb = [128, 128, 128];
const OPACITY = 0.55;
/** Of parts that are not in the light while others are. */
const DIM = 0.16;

/** The parts in their colours, one pixel a cell; the page scales them. */
function Cells(props: {
  side: PartsSide;
  grid: Size;
  labels: Uint8Array;
  parts: readonly ShownPart[];
  colours: number;
  lit: ReadonlySet<number>;
}) {
  const { side, grid, labels, parts, colours, lit } = props;
  const { width, height } = grid;
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const image = new ImageData(width, height);
    for (const [cell, part] of labels.entries()) {
      const colour = parts[part]?.colour;
      const opacity = lit.size > 0 && !lit.has(part) ? DIM : OPACITY;
      image.data.set([...(colour === undefined ? GREY : clusterColour(colour, colours)), 255 * opacity], 4 * cell);
    }
    context.putImageData(image, 0, 0);
  }, [width, height, labels, parts, colours, lit]);
  return (
    <canvas
      ref={canvas}
      className="mask-cells"
      width={width}
      height={height}
      aria-hidden="true"
      data-testid={`parts-cells-${side}`}
    />
  );
}
