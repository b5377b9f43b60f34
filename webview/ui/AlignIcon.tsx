import { type Alignment } from '../model/align';

/** Two bars and the line they stand on, or the gaps between three; [x, y, width, height] in a box of 16. */
const DRAWINGS: Record<
  Alignment,
  { bars: [number, number, number, number][]; lines: [number, number, number, number][] }
> = {
  left: { bars: [bar(4, 4, 9, 3), bar(4, 9, 6, 3)], lines: [upright(2)] },
  centre: { bars: [bar(3, 4, 10, 3), bar(5, 9, 6, 3)], lines: [upright(7.5)] },
  right: { bars: [bar(3, 4, 9, 3), bar(6, 9, 6, 3)], lines: [upright(13)] },
  top: { bars: [bar(4, 4, 3, 9), bar(9, 4, 3, 6)], lines: [level(2)] },
  middle: { bars: [bar(4, 3, 3, 10), bar(9, 5, 3, 6)], lines: [level(7.5)] },
  bottom: { bars: [bar(4, 3, 3, 9), bar(9, 6, 3, 6)], lines: [level(13)] },
  'distribute-x': { bars: [bar(6.5, 4, 3, 8)], lines: [upright(2), upright(13)] },
  'distribute-y': { bars: [bar(4, 6.5, 8, 3)], lines: [level(2), level(13)] },
};

function bar(x: number, y: number, width: number, height: number): [number, number, number, number] {
  return [x, y, width, height];
}

function upright(x: number): [number, number, number, number] {
  return [x, 1, 1, 14];
}

function level(y: number): [number, number, number, number] {
  return [1, y, 14, 1];
}

/** The codicons have no signs for aligning. */
export function AlignIcon({ how }: { how: Alignment }) {
  const { bars, lines } = DRAWINGS[how];
  return (
    <svg className="align-icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      {[...bars, ...lines].map(([x, y, width, height]) => (
        <rect key={`${x} ${y} ${width}`} x={x} y={y} width={width} height={height} />
      ))}
    </svg>
  );
}
