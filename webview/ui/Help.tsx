import { type ReactNode, useRef, useState } from 'react';
import { Icon } from './Icon';

const MARGIN = 8;

/**
 * A sentence that need not be read each time: shown while the pointer or the focus is on its button. `id` is what a control refers to as
 * its description, whether the sentence shows or not.
 */
export function Help({ id, about, children }: { id: string; about: string; children: ReactNode }) {
  const button = useRef<HTMLButtonElement>(null);
  const bubble = useRef<HTMLSpanElement>(null);
  const [place, setPlace] = useState({ left: 0, top: 0 });
  const show = () => {
    const at = button.current?.getBoundingClientRect();
    // In the top layer: a pane that scrolls would cut it off.
    bubble.current?.showPopover();
    const size = bubble.current?.getBoundingClientRect();
    if (!at || !size) return;
    const above = at.top - size.height - 4;
    setPlace({
      left: Math.max(MARGIN, Math.min(at.left - 20, window.innerWidth - size.width - MARGIN)),
      top: above >= MARGIN ? above : at.bottom + 4,
    });
  };
  const hide = () => bubble.current?.hidePopover();
  return (
    <span className="help" onPointerEnter={show} onPointerLeave={hide}>
      <button
        ref={button}
        type="button"
        className="help-button"
        aria-label={`About ${about}`}
        aria-describedby={id}
        onFocus={show}
        onBlur={hide}
        onClick={show}
        onKeyDown={(event) => {
          if (event.key !== 'Escape' || !bubble.current?.matches(':popover-open')) return;
          event.stopPropagation();
          hide();
        }}
      >
        <Icon name="question" />
      </button>
      <span ref={bubble} id={id} className="help-bubble" role="tooltip" popover="manual" style={place}>
        {children}
      </span>
    </span>
  );
}
