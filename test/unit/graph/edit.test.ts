import { describe, expect, it } from 'vitest';
import {
  applyChanges,
  applyEdit,
  copyFragment,
  duplicateIds,
  freshId,
  type GraphEdit,
  GraphEditError,
  overrideParams,
  parseFragment,
  parseWire,
  pasteIds,
  wiresOf,
  writeGraph,
} from '../../../extension/graph';
import { diff, documentOf, edited, randomOf, standard, standardText, strangeText } from './helpers';

const text = standardText();
const canonical = (result: string) => expect(writeGraph(documentOf(result))).toBe(result);

/** Edits the standard graph, checks that the file is still canonical, and gives its diff. */
function diffOf(...edits: GraphEdit[]): string[] {
  const result = edited(text, ...edits);
  canonical(result);
  return diff(text, result);
}

describe('a parameter', () => {
  const set = (value: unknown, param = 'contrast', id = 'swap'): GraphEdit => ({ kind: 'setParam', id, param, value });

  it('changes one line', () => {
    const two = edited(text, set(2));
    expect(diff(two, edited(two, set(2.5)))).toEqual(['- "contrast": 2', '+ "contrast": 2.5']);
    expect(applyEdit(two, set(2.5))).toEqual([
      { offset: two.indexOf('2', two.indexOf('"contrast"')), length: 1, content: '2.5' },
    ]);
  });

  it('stands at its canonical place when it is new', () => {
    expect(diffOf(set([0, 50], 'lowerRange'), set(2), set([10, 80], 'higherRange'))).toEqual([
      '+ },',
      '+ "params": {',
      '+ "contrast": 2,',
      '+ "higherRange": [10, 80],',
      '+ "lowerRange": [0, 50]',
    ]);
  });

  it('leaves the file when it is set to its default or to nothing, and its empty object with it', () => {
    const two = edited(text, set(2));
    expect(edited(two, set(1.67))).toBe(text);
    expect(edited(two, set(undefined))).toBe(text);
    expect(applyEdit(text, set(undefined))).toEqual([]);
    expect(applyEdit(text, set(1.67))).toEqual([]);
  });

  it('leaves the file when it equals a default that is computed', () => {
    const fifty = edited(text, set(50, 'steps', 'schedule'));
    expect(edited(fifty, set(16, 'skip', 'schedule'))).toBe(fifty);
    expect(edited(fifty, set(32, 'skip', 'schedule'))).toContain('"skip": 32');
  });

  it("is written when it equals the catalogue's default but not the checkpoint's", () => {
    const edit: GraphEdit = {
      kind: 'setParam',
      id: 'schedule',
      param: 'steps',
      value: 100,
      overrides: { steps: 50, skip: 24 },
    };
    expect(edited(text, edit)).toContain('"steps": 100');
    expect(edited(text, { ...edit, value: 50 })).toBe(text);
  });

  it('changes one number of a range in one line', () => {
    const range = edited(text, set([0, 90], 'higherRange'));
    expect(applyEdit(range, set([0, 80], 'higherRange'))).toEqual([
      { offset: range.indexOf('90]'), length: 2, content: '80' },
    ]);
  });

  it('can be unknown, and of a node of an unknown type', () => {
    const result = edited(strangeText, set('x', 'mood', 'dream'), set(1, 'gloss'));
    canonical(result);
    expect(diff(strangeText, result)).toEqual(['- }', '+ },', '+ "mood": "x"', '+ "gloss": 1,']);
  });
});

describe('overrides from a command line', () => {
  it('are written whatever the default, because a checkpoint may have another', () => {
    const result = overrideParams(text, [
      ['schedule', 'steps', 100],
      ['swap', 'contrast', 1.67],
      ['swap', 'contrast', 2],
    ]);
    canonical(result);
    expect(documentOf(result).nodes['schedule']?.params).toEqual({ steps: 100 });
    expect(documentOf(result).nodes['swap']?.params).toEqual({ contrast: 2 });
    expect(overrideParams(text, [])).toBe(text);
  });

  it('are refused where there is nothing of that name', () => {
    expect(() => overrideParams(text, [['swp', 'contrast', 2]])).toThrow(
      'There is no node swp to set contrast of. Did you mean swap?',
    );
    expect(() => overrideParams(text, [['guidance', 'end', 2]])).toThrow(
      'guidance has no parameter end. It has scale and endScale.',
    );
  });
});

