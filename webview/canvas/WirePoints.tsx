import { type CSSProperties, type KeyboardEvent, type PointerEvent, useRef } from 'react';
import { useReactFlow, ViewportPortal } from '@xyflow/react';
import { movePoint, removePoint } from '../model/actions/points';
import { snapped } from '../model/actions/places';
import { canvasControl } from '../model/control';
import { type Point } from '../model/geometry';
import { studio, useStudio } from '../model/store';
import { type Wire, wireId } from '../model/wires';
import { readable } from '../model/words';
import { stepOf } from './keyboard';

/** A hand that moves less means a click. */
const STILL = 3;

interface Grip {
  pointer: Point;
  /** From the pointer to the point. */
  offset: Point;
}

/** The reroute points of a wire: dragged, moved by the arrow keys, removed by Delete or a double click. */
export function WirePoints(props: { wire: Wire; points: readonly Point[]; selected: boolean; style: CSSProperties }) {
  const { wire, points, selected, style } = props;
  const flow = useReactFlow();
  const grip = useRef<Grip>(undefined);
  const id = wireId(wire);
  const inFlow = ({ clientX: x, clientY: y }: PointerEvent) =>
    flow.screenToFlowPosition({ x, y }, { snapToGrid: false });
  const letGo = () => {
    grip.current = undefined;
    if (studio().pointHeld) useStudio.setState({ pointHeld: undefined });
  };
  const onPointerDown = (event: PointerEvent<HTMLElement>, at: Point) => {
    if (event.button !== 0 || studio().readOnly) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const pointer = inFlow(event);
    grip.current = {
      pointer: { x: event.clientX, y: event.clientY },
      offset: { x: at.x - pointer.x, y: at.y - pointer.y },
    };
  };
  const onPointerMove = (event: PointerEvent, index: number) => {
    const { pointer, offset } = grip.current ?? {};
    if (!pointer || !offset) return;
    const still = Math.hypot(event.clientX - pointer.x, event.clientY - pointer.y) < STILL;
    if (still && !studio().pointHeld) return;
    const { x, y } = inFlow(event);
    useStudio.setState({ pointHeld: { wire: id, index, at: snapped({ x: x + offset.x, y: y + offset.y }) } });
  };
  const onPointerUp = () => {
    const { pointHeld } = studio();
    if (grip.current && pointHeld) movePoint(wire, pointHeld.index, pointHeld.at);
    letGo();
  };
  const onKeyDown = (event: KeyboardEvent, index: number) => {
    const { key, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey) return;
    const step = stepOf(key);
    const at = wire.points?.[index];
    if (key === 'Escape' && grip.current) letGo();
    else if (key === 'Escape') canvasControl().focusCanvas();
    else if (key === 'Delete' || key === 'Backspace') removePoint(wire, index);
    else if (step && at) movePoint(wire, index, { x: at.x + step.x, y: at.y + step.y });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const of = points.length > 1 ? ` of ${points.length}` : '';
  return (
    <ViewportPortal>
      {points.map((at, index) => (
        <button
          key={index}
          type="button"
          className={`wire-point nopan${selected ? ' selected' : ''}`}
          style={{ ...style, transform: `translate(${at.x}px, ${at.y}px)` }}
          // Tab goes along those of the selected wire; the canvas leads to the first.
          tabIndex={selected ? 0 : -1}
          aria-label={`Reroute point ${index + 1}${of}, wire from ${readable(wire.source)} to ${readable(wire.target)}`}
          data-wire={id}
          data-index={index}
          data-testid={`point-${id}-${index}`}
          onPointerDown={(event) => onPointerDown(event, at)}
          onPointerMove={(event) => onPointerMove(event, index)}
          onPointerUp={onPointerUp}
          onLostPointerCapture={letGo}
          onKeyDown={(event) => onKeyDown(event, index)}
          onDoubleClick={(event) => {
            event.stopPropagation();
            removePoint(wire, index);
          }}
        />
      ))}
    </ViewportPortal>
  );
}
