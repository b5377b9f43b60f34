import { useState, type KeyboardEvent, type PointerEvent } from 'react';

/**
 * The line between two panes. The pane it sizes lies right of a vertical and below a horizontal one, so that moving the line
 * towards the start makes the pane larger. Arrow keys move it too.
 */
export function Splitter(props: {
  orientation: 'vertical' | 'horizontal';
  label: string;
  controls: string;
  size: number;
  min: number;
  max: number;
  onSize: (size: number) => void;
}) {
  const { orientation, size, min, max, onSize } = props;
  const [from, setFrom] = useState<{ at: number; size: number } | undefined>();
  const at = (event: PointerEvent) => (orientation === 'vertical' ? event.clientX : event.clientY);
  const bounded = (value: number) => Math.min(max, Math.max(min, Math.round(value)));
  const onKeyDown = (event: KeyboardEvent) => {
    const larger = orientation === 'vertical' ? 'ArrowLeft' : 'ArrowUp';
    const smaller = orientation === 'vertical' ? 'ArrowRight' : 'ArrowDown';
    if (event.key !== larger && event.key !== smaller) return;
    event.preventDefault();
    event.stopPropagation();
    onSize(bounded(size + (event.key === larger ? 20 : -20)));
  };
  return (
    <div
      className={`splitter ${orientation} ${from ? 'dragging' : ''}`}
      role="separator"
      tabIndex={0}
      aria-orientation={orientation}
      aria-label={props.label}
      aria-controls={props.controls}
      aria-valuenow={size}
      aria-valuemin={min}
      aria-valuemax={max}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setFrom({ at: at(event), size });
      }}
      onPointerMove={(event) => from && onSize(bounded(from.size + from.at - at(event)))}
      onPointerUp={() => setFrom(undefined)}
      onPointerCancel={() => setFrom(undefined)}
    />
  );
}