describe('nodes', () => {
  it('are added at their canonical place with their position', () => {
    expect(
      diffOf({ kind: 'addNode', type: 'compare', id: 'judge', position: [12.4, 7], inputs: { a: 'denoise.image' } }),
    ).toEqual([
      '+ "judge": {',
      '+ "type": "compare",',
      '+ "inputs": {',
      '+ "a": "denoise.image"',
      '+ }',
      '+ },',
      '+ "judge": [12, 7],',
    ]);
  });

  it('can be the first and the last of a file', () => {
    const empty = writeGraph({ weft: 1, nodes: {} });
    const one = edited(empty, { kind: 'addNode', type: 'image', position: [0, 0] });
    canonical(one);
    expect(documentOf(one).nodes).toEqual({ image: { type: 'image' } });
    expect(edited(one, { kind: 'removeNodes', ids: ['image'] })).toBe(empty);
  });

  it('go with their wires and layout, and leave no empty objects', () => {
    const result = edited(text, { kind: 'removeNodes', ids: ['denoise', 'mask-structure'] });
    canonical(result);
    expect(result).not.toMatch(/denoise|mask-structure/);
    expect(documentOf(result).nodes['save']).toEqual({ type: 'save' });
    expect(documentOf(result).nodes['adain']?.inputs).toEqual({
      appearanceMask: 'mask-appearance.mask',
      transfer: 'swap.transfer',
    });
  });

  it('take their wires and layout along when they are renamed', () => {
    const result = edited(text, { kind: 'renameNode', id: 'invert-appearance', to: 'zebra' });
    canonical(result);
    expect(result).not.toContain('invert-appearance');
    expect(documentOf(result).nodes['swap']?.inputs?.['appearance']).toBe('zebra.inversion');
    expect(documentOf(result).layout?.['zebra']).toEqual(standard().layout?.['invert-appearance']);
    expect(edited(result, { kind: 'renameNode', id: 'zebra', to: 'invert-appearance' })).toBe(text);
  });

  it('stay where they are when the new name sorts the same', () => {
    expect(diffOf({ kind: 'renameNode', id: 'guidance', to: 'guiding' })).toEqual([
      '- "transfer": "guidance.transfer"',
      '+ "transfer": "guiding.transfer"',
      '- "guidance": {',
      '+ "guiding": {',
      expect.stringMatching(/^- "guidance": \[/),
      expect.stringMatching(/^\+ "guiding": \[/),
    ]);
  });

  it('follow a rename in a list of wires', () => {
    const two = edited(
      text,
      { kind: 'duplicate', ids: ['invert-appearance'] },
      {
        kind: 'connect',
        from: { node: 'invert-appearance-2', port: 'inversion' },
        to: { node: 'swap', port: 'appearance' },
      },
      { kind: 'renameNode', id: 'invert-appearance', to: 'look' },
    );
    canonical(two);
    expect(documentOf(two).nodes['swap']?.inputs?.['appearance']).toEqual([
      'look.inversion',
      'invert-appearance-2.inversion',
    ]);
  });

  it('are muted and unmuted in one line', () => {
    expect(diffOf({ kind: 'setMuted', ids: ['adain'], muted: true })).toEqual(['+ "muted": true,']);
    expect(
      edited(
        text,
        { kind: 'setMuted', ids: ['adain', 'save'], muted: true },
        { kind: 'setMuted', ids: ['save', 'adain'], muted: false },
      ),
    ).toBe(text);
  });

  it('move in one line each, to whole pixels', () => {
    expect(diffOf({ kind: 'moveNodes', positions: { swap: [1.5, -3.2] } })).toEqual([
      '- "swap": [520, 400]',
      '+ "swap": [2, -3]',
    ]);
    expect(diffOf({ kind: 'moveNodes', positions: { swap: [520, 400] } })).toEqual([]);
  });

  it('get a layout where the file had none', () => {
    const bare = writeGraph({ weft: 1, nodes: { swap: { type: 'attention-swap' }, save: { type: 'save' } } });
    const result = edited(bare, { kind: 'moveNodes', positions: { swap: [1, 2], save: [3, 4] } });
    canonical(result);
    expect(documentOf(result).layout).toEqual({ save: [3, 4], swap: [1, 2] });
  });

  it('get readable fresh names', () => {
    expect(freshId(standard(), 'attention-swap')).toBe('swap-2');
    expect(freshId(standard(), 'compare')).toBe('compare');
    expect(freshId(standard(), 'Dream Machine!')).toBe('dream-machine');
    expect(freshId(standard(), '123')).toBe('node');
  });
});

describe('wires', () => {
  const connect = (from: string, to: string, replaces?: string): GraphEdit => {
    const end = (wire: string) => ({ node: wire.split('.')[0] as string, port: wire.split('.')[1] as string });
    return {
      kind: 'connect',
      from: end(from),
      to: end(to),
      replaces: replaces === undefined ? undefined : end(replaces),
    };
  };

  it('replace the wire at a single port in one line', () => {
    expect(diffOf(connect('structure.image', 'invert-appearance.image'))).toEqual([
      '- "image": "appearance.image",',
      '+ "image": "structure.image",',
    ]);
  });

  it('are added at a list port, in one line, and taken away again', () => {
    expect(diffOf(connect('invert-structure.inversion', 'swap.appearance'))).toEqual([
      '- "appearance": "invert-appearance.inversion",',
      '+ "appearance": ["invert-appearance.inversion", "invert-structure.inversion"],',
    ]);
    const added = edited(text, connect('invert-structure.inversion', 'swap.appearance'));
    const end = { node: 'swap', port: 'appearance' };
    expect(edited(added, { kind: 'disconnect', to: end, from: { node: 'invert-structure', port: 'inversion' } })).toBe(
      text,
    );
    expect(documentOf(edited(added, { kind: 'disconnect', to: end })).nodes['swap']?.inputs).toEqual({
      structure: 'invert-structure.inversion',
    });
  });

  it('keep their place in a list when they are replaced', () => {
    const two = edited(text, connect('invert-structure.inversion', 'swap.appearance'), {
      kind: 'duplicate',
      ids: ['invert-structure'],
    });
    const three = edited(
      two,
      connect('invert-structure-2.inversion', 'swap.appearance', 'invert-appearance.inversion'),
    );
    expect(documentOf(three).nodes['swap']?.inputs?.['appearance']).toEqual([
      'invert-structure-2.inversion',
      'invert-structure.inversion',
    ]);
  });

  it('make the inputs where there were none, and take them along', () => {
    const result = edited(text, { kind: 'disconnect', to: { node: 'save', port: 'image' } });
    expect(result).not.toContain('"image": "denoise.image"');
    expect(documentOf(result).nodes['save']).toEqual({ type: 'save' });
    expect(edited(result, connect('denoise.image', 'save.image'))).toBe(text);
  });

  it('change nothing when they are already there', () => {
    expect(applyEdit(text, connect('denoise.image', 'save.image'))).toEqual([]);
    expect(applyEdit(text, connect('mask-appearance.mask', 'adain.appearanceMask'))).toEqual([]);
  });
});

it('nodes are folded and unfolded in one line, and keep it under another name and as copies', () => {
  const folded = edited(text, { kind: 'setFolded', ids: ['adain'], folded: true });
  canonical(folded);
  expect(diff(text, folded).filter((line) => line.includes('folded'))).toEqual(['+ "folded": true']);
  expect(edited(folded, { kind: 'setFolded', ids: ['adain', 'swap'], folded: false })).toBe(text);
  const named = edited(folded, { kind: 'renameNode', id: 'adain', to: 'look' }, { kind: 'duplicate', ids: ['look'] });
  expect(documentOf(named).nodes).toMatchObject({ look: { folded: true }, 'look-2': { folded: true } });
  expect(() => edited(text, { kind: 'setFolded', ids: ['nobody'], folded: true })).toThrow('There is no node nobody');
});

describe('frames', () => {
  it('are added, changed and removed, each in as few lines as can be', () => {
    const added = edited(text, { kind: 'addFrame', text: 'Look here', rect: [0.4, 1, 200, 100] });
    canonical(added);
    expect(documentOf(added).frames).toEqual({ frame: { rect: [0, 1, 200, 100], text: 'Look here' } });
    const changed = edited(added, { kind: 'updateFrame', id: 'frame', text: 'There' });
    expect(diff(added, changed)).toEqual(['- "text": "Look here"', '+ "text": "There"']);
    expect(edited(changed, { kind: 'removeFrame', id: 'frame' })).toBe(text);
  });

  it('are coloured in one line, and another edit keeps the colour', () => {
    const added = edited(text, { kind: 'addFrame', text: 'Look here', rect: [0, 1, 200, 100] });
    const red = edited(added, { kind: 'updateFrame', id: 'frame', colour: 'red' });
    canonical(red);
    expect(diff(added, red)).toEqual(['+ "colour": "red",']);
    const blue = edited(red, { kind: 'updateFrame', id: 'frame', colour: 'blue' });
    expect(diff(red, blue)).toEqual(['- "colour": "red",', '+ "colour": "blue",']);
    expect(documentOf(edited(blue, { kind: 'updateFrame', id: 'frame', text: 'There' })).frames?.['frame']).toEqual({
      colour: 'blue',
      rect: [0, 1, 200, 100],
      text: 'There',
    });
    expect(edited(blue, { kind: 'updateFrame', id: 'frame', colour: null })).toBe(added);
  });

  it('name what is folded in them, through new names, copies and removals', () => {
    const added = edited(text, { kind: 'addFrame', text: 'Look here', rect: [0, 1, 200, 100] });
    const folded = edited(added, { kind: 'updateFrame', id: 'frame', folded: ['adain', 'swap'] });
    canonical(folded);
    expect(diff(added, folded)).toEqual(['+ "folded": ["adain", "swap"],']);
    const named = edited(folded, { kind: 'renameNode', id: 'swap', to: 'mix' });
    expect(documentOf(named).frames?.['frame']?.folded).toEqual(['adain', 'mix']);
    const left = edited(folded, { kind: 'removeNodes', ids: ['adain', 'save'] });
    expect(documentOf(left).frames?.['frame']?.folded).toEqual(['swap']);
    expect(documentOf(edited(left, { kind: 'removeNodes', ids: ['swap'] })).frames?.['frame']).not.toHaveProperty(
      'folded',
    );
    const twice = edited(folded, { kind: 'duplicate', ids: ['adain', 'swap'], frames: ['frame'] });
    canonical(twice);
    expect(documentOf(twice).frames?.['frame-2']).toEqual({
      text: 'Look here',
      rect: [40, 41, 200, 100],
      folded: ['adain-2', 'swap-2'],
    });
    const fragment = copyFragment(documentOf(folded), ['swap'], ['frame']);
    const pasted = edited(folded, { kind: 'pasteFragment', fragment });
    expect(documentOf(pasted).frames?.['frame-2']?.folded).toEqual(['swap-2']);
    expect(edited(folded, { kind: 'updateFrame', id: 'frame', folded: null })).toBe(added);
    expect(() => edited(added, { kind: 'updateFrame', id: 'frame', folded: ['x'] })).toThrow('There is no node x');
  });

  it('move with an automatic layout', () => {
    const result = edited(strangeText, {
      kind: 'moveNodes',
      positions: { swap: [1, 1] },
      frames: { note: [0, 0, 300, 200] },
    });
    expect(diff(strangeText, result)).toEqual([
      '- "rect": [-10, -20, 300, 200],',
      '+ "rect": [0, 0, 300, 200],',
      '- "swap": [640, -120]',
      '+ "swap": [1, 1]',
    ]);
  });
});

describe('copy and paste', () => {
  const ids = ['swap', 'adain', 'invert-structure'];

  it('carries nodes with the wires among them to another file', () => {
    const fragment = copyFragment(standard(), ids);
    const result = edited(writeGraph({ weft: 1, nodes: {} }), { kind: 'pasteFragment', fragment, at: [100, 50] });
    canonical(result);
    const { nodes, layout } = documentOf(result);
    expect(nodes).toEqual({
      swap: { type: 'attention-swap', inputs: { structure: 'invert-structure.inversion' } },
      adain: { type: 'adain', inputs: { transfer: 'swap.transfer' } },
      'invert-structure': { type: 'invert' },
    });
    expect(Math.min(...Object.values(layout ?? {}).map(([x]) => x))).toBe(100);
    expect(Math.min(...Object.values(layout ?? {}).map(([, y]) => y))).toBe(50);
  });

  it('gives new names where they are taken, and wires the copies to each other', () => {
    const fragment = copyFragment(standard(), ids);
    const result = edited(text, { kind: 'pasteFragment', fragment }, { kind: 'pasteFragment', fragment });
    canonical(result);
    const { nodes } = documentOf(result);
    expect(nodes['adain-3']?.inputs).toEqual({ transfer: 'swap-3.transfer' });
    expect(nodes['swap-2']?.inputs).toEqual({ structure: 'invert-structure-2.inversion' });
    expect(pasteIds(standard(), parseFragment(fragment) ?? standard()).nodes['swap']).toBe('swap-2');
  });

  it('duplicates beside the original and keeps the wires into the selection', () => {
    const result = edited(text, { kind: 'duplicate', ids: ['swap'] });
    canonical(result);
    expect(documentOf(result).nodes['swap-2']).toEqual(standard().nodes['swap']);
    expect(documentOf(result).layout?.['swap-2']).toEqual([560, 440]);
    expect(duplicateIds(documentOf(result), ['swap-2'])).toEqual({ 'swap-2': 'swap-3' });
  });

  it('takes frames and unknown nodes along', () => {
    const fragment = copyFragment(documentOf(strangeText), ['dream', 'swap'], ['note']);
    const result = edited(strangeText, { kind: 'pasteFragment', fragment });
    canonical(result);
    expect(documentOf(result).nodes['dream-2']).toMatchObject({ type: 'dream-machine', since: '2031' });
    expect(documentOf(result).nodes['dream-2']?.inputs).toEqual({ anything: ['swap-2.transfer', 'swap-2.transfer'] });
    expect(documentOf(result).frames?.['note-2']?.rect).toEqual([30, 20, 300, 200]);
  });

  it('does not take other text for nodes', () => {
    for (const other of [
      '',
      'hello',
      '{}',
      '{"weft":1,"nodes":{}}',
      '{"weft":9,"nodes":{"a":{"type":"x"}}}',
      '{"weft":1,"nodes":{"A B":{"type":"x"}}}',
    ]) {
      expect(parseFragment(other)).toBeUndefined();
      expect(() => applyEdit(text, { kind: 'pasteFragment', fragment: other })).toThrow(
        'The clipboard contains no Weft nodes.',
      );
    }
  });
});

describe('a file laid out by hand', () => {
  const byHand = `{
\t"nodes" : {
\t\t"b": {"type": "attention-swap",
\t\t      "params": { "contrast":2, "higherRange": [ 0,
\t\t         90 ] }},
\t\t"a": { "type": "invert" }, "c": {"type":"denoise", "inputs": {"transfer": "b.transfer"}}
\t},

\t"weft": 1
}`;

  it('keeps every byte that an edit does not concern', () => {
    const set = (param: string, value: unknown): GraphEdit => ({ kind: 'setParam', id: 'b', param, value });
    expect(edited(byHand, set('contrast', 3))).toBe(byHand.replace('"contrast":2', '"contrast":3'));
    expect(edited(byHand, set('higherRange', [0, 80]))).toBe(byHand.replace('90 ]', '80 ]'));
    expect(edited(byHand, set('contrast', undefined))).toBe(byHand.replace('"contrast":2, ', ''));
    expect(edited(byHand, { kind: 'renameNode', id: 'b', to: 'zebra' })).toBe(
      byHand.replace('"b"', '"zebra"').replace('b.transfer', 'zebra.transfer'),
    );
    expect(edited(byHand, { kind: 'removeNodes', ids: ['c'] })).toBe(
      byHand.replace(', "c": {"type":"denoise", "inputs": {"transfer": "b.transfer"}}', ''),
    );
    expect(edited(byHand, { kind: 'setMuted', ids: ['b'], muted: true })).toContain(
      '{"type": "attention-swap",\n\t\t      "muted": true,\n\t\t      "params"',
    );
  });

  it('uses its own indentation for what is new', () => {
    const result = edited(byHand, {
      kind: 'addNode',
      type: 'image',
      id: 'd',
      params: { path: 'x.png' },
      position: [1, 2],
    });
    expect(result).toContain(
      '\n\t\t"d": {\n\t\t\t"type": "image",\n\t\t\t"params": {\n\t\t\t\t"path": "x.png"\n\t\t\t}\n\t\t}',
    );
    expect(result).toContain('\n\t"layout": {\n\t\t"d": [1, 2]\n\t}');
    expect(documentOf(result).nodes['d']).toEqual({ type: 'image', params: { path: 'x.png' } });
  });

  it('stays on one line when it is on one', () => {
    const line = '{"weft":1,"nodes":{"a":{"type":"image"}}}';
    const result = edited(
      line,
      { kind: 'addNode', type: 'image', id: 'b', params: { path: 'x.png' }, position: [1, 2] },
      { kind: 'setParam', id: 'a', param: 'path', value: 'y.png' },
    );
    expect(result).toBe(
      '{"weft":1,"nodes":{"a":{"type":"image","params":{"path":"y.png"}},"b":{"type":"image","params":{"path":"x.png"}}},"layout":{"b":[1,2]}}',
    );
  });

  it('keeps its line ends', () => {
    const crlf = text.replaceAll('\n', '\r\n');
    const edit: GraphEdit = { kind: 'addNode', type: 'compare', inputs: { a: 'denoise.image' }, position: [0, 0] };
    expect(edited(crlf, edit)).toBe(edited(text, edit).replaceAll('\n', '\r\n'));
  });

  it('keeps wires one a line where they are', () => {
    const list = text.replace(
      '"appearance": "invert-appearance.inversion"',
      '"appearance": [\n          "invert-appearance.inversion"\n        ]',
    );
    const result = edited(list, {
      kind: 'connect',
      from: { node: 'invert-structure', port: 'inversion' },
      to: { node: 'swap', port: 'appearance' },
    });
    expect(diff(list, result)).toEqual([
      '- "invert-appearance.inversion"',
      '+ "invert-appearance.inversion",',
      '+ "invert-structure.inversion"',
    ]);
  });
});

describe('changes', () => {
  it('are joined into one list on the first text', () => {
    const edits: GraphEdit[] = [
      { kind: 'setParam', id: 'swap', param: 'contrast', value: 2 },
      { kind: 'renameNode', id: 'swap', to: 'transfer' },
      { kind: 'setParam', id: 'transfer', param: 'contrast', value: 3 },
      { kind: 'addNode', type: 'compare', position: [5, 5] },
      { kind: 'removeNodes', ids: ['mask-structure'] },
    ];
    const changes = applyEdit(text, { kind: 'batch', edits });
    expect(applyChanges(text, changes)).toBe(edited(text, ...edits));
    for (const [index, change] of changes.entries()) {
      const next = changes[index + 1];
      if (next) expect(change.offset + change.length).toBeLessThanOrEqual(next.offset);
    }
    expect(
      applyEdit(text, {
        kind: 'batch',
        edits: [
          { kind: 'setMuted', ids: ['save'], muted: true },
          { kind: 'setMuted', ids: ['save'], muted: false },
        ],
      }),
    ).toEqual([]);
  });

  it('leave a canonical file canonical and mean what they say, whatever comes after what', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomOf(seed);
      const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
      let current = seed % 2 === 0 ? text : strangeText;
      for (let step = 0; step < 40; step++) {
        const document = documentOf(current);
        const ids = Object.keys(document.nodes);
        const id = ids.length > 0 ? pick(ids) : '';
        const edits: GraphEdit[] = [
          {
            kind: 'addNode',
            type: pick(['image', 'invert', 'attention-swap', 'save', 'dream']),
            position: [random(99), random(99)],
          },
          { kind: 'addNode', type: 'compare', params: { z: [random(9)], a: { b: [] } }, inputs: { b: ['x.y', 'y.z'] } },
        ];
        if (ids.length > 0) {
          edits.push(
            { kind: 'removeNodes', ids: [...new Set([id, pick(ids)])] },
            { kind: 'renameNode', id, to: `${pick(['a', 'm', 'z'])}${random(1000)}` },
            {
              kind: 'setParam',
              id,
              param: pick(['contrast', 'path', 'b', 'z']),
              value: pick([1, 'x', [1, 2], undefined, [1, 2, 3]]),
            },
            { kind: 'moveNodes', positions: { [id]: [random(9), random(9)], [pick(ids)]: [1, 1] } },
            { kind: 'duplicate', ids: [id, pick(ids)] },
            { kind: 'addFrame', text: 'x', rect: [0, 0, random(9), 1] },
          );
          const wires = Object.entries(document.nodes).flatMap(([node, { inputs = {} }]) =>
            Object.entries(inputs).flatMap(([port, input]) =>
              wiresOf(input).flatMap((wire): GraphEdit[] => {
                const from = parseWire(wire);
                const to = { node, port };
                if (!from) return [];
                const points = Array.from({ length: random(4) }, (): [number, number] => [random(9), random(9)]);
                return [
                  { kind: 'routeWire', from, to, points },
                  { kind: 'disconnect', from, to },
                ];
              }),
            ),
          );
          if (wires.length > 0) edits.push(pick(wires), pick(wires), pick(wires));
        }
        const edit = pick(edits);
        let next: string;
        try {
          next = edited(current, edit);
        } catch (error) {
          expect(error).toBeInstanceOf(GraphEditError);
          continue;
        }
        canonical(next);
        const after = documentOf(next).nodes;
        if (edit.kind === 'removeNodes')
          expect(Object.keys(after)).toEqual(ids.filter((other) => !edit.ids.includes(other)).sort());
        if (edit.kind === 'setParam') expect(after[edit.id]?.params?.[edit.param]).toEqual(edit.value);
        if (edit.kind === 'renameNode') expect(after[edit.to]?.type).toBe(document.nodes[edit.id]?.type);
        current = next;
      }
    }
  });
});

