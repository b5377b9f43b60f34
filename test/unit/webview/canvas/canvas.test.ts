import { describe, expect, it } from 'vitest';
import { type GraphDocument, standardGraph } from '../../../../extension/graph';
import { align } from '../../../../webview/model/align';
import { carriedBy } from '../../../../webview/canvas/carried';
import { fittingPorts, targetsOf } from '../../../../webview/canvas/connecting';
import { frameAround, freePlace, overlaps } from '../../../../webview/model/geometry';
import { layered } from '../../../../webview/model/layout';
import { drawOnlyVisible, levelOfDetail, thresholds } from '../../../../webview/model/levelOfDetail';
import { neighbour, readingOrder } from '../../../../webview/canvas/neighbours';
import { popupPlace } from '../../../../webview/canvas/popupPlace';
import { ranked } from '../../../../webview/canvas/ranked';
import { flowOf, type StudioNode } from '../../../../webview/model/flow';
import { type Insertion, insertions } from '../../../../webview/model/insertion';
import { found } from '../../../../webview/canvas/found';
import { middleOf, nearestWire } from '../../../../webview/canvas/wireUnder';

const box = (id: string, x: number, y: number, width = 100, height = 50) => ({ id, x, y, width, height });
const graph = standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' });

describe('level of detail', () => {
  it('is near close up and far from afar', () => {
    expect(levelOfDetail(1, 'far', 300)).toBe('near');
    expect(levelOfDetail(0.1, 'near', 300)).toBe('far');
  });

  it('keeps what it is between the thresholds, so that a gesture at the edge does not flicker', () => {
    const { farBelow, farUpTo } = thresholds(300);
    expect(levelOfDetail((farBelow + farUpTo) / 2, 'mid', 300)).toBe('compact');
    expect(levelOfDetail((farBelow + farUpTo) / 2, 'far', 300)).toBe('far');
    expect(levelOfDetail(0.7, 'mid', 300)).toBe('mid');
    expect(levelOfDetail(0.7, 'near', 300)).toBe('near');
  });

  it('draws a small graph in full where a large one is boxes', () => {
    expect(levelOfDetail(0.25, 'far', 300)).toBe('far');
    expect(levelOfDetail(0.25, 'far', 15)).toBe('compact');
  });

  it('leaves nodes out of view undrawn only where there are many of them', () => {
    expect(drawOnlyVisible('near', 300)).toBe(true);
    expect(drawOnlyVisible('near', 15)).toBe(false);
    expect(drawOnlyVisible('far', 300)).toBe(false);
  });
});

describe('arrow keys', () => {
  const start = box('start', 0, 0);
  it('prefers the straight neighbour to a nearer one aside', () => {
    expect(neighbour(start, [box('aside', 120, 110), box('ahead', 260, 0)], 'right')).toBe('ahead');
  });

  it('stops at the edge', () => {
    expect(neighbour(start, [box('right', 200, 0)], 'left')).toBeUndefined();
    expect(neighbour(start, [box('above', 10, -200)], 'down')).toBeUndefined();
  });

  it('reads columns from left to right and downwards', () => {
    expect(readingOrder([box('c', 300, 0), box('b', 10, 100), box('a', 0, 0)])).toEqual(['a', 'b', 'c']);
  });
});

describe('align', () => {
  const boxes = [box('a', 0, 0), box('b', 30, 100, 40), box('c', 10, 400)];
  it('moves only what is elsewhere', () => {
    expect(align(boxes, 'left')).toEqual({ b: { x: 0, y: 100 }, c: { x: 0, y: 400 } });
    expect(align(boxes, 'right')).toEqual({ a: { x: 10, y: 0 }, b: { x: 70, y: 100 } });
  });

  it('distributes with equal gaps between fixed ends', () => {
    // 450 − 0 in all, three boxes of 50: two gaps of 150.
    expect(align(boxes, 'distribute-y')).toEqual({ b: { x: 30, y: 200 } });
  });

  it('has nothing to do with one box', () => {
    expect(align([box('a', 5, 5)], 'left')).toEqual({});
  });
});

describe('layout', () => {
  it('puts every node right of what it is fed by, and none on another', () => {
    const boxes = ['a', 'b', 'c', 'd'].map((id) => ({ id, width: 200, height: 150 }));
    const wires = [
      { source: 'a', target: 'c' },
      { source: 'b', target: 'c' },
      { source: 'c', target: 'd' },
      { source: 'gone', target: 'd' },
    ];
    const places = layered(boxes, wires, { x: 100, y: 40 });
    for (const { source, target } of wires.slice(0, 3)) {
      expect((places[target]?.x ?? 0) - (places[source]?.x ?? 0)).toBeGreaterThanOrEqual(200);
    }
    const rects = boxes.map((one) => ({ ...one, ...(places[one.id] ?? { x: 0, y: 0 }) }));
    rects.forEach((rect, i) => rects.slice(i + 1).forEach((other) => expect(overlaps(rect, other)).toBe(false)));
    expect(Math.min(...rects.map((rect) => rect.x))).toBe(100);
    expect(Math.min(...rects.map((rect) => rect.y))).toBe(40);
  });

  it('finds a free place near the wanted one', () => {
    const taken = [box('a', 0, 0, 200, 200)];
    const place = freePlace({ x: 0, y: 0 }, { width: 100, height: 100 }, taken);
    expect(overlaps({ ...place, width: 100, height: 100 }, taken[0] ?? box('', 0, 0))).toBe(false);
    expect(Math.hypot(place.x, place.y)).toBeLessThanOrEqual(220);
  });
});

