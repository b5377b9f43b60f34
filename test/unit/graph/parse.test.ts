import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  blockingProblems,
  CURRENT_VERSION,
  formatProblem,
  parseGraph,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';
import { migrate, type Migration, migrations } from '../../../extension/graph/migrations';
import { documentOf, standardText } from './helpers';

const first = (text: string) => {
  const [problem] = parseGraph(text).problems;
  return problem ? formatProblem('f', problem) : undefined;
};

describe('a text that is not JSON', () => {
  it('is located where it breaks', () => {
    expect(first('')).toBe('f:1:1: The file is empty. A new graph starts with {"weft": 1, "nodes": {}}.');
    expect(first('{\n  "weft": 1\n  "nodes": {}\n}')).toBe(
      'f:3:3: The file is not valid JSON: A comma is expected here.',
    );
    expect(first('{\r\n  "weft": 1,\r\n}')).toMatch(
      /^f:2:12: The file is not valid JSON: there is a comma with nothing after it/,
    );
    expect(first('{"weft": 1, // one\n"nodes": {}}')).toBe(
      'f:1:13: The file is not valid JSON: Comments are not allowed in JSON.',
    );
    expect(parseGraph('{"weft": 1').document).toBeUndefined();
  });

  it('may be hostile', () => {
    expect(first('['.repeat(200_000))).toBe('f:1:101: The file is nested too deeply.');
    expect(first(`{"weft":1,"nodes":${'{"a":'.repeat(5000)}`)).toContain('nested too deeply');
    expect(first(`"${'x'.repeat(17_000_000)}"`)).toBe('f:1:1: The file is too large to be a graph.');
    expect(first('\u0000\uffff')).toContain('binary data');
  });

  it('may have a byte order mark, and then is fine', () => {
    expect(parseGraph(`\ufeff${standardText()}`).problems).toEqual([]);
  });
});

