import { expect, test } from 'vitest';
import { along, pathOf, wireCurves } from '../../../../webview/model/wirePath';

const ends = { source: { x: 0, y: 100 }, target: { x: 600, y: 100 } };
const box = (x: number, y: number, height = 100) => ({ x, y, width: 160, height });
const heights = (boxes: ReturnType<typeof box>[], track = 0): number[] =>
  along(wireCurves(ends, boxes, track), 24).map(({ y }) => y);

test('a wire with nothing in its way is one level curve, as React Flow draws it', () => {
  expect(pathOf(wireCurves({ ...ends, target: { x: 200, y: 40 } }, []))).toBe('M0,100 C100,100 100,40 200,40');
  // Backwards it swings out.
  expect(pathOf(wireCurves({ ...ends, target: { x: -100, y: 40 } }, []))).toBe('M0,100 C62.5,100 -162.5,40 -100,40');
  expect(wireCurves(ends, [box(220, 200), box(220, -40, 100)])).toHaveLength(1);
});

test('it runs around nodes on the nearer side, and wires to other inputs beside it', () => {
  expect(Math.max(...heights([box(220, 60, 60)]))).toBeGreaterThan(120);
  expect(Math.min(...heights([box(220, 60, 60)]))).toBe(100);
  expect(Math.min(...heights([box(220, 80, 300)]))).toBeLessThan(80);
  const [first, third] = [heights([box(220, 60, 60)]), heights([box(220, 60, 60)], 2)].map((all) => Math.max(...all));
  expect((third ?? 0) - (first ?? 0)).toBeGreaterThan(10);
  // Between two nodes, where that is free.
  const between = heights([box(220, 60, 60), box(220, 160, 200)]);
  expect(Math.max(...between)).toBeLessThan(160);
});

test('where no way around is free, it stays the curve', () => {
  // Something stands in the gap that the wire would turn in.
  expect(wireCurves(ends, [box(220, 60, 60), box(2, 122, 400), box(2, -400, 480)])).toHaveLength(1);
});
