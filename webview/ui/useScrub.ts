import { type PointerEvent, useEffect, useRef } from 'react';
import { CLICK_PX, Scrub, type ScrubSpan } from '../model/scrub';

export const SCRUB_HINT = 'Drag to change. Shift: fine, Ctrl or Alt: coarse.';

/**
 * Handlers for a label or a field whose number changes as it is dragged sideways. `onScrub` shows the number of the moment; `onDone` takes
 * the last one, or undefined when Escape ended the drag. A field that is being typed in is left to its text.
 */
export function useScrub(
  enabled: boolean,
  start: () => (ScrubSpan & { value: number }) | undefined,
  onScrub: (value: number) => void,
  onDone: (value: number | undefined) => void,
): { className: string; onPointerDown: (event: PointerEvent<HTMLElement>) => void } {
  const stop = useRef<(() => void) | undefined>(undefined);
  // A field that goes away takes its drag along.
  useEffect(() => () => stop.current?.(), []);
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    const element = event.currentTarget;
    const typing = element instanceof HTMLInputElement && document.activeElement === element;
    const from = event.button === 0 && enabled && !typing ? start() : undefined;
    if (!from) return;
    // Neither the focus nor a selection of text yet: it may be a drag.
    event.preventDefault();
    const scrub = new Scrub(from.value, from);
    let x = event.clientX;
    let shown: number | undefined;
    const finish = (value: number | undefined) => {
      stop.current?.();
      if (shown !== undefined) onDone(value);
    };
    const move = (now: globalThis.PointerEvent) => {
      if (shown === undefined && Math.abs(now.clientX - x) < CLICK_PX) return;
      shown = scrub.move(now.clientX - x, now);
      x = now.clientX;
      onScrub(shown);
    };
    const up = () => {
      const clicked = shown === undefined;
      finish(shown);
      const field = element instanceof HTMLLabelElement ? element.control : element;
      if (!clicked) return;
      field?.focus();
      if (field instanceof HTMLInputElement) field.select();
    };
    const cancel = () => finish(undefined);
    const key = (pressed: KeyboardEvent) => {
      if (pressed.key !== 'Escape') return;
      pressed.stopPropagation();
      pressed.preventDefault();
      cancel();
    };
    // The click that follows would put the focus back where a label leads.
    const click = (clicked: MouseEvent) => clicked.preventDefault();
    element.setPointerCapture(event.pointerId);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', up);
    element.addEventListener('pointercancel', cancel);
    element.addEventListener('click', click, { once: true });
    window.addEventListener('keydown', key, true);
    document.body.classList.add('scrubbing');
    stop.current = () => {
      stop.current = undefined;
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', up);
      element.removeEventListener('pointercancel', cancel);
      window.setTimeout(() => element.removeEventListener('click', click));
      window.removeEventListener('keydown', key, true);
      document.body.classList.remove('scrubbing');
    };
  };
  return { className: enabled ? 'scrubs' : '', onPointerDown };
}
