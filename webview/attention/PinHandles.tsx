import { useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { type Pin } from '../../extension/graph';
import { cellAt, shorterSide, type Size } from '../../extension/protocol/size';
import { ARROWS } from '../ui/arrows';
import { type Watched } from './Pane';
import {
  cancelDrag,
  deletePin,
  focusCircle,
  mayEdit,
  mutePin,
  nudgePins,
  pinsNow,
  slidePins,
  writePins,
} from './pinEdits';
import { circleWords, type End, inside, moved, NEW_RADIUS, notchesOf, resized, withCircle } from './pins';
import { type Side, unwatch, useAttention } from './store';

/** A pin with its place in the file's list, which is also its number. */
export interface ShownPin {
  pin: Pin;
  index: number;
  dragged: boolean;
  /** Its circle with the focus. */
  focused: End | undefined;
}

/** The swap whose pins are shown. */
export interface Pinning {
  swap: string;
  /** All its pins, with what is being dragged. */
  pins: readonly Pin[];
  /** Those of the appearance that is shown. */
  shown: readonly ShownPin[];
  /** Of the appearance that is shown, from 1. */
  appearance: number;
}

interface Stage {
  /** Each picture on the page. */
  box: Size;
  gap: number;
  grid: Size;
}

const SIDES: Readonly<Record<End, Side>> = { to: 'output', from: 'source' };

const leaveTo = (side: Side) => document.querySelector<HTMLElement>(`[data-testid="inspect-${side}"]`)?.focus();

/** What of the drawing can be grabbed: circles of pins, and the far ends of watched places. */
export function PinHandles(props: Stage & { pinning: Pinning; watched: readonly Watched[] }) {
  const { pinning, watched, ...stage } = props;
  const { box, gap } = stage;
  return (['output', 'source'] as const).map((side) => (
    <div
      key={side}
      className="pin-layer"
      style={{ left: side === 'output' ? 0 : box.width + gap, width: box.width, height: box.height }}
    >
      {watched.map(
        (one) =>
          one.point.side !== side &&
          one.found && <FarEnd key={one.watch.id} {...stage} pinning={pinning} watched={one} side={side} />,
      )}
      {pinning.shown.map((shown) => (
        <CircleHandle
          key={shown.index}
          {...stage}
          pinning={pinning}
          shown={shown}
          end={side === 'output' ? 'to' : 'from'}
        />
      ))}
    </div>
  ));
}

/** The place of one picture under the pointer; what lies outside comes to its edge. */
function placeOf(event: PointerEvent<HTMLElement>, box: Size): { x: number; y: number } {
  const layer = event.currentTarget.closest('.pin-layer')!.getBoundingClientRect();
  return { x: (event.clientX - layer.left) / box.width, y: (event.clientY - layer.top) / box.height };
}

const pointAt = (side: Side, { x, y }: { x: number; y: number }, grid: Size): void =>
  useAttention.setState({ hover: { side, token: cellAt(x, y, grid) } });
const pointAway = () => useAttention.setState({ hover: undefined });

function CircleHandle(props: Stage & { pinning: Pinning; shown: ShownPin; end: End }) {
  const { box, grid, pinning, shown, end } = props;
  const { swap } = pinning;
  const { pin, index } = shown;
  const circle = pin[end];
  const radius = circle.radius * shorterSide(box);
  const size = Math.max(16, 2 * radius);
  /** Where in the circle it was grabbed, while it is. */
  const grabbed = useRef<{ dx: number; dy: number } | undefined>(undefined);
  const change = (to: (now: typeof circle) => typeof circle) => withCircle(pinsNow(swap), { index, end }, to);
  const side = SIDES[end];

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      grabbed.current = undefined;
      if (!cancelDrag()) leaveTo(side);
      return;
    }
    const by = event.shiftKey ? 0.05 : 0.01;
    const arrow = ARROWS[event.key];
    const sizes: Record<string, number> = { '+': 1, '=': 1, '-': -1, _: -1 };
    const move: [number, number] | undefined = arrow && [by * arrow[0], by * arrow[1]];
    const notches = sizes[event.key];
    const acts =
      move ?? notches ?? (['m', 'delete', 'backspace'].includes(event.key.toLowerCase()) ? event.key : undefined);
    if (acts === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (!mayEdit(swap)) return;
    if (move) {
      nudgePins(
        swap,
        change((now) => moved(now, ...move)),
      );
      pointAt(side, moved(circle, ...move), grid);
    } else if (notches !== undefined)
      nudgePins(
        swap,
        change((now) => resized(now, notches)),
      );
    else if (event.key.toLowerCase() === 'm') mutePin(swap, pinsNow(swap), index);
    else deletePin(swap, pinsNow(swap), index, end);
  };
  const stop = (event: PointerEvent<HTMLElement>) => {
    const dragged = useAttention.getState().dragging !== undefined;
    if (grabbed.current && dragged && event.type === 'pointerup')
      writePins(swap, pinsNow(swap), `Move pin ${index + 1}`);
    grabbed.current = undefined;
  };
  return (
    <div
      className="pin-handle"
      style={{
        left: circle.x * box.width - size / 2,
        top: circle.y * box.height - size / 2,
        width: size,
        height: size,
      }}
      role="application"
      tabIndex={0}
      aria-roledescription="pin"
      aria-label={circleWords({ index, end }, pin)}
      aria-describedby="inspect-sentence"
      data-testid={`pin-${index + 1}-${end}`}
      data-muted={pin.muted === true}
      onKeyDown={onKeyDown}
      onFocus={() => {
        useAttention.setState({ circle: { index, end } });
        pointAt(side, circle, grid);
      }}
      onBlur={() => {
        useAttention.setState({ circle: undefined });
        pointAway();
      }}
      onWheel={(event) => {
        if (mayEdit(swap))
          nudgePins(
            swap,
            change((now) => resized(now, notchesOf(event))),
          );
      }}
      onPointerDown={(event) => {
        if (event.button !== 0 || !mayEdit(swap)) return;
        const { x, y } = placeOf(event, box);
        event.currentTarget.setPointerCapture(event.pointerId);
        grabbed.current = { dx: circle.x - x, dy: circle.y - y };
      }}
      onPointerMove={(event) => {
        const { x, y } = placeOf(event, box);
        // What lies below a circle can be pointed at as anywhere.
        if (!grabbed.current) return pointAt(side, inside({ x, y }), grid);
        const { dx, dy } = grabbed.current;
        const to = inside({ x: x + dx, y: y + dy });
        if (to.x === circle.x && to.y === circle.y) return;
        pointAt(side, to, grid);
        slidePins(
          swap,
          change((now) => ({ ...now, ...to })),
          index,
        );
      }}
      onPointerUp={stop}
      onPointerCancel={stop}
      onPointerLeave={pointAway}
    />
  );
}

