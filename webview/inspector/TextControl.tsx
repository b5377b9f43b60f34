import { type TextParam } from '../../extension/graph';
import { resetParam } from '../model/actions/params';
import { type ControlProps } from '../ui/controlProps';
import { useField } from '../ui/useDraft';

/** Text. An emptied field goes back to the default. */
export function TextControl(props: ControlProps<TextParam>) {
  const { node, param, value, data, onChange } = props;
  const written = data.node.params !== undefined && param.name in data.node.params;
  const fallback = typeof value === 'string' && !written ? value : undefined;
  const { field, setText } = useField(props, written && typeof value === 'string' ? value : '');
  const shared = { ...field, placeholder: fallback ?? param.defaultNote ?? '' };
  const type = (text: string) => {
    setText(text);
    if (text.trim() === '') resetParam(node, param.name);
    else onChange(text);
  };
  if (param.multiline) return <textarea {...shared} rows={3} onChange={(event) => type(event.target.value)} />;
  return <input {...shared} type="text" onChange={(event) => type(event.target.value)} />;
}
