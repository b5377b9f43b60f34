import { describe, expect, it } from 'vitest';
import { dispatch, parseStudioMessage, type StudioHandlers } from '../../../../extension/host/editor/studioMessages';
import { type GraphEdit, writeGraph, editText, standardGraph } from '../../../../extension/graph';
import { studioSchemas } from '../../../../extension/protocol/studio';

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0);
const where = { runId: 'run-1', node: 'denoise', step: 3, level: 'high' };

/** As VS Code carries them: what is undefined is left out. */
const taken = (message: unknown): unknown => {
  const parsed = parseStudioMessage(message);
  return 'message' in parsed ? parsed.message : undefined;
};

describe("the studio's messages", () => {
  it.each([
    { type: 'ready' },
    { type: 'run' },
    { type: 'run', target: 'denoise' },
    { type: 'openAsText', offset: 12 },
    { type: 'openPng', name: 'x.png', png: PNG },
    { type: 'dropped', uris: ['file:///a.png'], position: [1.5, -2], node: 'image', param: 'path' },
    { type: 'timelineFrame', runId: 'r', node: 'n', index: 0, kind: 'xt' },
    { type: 'inspect', id: 1, method: 'inspect.open', params: { runId: 'r', node: 'n' } },
    { type: 'fix', action: 'showOutput' },
    { type: 'log', level: 'error', message: 'x' },
  ])('are taken whole: $type', (message) => expect(taken(message)).toEqual(message));

  it('leave their defaults to the engine’s schemas', () => {
    const message = {
      type: 'inspect',
      id: 2,
      method: 'inspect.map',
      params: { ...where, from: 'output', points: [[0, 1]] },
    };
    expect(taken(message)).toMatchObject(message);
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'edit'],
    ['an unknown kind', { type: 'format-disk' }],
    ['a name that every object has', { type: 'constructor' }],
    ['another such name', { type: '__proto__' }],
    ['a missing field', { type: 'edit', edits: [] }],
    ['a field of the wrong type', { type: 'run', target: 7 }],
    ['bytes that are none', { type: 'openPng', name: 'x', png: [1, 2] }],
    ['bytes that are no PNG', { type: 'savePng', name: 'x', png: new Uint8Array(100) }],
    ['a correction that is no PNG', { type: 'saveCorrection', node: 'm', param: 'override', png: new Uint8Array(9) }],
    ['a place of three numbers', { type: 'dropped', uris: [], position: [1, 2, 3] }],
    ['a place that is no number', { type: 'dropped', uris: [], position: [1, NaN] }],
    ['a URI that is no text', { type: 'dropped', uris: [1], position: [1, 2] }],
    ['a level that is a method of the log', { type: 'log', level: 'dispose', message: 'x' }],
    ['a question that is a method of every object', { type: 'inspect', id: 1, method: 'toString', params: {} }],
    [
      'a request of the engine that is no question',
      { type: 'inspect', id: 1, method: 'models.remove', params: { id: 'x' } },
    ],
    ['a question without what it asks about', { type: 'inspect', id: 1, method: 'inspect.open', params: {} }],
    ['an action that is none', { type: 'fix', action: 'constructor' }],
    ['a kind of step that is none', { type: 'timelineFrame', runId: 'r', node: 'n', index: 0, kind: 'toString' }],
    ['half a step', { type: 'timelineFrame', runId: 'r', node: 'n', index: 0.5, kind: 'x0' }],
    ['a cell before the first', { type: 'openCell', node: 'n', row: -1, column: 0 }],
  ])('are refused: %s', (_what, message) => expect(taken(message)).toBeUndefined());

  it('say what is wrong with them, for the log', () =>
    expect(parseStudioMessage({ type: 'log', level: 'dispose', message: 'x' })).toEqual({
      problem: expect.stringMatching(/^log: .*at level/s),
    }));

  it('reach the function of their kind', () => {
    const seen: unknown[] = [];
    const handlers = new Proxy({} as StudioHandlers, {
      get: (_target, kind) => (message: unknown) => seen.push([kind, message]),
    });
    dispatch({ type: 'stop' }, handlers);
    expect(seen).toEqual([['stop', { type: 'stop' }]]);
  });

  it('have a schema each that takes no name of another', () => {
    for (const [type, schema] of Object.entries(studioSchemas))
      expect(schema.safeParse({ type: type === 'stop' ? 'run' : 'stop' }).success).toBe(false);
  });
});

