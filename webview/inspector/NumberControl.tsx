import { type CSSProperties, useEffect, useRef, useState } from 'react';
import { checkValue, type IntegerParam, type NumberParam } from '../../extension/graph';
import { Icon } from '../ui/Icon';
import { flushParams } from '../model/actions/params';
import { useStudio } from '../model/store';
import { shortNumber } from '../model/words';
import { type ControlProps } from './ParamField';
import { useDraft } from '../ui/useDraft';

/** More positions than this and a slider says nothing: a seed is typed. */
const SLIDER_POSITIONS = 2000;

/** A number: a slider where its span is small enough to slide, and the number itself. */
export function NumberControl(props: ControlProps<NumberParam | IntegerParam>) {
  const { param, value, inputId, describedBy, invalid, disabled, onChange } = props;
  const present = typeof value === 'number' ? value : undefined;
  const draft = useDraft(present === undefined ? '' : shortNumber(present));
  const [refused, setRefused] = useState<string | undefined>();
  const type = (text: string) => {
    draft.setText(text);
    const number = Number(text);
    if (text.trim() === '' || Number.isNaN(number)) return setRefused(undefined);
    const reason = checkValue(param, number);
    setRefused(reason);
    if (reason === undefined) onChange(number);
  };
  const slides = (param.max - param.min) / param.step <= SLIDER_POSITIONS;
  return (
    <>
      <div className="number-control">
        {slides && <Slider {...props} value={present ?? param.min} />}
        <input
          id={inputId}
          className={slides ? 'field' : 'field alone'}
          type="number"
          min={param.min}
          max={param.max}
          step={param.kind === 'integer' ? 1 : 'any'}
          value={draft.text}
          placeholder={present === undefined ? 'default' : undefined}
          disabled={disabled}
          aria-invalid={invalid || refused !== undefined}
          aria-describedby={describedBy}
          onFocus={draft.focus}
          onChange={(event) => type(event.target.value)}
          onBlur={() => {
            draft.blur();
            setRefused(undefined);
            flushParams();
          }}
        />
        {param.unit !== undefined && <span className="unit">{param.unit}</span>}
      </div>
      {refused !== undefined && (
        <p className="param-error" role="alert" data-testid={`error-${param.name}`}>
          <Icon name="error" />
          <span>{refused}</span>
        </p>
      )}
    </>
  );
}

/** Slides on the screen while dragged; the edit is made when it is let go, so that a drag is one step of undo. */
function Slider(props: ControlProps<NumberParam | IntegerParam> & { value: number }) {
  const { param, value, disabled, onChange } = props;
  const input = useRef<HTMLInputElement>(null);
  const [sliding, setSliding] = useState<number | undefined>();
  const shown = sliding ?? value;
  const slide = (to: number | undefined) => {
    setSliding(to);
    useStudio.setState({ sliding: to === undefined ? undefined : { id: props.node, param: param.name, value: to } });
  };
  useEffect(() => {
    const element = input.current;
    if (!element) return;
    // React's onChange is the DOM's `input`; the DOM's own `change` is the letting go.
    const commit = () => {
      slide(undefined);
      onChange(Number(element.value));
    };
    element.addEventListener('change', commit);
    return () => element.removeEventListener('change', commit);
  });
  const share = `${(100 * (shown - param.min)) / (param.max - param.min)}%`;
  return (
    <>
      <input
        ref={input}
        className="slider"
        type="range"
        min={param.min}
        max={param.max}
        step={param.step}
        value={shown}
        disabled={disabled}
        aria-label={`${param.label}, slider`}
        data-testid={`slider-${param.name}`}
        style={{ '--share': share } as CSSProperties}
        onChange={(event) => slide(Number(event.target.value))}
      />
      {sliding !== undefined && <output className="unit">{shortNumber(sliding)}</output>}
    </>
  );
}
