import { type AxisParam, specOf } from '../../extension/graph';
import { flushParams, resetParam } from '../model/actions/params';
import { useStudio } from '../model/store';
import { Combobox, type ComboOption } from '../ui/Combobox';
import { type ControlProps } from '../ui/controlProps';
import { useField } from '../ui/useDraft';

/** What a sweep varies: a parameter chosen from the graph's, and its values as text. */
export function AxisControl(props: ControlProps<AxisParam>) {
  const { node, param, value, inputId, describedBy, invalid, disabled, onChange } = props;
  const graph = useStudio((state) => state.graph);
  const text = typeof value === 'string' ? value : '';
  const equals = text.indexOf('=');
  const target = equals < 0 ? text : text.slice(0, equals);
  const values = equals < 0 ? '' : text.slice(equals + 1);
  const { field, text: listed, setText } = useField(props, values);
  const options: ComboOption[] = Object.entries(graph?.nodes ?? {}).flatMap(([id, { type }]) => {
    const spec = specOf(type);
    if (!spec || id === node || type === 'sweep' || type === 'save') return [];
    const params = spec.params.map(({ name, label }) => ({ value: `${id}.${name}`, detail: label }));
    return spec.mute === 'never'
      ? params
      : [...params, { value: `${id}.muted`, detail: 'with and without the node: true,false' }];
  });
  const write = (chosen: string, written: string) => {
    if (chosen === '' && written === '' && !param.required) resetParam(node, param.name);
    else onChange(`${chosen}=${written}`);
  };
  return (
    <div className="axis-control">
      <Combobox
        id={inputId}
        value={target}
        options={options}
        placeholder={param.required ? 'node.parameter' : 'node.parameter (optional)'}
        describedBy={describedBy}
        invalid={invalid}
        disabled={disabled}
        onChange={(chosen) => write(chosen.trim(), listed)}
        onDone={flushParams}
      />
      <input
        {...field}
        id={undefined}
        type="text"
        aria-label={`${param.label}: values`}
        data-testid={`axis-values-${param.name}`}
        placeholder="1,1.67,2.5 or 1:3:0.5 or images/*.png"
        onChange={(event) => {
          setText(event.target.value);
          write(target, event.target.value);
        }}
      />
    </div>
  );
}
