/** Edits of matched parts: each is one step of undo. */
import { editText, parseGraph, partText, specOf } from '../../extension/graph';
import { middleOf, type Size } from '../../extension/protocol/size';
import { boxes } from '../model/actions/places';
import { edit } from '../model/document';
import { faceOf } from '../model/face';
import { freePlace } from '../model/geometry';
import { matchEdits, type Region, unmatchEdits } from '../model/regions';
import { announce, studio } from '../model/store';

/** A part of the structure takes its look from a part of an appearance; `before` is the region that said otherwise. */
export function match(
  swap: string,
  chosen: { grid: Size; toCell: number; appearance: string; fromCell: number; clusters: number },
  before: Region | undefined,
): void {
  const { graph } = studio();
  if (!graph) return;
  const { grid, toCell, appearance, fromCell, clusters } = chosen;
  const fromPlace = partText(...middleOf(fromCell, grid));
  if (before && before.appearance === appearance) {
    if (edit([{ kind: 'setParam', id: before.from, param: 'part', value: fromPlace }], 'Match parts')) said();
    return;
  }
  // From another image: the old region goes first.
  const gone = before ? unmatchEdits(graph, swap, [before]) : [];
  const between = before ? parseGraph(editText(studio().text, { kind: 'batch', edits: gone })).document : graph;
  if (!between) return;
  const toPlace = partText(...middleOf(toCell, grid));
  const positions = twoPlaces(swap);
  const edits = matchEdits(between, swap, { toPlace, appearance, fromPlace, clusters, positions });
  if (edit([...gone, ...edits], 'Match parts')) said();
}

const said = () => announce('Matched the two parts.');

/** Attention matches these parts again. */
export function unmatch(swap: string, regions: readonly Region[]): void {
  const { graph } = studio();
  if (!graph || regions.length === 0) return;
  if (edit(unmatchEdits(graph, swap, regions), 'Match parts by attention'))
    announce(
      regions.length === 1 ? 'The part is matched by attention again.' : 'All parts are matched by attention again.',
    );
}

/** Free places for two segment nodes before the swap. */
function twoPlaces(swap: string): [[number, number], [number, number]] {
  const taken = boxes();
  const box = taken.find(({ id }) => id === swap) ?? { x: 0, y: 0, width: 0, height: 0 };
  const size = faceOf(specOf('segment'), new Set(['part']));
  const first = freePlace({ x: box.x - size.width - 60, y: box.y + box.height + 40 }, size, taken);
  const second = freePlace({ x: first.x, y: first.y + size.height + 20 }, size, [...taken, { ...first, ...size }]);
  return [
    [first.x, first.y],
    [second.x, second.y],
  ];
}
