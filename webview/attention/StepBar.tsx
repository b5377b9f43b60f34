import { type KeyboardEvent, type PointerEvent } from 'react';
import { type InspectInfo, type InspectLevel } from '../../extension/protocol/inspect';

/** All steps of the run: which looked at the appearance, which at the structure, and which at nothing but the output itself. */
export function StepBar(props: {
  info: InspectInfo;
  step: number;
  level: InspectLevel;
  onStep: (step: number) => void;
}) {
  const { info, step, level, onStep } = props;
  const count = info.steps.length;
  const go = (index: number) => onStep(Math.min(count - 1, Math.max(0, index)));
  const onPointer = (event: PointerEvent<HTMLDivElement>) => {
    if (event.type === 'pointermove' && event.buttons !== 1) return;
    if (event.type === 'pointerdown') event.currentTarget.setPointerCapture(event.pointerId);
    const box = event.currentTarget.getBoundingClientRect();
    go(Math.floor(((event.clientX - box.left) / box.width) * count));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowLeft: step - 1,
      ArrowRight: step + 1,
      PageUp: step - 10,
      PageDown: step + 10,
      Home: 0,
      End: count - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    go(to);
  };
  const now = info.steps[step]?.[level];
  return (
    <div className="inspect-steps">
      <div
        className="step-bar"
        role="slider"
        tabIndex={0}
        aria-label="Attention step"
        aria-valuemin={1}
        aria-valuemax={count}
        aria-valuenow={step + 1}
        aria-valuetext={`step ${step + 1} of ${count}, ${now ? `attended to the ${now}` : 'swap off'}`}
        data-testid="inspect-steps"
        onPointerDown={onPointer}
        onPointerMove={onPointer}
        onKeyDown={onKeyDown}
      >
        {info.steps.map((one, index) => (
          <span
            key={index}
            className={`step-cell ${one[level] ?? 'off'} ${index === step ? 'current' : ''}`}
            title={`step ${index + 1}: ${one[level] ? `attended to the ${one[level]}` : 'swap off'}`}
          />
        ))}
      </div>
      <span className="step-key" aria-hidden="true">
        <i className="step-cell appearance" /> appearance
        {info.steps.some((one) => one[level] === 'structure') && (
          <>
            <i className="step-cell structure" /> structure
          </>
        )}
        {info.steps.some((one) => !one[level]) && (
          <>
            <i className="step-cell off" /> off
          </>
        )}
      </span>
    </div>
  );
}
