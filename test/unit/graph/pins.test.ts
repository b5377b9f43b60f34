import { describe, expect, it } from 'vitest';
import {
  cellGraph,
  checkAxis,
  type Pin,
  checkValue,
  formatGraph,
  graphChanges,
  type GraphEdit,
  overrideParams,
  paramOf,
  parseAxis,
  sameValue,
  specOf,
  validateGraph,
  writeGraph,
} from '../../../extension/graph';
import { diff, documentOf, edited, standard, standardText } from './helpers';

const pin = (x: number, more: Partial<Pin> = {}): Pin => ({
  to: { x, y: 0.5, radius: 0.1 },
  from: { x: 0.25, y: 0.75, radius: 0.2 },
  ...more,
});
const line = (x: number): string =>
  `{ "to": { "x": ${x}, "y": 0.5, "radius": 0.1 }, "from": { "x": 0.25, "y": 0.75, "radius": 0.2 } }`;
const set = (...pins: unknown[]): GraphEdit => ({ kind: 'setParam', id: 'swap', param: 'pins', value: pins });
const contrast = edited(standardText(), { kind: 'setParam', id: 'swap', param: 'contrast', value: 2 });
const param = paramOf(specOf('attention-swap'), 'pins')!;

describe('pins in the file', () => {
  it('take one line each, the first on the line of their list', () => {
    const one = edited(contrast, set(pin(0.1)));
    expect(diff(contrast, one)).toEqual(['- "contrast": 2', '+ "contrast": 2,', `+ "pins": [${line(0.1)}]`]);
    expect(one.split('\n').length).toBe(contrast.split('\n').length + 1);
    const two = edited(one, set(pin(0.1), pin(0.2)));
    expect(diff(one, two)).toEqual([`- "pins": [${line(0.1)}]`, `+ "pins": [${line(0.1)},`, `+ ${line(0.2)}]`]);
    const three = edited(two, set(pin(0.1), pin(0.15), pin(0.2)));
    expect(diff(two, three)).toEqual([`+ ${line(0.15)},`]);
    for (const text of [one, two, three]) expect(formatGraph(text)).toEqual([]);
  });

  it('change, move and go without touching others, and without a trace when the last goes', () => {
    const three = edited(contrast, set(pin(0.1), pin(0.2), pin(0.3)));
    const moved = edited(three, set(pin(0.1), pin(0.25), pin(0.3)));
    expect(diff(three, moved)).toEqual([`- ${line(0.2)},`, `+ ${line(0.25)},`]);
    const fewer = edited(moved, set(pin(0.1), pin(0.3)));
    expect(diff(moved, fewer)).toEqual([`- ${line(0.25)},`]);
    const first = edited(fewer, set(pin(0.3)));
    expect(first).toBe(edited(contrast, set(pin(0.3))));
    expect(edited(first, set())).toBe(contrast);
    // What is already there is no edit.
    expect(edited(three, set(pin(0.1), pin(0.2), pin(0.3)))).toBe(three);
  });

  it('keep the layout that a person gave them, and the line ends of the file', () => {
    const broken = contrast.replace('"contrast": 2', `"pins": [\n          ${line(0.1)}\n        ]`);
    expect(diff(broken, edited(broken, set(pin(0.1), pin(0.2))))).toEqual([
      `- ${line(0.1)}`,
      `+ ${line(0.1)},`,
      `+ ${line(0.2)}`,
    ]);
    const windows = contrast.replaceAll('\n', '\r\n');
    const two = edited(windows, set(pin(0.1)), set(pin(0.1), pin(0.2)));
    expect(two.replaceAll('\r\n', '\n')).toBe(edited(contrast, set(pin(0.1), pin(0.2))));
    expect(two.replaceAll('\r\n', '')).not.toContain('\n');
    const small = '{"weft":1,"nodes":{"swap":{"type":"attention-swap"}}}';
    expect(edited(small, set(pin(0.1)))).not.toContain('\n');
  });

  it('have at most four decimals, and no default', () => {
    const long = { ...pin(1 / 3, { appearance: 1, muted: false }) };
    expect(edited(contrast, set(long))).toContain('{ "x": 0.3333, "y": 0.5, "radius": 0.1 }, "from"');
    expect(edited(contrast, set(long))).not.toMatch(/appearance": 1|muted/);
    expect(edited(contrast, set(pin(0.5, { muted: true, appearance: 2 })))).toContain(
      '"radius": 0.2 }, "appearance": 2, "muted": true }]',
    );
  });

  it('come back as they were written', () => {
    const pins = [pin(0.1, { appearance: 2 }), pin(0.2, { muted: true })];
    const text = edited(contrast, set(...pins));
    expect(documentOf(text).nodes['swap']?.params?.['pins']).toEqual(pins);
    expect(writeGraph(documentOf(text))).toBe(text);
  });
});

describe('a list of pins', () => {
  it.each<[unknown, string]>([
    [3, 'pins must be a list of pins, not 3.'],
    [pin(0.1), 'pins must be a list of pins, not {'],
    [Array.from({ length: 101 }, () => pin(0.1)), 'pins has 101 pins; the most is 100.'],
    [[pin(0.1), 7], 'pins, pin 2: it must be {"to": {"x", "y", "radius"}, "from": {"x", "y", "radius"}}, not 7.'],
    [[{ from: pin(0).from }], 'pins, pin 1: to is missing.'],
    [[{ ...pin(0), from: [1, 2, 3] }], 'pins, pin 1: from must be {"x", "y", "radius"}, not [1,2,3].'],
    [[pin(1.2)], 'pins, pin 1: to.x must be a number between 0 and 1, not 1.2.'],
    [[pin(0.1), { ...pin(0.1), from: { x: 0, y: '1', radius: 1 } }], 'pins, pin 2: from.y must be a number between'],
    [[{ ...pin(0), from: { x: 0, y: 0, radius: 0 } }], 'pins, pin 1: from.radius must be a number between 0.0001 and'],
    [[{ ...pin(0), from: { x: 0, y: 0 } }], 'pins, pin 1: from.radius is missing.'],
    [[{ ...pin(0), to: { x: 0, y: 0, r: 1 } }], 'pins, pin 1: to has no field "r", only x, y and radius.'],
    [[{ ...pin(0), mute: true }], 'pins, pin 1: it has no field "mute", only to, from, appearance and muted.'],
    [[pin(0.1, { appearance: 0 })], 'pins, pin 1: appearance must be a whole number from 1, not 0.'],
    [[{ ...pin(0.1), muted: 'yes' }], 'pins, pin 1: muted must be true or left out, not "yes".'],
    [[pin(Number.NaN)], 'pins, pin 1: to.x must be a number between 0 and 1'],
  ])('is refused with its pin and field: %j', (value, sentence) => {
    expect(checkValue(param, value)).toContain(sentence);
  });

  it('may be empty, full and at the edges', () => {
    for (const pins of [[], [pin(0), pin(1)], Array.from({ length: 100 }, () => pin(0.5))])
      expect(checkValue(param, pins)).toBeUndefined();
  });

  it('is the same only with the same pins', () => {
    expect(sameValue([pin(0.1)], [{ from: pin(0.1).from, to: pin(0.1).to }])).toBe(true);
    expect(sameValue([pin(0.1)], [pin(0.2)])).toBe(false);
    expect(sameValue([pin(0.1)], [pin(0.1, { muted: true })])).toBe(false);
    expect(sameValue([pin(0.1)], [[0.1]])).toBe(false);
  });

  it('names only appearances that are wired', () => {
    const said = (pins: Pin[]): string[] =>
      validateGraph(edited(standardText(), set(...pins))).map(({ message, param: at }) => `${at}: ${message}`);
    expect(said([pin(0.1), pin(0.2, { appearance: 2 })])).toEqual([
      'pins: pins, pin 2: it takes its look from appearance 2, but swap.appearance has one wire.',
    ]);
    expect(said([pin(0.2, { appearance: 2, muted: true })])).toEqual([]);
  });
});

describe('pins from outside the file', () => {
  it('are set as JSON', () => {
    const text = overrideParams(standardText(), [['swap', 'pins', JSON.parse(`[${line(0.1)}]`) as unknown]]);
    expect(text).toContain(`"pins": [${line(0.1)}]`);
    expect(() => overrideParams(standardText(), [['adain', 'pins', []]])).toThrow('adain has no parameter pins');
  });

  it('are swept as JSON lists', () => {
    const axis = parseAxis(`swap.pins=[],[${line(0.1)}],[${line(0.1)},${line(0.2)}]`);
    expect(axis.values).toEqual([[], [pin(0.1)], [pin(0.1), pin(0.2)]]);
    expect(checkAxis(standard(), axis)).toBe(param);
    expect(cellGraph(standardText(), [{ node: 'swap', param: 'pins', value: axis.values[2] }])).toContain(line(0.2));
    expect(() => checkAxis(standard(), parseAxis(`swap.pins=[[{"to":1}]]`))).toThrow('swap: pins, pin 1: to must be');
  });

  it('are named in the history by what they do', () => {
    const changes = (before: Pin[], after: Pin[]): string[] =>
      graphChanges(edited(contrast, set(...before)), edited(contrast, set(...after)));
    expect(changes([], [pin(0.1)])).toEqual(['pins none → 0.1,0.5 from 0.25,0.75']);
    expect(changes([pin(0.1)], [pin(0.1), pin(0.2)])).toEqual(['pins 0.1,0.5 from 0.25,0.75 → 2 pins']);
    expect(changes([pin(0.1), pin(0.2)], [pin(0.1), pin(0.3)])).toEqual(['pin 2 changed']);
    expect(changes([pin(0.1), pin(0.2)], [pin(0.4), pin(0.3)])).toEqual(['2 pins changed']);
  });
});

describe('one inversion wired several times', () => {
  const from = { node: 'invert-appearance', port: 'inversion' };
  const to = { node: 'swap', port: 'appearance' };
  const wires = (text: string, port = 'appearance') => documentOf(text).nodes['swap']?.inputs?.[port];
  const twice = edited(standardText(), { kind: 'connect', from, to });

  it('has a wire for each, with its own pair of masks', () => {
    expect(wires(twice)).toEqual(['invert-appearance.inversion', 'invert-appearance.inversion']);
    const mask = (node: string, port: string): GraphEdit => ({
      kind: 'connect',
      from: { node, port: 'mask' },
      to: { node: 'swap', port },
    });
    const paired = edited(
      twice,
      mask('mask-structure', 'masks'),
      mask('mask-appearance', 'sources'),
      mask('mask-appearance', 'sources'),
    );
    expect(wires(paired, 'sources')).toEqual(['mask-appearance.mask', 'mask-appearance.mask']);
    expect(validateGraph(paired)).toEqual([]);
    expect(validateGraph(edited(paired, mask('mask-structure', 'sources'))).map(({ message }) => message)).toEqual([
      'swap.sources has 3 wires, but swap.appearance has 2: each needs its counterpart there. Remove the extra wires.',
    ]);
  });

  it('loses and changes the one that is named', () => {
    const other = { node: 'invert-structure', port: 'inversion' };
    const three = edited(twice, { kind: 'connect', from: other, to }, { kind: 'connect', from, to });
    const names = (text: string) => [wires(text)].flat().map((wire) => wire?.replace(/^invert-(.).*/, '$1'));
    expect(names(three)).toEqual(['a', 'a', 's', 'a']);
    expect(names(edited(three, { kind: 'disconnect', from, to, nth: 2 }))).toEqual(['a', 'a', 's']);
    expect(names(edited(three, { kind: 'disconnect', from, to }))).toEqual(['a', 's', 'a']);
    expect(names(edited(three, { kind: 'connect', from: other, to, replaces: from, nth: 1 }))).toEqual([
      'a',
      's',
      's',
      'a',
    ]);
  });
});
