import { expect, it } from 'vitest';
import {
  applyChanges,
  editText,
  type FixFacts,
  fixesOf,
  type GraphEdit,
  standardGraph,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';

const GRAPH = writeGraph(
  standardGraph({ structure: 'images/giraffe.png', appearance: 'images/zebra.png', domain: 'animal' }),
);
const edited = (...edits: GraphEdit[]): string => editText(GRAPH, { kind: 'batch', edits });
const set = (id: string, param: string, value: unknown): GraphEdit => ({ kind: 'setParam', id, param, value });

/** The fixes of the problem of a code, by their titles, each with the text it makes. */
function fixes(text: string, code: string, facts: FixFacts = {}): Record<string, string> {
  const problem = validateGraph(text, facts).find((each) => each.code === code);
  if (!problem) throw new Error(`${code} is not found`);
  return Object.fromEntries(
    fixesOf(text, problem, facts).map(({ title, changes }) => [title, applyChanges(text, changes)]),
  );
}

it('wires two inversions with different schedules to one of them', () => {
  const text = edited(
    { kind: 'addNode', type: 'schedule', id: 'other', params: { seed: 9 } },
    {
      kind: 'connect',
      from: { node: 'other', port: 'schedule' },
      to: { node: 'invert-appearance', port: 'schedule' },
    },
  );
  const made = fixes(text, 'disagreement');
  expect(Object.keys(made)).toEqual(['Wire both to schedule', 'Wire both to other']);
  for (const after of Object.values(made)) expect(validateGraph(after)).toEqual([]);
  expect(made['Wire both to schedule']).toBe(
    edited({ kind: 'addNode', type: 'schedule', id: 'other', params: { seed: 9 } }),
  );
});

it('wires two inversions with different checkpoints to one of them', () => {
  const text = edited(
    { kind: 'addNode', type: 'checkpoint', id: 'photo', params: { id: 'sd15' } },
    {
      kind: 'connect',
      from: { node: 'photo', port: 'checkpoint' },
      to: { node: 'invert-structure', port: 'checkpoint' },
    },
  );
  expect(Object.keys(fixes(text, 'disagreement'))).toEqual(['Wire both to photo', 'Wire both to model']);
});

it('uses the file of that name elsewhere, or the one with the nearest name', () => {
  const text = edited(set('appearance', 'path', 'zebra.png'));
  const files = ['images/cow.png', 'images/zebra.png'];
  const there = [...files, 'images/giraffe.png'];
  const facts: FixFacts = { files, fileExists: (name) => there.includes(name) };
  expect(fixes(text, 'missing-file', facts)).toEqual({ 'Use images/zebra.png': GRAPH });
  const misspelt = edited(set('appearance', 'path', 'images/zebar.png'));
  expect(fixes(misspelt, 'missing-file', facts)).toEqual({ 'Use images/zebra.png': GRAPH });
  const none = edited(set('appearance', 'path', 'landscape.png'));
  expect(fixes(none, 'missing-file', facts)).toEqual({});
});

it('corrects a misspelt type, parameter, input, wire or key in place', () => {
  const good = edited(set('swap', 'contrast', 3), { kind: 'setMuted', ids: ['swap'], muted: true });
  for (const [right, wrong, code] of [
    ['"attention-swap"', '"atention-swap"', 'unknown-type'],
    ['"contrast"', '"contrst"', 'unknown-param'],
    ['"structure": "inv', '"structrue": "inv', 'unknown-input'],
    ['"denoise.image"', '"denois.image"', 'unknown-node'],
    ['"denoise.image"', '"denoise.imag"', 'unknown-output'],
    ['"muted"', '"mutd"', 'unknown-key'],
  ] as const) {
    expect(good).toContain(right);
    const made = Object.values(fixes(good.replace(right, wrong), code));
    expect(made, code).toEqual([good]);
  }
});

it('offers no name that is taken already', () => {
  const text = edited(set('swap', 'contrast', 3)).replace('"contrast"', '"contrst": 4,\n        "contrast"');
  expect(fixes(text, 'unknown-param')).toEqual({});
});

it('uses a checkpoint of the library with a near name', () => {
  const checkpoints = ['mini', 'sd15'].map((id) => ({ id, domains: [] }));
  const text = edited(set('model', 'id', 'sd-15'));
  const made = fixes(text, 'unknown-checkpoint', { checkpoints });
  expect(made).toEqual({ 'Use sd15': edited(set('model', 'id', 'sd15')) });
});

it('has nothing for what only a person can decide', () => {
  const text = edited({ kind: 'disconnect', to: { node: 'denoise', port: 'transfer' } });
  expect(fixes(text, 'missing-input')).toEqual({});
  expect(fixesOf('{', validateGraph('{')[0]!)).toEqual([]);
});
