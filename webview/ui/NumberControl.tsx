import { type ChangeEvent, type CSSProperties, useEffect, useRef, useState } from 'react';
import { checkValue, type IntegerParam, type NumberParam } from '../../extension/graph';
import { Icon, Tool } from './Icon';
import { dropParams, flushParams, keepParam } from '../model/actions/params';
import { useStudio } from '../model/store';
import { type RangeEnd } from '../model/rangeEnds';
import { sliderSpan } from '../model/sliderSpan';
import { shortNumber } from '../model/words';
import { type ControlProps } from './controlProps';
import { useDraft } from './useDraft';
import { SCRUB_HINT, useScrub } from './useScrub';

/** More positions than this and a slider says nothing: a seed is typed. */
const SLIDER_POSITIONS = 2000;

/** A number as the whole value of its parameter, or as one end of a range; `onChange` gets the whole value. */
export interface NumberProps extends ControlProps<NumberParam | IntegerParam> {
  endOf?: RangeEnd['endOf'];
}

/** The parameter that a number is written to, and its value with this number. */
const written = ({ param, endOf }: NumberProps) => endOf?.param ?? param;
const valueWith = ({ endOf }: NumberProps, number: number) => endOf?.with(number) ?? number;
const faultOf = (props: NumberProps, number: number) => checkValue(written(props), valueWith(props, number));

/** A number's name, which can be dragged like the number. */
export function NumberLabel({ props }: { props: ControlProps<NumberParam | IntegerParam> }) {
  const scrub = useNumberScrub(props);
  return (
    <label htmlFor={props.inputId} title={props.disabled ? undefined : SCRUB_HINT} {...scrub}>
      {props.param.label}
    </label>
  );
}

function useNumberScrub(props: NumberProps) {
  const { node, param, value, data, disabled, onChange } = props;
  const show = (shown: number | undefined) =>
    useStudio.setState({
      sliding:
        shown === undefined ? undefined : { id: node, param: written(props).name, value: valueWith(props, shown) },
    });
  return useScrub(
    !disabled,
    () => {
      const { min, max, step } = param;
      const span = sliderSpan(param, data.params);
      return {
        value: typeof value === 'number' ? value : min,
        min,
        max,
        step,
        span: slides(param, span) ? span : undefined,
      };
    },
    (shown) => {
      if (faultOf(props, shown) === undefined) show(shown);
    },
    (last) => {
      show(undefined);
      if (last === undefined || faultOf(props, last) !== undefined) return;
      onChange(valueWith(props, last));
      flushParams();
    },
  );
}

function slides({ step }: NumberParam | IntegerParam, [least, most]: readonly [number, number]): boolean {
  return (most - least) / step <= SLIDER_POSITIONS;
}

/** The field of a number, and why it does not take what is typed. `set` puts another number into it. */
function useNumberField(props: NumberProps) {
  const { param, value, inputId, describedBy, invalid, disabled, onChange } = props;
  const present = typeof value === 'number' ? value : undefined;
  const draft = useDraft(present === undefined ? '' : shortNumber(present));
  const [refused, setRefused] = useState<string | undefined>();
  const scrub = useNumberScrub(props);
  const type = (text: string) => {
    draft.setText(text);
    const number = Number(text);
    if (text.trim() === '' || Number.isNaN(number)) return setRefused(undefined);
    const reason = faultOf(props, number);
    setRefused(reason);
    if (reason === undefined) onChange(valueWith(props, number));
  };
  const field = {
    id: inputId,
    title: disabled ? undefined : SCRUB_HINT,
    onPointerDown: scrub.onPointerDown,
    type: 'number',
    min: param.min,
    max: param.max,
    step: param.kind === 'integer' ? 1 : 'any',
    value: draft.text,
    placeholder: present === undefined ? 'default' : undefined,
    disabled,
    'aria-invalid': invalid || refused !== undefined,
    'aria-describedby': describedBy,
    onFocus: draft.focus,
    onChange: (event: ChangeEvent<HTMLInputElement>) => type(event.target.value),
    onBlur: () => {
      draft.blur();
      setRefused(undefined);
      flushParams();
    },
  };
  return { field, refused, scrubs: scrub.className, set: draft.setText };
}

