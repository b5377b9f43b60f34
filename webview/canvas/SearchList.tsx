import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { ranked } from './ranked';

export interface SearchOption {
  key: string;
  name: string;
  hint: string;
  detail?: string;
  colour: string;
}

/** A search field over a list, keyboard first: type, arrows, Enter; Escape leaves. */
export function SearchList(props: {
  at: { x: number; y: number };
  label: string;
  placeholder: string;
  lead?: string;
  options: readonly SearchOption[];
  nothing: ReactNode;
  onChoose: (key: string) => void;
  onClose: () => void;
  testId: string;
}) {
  const { options, onChoose, onClose } = props;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [query, setQuery] = useState('');
  const [active, setActive] = useState(0);
  const shown = ranked(query, options);
  useEffect(() => {
    box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [active, query]);
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 6, PageUp: -6 };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = active + step;
      setActive(
        Math.abs(step) === 1
          ? (next + shown.length) % Math.max(1, shown.length)
          : Math.min(shown.length - 1, Math.max(0, next)),
      );
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const option = shown[active];
      if (option) onChoose(option.key);
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      onClose();
    }
  };
  return (
    <div
      className="popup"
      ref={box}
      style={{ left: props.at.x, top: props.at.y }}
      data-testid={props.testId}
      onKeyDown={onKeyDown}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) onClose();
      }}
    >
      {props.lead !== undefined && <p className="lead">{props.lead}</p>}
      <div className="search">
        <input
          className="field"
          role="combobox"
          type="text"
          aria-label={props.label}
          aria-expanded={true}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={shown.length > 0 ? `${id}-${active}` : undefined}
          placeholder={props.placeholder}
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setActive(0);
          }}
        />
      </div>
      {shown.length === 0 && (
        <p className="nothing">{options.length === 0 ? props.nothing : `Nothing matches “${query}”.`}</p>
      )}
      <ul className="list" role="listbox" id={`${id}-list`} aria-label={props.label}>
        {shown.map((option, index) => (
          <li
            key={option.key}
            id={`${id}-${index}`}
            className="option"
            role="option"
            aria-selected={index === active}
            data-testid={`option-${option.key}`}
            onPointerMove={() => setActive(index)}
            // The field must not lose the focus before the click arrives.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => onChoose(option.key)}
          >
            <span className="swatch" style={{ background: option.colour }} />
            <span>{option.name}</span>
            <span className="hint">{option.hint}</span>
            {option.detail !== undefined && <span className="detail">{option.detail}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
