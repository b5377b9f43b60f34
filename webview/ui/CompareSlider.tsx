import { useState, type ReactNode } from 'react';

/** Two pictures in one place; what is left of the line shows the first. A range input makes it usable by keyboard. */
export function CompareSlider(props: { first: ReactNode; second: ReactNode; label: string; names?: [string, string] }) {
  const [at, setAt] = useState(50);
  return (
    <div className="compare nodrag nopan" data-testid="compare">
      <div className="compare-picture">{props.second}</div>
      <div className="compare-picture" style={{ clipPath: `inset(0 ${100 - at}% 0 0)` }}>
        {props.first}
      </div>
      <div className="compare-line" style={{ left: `${at}%` }} aria-hidden="true">
        <span className="compare-grip" />
      </div>
      {props.names && (
        <div className="compare-names" aria-hidden="true">
          <span>{props.names[0]}</span>
          <span>{props.names[1]}</span>
        </div>
      )}
      <input
        type="range"
        min={0}
        max={100}
        step={1}
        value={at}
        aria-label={props.label}
        aria-valuetext={`${at} % of the first picture`}
        onChange={(event) => setAt(Number(event.target.value))}
      />
    </div>
  );
}
