import { describe, expect, it } from 'vitest';
import { guessDomain } from '../../../extension/host/commands/guessDomain';
import { ignoreLine, isIgnored } from '../../../extension/host/runs/gitignore';

describe('keeping results out of git', () => {
  it.each(['weft-out', 'weft-out/', '/weft-out', '/weft-out/'])('sees %s as ignoring the folder', (line) =>
    expect(isIgnored(`node_modules/\n${line}\n`, 'weft-out')).toBe(true),
  );

  it('sees a folder ignored through the one above it or by its name anywhere', () => {
    expect(isIgnored('graphs/\n', 'graphs/weft-out')).toBe(true);
    expect(isIgnored('weft-out/\r\n', 'graphs/weft-out')).toBe(true);
    expect(isIgnored('weft-outer/\n', 'weft-out')).toBe(false);
    expect(isIgnored('', 'weft-out')).toBe(false);
  });

  it('adds one line at the end in the line endings of the file', () => {
    expect(ignoreLine('', 'weft-out')).toBe('weft-out/\n');
    expect(ignoreLine('a\nb', 'weft-out')).toBe('a\nb\nweft-out/\n');
    expect(ignoreLine('a\r\n', 'x/weft-out')).toBe('a\r\nx/weft-out/\r\n');
  });
});

describe('guessing the domain', () => {
  const domains = [
    { noun: 'animal', kinds: ['giraffe', 'zebra'] },
    { noun: 'cake', kinds: ['cake', 'berry cake'] },
  ];
  it('takes the domain whose kinds the file names speak of', () => {
    expect(guessDomain(domains, ['Giraffe_2', 'zebra'])).toBe('animal');
    expect(guessDomain(domains, ['berry-cake', 'cake'])).toBe('cake');
  });

  it('finds no kind inside another word', () => {
    const cars = [
      { noun: 'car', kinds: ['car', 'van'] },
      { noun: 'animal', kinds: ['cat', 'ox', 'ant', 'hen'] },
    ];
    for (const name of ['scarf', 'carpet', 'oscar', 'vanilla', 'caravan', 'concatenated', 'box', 'plants', 'kitchen'])
      expect(guessDomain(cars, [name])).toBeUndefined();
    expect(guessDomain(cars, ['red-car', 'scarf'])).toBe('car');
    expect(guessDomain(cars, ['my cats'])).toBe('animal');
  });

  it('finds words between digits, hyphens, dots and small and large letters, in any spelling of them', () => {
    for (const name of ['zebra2', '2zebra', 'IMG_zebra', 'myZebra', 'ZEBRA.final', 'zebra(1)'])
      expect(guessDomain(domains, [name])).toBe('animal');
    expect(guessDomain(domains, ['myBerryCake'])).toBe('cake');
    expect(guessDomain([{ noun: 'bird', kinds: ['bébé'] }], ['be\u0301be\u0301-1'])).toBe('bird');
    // Two files' names do not make one word.
    expect(guessDomain([{ noun: 'x', kinds: ['berry cake'] }], ['berry', 'cake'])).toBeUndefined();
  });

  it('guesses nothing from names that say nothing', () => {
    expect(guessDomain(domains, ['IMG_0001', 'IMG_0002'])).toBeUndefined();
    expect(guessDomain([], ['giraffe'])).toBeUndefined();
  });
});