describe('a text that is no graph', () => {
  it('is told what is missing', () => {
    expect(first('[]')).toBe('f:1:1: The file must contain one JSON object with "weft" and "nodes".');
    expect(first('{"nodes": {}}')).toBe('f:1:1: The file has no version. Add "weft": 1.');
    expect(first('{"weft": 1}')).toBe('f:1:1: The file has no "nodes".');
    expect(first('{"weft": "1", "nodes": {}}')).toBe('f:1:2: weft must be the version of the format, 1, not "1".');
    expect(first('{"weft": 0, "nodes": {}}')).toContain('weft must be the version of the format');
    expect(first('{"weft": 1, "nodes": [1]}')).toBe('f:1:13: nodes must be an object: nodes by their ids.');
  });

  it('still shows what can be read, and says of the rest where it is', () => {
    const text = `{
  "weft": 1,
  "nodes": {
    "a": { "type": "image", "muted": "yes", "params": 5 },
    "b": { "type": "invert", "inputs": { "image": 7, "checkpoint": "m.checkpoint" } },
    "c": {},
    "d": [1]
  },
  "frames": { "f": { "text": "x", "rect": [1, 2] } },
  "layout": { "a": [0, "left"], "b": [1, 2] }
}`;
    const { document, problems } = parseGraph(text);
    expect(problems.map((problem) => formatProblem('f', problem))).toEqual([
      'f:4:29: a: muted must be true or left out, not "yes".',
      'f:4:45: a: params must be an object, not 5.',
      'f:5:42: b.image: The input image must be "node.port" or an array of them, not 7.',
      'f:6:5: c: The node has no type.',
      'f:7:5: d: A node must be an object with a type.',
      'f:9:15: The frame "f" must have a text and a rect of four numbers.',
      'f:10:15: The layout of "a" must be [x, y], two numbers, not [0,"left"].',
    ]);
    expect(document).toEqual({
      weft: 1,
      nodes: { a: { type: 'image' }, b: { type: 'invert', inputs: { checkpoint: 'm.checkpoint' } } },
      frames: {},
      layout: { b: [1, 2] },
    });
  });

  it('takes no flag for how a node looks but true, and runs all the same', () => {
    const text = '{ "weft": 1, "nodes": { "a": { "type": "image", "params": { "path": "a.png" }, "folded": "yes" } } }';
    expect(parseGraph(text).document?.nodes['a']).toEqual({ type: 'image', params: { path: 'a.png' } });
    expect(validateGraph(text).map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', 'folded must be true or left out, not "yes".'],
    ]);
    expect(validateGraph(text.replace('"yes"', 'true'))).toEqual([]);
  });

  it.each([
    ['"beige"', 'not "beige".'],
    ['7', 'not 7.'],
  ])('drops a colour that a frame can not have with a warning: %s', (colour, end) => {
    const text = `{ "weft": 1, "nodes": {}, "frames": { "f": { "text": "x", "rect": [1, 2, 3, 4], "colour": ${colour} } } }`;
    const { document, problems } = parseGraph(text);
    expect(document?.frames).toEqual({ f: { text: 'x', rect: [1, 2, 3, 4] } });
    expect(problems.map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', `The colour of a frame must be one of red, orange, yellow, green, blue and purple, ${end}`],
    ]);
    expect(blockingProblems(validateGraph(text))).toEqual([]);
    expect(validateGraph(text.replace(colour, '"blue"'))).toEqual([]);
  });

  it('drops a list of folded nodes that is none, and warns of a node in it that is not there', () => {
    const text = `{ "weft": 1, "nodes": { "a": { "type": "image", "params": { "path": "a.png" } } },
      "frames": { "f": { "text": "x", "rect": [1, 2, 3, 4], "folded": ["a", "aa"] } } }`;
    expect(validateGraph(text).map(({ severity, message, line }) => [severity, line, message])).toEqual([
      ['warning', 2, 'The frame "f" folds "aa", but there is no such node. Did you mean a?'],
    ]);
    expect(validateGraph(text.replace('"aa"', '"qqqqqq"'))[0]?.message).toContain('Remove it from the list.');
    const wrong = text.replace('["a", "aa"]', 'true');
    expect(parseGraph(wrong).document?.frames?.['f']).toEqual({ text: 'x', rect: [1, 2, 3, 4] });
    expect(validateGraph(wrong).map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', "folded must be a list of nodes' ids, not true."],
    ]);
  });

  it('names both places of a duplicated key, wherever it is', () => {
    expect(first('{"weft":1,"nodes":{\n"a":{"type":"x"},\n"a":{"type":"y"}}}')).toBe(
      'f:3:1: a: "a" appears twice in nodes, first on line 2; only the last counts.',
    );
    expect(first('{"weft":1,"nodes":{"swap":{"type":"x","params":{"b":1,\n "b":2}}}}')).toBe(
      'f:2:2: swap: "b" appears twice in nodes.swap.params, first on line 1; only the last counts.',
    );
    expect(documentOf('{"weft":1,"nodes":{"a":{"type":"x"},"a":{"type":"y"}}}').nodes['a']?.type).toBe('y');
  });

  it('does not reach into prototypes', () => {
    const { document } = parseGraph(
      '{"weft":1,"nodes":{"__proto__":{"type":"image","params":{"__proto__":{"polluted":1}}}}}',
    );
    expect(Object.keys(document?.nodes ?? {})).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('versions', () => {
  const folder = path.join(import.meta.dirname, 'versions');

  it('are all kept, one file each', () => {
    const kept = readdirSync(folder).sort();
    expect(kept).toEqual(Array.from({ length: CURRENT_VERSION }, (_, index) => `${index + 1}.weft.json`));
    for (const file of kept) {
      const { document, problems } = parseGraph(readFileSync(path.join(folder, file), 'utf8'));
      expect(problems).toEqual([]);
      expect(document?.weft).toBe(CURRENT_VERSION);
      expect(writeGraph(documentOf(writeGraph(document ?? { weft: 0, nodes: {} })))).toBe(
        writeGraph(document ?? { weft: 0, nodes: {} }),
      );
    }
  });

  it('have one step each, in order', () => {
    expect(migrations.map(({ from }) => from)).toEqual(
      Array.from({ length: CURRENT_VERSION - 1 }, (_, index) => index + 1),
    );
    const steps: Migration[] = [
      { from: 1, about: 'first', migrate: (data) => ({ ...data, weft: 2, steps: ['1'] }) },
      {
        from: 2,
        about: 'second',
        migrate: (data) => ({ ...data, weft: 3, steps: [...(data['steps'] as string[]), '2'] }),
      },
    ];
    expect(migrate({ weft: 1 }, steps)).toEqual({ weft: 3, steps: ['1', '2'] });
    expect(migrate({ weft: 3 }, steps)).toEqual({ weft: 3 });
  });

  it('that are later can be shown, with one problem that says so', () => {
    const text = '{"weft": 7, "nodes": {"a": {"type": "hologram", "inputs": {"x": {"from": "y"}}}}}';
    const { document, problems, version } = parseGraph(text);
    expect(version).toBe(7);
    expect(document?.nodes['a']?.type).toBe('hologram');
    expect(problems.map(({ code }) => code)).toEqual(['later-version']);
    expect(validateGraph(text)).toEqual(problems);
    expect(first(text)).toBe(
      'f:1:10: The file uses version 7 of the format, and this Weft knows 1. It is read-only here; update Weft to edit it.',
    );
  });
});
