import { type TextParam } from '../../extension/graph';
import { flushParams, resetParam } from '../model/actions/params';
import { type ControlProps } from '../ui/controlProps';
import { useDraft } from '../ui/useDraft';

/** Text. An emptied field goes back to the default. */
export function TextControl(props: ControlProps<TextParam>) {
  const { node, param, value, data, inputId, describedBy, invalid, disabled, onChange } = props;
  const written = data.node.params !== undefined && param.name in data.node.params;
  const fallback = typeof value === 'string' && !written ? value : undefined;
  const draft = useDraft(written && typeof value === 'string' ? value : '');
  const shared = {
    id: inputId,
    className: 'field',
    value: draft.text,
    placeholder: fallback ?? param.defaultNote ?? '',
    disabled,
    spellCheck: false,
    'aria-invalid': invalid,
    'aria-describedby': describedBy,
    onFocus: draft.focus,
    onBlur: () => {
      draft.blur();
      flushParams();
    },
  };
  const type = (text: string) => {
    draft.setText(text);
    if (text.trim() === '') resetParam(node, param.name);
    else onChange(text);
  };
  if (param.multiline) return <textarea {...shared} rows={3} onChange={(event) => type(event.target.value)} />;
  return <input {...shared} type="text" onChange={(event) => type(event.target.value)} />;
}
