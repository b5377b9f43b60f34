import { expect, it } from 'vitest';
import { brushCells, corrected, flipCluster, strokeCells, withCells } from '../../../../webview/mask/cells';
import { outline } from '../../../../webview/ui/cellPaths';

const found = Uint8Array.from([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const labels = Uint8Array.from([0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]);
const nothing = new Uint8Array(16);
const area = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0);

it('flips a cluster in and out, and back to no correction at all', () => {
  const inside = flipCluster(nothing, found, labels, 2);
  expect(area(corrected(found, inside))).toBe(8);
  expect(flipCluster(inside, found, labels, 3)).toEqual(nothing);
  expect(area(corrected(found, flipCluster(nothing, found, labels, 0)))).toBe(0);
});

const square = (side: number) => ({ width: side, height: side });

it('keeps a cell that is painted as it was found free of correction', () => {
  const painted = withCells(nothing, found, [0, 3], true);
  expect([...painted.keys()].filter((cell) => painted[cell])).toEqual([3]);
  expect(withCells(painted, found, [3], false)).toEqual(nothing);
});

it('covers the cells under a round brush, and every cell along a fast stroke', () => {
  expect(brushCells(square(4), 1.5, 1.5, 1)).toEqual([5]);
  expect(brushCells(square(4), 1.5, 1.5, 2.2)).toEqual([1, 4, 5, 6, 9]);
  expect([...strokeCells(square(4), [0.5, 2.5], [3.5, 2.5], 1)]).toEqual([8, 9, 10, 11]);
});

it('counts cells row by row on a grid that is wider than high', () => {
  const wide = { width: 4, height: 2 };
  expect(brushCells(wide, 3.5, 1.5, 1)).toEqual([7]);
  expect([...strokeCells(wide, [0.5, 1.5], [3.5, 1.5], 1)]).toEqual([4, 5, 6, 7]);
  // The last cell of the first row: its right edge lies on the border of the picture.
  expect(outline(Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 0]), wide)).toContain('M4 0v1');
});

it('draws an edge wherever inside meets outside', () => {
  expect(outline(Uint8Array.from([1, 0, 0, 0]), square(2)).match(/M/g)).toHaveLength(4);
});
