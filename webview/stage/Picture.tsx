import { type PointerEvent, type RefObject, useEffect, useRef, useState } from 'react';
import { sameSize, type Size } from '../../extension/protocol/size';
import { type Shown } from '../nodes/NodePicture';
import { StepImage } from '../ui/StepImage';
import { difference } from './difference';
import { pixelsOf, sizeOf } from './pixels';
import { type Mode, type Other } from './compared';
import { type View } from './view';

/** Pixels show as squares from here on. */
const SQUARES_FROM = 8;

/** The image and, over it in the same place, what it is compared with. Both stay decoded, so that flipping waits for nothing. */
export function Picture(props: {
  frame: RefObject<HTMLDivElement | null>;
  shown: Shown;
  other: Other | undefined;
  names: [other: string, now: string];
  mode: Mode;
  /** Per cent of the width that show the other, in the mode with a slider. */
  at: number;
  setAt: (at: number) => void;
  /** The other shows. */
  hidden: boolean;
  place: View | undefined;
  size: Size | undefined;
  onSize: (change: (before: Size | undefined) => Size) => void;
  onMean: (mean: number | undefined) => void;
}) {
  const { frame, shown, other, names, mode, at, setAt, hidden, place, size, onSize, onMean } = props;
  const heat = useRef<HTMLCanvasElement>(null);
  // What has loaded last: sizes and pixels are there from then on.
  const [loaded, setLoaded] = useState(0);
  const { url, step } = shown;
  useEffect(() => {
    const now = layer(frame.current, 'now');
    const found = now && sizeOf(now);
    if (!found) return;
    // A step's preview may be smaller than the result that it stands in for: the view stays.
    onSize((before) => (before && (sameSize(before, found) || (step && sameShape(before, found))) ? before : found));
  }, [frame, loaded, url, step, onSize]);
  useEffect(() => {
    const [now, under] = [layer(frame.current, 'now'), layer(frame.current, 'other')];
    const canvas = heat.current;
    const found = now && sizeOf(now);
    if (!now || !under || !found || !sizeOf(under) || !canvas) return onMean(undefined);
    const [a, b] = [pixelsOf(under, found), pixelsOf(now, found)];
    if (!a || !b) return onMean(undefined);
    const { pixels, mean } = difference(a, b);
    canvas.width = found.width;
    canvas.height = found.height;
    canvas.getContext('2d')?.putImageData(new ImageData(pixels, found.width, found.height), 0, 0);
    onMean(mean);
  }, [frame, loaded, url, step, other?.url, onMean]);
  const style = place &&
    size && { left: place.x, top: place.y, width: size.width * place.scale, height: size.height * place.scale };
  const otherStyle =
    mode === 'slider' ? { clipPath: `inset(0 ${100 - at}% 0 0)` } : { visibility: hidden ? 'visible' : 'hidden' };
  return (
    <div
      className={place && place.scale >= SQUARES_FROM ? 'stage-picture squares' : 'stage-picture'}
      ref={frame}
      style={style ?? { visibility: 'hidden' }}
      data-testid="stage-picture"
      data-shows={mode === 'difference' && other ? 'difference' : hidden ? 'other' : 'now'}
      onLoadCapture={() => setLoaded((count) => count + 1)}
    >
      <div className="stage-layer" data-layer="now">
        {step ? (
          <StepImage step={step} label={shown.label} />
        ) : (
          <img src={url} alt={shown.label} crossOrigin="anonymous" draggable={false} />
        )}
      </div>
      {other && (
        <>
          <div className="stage-layer" data-layer="other" style={otherStyle as object}>
            <img key={other.url} src={other.url} alt={other.name} crossOrigin="anonymous" draggable={false} />
          </div>
          <div className="stage-layer" data-layer="difference" hidden={mode !== 'difference'}>
            <canvas ref={heat} role="img" aria-label={`Difference between ${names[0]} and ${names[1]}`} />
          </div>
          {mode === 'slider' && <Line at={at} setAt={setAt} />}
          {mode !== 'difference' && (
            <div className="compare-names stage-names" aria-hidden="true">
              {mode === 'slider' ? (
                <>
                  <span>{names[0]}</span>
                  <span>{names[1]}</span>
                </>
              ) : (
                <span data-testid="stage-name">{hidden ? names[0] : names[1]}</span>
              )}
            </div>
          )}
        </>
      )}
    </div>
  );
}

/** Where the two images meet; the range below does the same by keyboard. */
function Line(props: { at: number; setAt: (at: number) => void }) {
  const move = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.parentElement?.getBoundingClientRect();
    if (!box || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    props.setAt(Math.round(Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100))));
  };
  return (
    <div
      className="stage-line"
      style={{ left: `${props.at}%` }}
      data-testid="stage-line"
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={move}
    >
      <div className="compare-line" aria-hidden="true">
        <span className="compare-grip" />
      </div>
    </div>
  );
}

const sameShape = (a: Size, b: Size) => Math.abs(a.width / a.height - b.width / b.height) < 0.01;

function layer(frame: HTMLElement | null, name: 'now' | 'other'): HTMLImageElement | HTMLCanvasElement | undefined {
  return frame?.querySelector<HTMLImageElement | HTMLCanvasElement>(`[data-layer="${name}"] > *`) ?? undefined;
}
