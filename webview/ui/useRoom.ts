import { useLayoutEffect, useRef, useState, type RefObject } from 'react';
import { type Size } from '../../extension/protocol/size';

/** The element to measure, and the room it has, in CSS pixels. */
export function useRoom(): [RefObject<HTMLDivElement | null>, Size] {
  const ref = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ width: 640, height: 320 });
  useLayoutEffect(() => {
    if (!ref.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setRoom({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, room];
}
