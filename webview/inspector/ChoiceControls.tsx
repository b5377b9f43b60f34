import { type BooleanParam, type CheckpointParam, type ChoiceParam } from '../../extension/graph';
import { useStudio } from '../model/store';
import { bytes } from '../model/words';
import { type ControlProps } from '../ui/controlProps';

export function CheckControl({ param, value, inputId, describedBy, disabled, onChange }: ControlProps<BooleanParam>) {
  return (
    <div className="check">
      <input
        id={inputId}
        type="checkbox"
        checked={value === true}
        disabled={disabled}
        aria-describedby={describedBy}
        data-testid={`check-${param.name}`}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span aria-hidden="true">{value === true ? 'On' : 'Off'}</span>
    </div>
  );
}

/** A list to choose from. A value that is not in it stays there, called `unknown`, so that opening a graph changes nothing. */
function Choices(
  props: ControlProps & { options: readonly { value: string; label: string; help?: string }[]; unknown: string },
) {
  const { inputId, describedBy, invalid, disabled, onChange, options, unknown } = props;
  const present = String(props.value ?? '');
  return (
    <select
      id={inputId}
      className="field"
      value={present}
      disabled={disabled}
      aria-invalid={invalid}
      aria-describedby={describedBy}
      onChange={(event) => onChange(event.target.value)}
    >
      {!options.some(({ value }) => value === props.value) && <option value={present}>{unknown}</option>}
      {options.map(({ value, label, help }) => (
        <option key={value} value={value} title={help}>
          {label}
        </option>
      ))}
    </select>
  );
}

export function ChoiceControl(props: ControlProps<ChoiceParam>) {
  return <Choices {...props} options={props.param.options} unknown={String(props.value ?? '')} />;
}

/** A checkpoint of the library. */
export function CheckpointControl(props: ControlProps<CheckpointParam>) {
  const checkpoints = useStudio((state) => state.checkpoints);
  const present = typeof props.value === 'string' ? props.value : '';
  const chosen = checkpoints.find(({ id }) => id === present);
  const options = checkpoints.map(({ id, title }) => ({ value: id, label: id === title ? id : `${title} (${id})` }));
  return (
    <>
      <Choices {...props} value={present} options={options} unknown={`${present || '–'} (not in the library)`} />
      {chosen && (
        <p className="param-help">
          {chosen.problem ??
            `${chosen.pictureSize} × ${chosen.pictureSize} pixels · ${chosen.precision} · ${bytes(chosen.size)}${chosen.builtIn ? ' · comes with Weft' : ''}`}
        </p>
      )}
    </>
  );
}
