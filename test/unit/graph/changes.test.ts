import { expect, it } from 'vitest';
import { editText, graphChanges, type GraphEdit, standardGraph, writeGraph } from '../../../extension/graph';

const BEFORE = writeGraph(
  standardGraph({ structure: 'images/giraffe.png', appearance: 'images/zebra.png', domain: 'animal' }),
);

const after = (...edits: GraphEdit[]): string[] => graphChanges(BEFORE, editText(BEFORE, { kind: 'batch', edits }));
const set = (id: string, param: string, value: unknown): GraphEdit => ({ kind: 'setParam', id, param, value });

it('names a parameter with both values, also one that was at its default', () => {
  expect(after(set('swap', 'contrast', 5.13))).toEqual(['contrast 1.67 → 5.13']);
  expect(after(set('swap', 'higherRange', [10, 60]))).toEqual(['higher resolution 10–90 → 10–60']);
  expect(after(set('model', 'width', 256))).toEqual(['width default → 256']);
  const changed = editText(BEFORE, set('swap', 'contrast', 3));
  expect(graphChanges(changed, BEFORE)).toEqual(['contrast 3 → 1.67']);
});

it('names an image by its node and its file', () => {
  expect(after(set('structure', 'path', '../more/cow.png'))).toEqual(['structure giraffe.png → cow.png']);
});

it('says nothing of what changes no result', () => {
  expect(
    after(
      set('save', 'path', 'other.png'),
      { kind: 'moveNodes', positions: { swap: [1, 2] } },
      { kind: 'renameNode', id: 'denoise', to: 'last' },
      { kind: 'renameNode', id: 'adain', to: 'colours' },
    ),
  ).toEqual([]);
  // Written, but the default.
  expect(after({ kind: 'setParam', id: 'swap', param: 'contrast', value: 1.67, keepDefault: true })).toEqual([]);
});

it('tells what came, went, was muted or wired anew, in the order of the catalogue', () => {
  expect(
    after(
      { kind: 'setMuted', ids: ['adain'], muted: true },
      { kind: 'connect', from: { node: 'swap', port: 'transfer' }, to: { node: 'guidance', port: 'transfer' } },
      { kind: 'addNode', type: 'freeu' },
      { kind: 'removeNodes', ids: ['save'] },
    ),
  ).toEqual(['freeu added', 'adain muted', 'guidance rewired', 'save removed']);
});

it('says which node is meant where there are several of a type', () => {
  expect(after(set('mask-structure', 'clusters', 7))).toEqual([
    expect.stringMatching(/^mask-structure clusters \d+ → 7$/),
  ]);
});

it('takes the defaults of the checkpoint that is used, and is silent where another one brings others', () => {
  const own = [{ id: 'other', defaults: { 'attention-swap': { contrast: 1.2 } } }];
  const other = editText(BEFORE, set('model', 'id', 'other'));
  expect(graphChanges(BEFORE, other, own)).toEqual(['checkpoint mini → other']);
  expect(graphChanges(other, editText(other, set('swap', 'contrast', 5)), own)).toEqual(['contrast 1.2 → 5']);
});

it('finds nothing in what is no graph', () => {
  expect(graphChanges('{', BEFORE)).toEqual([]);
  expect(graphChanges(BEFORE, '[]')).toEqual([]);
});