describe('edits of the studio', () => {
  const edit = (...edits: unknown[]) => ({ type: 'edit', edits, label: 'Change', seq: 1 });
  const all: GraphEdit[] = [
    { kind: 'addNode', type: 'image', id: 'second', params: { path: 'b.png' }, position: [10, 20] },
    { kind: 'addNode', type: 'save', inputs: { images: ['a.image', 'b.image'] } },
    { kind: 'renameNode', id: 'structure', to: 'shape' },
    { kind: 'setParam', id: 'a', param: 'seed', value: 3 },
    { kind: 'setParam', id: 'a', param: 'columns', value: { param: 'a.b', values: [1, 2.5, 'x', null, true] } },
    { kind: 'setParam', id: 'a', param: 'seed', value: undefined, overrides: { seed: 4 }, keepDefault: true },
    { kind: 'setMuted', ids: ['a'], muted: true },
    { kind: 'setFolded', ids: ['a'], folded: true },
    { kind: 'connect', from: { node: 'a', port: 'image' }, to: { node: 'b', port: 'image' } },
    { kind: 'disconnect', to: { node: 'b', port: 'image' }, from: { node: 'a', port: 'image' } },
    {
      kind: 'routeWire',
      from: { node: 'a', port: 'image' },
      to: { node: 'b', port: 'image' },
      points: [
        [1, 2],
        [3, 4],
      ],
    },
    { kind: 'moveNodes', positions: { a: [1, 2] } },
    { kind: 'moveNodes', positions: { a: [1, 2] }, frames: { f: [0, 0, 10, 10] } },
    { kind: 'addFrame', text: 'Note', rect: [0, 0, 100, 100] },
    { kind: 'updateFrame', id: 'f', text: 'Other' },
    { kind: 'updateFrame', id: 'f', colour: 'purple' },
    { kind: 'updateFrame', id: 'f', colour: null },
    { kind: 'updateFrame', id: 'f', folded: ['a'] },
    { kind: 'duplicate', ids: ['a'], frames: ['f'] },
    { kind: 'removeFrame', id: 'f' },
    { kind: 'pasteFragment', fragment: '{}', at: [0, 0] },
    { kind: 'duplicate', ids: ['a'], offset: [1, 1] },
    { kind: 'removeNodes', ids: ['a'] },
  ];

  it.each(all.map((one) => [one.kind, one] as const))('are taken as they are: %s', (_kind, one) => {
    // Over the border, what is undefined is left out.
    const sent: unknown = JSON.parse(JSON.stringify(one));
    expect(taken(edit(sent))).toEqual(edit(sent));
  });

  it.each([
    ['of no kind', {}],
    ['of an unknown kind', { kind: 'deleteFile', path: 'x' }],
    ['of a kind that every object has', { kind: 'toString' }],
    ['that are a list of their own', { kind: 'batch', edits: [] }],
    ['of nothing', null],
    ['with a node that is no text', { kind: 'setParam', id: {}, param: 'seed', value: 1 }],
    ['with a value that no file can hold', { kind: 'setParam', id: 'a', param: 'seed', value: new Uint8Array(3) }],
    ['with a value that is no number', { kind: 'setParam', id: 'a', param: 'seed', value: NaN }],
    ['with a wire from nowhere', { kind: 'connect', from: null, to: { node: 'b', port: 'image' } }],
    ['with a colour that no frame has', { kind: 'updateFrame', id: 'f', colour: 'beige' }],
    [
      'with a point of one number',
      { kind: 'routeWire', from: { node: 'a', port: 'x' }, to: { node: 'b', port: 'y' }, points: [[1]] },
    ],
    ['with a place of one number', { kind: 'moveNodes', positions: { a: [1] } }],
  ])('are refused: %s', (_what, one) => expect(taken(edit(one))).toBeUndefined());

  it('change the same after the border as before it', () => {
    const text = writeGraph(
      standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal', output: 'o.png' }),
    );
    const one: GraphEdit = { kind: 'setParam', id: 'prompt', param: 'domain', value: undefined };
    const parsed = taken(edit(JSON.parse(JSON.stringify(one)))) as { edits: GraphEdit[] };
    expect(editText(text, { kind: 'batch', edits: parsed.edits })).toBe(editText(text, one));
  });
});