describe('an edit that makes no sense', () => {
  const refuses = (edit: GraphEdit, sentence: string, of = text) => {
    expect(() => applyEdit(of, edit)).toThrow(GraphEditError);
    expect(() => applyEdit(of, edit)).toThrow(sentence);
  };

  it('is refused with a sentence', () => {
    refuses({ kind: 'setParam', id: 'nobody', param: 'x', value: 1 }, 'There is no node nobody in the graph.');
    refuses({ kind: 'removeNodes', ids: ['constructor'] }, 'There is no node constructor in the graph.');
    refuses({ kind: 'renameNode', id: 'swap', to: 'adain' }, 'There is already a node adain.');
    refuses({ kind: 'renameNode', id: 'swap', to: 'Swap 2' }, '"Swap 2" can\'t be a name');
    refuses({ kind: 'addNode', type: 'image', id: '__proto__' }, '"__proto__" can\'t be a name');
    refuses({ kind: 'setMuted', ids: ['structure'], muted: true }, "structure can't be muted");
    refuses({ kind: 'updateFrame', id: 'x', text: 'y' }, 'There is no frame x.');
    refuses({ kind: 'moveNodes', positions: { swap: [Number.NaN, 0] } }, 'A position must be numbers.');
    refuses(
      { kind: 'disconnect', to: { node: 'save', port: 'image' }, from: { node: 'swap', port: 'x' } },
      'save.image has no wire from swap.x',
    );
    refuses(
      { kind: 'connect', from: { node: 'structure', port: 'image' }, to: { node: 'swap', port: 'structure' } },
      'swap.structure takes an inversion, but structure.image is an image. Put an invert node between them.',
    );
  });

  it('is refused in a broken file and in one of a later version', () => {
    const edit: GraphEdit = { kind: 'addNode', type: 'image' };
    refuses(edit, 'Open it as text to fix it.', '{"weft": 1, "nodes": {');
    refuses(edit, 'update Weft to edit it', '{"weft": 2, "nodes": {}}');
  });
});
