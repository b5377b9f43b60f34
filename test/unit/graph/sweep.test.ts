import { describe, expect, it } from 'vitest';
import { checkAxis, parseAxis, validateGraph, writeGraph } from '../../../extension/graph';
import { standard, standardText, documentOf } from './helpers';

const values = (written: string) => parseAxis(`swap.contrast=${written}`).values;

describe('the values of an axis', () => {
  it.each<[string, unknown[]]>([
    ['1,1.67,2.5', [1, 1.67, 2.5]],
    [' 1 , 2 ', [1, 2]],
    ['[1,2]', [1, 2]],
    ['[10,90],[20,80]', [[10, 90], [20, 80]]], // prettier-ignore
    ['[[10,90],[20,80]]', [[10, 90], [20, 80]]], // prettier-ignore
    ['true,null,a word', [true, null, 'a word']],
    // Ranges; a point may stand first or last.
    ['1:3', [1, 2, 3]],
    ['3:1', [3, 2, 1]],
    ['.5:1:.25', [0.5, 0.75, 1]],
    ['-.5:.5:.5', [-0.5, 0, 0.5]],
    ['1.:2.', [1, 2]],
    ['0:.3:.1', [0, 0.1, 0.2, 0.3]],
    ['.5,1', [0.5, 1]],
    // What separates values, and what does not.
    ['"a, b",c', ['a, b', 'c']],
    ['"a \\", b","c"', ['a ", b', 'c']],
    ['["a, b"],["]"]', [['a, b'], [']']]],
    ['{"a":"x,y"},2', [{ a: 'x,y' }, 2]],
    ['{cow,dog}.png,[ab],c.png', ['{cow,dog}.png', '[ab]', 'c.png']],
    ['{a,{b,c}}.png,d', ['{a,{b,c}}.png', 'd']],
    ['cat[1.png,dog.png', ['cat[1.png', 'dog.png']],
    ['a}.png,b{.png,{c,d}', ['a}.png', 'b{.png', '{c,d}']],
    ['5"pipe.png,6"pipe.png', ['5"pipe.png', '6"pipe.png']],
    ['"open,b', ['"open', 'b']],
    ['"1:3"', ['1:3']],
    // No numbers, so their parameter says what is wrong with them.
    ['0x10', ['0x10']],
    ['1e0:1e1', ['1e0:1e1']],
    ['1 : 3', ['1 : 3']],
    ['1:3:', ['1:3:']],
  ])('%s', (written, expected) => {
    expect(values(written)).toEqual(expected);
  });

  it.each([
    ['', /swap\.contrast has no values/],
    ['1,,2', /A value is missing in "1,,2"/],
    ['1,2,', /A value is missing/],
    ['1:2:-1', /its step points away/],
    ['1:2:0', /its step points away/],
    ['1:9999', /The range 1:9999 has 9999 values; the most is 2000/],
    ['1:1500,1:1500', /swap\.contrast has 3000 values; the most is 2000/],
    ['1,'.repeat(3000), /3001 values; the most is 2000/],
  ])('%s is refused', (written, sentence) => {
    expect(() => values(written)).toThrow(sentence);
  });

  it('of a number are numbers', () => {
    for (const written of ['0x10:0x20', '1e0:2e0', '" 1"', '1 : 2', '""'])
      expect(() => checkAxis(standard(), parseAxis(`swap.contrast=${written}`))).toThrow(
        /swap: contrast must be a number between 0 and 10, not "/,
      );
  });
});

describe('a sweep node', () => {
  const problems = (columns: string, rows?: string) => {
    const document = documentOf(standardText());
    document.nodes['grid'] = {
      type: 'sweep',
      inputs: { image: 'denoise.image' },
      params: { columns, ...(rows && { rows }) },
    };
    return validateGraph(writeGraph(document)).map(({ param, message }) => `${param}: ${message}`);
  };

  it('is told of what does not fit its axes, at the axis', () => {
    expect(problems('swap.contrast=1:3:0.5', 'guidance.scale=1,2')).toEqual([]);
    expect(problems('swap.contrast=1:99')).toEqual(['columns: swap: contrast must be between 0 and 10, not 99.']);
    expect(problems('schedule.steps=2:3:.5')[0]).toMatch(
      /^columns: schedule: steps must be a whole number between 2 and 1000, not 2\.5/,
    );
    expect(problems('swap.contrast=1', 'swop.contrast=2')[0]).toMatch(/^rows: There is no node swop .* swap\?$/);
  });

  it('may not vary the same along both axes', () => {
    expect(problems('swap.contrast=1,2', 'swap.contrast=3')).toEqual([
      'rows: grid varies swap.contrast along both axes. Choose another parameter for the rows.',
    ]);
    expect(problems('adain.muted=true,false', 'swap.contrast=3')).toEqual([]);
  });
});
