import { type HTMLAttributes, type ReactNode } from 'react';

/** A name and what is said of it; `help` shows over the name. */
export type Fact = readonly [name: ReactNode, value: ReactNode, help?: string];

/** Facts in two columns, a line each. */
export function Facts({ rows, ...rest }: { rows: readonly Fact[] } & HTMLAttributes<HTMLDListElement>) {
  return (
    <dl className="facts" {...rest}>
      {rows.map(([name, value, help], index) => (
        <div key={index} style={{ display: 'contents' }}>
          <dt title={help}>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
