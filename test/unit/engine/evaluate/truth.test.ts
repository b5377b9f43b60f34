import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { maskIou } from '../../../../extension/engine/evaluate/overlap';
import { score } from '../../../../extension/engine/evaluate/truth';
import { meanScore } from '../../../bench/meanScore';
import { readIndices } from '../../../../extension/engine/image/pngIndices';

/** Pictures and parts that numpy can draw as well: the numbers below are score.py's for them. */
const SIDE = 128;
const truth = new Uint8Array(SIDE * SIDE * 3);
const result = new Uint8Array(SIDE * SIDE * 3);
const parts = new Uint8Array(SIDE * SIDE);
for (let y = 0; y < SIDE; y++) {
  for (let x = 0; x < SIDE; x++) {
    const p = y * SIDE + x;
    const product = Math.floor((x * y) / 16);
    truth.set([(x * 2 + y) % 256, (y * 3) % 256, product % 256], p * 3);
    result.set(
      [(x * 2 + y + Math.floor(x / 8) * 3) % 256, (y * 3 + x) % 200, (product + Math.floor(y / 2)) % 256],
      p * 3,
    );
    const radius = Math.floor((x - 64) / 3) ** 2 + Math.floor((y - 60) / 2) ** 2;
    parts[p] = radius < 200 ? 1 + ((Math.floor(x / 16) + Math.floor(y / 16)) % 9) : 0;
  }
}
parts.fill(15, 100 * SIDE, 103 * SIDE); // surroundings that are no object
parts.fill(3, 20 * SIDE, 21 * SIDE); // a row without background
parts.fill(2, 0, SIDE); // and one before any background was seen

describe('the score of a transferred picture', () => {
  it('is score.py’s', () => {
    const ours = score(result, truth, parts, SIDE, SIDE);
    expect(ours.psnr).toBeCloseTo(9.621835708618164, 4);
    expect(ours.objectPsnr).toBeCloseTo(8.385120391845703, 4);
    expect(ours.partColour).toBeCloseTo(73.9906992469298, 8);
    expect(ours.objectIou).toBeCloseTo(0.28134512248151905, 12);
  });

  it('of the truth itself is score.py’s too', () => {
    const ours = score(truth, truth, parts, SIDE, SIDE);
    expect([ours.psnr, ours.objectPsnr, ours.partColour]).toEqual([80, 80, 0]);
    expect(ours.objectIou).toBeCloseTo(0.3147880744075427, 12);
  });

  it('finds the pattern and the edges that numpy finds', () => {
    const ours = score(result, truth, parts, SIDE, SIDE);
    expect(ours.pattern).toBeCloseTo(0.8700342987830061, 9);
    expect(ours.edges).toBeCloseTo(0.5496582411817719, 9);
    const faded = score(
      truth.map((value) => value >> 1),
      truth,
      parts,
      SIDE,
      SIDE,
    );
    expect(faded.pattern).toBeCloseTo(0.49973594281827105, 9);
    expect(faded.edges).toBeCloseTo(0.49915569654734754, 9);
    const itself = score(truth, truth, parts, SIDE, SIDE);
    expect([itself.pattern, itself.edges]).toEqual([1, 1]);
  });

  it('has no pattern where the truth is of one colour', () => {
    const plain = new Uint8Array(SIDE * SIDE * 3).fill(90);
    const ours = score(result, plain, parts, SIDE, SIDE);
    expect([ours.pattern, ours.edges]).toEqual([undefined, undefined]);
    const patterned = { ...ours, pattern: 0.5, edges: 0.25 };
    expect(meanScore([ours, patterned])).toMatchObject({ pattern: 0.5, edges: 0.25 });
  });

  it('averages field by field', () => {
    const one = { psnr: 1, objectPsnr: 2, partColour: 3, objectIou: 0 };
    const two = { psnr: 3, objectPsnr: 4, partColour: 5, objectIou: 1 };
    expect(meanScore([one, two])).toEqual({ psnr: 2, objectPsnr: 3, partColour: 4, objectIou: 0.5 });
  });

  it('refuses sizes that disagree', () => {
    expect(() => score(result, truth, parts.subarray(1), SIDE, SIDE)).toThrow(RangeError);
  });
});

describe('a part map', () => {
  it.each([2, 4, 16, 200])('keeps its %i ids', async (colours) => {
    const ids = new Uint8Array(20 * 9).map((_, i) => (i * 7) % colours);
    const grey = await sharp(ids, { raw: { width: 20, height: 9, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect(readIndices(grey)).toEqual({ width: 20, height: 9, indices: ids });
    const rgb = Uint8Array.from([...ids].flatMap((id) => [id, 255 - id, (id * 91) % 256]));
    const palette = await sharp(rgb, { raw: { width: 20, height: 9, channels: 3 } })
      .png({ palette: true, colours: Math.max(colours, 2), dither: 0, quality: 100, adaptiveFiltering: colours > 100 })
      .toBuffer();
    const { indices } = readIndices(palette);
    // The library orders the palette as it likes: equal ids must have equal indices, different ones different.
    const seen = new Map<number, number>();
    indices.forEach((index, p) => {
      if (!seen.has(ids[p]!)) seen.set(ids[p]!, index);
      expect(index).toBe(seen.get(ids[p]!));
    });
    expect(new Set(seen.values()).size).toBe(new Set(ids).size);
  });

  it('is refused when it holds colours', async () => {
    const png = await sharp(new Uint8Array(12), { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    expect(() => readIndices(png)).toThrow(/palette or greyscale/);
  });
});

describe('the IoU of masks', () => {
  it('is the shared part of what either has', () => {
    expect(maskIou([1, 1, 0, 0], [0, 1, 1, 0])).toBeCloseTo(1 / 3, 12);
    expect(maskIou([0, 0], [0, 0])).toBe(0);
  });
});