/** A number: a slider where its span is small enough to slide, and the number itself. */
export function NumberControl(props: ControlProps<NumberParam | IntegerParam>) {
  const { param, value, disabled, onChange } = props;
  const present = typeof value === 'number' ? value : undefined;
  const { field, refused, scrubs, set: setText } = useNumberField(props);
  // Of the value before a drag: the ends of a slider stay where they are while it moves.
  const span = sliderSpan(param, props.data.params);
  const withSlider = slides(param, span);
  const set = (number: number) => {
    setText(shortNumber(number));
    onChange(number);
    flushParams();
  };
  return (
    <>
      <div className="number-control">
        {withSlider && <Slider {...props} span={span} value={present ?? param.min} />}
        <input {...field} className={`field ${withSlider ? '' : 'alone'} ${scrubs}`} />
        {param.unit !== undefined && <span className="unit">{param.unit}</span>}
        {param.random && (
          <>
            <Tool
              icon="add"
              label={`Next ${param.label}`}
              disabled={disabled || present === undefined || present >= param.max}
              data-testid={`next-${param.name}`}
              onClick={() => set(present! + 1)}
            />
            <Tool
              icon="refresh"
              label={`Random ${param.label}`}
              disabled={disabled}
              data-testid={`random-${param.name}`}
              onClick={() => set(Math.floor(Math.random() * 1e6))}
            />
          </>
        )}
      </div>
      <Refusal param={param.name} reason={refused} />
    </>
  );
}

/** The field of a number alone, under a name that only screen readers need. */
export function NumberField(props: NumberProps) {
  const { field, refused, scrubs } = useNumberField(props);
  return (
    <>
      <input {...field} className={`field ${scrubs}`} aria-label={props.param.label} />
      <Refusal param={props.param.name} reason={refused} />
    </>
  );
}

function Refusal({ param, reason }: { param: string; reason: string | undefined }) {
  if (reason === undefined) return null;
  return (
    <p className="param-error" role="alert" data-testid={`error-${param}`}>
      <Icon name="error" />
      <span>{reason}</span>
    </p>
  );
}

/**
 * A number in little room: its words, which can be dragged like the inspector's number, and the inspector's field in their place after a
 * double click or Enter. What is typed counts when the field is left; Escape leaves it as it was.
 */
export function NumberInPlace(props: NumberProps & { words: string; reachable: boolean }) {
  const { node, param, words, reachable, disabled, invalid } = props;
  const scrub = useNumberScrub(props);
  const [editing, setEditing] = useState(false);
  const back = useRef(false);
  const leave = (toWords: boolean) => {
    back.current = toWords;
    setEditing(false);
  };
  if (editing) return <NumberEditor {...props} onLeave={leave} />;
  const name = `${param.label}: ${words}`;
  if (disabled)
    return (
      <span className="number" title={name}>
        {words}
      </span>
    );
  return (
    <button
      ref={(button) => {
        if (button && back.current) button.focus();
        back.current = false;
      }}
      type="button"
      className={`number nodrag ${scrub.className} ${invalid ? 'invalid' : ''}`}
      tabIndex={reachable ? 0 : -1}
      aria-label={`Edit ${name}`}
      title={`${name}. Double-click to edit. ${SCRUB_HINT}`}
      data-testid={`number-${node}-${param.name}`}
      onPointerDown={scrub.onPointerDown}
      onDoubleClick={() => setEditing(true)}
      // Enter and Space: a click that no pointer made.
      onClick={(event) => event.detail === 0 && setEditing(true)}
    >
      {words}
    </button>
  );
}

function NumberEditor(props: NumberProps & { onLeave: (toWords: boolean) => void }) {
  const { node, param, onLeave } = props;
  const { field, refused } = useNumberField({
    ...props,
    onChange: (next) => keepParam(node, written(props).name, next),
  });
  const input = useRef<HTMLInputElement>(null);
  const toWords = useRef(false);
  useEffect(() => {
    input.current?.focus();
    input.current?.select();
    // A field that goes away under the hand is left like any other.
    return flushParams;
  }, []);
  return (
    <>
      <input
        {...field}
        ref={input}
        className="field number-field nodrag nopan"
        aria-label={param.label}
        data-testid={`number-field-${node}-${param.name}`}
        onBlur={() => {
          field.onBlur();
          onLeave(toWords.current);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' && event.key !== 'Escape') return;
          event.preventDefault();
          event.stopPropagation();
          if (event.key === 'Escape') dropParams();
          toWords.current = true;
          event.currentTarget.blur();
        }}
      />
      <Refusal param={param.name} reason={refused} />
    </>
  );
}

/** Slides on the screen while dragged; the edit is made when it is let go, so that a drag is one step of undo. */
function Slider(props: ControlProps<NumberParam | IntegerParam> & { span: [number, number]; value: number }) {
  const { param, span, value, disabled, onChange } = props;
  const [least, most] = span;
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
  const share = `${(100 * (shown - least)) / (most - least)}%`;
  return (
    <>
      <input
        ref={input}
        className="slider"
        type="range"
        min={least}
        max={most}
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
