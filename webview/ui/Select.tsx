/** A list to choose from, in the head of the view. */
export function Select<V extends string | number | undefined>(props: {
  name: string;
  testId: string;
  options: readonly { value: V; label: string }[];
  value: V;
  onChange: (value: V) => void;
}) {
  const chosen = props.options.findIndex(({ value }) => value === props.value);
  return (
    <select
      className="field"
      aria-label={props.name}
      value={Math.max(0, chosen)}
      data-testid={props.testId}
      onChange={(event) => props.onChange(props.options[Number(event.target.value)]!.value)}
    >
      {props.options.map(({ label }, index) => (
        <option key={index} value={index}>
          {label}
        </option>
      ))}
    </select>
  );
}
