import { describe, expect, it } from 'vitest';
import { checkGraph, GraphEditError, validateGraph, writeGraph } from '../../../extension/graph';
import { standard, standardText } from './helpers';

const file = { as: 'g.weft.json', lines: true };
const told = (
  text: string,
  set: [string, string, unknown][],
  name: Parameters<typeof checkGraph>[2] = file,
): string[] => {
  const { problems, tell } = checkGraph(text, set, name, {});
  return problems.map(tell);
};
/** `line:column` of a piece of the text, as an editor counts. */
const at = (text: string, piece: string): string => {
  const before = text.slice(0, text.indexOf(piece)).split('\n');
  return `${before.length}:${before.at(-1)!.length + 1}`;
};

describe('problems of a graph whose parameters are set from outside', () => {
  it('are those of the option where the option brought them in', () => {
    expect(told(standardText(), [['swap', 'contrast', 99]])).toEqual([
      '--set swap.contrast: contrast must be between 0 and 10, not 99.',
    ]);
    // Said of skip, which the file does not write; the option that made it wrong is told.
    expect(told(standardText(), [['schedule', 'skip', 500]])).toEqual([
      expect.stringMatching(/^--set schedule\.skip: skip must be less than steps/),
    ]);
    const short = standard();
    short.nodes['schedule']!.params = { skip: 30 };
    const text = writeGraph(short);
    expect(told(text, [['schedule', 'steps', 20]])).toEqual([
      `g.weft.json:${at(text, '30')}: schedule.skip: skip must be less than steps: skipping 30 of 20 steps leaves none to run.`,
    ]);
  });

  it('are in a text that was made from the file at the line of the file that speaks of it, or of its node', () => {
    const graph = standard();
    graph.nodes['swap']!.params = { contrast: 1 };
    const of = writeGraph(graph);
    const made = writeGraph({
      ...graph,
      nodes: { ...graph.nodes, swap: { ...graph.nodes['swap']!, params: { contrast: 99 } } },
    });
    const name = { ...file, of: `\n\n${of}` };
    const [line] = at(name.of, '"contrast"').split(':');
    expect(told(made, [], name)[0]).toMatch(new RegExp(`^g.weft.json:${line}:\\d+: swap.contrast: contrast must be`));
    graph.nodes['swap']!.params = { lowerRange: [0, 200] };
    expect(told(writeGraph(graph), [], name)[0]).toMatch(/^g\.weft\.json:\d+:\d+: swap\.lowerRange: /);
  });

  it("are at the line of the user's file, however many lines the options add above and below it", () => {
    const graph = standard();
    graph.nodes['denoise']!.inputs = { transfer: 'gidance.transfer' };
    graph.nodes['swap']!.params = { contrst: 1 };
    const text = writeGraph(graph);
    const places = [
      `g.weft.json:${at(text, '"gidance.transfer"')}: denoise.transfer: `,
      `g.weft.json:${at(text, '"contrst"')}: swap.contrst: `,
    ];
    for (const set of [
      [],
      [['adain', 'range', [1, 2]]],
      [
        ['swap', 'contrast', 2],
        ['adain', 'range', [1, 2]],
        ['schedule', 'steps', 30],
        ['prompt', 'text', 'a\nb animal'],
      ],
      [
        ['structure', 'path', 'a/very/long/path/to/another.png'],
        ['save', 'path', 'x.png'],
      ],
    ] as [string, string, unknown][][]) {
      const lines = told(text, set);
      for (const place of places) expect(lines).toContainEqual(expect.stringContaining(place));
      expect(lines).toHaveLength(2);
    }
  });

  it('are those of the file where it can not be read, and name no line of another text', () => {
    expect(told('{\n  "weft": 1,\n  "nodes": {\n', [['swap', 'contrast', 2]])).toEqual([
      expect.stringMatching(/^g\.weft\.json:\d+:\d+: The file is not valid JSON/),
    ]);
    const twice = standardText().replace('"denoise": {', '"adain": {"type": "adain"},\n    "denoise": {');
    const [first] = told(twice, [['adain', 'range', [1, 2]]]).filter((line) => line.includes('twice'));
    expect(first).toBe(told(twice, []).find((line) => line.includes('twice')));
  });

  it('name the option of a node or parameter that is not there', () => {
    expect(() => told(standardText(), [['swap', 'contrst', 1]])).toThrow(GraphEditError);
    expect(() => told(standardText(), [['swap', 'contrst', 1]])).toThrow(/^--set swap\.contrst: swap has no parameter/);
    expect(() => told(standardText(), [['swop', 'contrast', 1]])).toThrow(/^--set swop\.contrast: .*Did you mean swap/);
  });
});

