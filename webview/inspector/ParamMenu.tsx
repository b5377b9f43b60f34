import { type KeyboardEvent, useEffect, useRef } from 'react';
import { Icon } from '../ui/Icon';

export interface ParamAction {
  label: string;
  icon: string;
  disabled: boolean;
  act: () => void;
}

/** What can be done with a parameter, where it was clicked. */
export function ParamMenu(props: {
  at: { x: number; y: number };
  label: string;
  actions: readonly ParamAction[];
  onClose: () => void;
}) {
  const menu = useRef<HTMLDivElement>(null);
  const before = useRef(document.activeElement);
  useEffect(() => {
    // In the top layer: the inspector would cut it off.
    menu.current?.showPopover();
    menu.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
  }, []);
  const close = () => {
    props.onClose();
    if (before.current instanceof HTMLElement) before.current.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const items = [...(menu.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const at = items.indexOf(document.activeElement as HTMLElement);
      items[(at + step + items.length) % items.length]?.focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      close();
    }
  };
  return (
    <div
      ref={menu}
      className="menu param-menu"
      role="menu"
      aria-label={props.label}
      popover="manual"
      data-testid="param-menu"
      style={{
        left: Math.min(props.at.x, window.innerWidth - 240),
        top: Math.min(props.at.y, window.innerHeight - 90),
      }}
      onKeyDown={onKeyDown}
      onContextMenu={(event) => event.preventDefault()}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) props.onClose();
      }}
    >
      {props.actions.map(({ label, icon, disabled, act }) => (
        <button
          key={label}
          type="button"
          role="menuitem"
          tabIndex={-1}
          aria-disabled={disabled}
          onClick={() => {
            if (disabled) return;
            close();
            act();
          }}
        >
          <Icon name={icon} />
          {label}
        </button>
      ))}
    </div>
  );
}
