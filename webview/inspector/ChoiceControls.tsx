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

export function ChoiceControl({
  param,
  value,
  inputId,
  describedBy,
  invalid,
  disabled,
  onChange,
}: ControlProps<ChoiceParam>) {
  const known = param.options.some((option) => option.value === value);
  return (
    <select
      id={inputId}
      className="field"
      value={String(value ?? '')}
      disabled={disabled}
      aria-invalid={invalid}
      aria-describedby={describedBy}
      onChange={(event) => onChange(event.target.value)}
    >
      {!known && <option value={String(value ?? '')}>{String(value ?? '')}</option>}
      {param.options.map((option) => (
        <option key={option.value} value={option.value} title={option.help}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

/** A checkpoint of the library; one that is not there stays in the list, so that opening a graph changes nothing. */
export function CheckpointControl(props: ControlProps<CheckpointParam>) {
  const { value, inputId, describedBy, invalid, disabled, onChange } = props;
  const checkpoints = useStudio((state) => state.checkpoints);
  const present = typeof value === 'string' ? value : '';
  const chosen = checkpoints.find((checkpoint) => checkpoint.id === present);
  return (
    <>
      <select
        id={inputId}
        className="field"
        value={present}
        disabled={disabled}
        aria-invalid={invalid}
        aria-describedby={describedBy}
        onChange={(event) => onChange(event.target.value)}
      >
        {!chosen && <option value={present}>{present || '–'} (not in the library)</option>}
        {checkpoints.map((checkpoint) => (
          <option key={checkpoint.id} value={checkpoint.id}>
            {checkpoint.id === checkpoint.title ? checkpoint.id : `${checkpoint.title} (${checkpoint.id})`}
          </option>
        ))}
      </select>
      {chosen && (
        <p className="param-help">
          {chosen.problem ??
            `${chosen.pictureSize} × ${chosen.pictureSize} pixels · ${chosen.precision} · ${bytes(chosen.size)}${chosen.builtIn ? ' · comes with Weft' : ''}`}
        </p>
      )}
    </>
  );
}
