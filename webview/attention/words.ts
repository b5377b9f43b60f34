import { type InspectSource } from '../../extension/protocol/inspect';
import { cellAt, type Size } from '../../extension/protocol/size';
import { placesOfHalf } from './heat';
import { type Mode, type Point, type PointMap } from './store';

/** "column 5, row 8", counted from 1 as people count. */
export function placeWords(token: number, { width }: Size): string {
  return `column ${(token % width) + 1}, row ${Math.floor(token / width) + 1}`;
}

/** What the picture shows, in a sentence: also for those who can't see it. */
export function sentenceOf(shown: {
  grid: Size;
  source: InspectSource;
  hovered: { point: Point; found: PointMap | undefined } | undefined;
  watched: number;
  /** Whether the place pointed at is one of them. */
  watchedHere: boolean;
  /** Whether the far end of a watched place can be dragged. */
  canPin: boolean;
  mode: Mode;
  contrast: number;
}): string {
  const { grid, source, hovered, watched, watchedHere, canPin, mode, contrast } = shown;
  if (hovered) {
    const { point, found } = hovered;
    const here = placeWords(point.token, grid);
    const from = point.side === 'output' ? 'output' : source;
    if (!found) return `The ${from} at ${here} …`;
    const there = placeWords(cellAt(found.peak.x, found.peak.y, grid), grid);
    const half = placesOfHalf(found.map);
    const places = `half of it falls on ${half === 1 ? 'one location' : `${half} of ${grid.width * grid.height} locations`}`;
    const share = `${(100 * found.peak.weight).toFixed(found.peak.weight < 0.1 ? 1 : 0)} %`;
    const offer = canPin && watchedHere;
    return point.side === 'output'
      ? `The output at ${here} attends most to ${there} of the ${source}, with ${share} of its attention${offer ? '. Drag the ring to where its look should come from.' : `; ${places}.`}`
      : `The ${source} at ${here} is used most at ${there} of the output, which gives it ${share} of its attention${offer ? '. Drag the ring to where this look should go.' : `; ${places}.`}`;
  }
  if (mode === 'map')
    return `Each location of the output has the colour of the location of the ${source} it attends to most.`;
  if (mode === 'arrows') return `Arrows point from locations of the output to where they attend most in the ${source}.`;
  if (watched > 0) {
    const watching = `You watch ${watched === 1 ? 'one location' : `${watched} locations`}.`;
    const one = watched === 1 ? 'the ring' : 'a ring';
    return canPin
      ? `${watching} If its look is wrong, drag ${one} to where it should come from. This sets a pin.`
      : `${watching} Press Escape to stop watching the last one.`;
  }
  const applied = contrast === 1 ? '' : ` Attention is shown as the run applied it, with contrast ${contrast}.`;
  return `Point at the output to see what it attends to in the ${source}, or at the ${source} to see where it is used. Click to watch a location.${applied}`;
}
