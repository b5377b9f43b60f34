import { Icon } from './Icon';

export interface SegmentedOption<V extends string> {
  value: V;
  label: string;
  icon?: string;
  title?: string;
}

/** One of a few, side by side; each is found by `${testId}-${value}`. */
export function Segmented<V extends string>(props: {
  name: string;
  testId: string;
  options: readonly SegmentedOption<V>[];
  value: V;
  onChange: (value: V) => void;
}) {
  return (
    <span className="segmented" role="radiogroup" aria-label={props.name}>
      {props.options.map(({ value, label, icon, title }) => (
        <button
          key={value}
          type="button"
          role="radio"
          aria-label={label}
          aria-checked={value === props.value}
          title={title}
          data-testid={`${props.testId}-${value}`}
          onClick={() => props.onChange(value)}
        >
          {icon && <Icon name={icon} />}
          <span>{label}</span>
        </button>
      ))}
    </span>
  );
}
