import { type PointerEvent, useEffect, useRef, useState, type WheelEvent } from 'react';
import { type Size } from '../../extension/protocol/size';
import { ARROWS } from '../ui/arrows';
import { centred, fitView, type View, zoomAt } from './view';

const STEP = 1.25;
const PAN = 60;

/** Where the image lies in its room, and what pointer, wheel and keys make of that. It fits until one of them is used. */
export function usePlace(size: Size | undefined, room: Size) {
  const [own, setOwn] = useState<View>();
  const drag = useRef<{ x: number; y: number; view: View } | undefined>(undefined);
  // An image of another size is another image: it begins as the first did.
  const [sized, setSized] = useState(size);
  if (size && sized && (size.width !== sized.width || size.height !== sized.height)) {
    setSized(size);
    setOwn(undefined);
  } else if (size && !sized) setSized(size);
  const view = size && (own ?? fitView(size, room));
  const ratio = useRatio();

  const onKey = (key: string): boolean => {
    if (!view || !size) return false;
    const middle = { x: room.width / 2, y: room.height / 2 };
    const arrow = ARROWS[key];
    if (arrow) setOwn({ ...view, x: view.x - PAN * arrow[0], y: view.y - PAN * arrow[1] });
    else if (key === '+' || key === '=') setOwn(zoomAt(view, STEP, middle));
    else if (key === '-') setOwn(zoomAt(view, 1 / STEP, middle));
    else if (key === '0' || key === 'f' || key === 'F') setOwn(undefined);
    else if (key === '1') setOwn(centred(size, room, 1 / ratio));
    else return false;
    return true;
  };
  const handlers = {
    onWheel: (event: WheelEvent<HTMLElement>) => {
      if (!view) return;
      const box = event.currentTarget.getBoundingClientRect();
      const factor = Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 300);
      setOwn(zoomAt(view, factor, { x: event.clientX - box.left, y: event.clientY - box.top }));
    },
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      if (!view || event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { x: event.clientX, y: event.clientY, view };
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const from = drag.current;
      if (!from) return;
      setOwn({
        ...from.view,
        x: from.view.x + event.clientX - from.x,
        y: from.view.y + event.clientY - from.y,
      });
    },
    onPointerUp: () => (drag.current = undefined),
    onPointerCancel: () => (drag.current = undefined),
    onDoubleClick: () => setOwn(own || !size ? undefined : centred(size, room, 1 / ratio)),
  };
  return { view, percent: view && Math.round(view.scale * ratio * 100), onKey, handlers };
}

/** Pixels of the screen in one of CSS. */
function useRatio(): number {
  const [ratio, setRatio] = useState(window.devicePixelRatio);
  useEffect(() => {
    const query = window.matchMedia(`(resolution: ${ratio}dppx)`);
    const changed = () => setRatio(window.devicePixelRatio);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, [ratio]);
  return ratio;
}
