import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { drawSheet } from '../../../../extension/engine/sweep/sheet';

const cell = (row: number, column: number) => ({
  row,
  column,
  picture: { width: 8, height: 8, rgb: new Uint8Array(8 * 8 * 3).fill(200) },
});
/** Whether something dark is drawn in a part of a sheet. */
async function hasInk(
  { width, height, rgb }: Awaited<ReturnType<typeof drawSheet>>,
  left: number,
  right = width,
): Promise<boolean> {
  const part = { left, top: 0, width: right - left, height };
  const { channels } = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .extract(part)
    .stats();
  return channels[0]!.min < 100;
}

describe('the sheet of a sweep', () => {
  it('is drawn whatever its labels hold: a name on the disk may have any letter in it', async () => {
    const strange = [
      'a\u0001b',
      'a\u0000b',
      'a\nb\tc',
      '\u001b[31mred',
      '\u0085',
      '\ud800',
      '\ufffe\uffff',
      '<&">',
      '\u202eabc',
      '𝌆'.repeat(99),
    ];
    for (const label of strange) {
      const side = { title: label, labels: [label, label] };
      const cells = [
        { ...cell(0, 0), lines: [label] },
        { row: 1, column: 1, problem: label },
      ];
      const sheet = await drawSheet(side, side, cells);
      expect(sheet.width).toBeGreaterThan(16);
    }
  });

  it('has as many columns as a sweep may have values, the last with its label', async () => {
    const labels = Array.from({ length: 2000 }, (_, index) => `${index}`);
    const cells = labels.map((_, column) => cell(0, column));
    const sheet = await drawSheet({ title: 'contrast', labels }, undefined, cells);
    expect(sheet.width).toBeGreaterThan(32_767);
    expect(await hasInk(sheet, 0, 200)).toBe(true);
    expect(await hasInk(sheet, sheet.width - 60)).toBe(true);
  });

  it('has as many rows', async () => {
    const labels = Array.from({ length: 2000 }, (_, index) => `${index}`);
    const sheet = await drawSheet({ title: 'contrast', labels: ['1'] }, { title: 'seed', labels }, [cell(1999, 0)]);
    expect(sheet.height).toBeGreaterThan(32_767);
  });
});