/** The end of a watched place's line, where its look comes from (or goes to). Dragged elsewhere it becomes a pin. */
function FarEnd(props: Stage & { pinning: Pinning; watched: Watched; side: Side }) {
  const { box, pinning, watched, side } = props;
  const { swap, pins, appearance } = pinning;
  const { watch, found } = watched;
  const end: End = side === 'output' ? 'to' : 'from';
  const peak = { x: found!.peak.x, y: found!.peak.y };
  /** The pins before the drag, while it lasts. */
  const before = useRef<readonly Pin[] | undefined>(undefined);
  const withNew = (to: { x: number; y: number }): readonly Pin[] => {
    const near = { x: watch.x, y: watch.y, radius: NEW_RADIUS };
    const far = { ...to, radius: NEW_RADIUS };
    const pin: Pin = end === 'from' ? { to: near, from: far } : { to: far, from: near };
    return [...(before.current ?? pins), appearance === 1 ? pin : { ...pin, appearance }];
  };
  const finish = (list: readonly Pin[]) => {
    writePins(swap, list, `Add pin ${list.length}`);
    unwatch(watch.id);
    focusCircle({ index: list.length - 1, end });
  };
  const stop = (event: PointerEvent<HTMLElement>) => {
    const dragged = useAttention.getState().dragging !== undefined;
    if (before.current && dragged && event.type === 'pointerup') finish(pinsNow(swap));
    before.current = undefined;
  };
  return (
    <button
      type="button"
      className="pin-far-end"
      style={{ left: peak.x * box.width, top: peak.y * box.height }}
      aria-label={`Take it from here instead: make watched location ${watch.id} a pin`}
      title={
        end === 'from'
          ? 'Drag to where the look should come from (Enter sets a pin to move by keyboard)'
          : 'Drag to where this look should go (Enter sets a pin to move by keyboard)'
      }
      data-testid={`inspect-far-end-${watch.id}`}
      onClick={(event) => {
        // By keyboard or a screen reader, which do not drag.
        if (event.detail === 0 && mayEdit(swap, 1)) finish(withNew(peak));
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !cancelDrag()) return;
        event.preventDefault();
        event.stopPropagation();
        before.current = undefined;
      }}
      onPointerDown={(event) => {
        if (event.button !== 0 || !mayEdit(swap, 1)) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        before.current = pins;
      }}
      onPointerMove={(event) => {
        if (before.current) slidePins(swap, withNew(inside(placeOf(event, box))), before.current.length);
      }}
      onPointerUp={stop}
      onPointerCancel={stop}
    />
  );
}
