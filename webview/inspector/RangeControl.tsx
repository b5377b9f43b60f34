import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { type RangeParam } from '../../extension/graph';
import { RangeBar } from '../nodes/Rows';
import { flushParams } from '../model/actions/params';
import { asRange, rangeEnd } from '../model/rangeEnds';
import { useStudio } from '../model/store';
import { moveRangeEnd, reachedPercent, shiftRange } from '../model/stepMaths';
import { type ControlProps } from '../ui/controlProps';
import { NumberField } from '../ui/NumberControl';

type Range = [number, number];
type Grip = { part: 0 | 1 | 'both'; startX: number; start: Range };

/** When something acts, as a bar over the whole schedule; what the run never reaches is shaded. Dragging makes one edit. */
export function RangeControl(props: ControlProps<RangeParam>) {
  const { param, data, disabled, inputId, describedBy, onChange } = props;
  const value = asRange(props.value) ?? [param.min, param.max];
  const [dragged, show] = useState<Range | undefined>();
  const setDragged = (range: Range | undefined) => {
    show(range);
    useStudio.setState({ sliding: range && { id: props.node, param: param.name, value: range } });
  };
  const [grip, setGrip] = useState<Grip | undefined>();
  const shown = dragged ?? value;
  const commit = (range: Range) => {
    onChange(range);
    flushParams();
  };
  const take = (part: Grip['part']) => (event: PointerEvent) => {
    if (disabled) return;
    event.stopPropagation();
    event.currentTarget.closest('.range-control')?.setPointerCapture(event.pointerId);
    setGrip({ part, startX: event.clientX, start: value });
    setDragged(value);
  };
  const move = (event: PointerEvent) => {
    const { width } = event.currentTarget.getBoundingClientRect();
    if (!grip || !width) return;
    const by = (100 * (event.clientX - grip.startX)) / width;
    setDragged(
      grip.part === 'both'
        ? shiftRange(grip.start, by)
        : moveRangeEnd(grip.start, grip.part, grip.start[grip.part] + by),
    );
  };
  const drop = () => {
    if (dragged) commit(dragged);
    setGrip(undefined);
    setDragged(undefined);
  };
  const onKey = (end: 0 | 1) => (event: KeyboardEvent) => {
    const step = stepOf(event);
    if (step === undefined || disabled) return;
    event.preventDefault();
    event.stopPropagation();
    onChange(moveRangeEnd(value, end, step.absolute ?? value[end] + step.by));
  };
  return (
    <div role="group" aria-labelledby={inputId} aria-describedby={describedBy}>
      <div
        className="range-control"
        onPointerMove={move}
        onPointerUp={drop}
        onPointerCancel={drop}
        data-testid={`range-${param.name}`}
      >
        <div onPointerDown={take('both')}>
          <RangeBar range={shown} reached={reachedPercent(data.schedule)} />
        </div>
        {([0, 1] as const).map((end) => (
          <button
            key={end}
            type="button"
            className="range-thumb"
            role="slider"
            style={{ left: `${shown[end]}%` }}
            disabled={disabled}
            aria-label={`${param.label}, ${end === 0 ? 'from' : 'to'}`}
            aria-valuemin={end === 0 ? param.min : shown[0]}
            aria-valuemax={end === 0 ? shown[1] : param.max}
            aria-valuenow={shown[end]}
            aria-valuetext={`${shown[end]} per cent`}
            onPointerDown={take(end)}
            onKeyDown={onKey(end)}
          />
        ))}
      </div>
      <div className="range-numbers">
        <NumberField {...props} {...rangeEnd(param, shown, 0)} inputId={`${inputId}-from`} />
        <span>per cent of all steps</span>
        <NumberField {...props} {...rangeEnd(param, shown, 1)} inputId={`${inputId}-to`} />
      </div>
    </div>
  );
}

function stepOf({ key }: { key: string }): { by: number; absolute?: number } | undefined {
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return { by: -1 };
    case 'ArrowRight':
    case 'ArrowUp':
      return { by: 1 };
    case 'PageDown':
      return { by: -10 };
    case 'PageUp':
      return { by: 10 };
    case 'Home':
      return { by: 0, absolute: 0 };
    case 'End':
      return { by: 0, absolute: 100 };
    default:
      return undefined;
  }
}
