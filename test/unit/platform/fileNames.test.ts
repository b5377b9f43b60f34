import { describe, expect, it } from 'vitest';
import { cutToBytes, freeName, joinedName, portableName } from '../../../extension/platform/fileNames';

describe('names of files that Weft chooses', () => {
  it('are those of the pictures, one after the other', () => {
    expect(joinedName(['giraffe', 'cow'], '.png')).toBe('giraffe-cow.png');
    expect(joinedName(['cake'])).toBe('cake');
  });

  it('fit a file system however long the pictures’ names are, also in letters of several bytes', () => {
    for (const stem of ['a'.repeat(250), '猫'.repeat(80), '🦒'.repeat(60)]) {
      const name = joinedName([stem, stem], '.weft.json');
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
      expect(name.endsWith('.weft.json')).toBe(true);
      expect(Buffer.from(name).toString()).toBe(name);
    }
  });

  it('keep a short part whole and cut the long one', () => {
    expect(joinedName(['giraffe', 'c'.repeat(300)], '.png')).toMatch(/^giraffe-c{180,}\.png$/);
    expect(joinedName(['c'.repeat(300), 'giraffe'], '.png')).toMatch(/^c{180,}-giraffe\.png$/);
  });

  it('do not end in what Windows drops', () => {
    expect(cutToBytes('cat. . .png', 6)).toBe('cat');
    expect(cutToBytes('cat.', 6)).toBe('cat.');
  });

  it('can be written on every system', () => {
    expect(portableName('shot 12:30')).toBe('shot 12_30');
    expect(portableName('back\\slash/*?"<>|')).toBe('back_slash_______');
    expect(portableName('AUX')).toBe('AUX_');
    expect(portableName('nul.old')).toBe('nul.old_');
    expect(portableName('Zürich 猫. .')).toBe('Zürich 猫');
  });

  it('are counted until one is free', () => {
    const taken = new Set(['a.png', 'a-2.png']);
    expect(freeName('a', '.png', (name) => taken.has(name))).toBe('a-3.png');
    expect(freeName('b', '.png', (name) => taken.has(name))).toBe('b.png');
  });
});
