/** Matched parts as nodes and wires of a graph, and back. */
import { describe, expect, it } from 'vitest';
import {
  applyEdit,
  editText,
  type GraphDocument,
  type GraphEdit,
  parseGraph,
  standardGraph,
  validateGraph,
  wiresOf,
  writeGraph,
} from '../../../../extension/graph';
import { matchEdits, regionsOf, unmatchEdits } from '../../../../webview/model/regions';
import { middles } from '../../../../extension/protocol/parts';

const standard = writeGraph(standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' }));
const read = (text: string): GraphDocument => parseGraph(text).document!;
const change = (text: string, edits: readonly GraphEdit[]): string => editText(text, { kind: 'batch', edits });
const matched = (text: string, toPlace: string, fromPlace: string): string =>
  change(
    text,
    matchEdits(read(text), 'swap', {
      ...{ toPlace, fromPlace, appearance: 'invert-appearance', clusters: 5 },
      positions: [
        [0, 0],
        [0, 400],
      ],
    }),
  );
const wires = (text: string, node: string, port: string) => wiresOf(read(text).nodes[node]?.inputs?.[port]);

describe('a matched part', () => {
  it('is a graph without problems, and is read back', () => {
    const twice = matched(matched(standard, '0.2, 0.3', '0.8, 0.9'), '0.5, 0.5', '0.1, 0.1');
    expect(validateGraph(twice)).toEqual([]);
    const { regions, others } = regionsOf(read(twice), 'swap');
    expect(others).toEqual([]);
    expect(regions.map(({ toPlace, fromPlace, at }) => [toPlace, fromPlace, at])).toEqual([
      [[0.5, 0.5], [0.1, 0.1], 0],
      [[0.2, 0.3], [0.8, 0.9], 1],
    ]);
    // What no part covers still goes to the appearance that was there.
    expect(wires(twice, 'swap', 'appearance')).toHaveLength(3);
    expect(wires(twice, 'adain', 'appearanceMask').at(-1)).toBe('mask-appearance.mask');
  });

  it('goes without a trace, in any order', () => {
    const twice = matched(matched(standard, '0.2, 0.3', '0.8, 0.9'), '0.5, 0.5', '0.1, 0.1');
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      let text = twice;
      for (const index of order) {
        const { regions } = regionsOf(read(text), 'swap');
        const place = regionsOf(read(twice), 'swap').regions[index]!.to;
        text = change(
          text,
          unmatchEdits(
            read(text),
            'swap',
            regions.filter(({ to }) => to === place),
          ),
        );
      }
      expect(text).toBe(standard);
    }
    expect(change(twice, unmatchEdits(read(twice), 'swap', regionsOf(read(twice), 'swap').regions))).toBe(standard);
  });

  it('leaves a node that something else uses', () => {
    const text = change(matched(standard, '0.2, 0.3', '0.8, 0.9'), [
      { kind: 'connect', from: { node: 'structure-part', port: 'mask' }, to: { node: 'adain', port: 'structureMask' } },
    ]);
    const after = change(text, unmatchEdits(read(text), 'swap', regionsOf(read(text), 'swap').regions));
    expect(Object.keys(read(after).nodes)).toContain('structure-part');
    expect(Object.keys(read(after).nodes)).not.toContain('appearance-part');
    expect(wires(after, 'swap', 'masks')).toEqual([]);
  });

  it('is not taken for one when it was changed by hand', () => {
    const text = matched(standard, '0.2, 0.3', '0.8, 0.9');
    for (const [param, value] of [
      ['override', 'fix.png'],
      ['step', 3],
      ['clusters', 7],
    ] as const) {
      const other = change(text, [{ kind: 'setParam', id: 'structure-part', param, value }]);
      expect(regionsOf(read(other), 'swap')).toMatchObject({ regions: [], others: ['structure-part'] });
    }
  });
});

it('a wire takes its place in a list, and changes no other line', () => {
  const connect: GraphEdit = {
    ...{ kind: 'connect', at: 0 },
    from: { node: 'invert-structure', port: 'inversion' },
    to: { node: 'swap', port: 'appearance' },
  };
  expect(wires(change(standard, [connect]), 'swap', 'appearance')).toEqual([
    'invert-structure.inversion',
    'invert-appearance.inversion',
  ]);
  expect(applyEdit(standard, connect)).toHaveLength(1);
});

it('a number lies inside its part, farthest from the border', () => {
  const labels = Uint8Array.from([0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2]);
  const found = middles(labels, { width: 5, height: 4 });
  expect(found[0]).toBe(6);
  expect(found.map((cell) => labels[cell])).toEqual([0, 1, 2]);
  expect(found[2]).toBe(17);
});
