import { type ButtonHTMLAttributes } from 'react';

export function Icon({ name }: { name: string }) {
  return <span className={`codicon codicon-${name}`} aria-hidden="true" />;
}

/** A tool button: an icon with an accessible name, and text when there is room for it. */
export function Tool({
  icon,
  label,
  text,
  keys,
  className = '',
  ...rest
}: { icon: string; label: string; text?: string; keys?: string } & ButtonHTMLAttributes<HTMLButtonElement>) {
  const title = keys ? `${label} (${keys})` : label;
  return (
    <button type="button" className={`tool ${className}`} aria-label={label} title={title} {...rest}>
      <Icon name={icon} />
      {text !== undefined && <span aria-hidden="true">{text}</span>}
    </button>
  );
}