describe('frames', () => {
  const node = (id: string, type: 'weft' | 'frame', x: number, y: number, width: number, height: number) =>
    ({ id, type, position: { x, y }, width, height, data: {} }) as unknown as StudioNode;

  it('take along what lies wholly inside, once, and not what is dragged itself', () => {
    const outer = node('frame:outer', 'frame', 0, 0, 500, 500);
    const inner = node('frame:inner', 'frame', 10, 10, 200, 200);
    const all = [
      outer,
      inner,
      node('in', 'weft', 20, 20, 50, 50),
      node('half', 'weft', 480, 20, 50, 50),
      node('held', 'weft', 300, 300, 50, 50),
    ];
    const carried = carriedBy([outer, inner, all[4] as StudioNode], all);
    expect(carried.get('frame:outer')).toEqual(['in']);
    expect(carried.get('frame:inner')).toEqual([]);
  });

  it('go around what is selected, with room for the title', () => {
    expect(frameAround([box('a', 100, 100), box('b', 300, 200)])).toEqual([76, 50, 348, 224]);
    expect(frameAround([])).toBeUndefined();
  });
});

describe('connecting', () => {
  it('knows every port that fits an output', () => {
    const fits = fittingPorts(graph, { node: 'structure', port: 'image', side: 'right' });
    expect(fits.get('invert-appearance.left.image')).toBe(true);
    expect(fits.get('swap.left.structure')).toBe(false);
    expect(fits.get('denoise.right.image')).toBe(false);
  });

  it('offers free ports before taken ones, and a list port is never taken', () => {
    const bare = structuredClone(graph);
    delete bare.nodes['invert-structure']?.inputs?.['image'];
    const targets = targetsOf(bare, { node: 'appearance', port: 'image', side: 'right' });
    expect(targets[0]).toMatchObject({ node: 'invert-structure', port: 'image', taken: false });
    expect(targets.find(({ node }) => node === 'invert-appearance')?.taken).toBe(true);
    const inversions = targetsOf(bare, { node: 'invert-structure', port: 'inversion', side: 'right' });
    expect(inversions.find(({ port }) => port === 'appearance')?.taken).toBe(false);
  });
});

describe('search', () => {
  const options = [
    { name: 'Mask image', hint: 'source' },
    { name: 'Image', hint: 'source', detail: 'A picture file' },
    { name: 'Segment', hint: 'inversion', detail: 'Finds the object in an image' },
  ];
  it('ranks beginnings of the name above its words, and those above the rest', () => {
    expect(ranked('im', options).map((option) => option.name)).toEqual(['Image', 'Mask image', 'Segment']);
    expect(ranked('  ', options)).toHaveLength(3);
    expect(ranked('zebra', options)).toEqual([]);
  });

  it('opens inside the canvas', () => {
    expect(popupPlace({ x: 990, y: 790 }, { width: 1000, height: 800 })).toEqual({ x: 670, y: 410 });
    expect(popupPlace({ x: 10, y: 10 }, { width: 200, height: 100 })).toEqual({ x: 4, y: 4 });
  });
});

describe('nodes put into wires', () => {
  const loose: GraphDocument = { ...graph, nodes: { ...graph.nodes, gains: { type: 'freeu' } } };
  const between = ({ wire }: Insertion) => `${wire.source} ${wire.target}`;

  it('go where their type fits, and nowhere once they have wires', () => {
    expect(insertions(loose, 'gains').map(between).sort()).toEqual([
      'model invert-appearance',
      'model invert-structure',
    ]);
    expect(insertions(loose, 'guidance')).toEqual([]);
  });

  it('go into the wire that runs nearest to their middle, and into none far from all', () => {
    const layout: GraphDocument['layout'] = {
      model: [0, 0],
      'invert-structure': [1000, 0],
      'invert-appearance': [1000, 2000],
    };
    const { nodes } = flowOf({ graph: { ...loose, layout }, checkpoints: [] }, { nodes: [], edges: [] });
    const gains = nodes.find(({ id }) => id === 'gains');
    if (gains?.type !== 'weft') throw new Error('The canvas has no such node.');
    const candidates = insertions(loose, 'gains');
    const nearest = (x: number, y: number) =>
      nearestWire(
        { ...gains, position: { x: x - (gains.width ?? 0) / 2, y: y - (gains.height ?? 0) / 2 } },
        nodes,
        candidates,
      );
    for (const candidate of candidates) {
      const { x = NaN, y = NaN } = middleOf(candidate.wire, nodes) ?? {};
      expect(nearest(x + 10, y - 10)).toBe(candidate);
    }
    expect(nearest(600, 5000)).toBeUndefined();
  });
});

describe('the search for nodes', () => {
  const frames: GraphDocument['frames'] = { note: { text: 'The coat of the zebra', rect: [0, 0, 100, 100] } };
  const { nodes } = flowOf({ graph: { ...graph, frames }, checkpoints: [] }, { nodes: [], edges: [] });

  it('finds by name, type, values and the text of frames, all words of the query, in any case', () => {
    expect(found(nodes, 'Attention SWAP')).toEqual(['swap']);
    expect(found(nodes, 'invert nothing')).toEqual([]);
    expect(found(nodes, 'invert structure')).toEqual(['invert-structure']);
    expect(found(nodes, 'b.png')).toEqual(['appearance']);
    expect(found(nodes, '1.67')).toEqual(['swap']);
    expect(found(nodes, 'coat')).toEqual(['frame:note']);
    expect(found(nodes, '  ')).toEqual([]);
  });
});
