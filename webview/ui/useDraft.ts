import { useState } from 'react';
import { flushParams } from '../model/actions/params';
import { type ControlProps } from './controlProps';

/**
 * What a text field shows: what is being typed while it has the focus, else the document's value. The field's text is never
 * set from outside while someone types in it, so that its own undo keeps working.
 */
export function useDraft(value: string): {
  text: string;
  setText: (text: string) => void;
  focus: () => void;
  blur: () => void;
} {
  const [draft, setDraft] = useState<string | undefined>();
  return {
    text: draft ?? value,
    setText: setDraft,
    focus: () => setDraft(value),
    blur: () => setDraft(undefined),
  };
}

/** The text field of a parameter, which takes what was typed when it is left. */
export function useField({ inputId, describedBy, invalid, disabled }: ControlProps, value: string) {
  const { text, setText, focus, blur } = useDraft(value);
  const field = {
    id: inputId,
    className: 'field',
    value: text,
    disabled,
    spellCheck: false,
    'aria-invalid': invalid,
    'aria-describedby': describedBy,
    onFocus: focus,
    onBlur: () => {
      blur();
      flushParams();
    },
  };
  return { field, text, setText };
}
