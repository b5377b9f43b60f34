import { describe, expect, it, test } from 'vitest';
import { editText, type GraphDocument, parseGraph, standardGraph, writeGraph } from '../../../../extension/graph';
import { flowOf } from '../../../../webview/model/flow';
import { type Point } from '../../../../webview/model/geometry';
import { along, legsAmong, shiftOf, wireLegs } from '../../../../webview/model/wirePath';
import { routing, wireId, wiresOfGraph } from '../../../../webview/model/wires';

const ends = { source: { x: 0, y: 100 }, target: { x: 600, y: 100 } };
const box = (x: number, y: number, height = 100) => ({ x, y, width: 160, height });
const curvesThrough = (...points: Point[]) => wireLegs(ends, points, []).flat();

describe('a wire that is led through points', () => {
  it.each([
    [
      'on its way',
      [
        { x: 200, y: 300 },
        { x: 400, y: 0 },
      ],
    ],
    [
      'behind its ends',
      [
        { x: 700, y: 300 },
        { x: -100, y: 300 },
      ],
    ],
    [
      'one above the other',
      [
        { x: 300, y: 0 },
        { x: 300, y: 200 },
      ],
    ],
    ['at its ends', [ends.source, ends.target]],
  ])('goes through each of them %s, in one line without corners', (_where, points) => {
    const curves = curvesThrough(...points);
    expect(curves.map(([, , , to]) => to)).toEqual([...points, ends.target]);
    curves.forEach(([from, first], index) => {
      const before = curves[index - 1];
      if (!before) return;
      const [, , second, to] = before;
      expect(from).toEqual(to);
      const turn = Math.atan2(first.y - from.y, first.x - from.x) - Math.atan2(to.y - second.y, to.x - second.x);
      const still = Math.hypot(first.x - from.x, first.y - from.y) * Math.hypot(to.x - second.x, to.y - second.y) === 0;
      if (!still) expect(Math.abs(Math.sin(turn / 2))).toBeLessThan(1e-9);
    });
  });

  it('leaves and reaches its ports level, as without points', () => {
    for (const points of [[{ x: 300, y: 300 }], [{ x: -300, y: 0 }], [{ x: 900, y: -50 }]]) {
      const curves = curvesThrough(...points);
      const [from, first] = curves[0]!;
      const [, , second, to] = curves.at(-1)!;
      expect([first.y - from.y, to.y - second.y]).toEqual([0, 0]);
      expect(first.x).toBeGreaterThan(from.x);
      expect(second.x).toBeLessThan(to.x);
    }
    expect(curvesThrough()).toEqual(wireLegs(ends, [], []).flat());
  });

  it('runs back to the left without loops', () => {
    const curves = curvesThrough({ x: 700, y: 300 }, { x: 300, y: 300 }, { x: -100, y: 300 });
    const xs = along(curves.slice(1, 3), 24).map(({ x }) => x);
    expect(xs.every((x, i) => i === 0 || x <= xs[i - 1]!)).toBe(true);
  });

  it('runs around nodes between its points', () => {
    const point = { x: 80, y: 100 };
    const [first, second] = wireLegs(ends, [point], [box(300, 60, 60)]);
    expect(first).toHaveLength(1);
    expect(second!.length).toBeGreaterThan(1);
    expect(Math.max(...along(second!, 24).map(({ y }) => y))).toBeGreaterThan(120);
  });
});

const text = writeGraph(standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' }));
const id = 'denoise.image>save.image';
const wireOf = (graph: GraphDocument) => wiresOfGraph(graph).find((wire) => wireId(wire) === id)!;
const graphOf = (of: string) => parseGraph(of).document!;
const through = (...points: Point[]) => graphOf(editText(text, routing(wireOf(graphOf(text)), points)));

test('the graph has the points of each wire, and the canvas draws a wire anew when they change', () => {
  const led = through({ x: 10, y: 20 }, { x: 30.4, y: 40 });
  expect(wireOf(led).points).toEqual([
    { x: 10, y: 20 },
    { x: 30, y: 40 },
  ]);
  expect(wiresOfGraph(led).filter(({ points }) => points)).toHaveLength(1);
  const input = (graph: GraphDocument) => ({ graph, checkpoints: [] });
  const before = flowOf(input(graphOf(text)), { nodes: [], edges: [] });
  const after = flowOf(input(led), before);
  expect(after.edges.flatMap((edge, i) => (edge === before.edges[i] ? [] : [edge.id]))).toEqual([id]);
  expect(flowOf(input(through({ x: 10, y: 20 }, { x: 30, y: 40 })), after).edges).toBe(after.edges);
  const legs = legsAmong(after.nodes, wireOf(led));
  expect(legs.map((leg) => leg.at(-1)![3]).slice(0, 2)).toEqual(wireOf(led).points);
});

test('while both ends are dragged by the same way the points go along, else they stay', () => {
  const led = through({ x: 10, y: 20 });
  const { nodes } = flowOf({ graph: led, checkpoints: [] }, { nodes: [], edges: [] });
  const dragged = (...ids: string[]) =>
    nodes.map((node) =>
      ids.includes(node.id) ? { ...node, position: { x: node.position.x + 40, y: node.position.y - 20 } } : node,
    );
  expect(shiftOf(wireOf(led), nodes, led.layout)).toEqual([0, 0]);
  expect(shiftOf(wireOf(led), dragged('denoise', 'save'), led.layout)).toEqual([40, -20]);
  expect(shiftOf(wireOf(led), dragged('save'), led.layout)).toEqual([0, 0]);
  expect(shiftOf(wireOf(led), dragged('denoise', 'save'), {})).toEqual([0, 0]);
});
