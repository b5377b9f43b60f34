import { useState } from 'react';

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
