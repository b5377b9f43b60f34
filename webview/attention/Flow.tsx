import { placeColour } from '../../extension/protocol/colours';
import { type InspectPeak } from '../../extension/protocol/inspect';
import { middleOf, shorterSide, type Size } from '../../extension/protocol/size';
import { cssColour, WATCH_COLOURS } from './heat';
import { type Hovered, type Watched } from './Pane';
import { type End } from './pins';
import { type ShownPin } from './PinHandles';
import { type Correspondence } from './store';

type Place = readonly [x: number, y: number];

/**
 * What is drawn across both pictures: lines from each watched place, and from the one pointed at, to where its attention is
 * strongest; pins, with their two circles; the arrows of the whole picture.
 */
export function Flow(props: {
  /** Each picture on the page. */
  box: Size;
  gap: number;
  grid: Size;
  watched: readonly Watched[];
  hovered: Hovered | undefined;
  correspondence: Correspondence | undefined;
  arrows: readonly { from: [number, number]; to: InspectPeak }[] | undefined;
  pins: readonly ShownPin[];
}) {
  const { box, gap, grid, watched, hovered, correspondence, arrows, pins } = props;
  const place = (which: 'output' | 'source', x: number, y: number): Place => [
    (which === 'output' ? 0 : box.width + gap) + x * box.width,
    y * box.height,
  ];
  const across = ({ point, found }: Hovered): { from: Place; to: Place | undefined } => {
    const other = point.side === 'output' ? 'source' : 'output';
    const from = place(point.side, ...middleOf(point.token, grid));
    // In the map the strongest place of the output is known before the engine is asked.
    const target = point.side === 'output' ? correspondence?.targets[point.token] : undefined;
    const peak = target !== undefined ? middleOf(target, grid) : found && [found.peak.x, found.peak.y];
    return { from, to: peak && place(other, peak[0] ?? 0, peak[1] ?? 0) };
  };
  const { height } = box;
  const width = 2 * box.width + gap;
  const circle = ({ pin }: ShownPin, end: End) => {
    const [x, y] = place(end === 'to' ? 'output' : 'source', pin[end].x, pin[end].y);
    return { x, y, r: pin[end].radius * shorterSide(box) };
  };
  return (
    <svg className="inspect-flow" width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {(['output', 'source'] as const).map((which) => (
        <clipPath key={which} id={`inside-${which}`}>
          <rect x={place(which, 0, 0)[0]} y={0} width={box.width} height={height} rx={6} />
        </clipPath>
      ))}
      {arrows?.map(({ from, to }) => (
        <Arrow
          key={from.join()}
          from={place('output', ...from)}
          to={place('source', to.x, to.y)}
          colour={cssColour(placeColour(to.x, to.y))}
        />
      ))}
      {watched.map(({ watch, point, found }) => (
        <Line
          key={watch.id}
          {...across({ point, found })}
          watched
          colour={cssColour(WATCH_COLOURS[watch.colour] ?? [255, 255, 255])}
        />
      ))}
      {hovered && <Line {...across(hovered)} colour="#fff" />}
      {pins.map((shown) => (
        <PinDrawing key={shown.index} shown={shown} to={circle(shown, 'to')} from={circle(shown, 'from')} box={box} />
      ))}
    </svg>
  );
}

/** A curve across both pictures. */
export const bend = (from: Place, to: Place): string =>
  `M${from.join()} C${(from[0] + to[0]) / 2},${from[1]} ${(from[0] + to[0]) / 2},${to[1]} ${to.join()}`;

function Line(props: { from: Place; to: Place | undefined; colour: string; watched?: boolean }) {
  const { from, to, colour, watched } = props;
  return (
    <g>
      {to && <path className="flow-halo" d={bend(from, to)} />}
      {to && <path className="flow-line" d={bend(from, to)} stroke={colour} />}
      {to && <circle className="flow-ring-halo" cx={to[0]} cy={to[1]} r={8} />}
      {to && <circle className="flow-ring" cx={to[0]} cy={to[1]} r={8} stroke={colour} />}
      {watched && (
        <circle className="flow-watch" cx={from[0]} cy={from[1]} r={6.5} fill={colour} data-testid="inspect-watch" />
      )}
    </g>
  );
}

function Arrow({ from, to, colour }: { from: Place; to: Place; colour: string }) {
  return (
    <g>
      <path className="arrow-halo" d={bend(from, to)} />
      <path className="arrow-line" d={bend(from, to)} stroke={colour} />
      <circle className="arrow-start" cx={from[0]} cy={from[1]} r={3} fill={colour} />
      <path className="arrow-end" d={`M${to.join()} l-8,-5 v10 z`} fill={colour} />
    </g>
  );
}

interface Circle {
  x: number;
  y: number;
  r: number;
}

/** Both circles of a pin, with an arrow from where the look comes from to where it goes. */
function PinDrawing({ shown, to, from, box }: { shown: ShownPin; to: Circle; from: Circle; box: Size }) {
  const tip: Place = [to.x + to.r + 2, to.y];
  const curve = bend([from.x - from.r, from.y], [tip[0] + 6, tip[1]]);
  const state = shown.pin.muted ? 'muted' : shown.dragged ? 'dragged' : '';
  return (
    <g className={`pin ${state}`} data-testid={`pin-drawing-${shown.index + 1}`}>
      <path className="pin-halo" d={curve} />
      <path className="pin-line" d={curve} />
      <path className="pin-tip" d={`M${tip.join()} l9,-5.5 v11 z`} />
      {(['to', 'from'] as const).map((end) => {
        const { x, y, r } = end === 'to' ? to : from;
        const left = end === 'to' ? 0 : from.x - shown.pin.from.x * box.width;
        // On the circle where there is room for it, else inside the picture.
        const badge = [
          Math.min(left + box.width - 10, Math.max(left + 10, x - 0.71 * r)),
          Math.min(box.height - 10, Math.max(10, y - 0.71 * r)),
        ] as const;
        return (
          <g key={end} clipPath={`url(#inside-${end === 'to' ? 'output' : 'source'})`}>
            <circle className="pin-halo" cx={x} cy={y} r={r} />
            <circle className="pin-circle" cx={x} cy={y} r={r} />
            {shown.focused === end && <circle className="pin-focus" cx={x} cy={y} r={r + 6} />}
            <circle className="pin-badge" cx={badge[0]} cy={badge[1]} r={8.5} />
            <text className="pin-number" x={badge[0]} y={badge[1]}>
              {shown.index + 1}
            </text>
          </g>
        );
      })}
    </g>
  );
}
