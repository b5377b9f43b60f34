import { type DomainParam } from '../../extension/graph';
import { useStudio } from '../model/store';
import { flushParams } from '../model/actions/params';
import { Combobox, type ComboOption } from '../ui/Combobox';
import { type ControlProps } from '../ui/controlProps';

/** A noun: those the checkpoint knows are offered, and any other can be typed where the checkpoint takes any. */
export function DomainControl(props: ControlProps<DomainParam>) {
  const { value, data, inputId, describedBy, invalid, disabled, onChange } = props;
  const first = useStudio((state) => state.checkpoints[0]);
  const domains = (data.checkpoint ?? first)?.domains ?? [];
  const options: ComboOption[] = domains.map(({ noun, kinds }) => ({ value: noun, detail: kinds.join(', ') }));
  return (
    <Combobox
      id={inputId}
      value={typeof value === 'string' ? value : ''}
      options={options}
      placeholder="animal"
      describedBy={describedBy}
      invalid={invalid}
      disabled={disabled}
      onChange={onChange}
      onDone={flushParams}
    />
  );
}
