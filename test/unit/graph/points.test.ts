import { describe, expect, it } from 'vitest';
import {
  copyFragment,
  formatGraph,
  graphChanges,
  type GraphEdit,
  GraphEditError,
  planGraph,
  type Position,
  reroutePoints,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';
import { diff, documentOf, edited, standardText } from './helpers';

const text = standardText();
const end = (wire: string) => ({ node: wire.split('.')[0] as string, port: wire.split('.')[1] as string });
const route = (from: string, to: string, ...points: Position[]): GraphEdit => ({
  kind: 'routeWire',
  from: end(from),
  to: end(to),
  points,
});
const WIRE = 'structure.image>invert-structure.image';
const image = (...points: Position[]) => route('structure.image', 'invert-structure.image', ...points);
const keys = (of: string) => Object.keys(documentOf(of).layout ?? {}).filter((key) => key.includes('>'));

/** Edits, and checks that a canonical file is canonical afterwards. */
function after(before: string, ...edits: GraphEdit[]): string {
  const result = edited(before, ...edits);
  expect(writeGraph(documentOf(result))).toBe(result);
  return result;
}

describe('reroute points of a wire', () => {
  it('are a line each in the layout, moved in that line, and gone without a trace', () => {
    const one = after(text, image([10, 20.4]));
    expect(diff(text, one)).toEqual([`+ "${WIRE}": [10, 20],`]);
    const moved = after(one, image([10, 60]));
    expect(diff(one, moved)).toEqual([`- "${WIRE}": [10, 20],`, `+ "${WIRE}": [10, 60],`]);
    const two = after(moved, image([10, 60], [80, 90]));
    expect(diff(moved, two)).toEqual([`+ "${WIRE}#2": [80, 90],`]);
    expect(after(two, image([80, 90]))).toBe(after(text, image([80, 90])));
    expect(after(two, image())).toBe(text);
  });

  it('are read in their order, whatever the order of their lines', () => {
    const many = after(text, image(...Array.from({ length: 12 }, (_, i): Position => [i, 0])));
    expect(reroutePoints(documentOf(many)).map(({ position: [x] }) => x)).toEqual([...Array(12).keys()]);
    expect(reroutePoints(documentOf(many))[11]).toMatchObject({
      key: `${WIRE}#12`,
      from: end('structure.image'),
      to: end('invert-structure.image'),
    });
  });

  it('take the new name of a node at either end, and the old one back', () => {
    const led = after(
      text,
      route('invert-structure.inversion', 'swap.structure', [1, 2], [3, 4]),
      route('swap.transfer', 'adain.transfer', [5, 6]),
      image([7, 8]),
    );
    for (const to of ['look', 'a', 'zz']) {
      const result = after(led, { kind: 'renameNode', id: 'swap', to });
      expect(keys(result).sort()).toEqual(
        [
          `invert-structure.inversion>${to}.structure`,
          `invert-structure.inversion>${to}.structure#2`,
          `${to}.transfer>adain.transfer`,
          WIRE,
        ].sort(),
      );
      expect(documentOf(result).layout?.[`${to}.transfer>adain.transfer`]).toEqual([5, 6]);
      expect(after(result, { kind: 'renameNode', id: to, to: 'swap' })).toBe(led);
    }
  });

  it('do not collide with what a file has under the new name', () => {
    const stale = edited(text, image([1, 2])).replace(`"${WIRE}"`, `"look.image>invert-structure.image"`);
    const result = edited(stale, image([7, 8]), { kind: 'renameNode', id: 'structure', to: 'look' });
    expect(result.match(/look\.image>invert/g)).toHaveLength(1);
    expect(documentOf(result).layout?.['look.image>invert-structure.image']).toEqual([7, 8]);
  });

  it.each([
    ['its wire is removed', { kind: 'disconnect', to: end('invert-structure.image') }],
    [
      'another wire takes its place',
      { kind: 'connect', from: end('appearance.image'), to: end('invert-structure.image') },
    ],
    ['the node that it comes from is removed', { kind: 'removeNodes', ids: ['structure'] }],
    ['the node that it goes to is removed', { kind: 'removeNodes', ids: ['invert-structure'] }],
  ] satisfies [string, GraphEdit][])('go when %s, and only these', (_what, edit) => {
    const other = route('appearance.image', 'invert-appearance.image', [3, 4]);
    const result = after(text, image([1, 2], [3, 4]), other, edit);
    expect(keys(result)).toEqual(['appearance.image>invert-appearance.image']);
    expect(result).toBe(edited(text, other, edit));
  });

  it('stay when something else is wired to the same list', () => {
    const from = end('invert-structure.inversion');
    const to = end('swap.appearance');
    const led = after(text, route('invert-appearance.inversion', 'swap.appearance', [1, 2]));
    expect(keys(after(led, { kind: 'connect', from, to }))).toHaveLength(1);
    expect(keys(after(led, { kind: 'connect', from, to }, { kind: 'disconnect', from, to }))).toHaveLength(1);
  });

  it('belong to all wires between the same two ports, and go with the last', () => {
    const from = end('invert-appearance.inversion');
    const to = end('swap.appearance');
    const twice = edited(
      text,
      { kind: 'connect', from, to },
      route('invert-appearance.inversion', 'swap.appearance', [1, 2]),
    );
    expect(documentOf(twice).nodes['swap']?.inputs?.['appearance']).toHaveLength(2);
    const once = after(twice, { kind: 'disconnect', from, to, nth: 1 });
    expect(keys(once)).toHaveLength(1);
    expect(keys(after(once, { kind: 'disconnect', from, to }))).toEqual([]);
  });

  it('are copied with both nodes of their wire', () => {
    const led = edited(text, image([100, 120]), route('swap.transfer', 'adain.transfer', [5, 6]));
    const copied = after(led, { kind: 'duplicate', ids: ['structure', 'invert-structure', 'swap'] });
    expect(documentOf(copied).layout?.['structure-2.image>invert-structure-2.image']).toEqual([140, 160]);
    expect(keys(copied)).toHaveLength(3);
    const fragment = copyFragment(documentOf(led), ['structure', 'invert-structure']);
    const corner = documentOf(text).layout?.['structure'] ?? [NaN, NaN];
    const pasted = after(writeGraph({ weft: 1, nodes: {} }), { kind: 'pasteFragment', fragment, at: [1000, 0] });
    expect(documentOf(pasted).layout?.[WIRE]).toEqual([1100 - corner[0], 120 - corner[1]]);
  });

  it('are refused for a wire that is not there', () => {
    const wrong = route('prompt.prompt', 'save.image', [1, 2]);
    expect(() => edited(text, wrong)).toThrow(GraphEditError);
    expect(() => edited(text, wrong)).toThrow('There is no wire from prompt.prompt to save.image.');
    expect(() => edited(text, image([NaN, 0]))).toThrow('A position must be numbers.');
  });
});

describe('a graph with reroute points', () => {
  const led = edited(text, image([10, 20], [30, 40]));

  it('is checked, planned, compared and formatted as one without', () => {
    expect(validateGraph(led)).toEqual(validateGraph(text));
    expect(planGraph(documentOf(led))).toEqual(planGraph(documentOf(text)));
    expect(graphChanges(text, led)).toEqual([]);
    expect(formatGraph(led)).toEqual([]);
  });

  it('keeps those of wires that are not there, as it keeps places of nodes that are not there', () => {
    const strange = led.replace('"layout": {', '"layout": {\n    "gone.image>invert-structure.image": [1, 2],');
    expect(validateGraph(strange)).toEqual(validateGraph(text));
    expect(edited(strange, image([10, 25], [30, 40]))).toBe(strange.replace('[10, 20]', '[10, 25]'));
    expect(keys(edited(strange, { kind: 'disconnect', to: end('invert-structure.image') }))).toEqual([
      'gone.image>invert-structure.image',
    ]);
  });

  it('keeps what a person laid out by hand', () => {
    const byHand = `{"weft": 1, "nodes": {"a": {"type": "image"}, "b": {"type": "invert", "inputs": {"image": "a.image"}}},
  "layout": {"a": [0,0],  "a.image>b.image": [ 1, 2 ], "b": [5,  5]}}`;
    const edit: GraphEdit = { kind: 'routeWire', from: end('a.image'), to: end('b.image'), points: [[1, 9]] };
    expect(edited(byHand, edit)).toBe(byHand.replace('[ 1, 2 ]', '[ 1, 9 ]'));
    expect(edited(byHand, { kind: 'renameNode', id: 'b', to: 'c' })).toBe(
      byHand.replaceAll('"b"', '"c"').replace('>b.image', '>c.image'),
    );
  });

  it('says which point it can not read', () => {
    const [problem] = validateGraph(led.replace('[10, 20]', '[10]'));
    expect(problem?.message).toBe(`The layout of "${WIRE}" must be [x, y], two numbers, not [10].`);
  });
});
