import { middleOf, type Size } from '../../extension/protocol/size';
import { cssColour, PIN_COLOURS } from './heat';
import { type Hovered, type Pinned } from './Pane';
import { type Correspondence } from './store';

/** Lines across both pictures: from each pinned place, and from the one pointed at, to where its attention is strongest. */
export function Flow(props: {
  /** Each picture on the page. */
  box: Size;
  gap: number;
  grid: Size;
  pinned: readonly Pinned[];
  hovered: Hovered | undefined;
  correspondence: Correspondence | undefined;
}) {
  const { box, gap, grid, pinned, hovered, correspondence } = props;
  const place = (which: 'output' | 'source', x: number, y: number): [number, number] => [
    (which === 'output' ? 0 : box.width + gap) + x * box.width,
    y * box.height,
  ];
  const across = ({ point, found }: Hovered): { from: [number, number]; to: [number, number] | undefined } => {
    const other = point.side === 'output' ? 'source' : 'output';
    const from = place(point.side, ...middleOf(point.token, grid));
    // In the map the strongest place of the output is known before the engine is asked.
    const target = point.side === 'output' ? correspondence?.targets[point.token] : undefined;
    const peak = target !== undefined ? middleOf(target, grid) : found && [found.peak.x, found.peak.y];
    return { from, to: peak && place(other, peak[0] ?? 0, peak[1] ?? 0) };
  };
  const { height } = box;
  const width = 2 * box.width + gap;
  return (
    <svg className="inspect-flow" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {pinned.map(({ pin, point, found }) => (
        <Line
          key={pin.id}
          {...across({ point, found })}
          pin
          colour={cssColour(PIN_COLOURS[pin.colour] ?? [255, 255, 255])}
        />
      ))}
      {hovered && <Line {...across(hovered)} colour="#fff" />}
    </svg>
  );
}

function Line(props: { from: [number, number]; to: [number, number] | undefined; colour: string; pin?: boolean }) {
  const { from, to, colour, pin } = props;
  const bend =
    to && `M${from.join()} C${(from[0] + to[0]) / 2},${from[1]} ${(from[0] + to[0]) / 2},${to[1]} ${to.join()}`;
  return (
    <g>
      {bend && <path className="flow-halo" d={bend} />}
      {bend && <path className="flow-line" d={bend} stroke={colour} />}
      {to && <circle className="flow-ring-halo" cx={to[0]} cy={to[1]} r={8} />}
      {to && <circle className="flow-ring" cx={to[0]} cy={to[1]} r={8} stroke={colour} />}
      {pin && <circle className="flow-pin" cx={from[0]} cy={from[1]} r={6.5} fill={colour} data-testid="inspect-pin" />}
    </g>
  );
}
