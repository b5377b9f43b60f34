import { type KeyboardEvent, useState } from 'react';
import { useDraft } from './useDraft';

export interface ComboOption {
  value: string;
  detail: string;
}

/** A text field with suggestions (the ARIA editable combobox with a list). */
export function Combobox(props: {
  id: string;
  value: string;
  options: readonly ComboOption[];
  placeholder: string;
  describedBy: string;
  invalid: boolean;
  disabled: boolean;
  onChange: (value: string) => void;
  onDone: () => void;
}) {
  const draft = useDraft(props.value);
  const [open, setOpen] = useState(false);
  const [filtering, setFiltering] = useState(false);
  const [active, setActive] = useState(-1);
  const needle = draft.text.trim().toLowerCase();
  const matches = props.options.filter(
    ({ value, detail }) => !filtering || value.toLowerCase().includes(needle) || detail.toLowerCase().includes(needle),
  );
  const listId = `${props.id}-list`;
  const choose = (option: ComboOption) => {
    draft.setText(option.value);
    props.onChange(option.value);
    props.onDone();
    setOpen(false);
    setActive(-1);
  };
  const show = () => {
    setOpen(true);
    setFiltering(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) show();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setActive((active + step + matches.length) % Math.max(1, matches.length));
    } else if (event.key === 'Enter') {
      const option = open ? matches[active] : undefined;
      if (option) choose(option);
      setOpen(false);
      props.onDone();
    } else if (event.key === 'Escape' && open) {
      event.stopPropagation();
      setOpen(false);
    }
  };
  const shown = open && matches.length > 0;
  return (
    <div className="combobox">
      <input
        id={props.id}
        className="field"
        role="combobox"
        type="text"
        autoComplete="off"
        spellCheck={false}
        value={draft.text}
        placeholder={props.placeholder}
        disabled={props.disabled}
        aria-invalid={props.invalid}
        aria-describedby={props.describedBy}
        aria-expanded={shown}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={shown && active >= 0 ? `${listId}-${active}` : undefined}
        onFocus={draft.focus}
        onClick={show}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          draft.setText(event.target.value);
          setOpen(true);
          setFiltering(true);
          setActive(-1);
          if (event.target.value.trim() !== '') props.onChange(event.target.value.trim());
        }}
        onBlur={() => {
          setOpen(false);
          draft.blur();
          props.onDone();
        }}
      />
      {shown && (
        <ul className="options" role="listbox" id={listId} aria-label="Suggestions">
          {matches.map((option, index) => (
            <li
              key={option.value}
              id={`${listId}-${index}`}
              role="option"
              aria-selected={index === active}
              // The field must not lose the focus before the click arrives.
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => choose(option)}
            >
              {option.value}
              <span>{option.detail}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
