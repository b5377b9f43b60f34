import { type CSSProperties, useEffect, useId, useRef, useState } from 'react';
import { effectiveParams, sliderParams, slidersOf, type SwapSliders } from '../../extension/graph';
import { setParams } from '../model/actions/params';
import { type NodeData } from '../model/flow';
import { useStudio } from '../model/store';
import { Help } from '../ui/Help';

/** The parameters that the two sliders write. */
export const SIMPLE_PARAMS: readonly string[] = ['higherRange', 'lowerRange', 'structureEvery', 'structureUntil'];

const LABELS: Record<keyof SwapSliders, string> = { structure: 'Structure', appearance: 'Appearance' };

const HELP: Record<keyof SwapSliders, string> = {
  structure: "How long the structure's own attention keeps its shapes: 0 for no step, 1 for every step.",
  appearance: 'How long the appearance is transferred: 0 for no step, 1 until the last step.',
};

/** Two sliders over the exact parameters, which they write; "custom" where no position of theirs says the same. */
export function SwapSimple({ id, data }: { id: string; data: NodeData }) {
  const overrides = data.checkpoint?.defaults['attention-swap'] ?? {};
  const position = slidersOf(data.params, overrides);
  const defaults = effectiveParams('attention-swap', {}, overrides);
  const fallback = slidersOf(defaults, overrides) ?? { structure: 0.4, appearance: 0.9 };
  const write = (name: keyof SwapSliders, value: number) =>
    setParams(id, sliderParams({ ...(position ?? fallback), [name]: value }, defaults), `Set ${name} of ${id}`);
  return (
    <div data-testid="swap-simple">
      {(['structure', 'appearance'] as const).map((name) => (
        <Slider
          key={name}
          name={name}
          value={position?.[name]}
          rest={fallback[name]}
          onWrite={(value) => write(name, value)}
        />
      ))}
    </div>
  );
}

function Slider(props: {
  name: keyof SwapSliders;
  value: number | undefined;
  /** Where the slider stands when its position is custom. */
  rest: number;
  onWrite: (value: number) => void;
}) {
  const { name, value, rest, onWrite } = props;
  const readOnly = useStudio((state) => state.readOnly);
  const input = useRef<HTMLInputElement>(null);
  const [sliding, setSliding] = useState<number | undefined>();
  const inputId = useId();
  useEffect(() => {
    const element = input.current;
    if (!element) return;
    // The DOM's own `change` is the letting go: a drag is one step of undo.
    const commit = () => {
      setSliding(undefined);
      onWrite(Number(element.value));
    };
    element.addEventListener('change', commit);
    return () => element.removeEventListener('change', commit);
  });
  const shown = sliding ?? value;
  const words = shown === undefined ? 'custom' : shown.toFixed(2);
  return (
    <div className="param">
      <div className="param-head">
        <label htmlFor={inputId}>{LABELS[name]}</label>
        <Help id={`${inputId}-help`} about={LABELS[name]}>
          {HELP[name]}
        </Help>
        <output className="note" htmlFor={inputId} data-testid={`simple-${name}-value`}>
          {words}
        </output>
      </div>
      <input
        id={inputId}
        ref={input}
        className="slider"
        type="range"
        min={0}
        max={1}
        step={0.05}
        value={shown ?? rest}
        disabled={readOnly}
        aria-valuetext={words}
        aria-describedby={`${inputId}-help`}
        data-testid={`simple-${name}`}
        style={{ '--share': `${100 * (shown ?? rest)}%` } as CSSProperties}
        onChange={(event) => setSliding(Number(event.target.value))}
      />
    </div>
  );
}
