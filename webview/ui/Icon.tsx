import { type ButtonHTMLAttributes } from 'react';

export function Icon({ name }: { name: string }) {
  return <span className={`codicon codicon-${name}`} aria-hidden="true" />;
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement>;

/** A button with words, and an icon before them; `secondary` where another one, or none, is what most people want. */
export function Button({ icon, secondary, children, ...rest }: ButtonProps & { icon?: string; secondary?: boolean }) {
  return (
    <button type="button" className={secondary ? 'button secondary' : 'button'} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** Words of a text that can be clicked. */
export function Link(props: ButtonProps) {
  return <button type="button" className="link" {...props} />;
}

/** A tool button: an icon with an accessible name, and text when there is room for it. */
export function Tool({
  icon,
  label,
  text,
  keys,
  className = '',
  ...rest
}: { icon: string; label: string; text?: string; keys?: string } & ButtonProps) {
  const title = keys ? `${label} (${keys})` : label;
  return (
    <button type="button" className={`tool ${className}`} aria-label={label} title={title} {...rest}>
      <Icon name={icon} />
      {text !== undefined && <span aria-hidden="true">{text}</span>}
    </button>
  );
}