describe('problems of a graph that is nobody’s file', () => {
  it('name the option of the command, or what the graph comes from, and no line', () => {
    const graph = standard();
    graph.nodes['schedule']!.params = { steps: 10, skip: 20 };
    graph.nodes['swap']!.params = { contrast: 99 };
    const name = { as: 'the graph in coat.png', lines: false, options: { 'schedule.skip': '--skip' } };
    expect(told(writeGraph(graph), [], name)).toEqual([
      expect.stringMatching(/^--skip: skip must be less than steps/),
      'the graph in coat.png: swap.contrast: contrast must be between 0 and 10, not 99.',
    ]);
  });
});

describe('a key that means nothing', () => {
  it('is a warning at its place, with the key that was meant', () => {
    const text = standardText()
      .replace('"weft": 1,', '"weft": 1,\n  "nodez": {},')
      .replace('"params": {', '"param": {')
      .replace('"inputs": {', '"mutd": true,\n      "inputs": {');
    const warnings = validateGraph(text).filter(({ code }) => code === 'unknown-key');
    expect(warnings.map(({ severity }) => severity)).toEqual(['warning', 'warning', 'warning']);
    expect(warnings.map(({ message }) => message)).toEqual([
      '"nodez" is not a key of the file. Did you mean nodes?',
      '"mutd" is not a key of a node. Did you mean muted?',
      '"param" is not a key of a node. Did you mean params?',
    ]);
    expect(warnings.map(({ line, column }) => `${line}:${column}`)).toEqual([
      at(text, '"nodez"'),
      at(text, '"mutd"'),
      at(text, '"param"'),
    ]);
  });

  it('is another program’s own where it begins with a mark', () => {
    const text = standardText().replace(
      '"weft": 1,',
      '"$schema": "weft-graph.schema.json",\n  "//": "mine",\n  "weft": 1,',
    );
    expect(validateGraph(text)).toEqual([]);
  });
});

describe('names that JavaScript has already', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    '%s is checked like any other',
    (name) => {
      const entry = (json: string): string => `{"weft": 1, "nodes": {"${name}": ${json}}}`;
      const messages = (text: string): string[] => validateGraph(text).map(({ message }) => message);
      expect(messages(entry('{}'))).toEqual(['The node has no type.']);
      expect(messages(entry('5'))).toEqual(['A node must be an object with a type.']);
      expect(messages(entry('{"type": "adain", "muted": 3}'))).toContain('muted must be true or left out, not 3.');
      expect(messages(`{"weft": 1, "nodes": {"a": {"type": "adain", "inputs": {"${name}": 5}}}}`)).toContain(
        `The input ${name} must be "node.port" or an array of them, not 5.`,
      );
      expect(messages(`{"weft": 1, "nodes": {}, "frames": {"${name}": {}}}`)).toContain(
        `The frame "${name}" must have a text and a rect of four numbers.`,
      );
      expect(messages(`{"weft": 1, "nodes": {}, "layout": {"${name}": [1]}}`)).toEqual([
        `The layout of "${name}" must be [x, y], two numbers, not [1].`,
      ]);
      expect(messages(entry(`{"type": "${name}", "params": {"${name}": 1}}`))).toContainEqual(
        expect.stringMatching(/does not know the type/),
      );
    },
  );
});
