import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { animate, strip } from '../../../../extension/engine/image/timeline';

const frame = (red: number, width = 8, height = 6) => ({
  width,
  height,
  rgba: new Uint8Array(width * height * 4).map((_, i) => [red, 40, 80, 255][i % 4]!),
});
const frames = Array.from({ length: 31 }, (_, i) => frame(i * 8));

describe('a timeline', () => {
  it.each(['webp', 'gif'] as const)(
    'is an animated %s with all frames in order, that loops and rests on the last',
    async (format) => {
      const bytes = await animate(frames, format);
      const metadata = await sharp(bytes, { animated: true }).metadata();
      expect(metadata).toMatchObject({ format, pages: 31, width: 8, pageHeight: 6, loop: 0 });
      expect(metadata.delay).toEqual([...Array.from({ length: 30 }, () => 80), 1600]);
      for (const i of [0, 15, 30]) {
        const { data } = await sharp(bytes, { page: i }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
        expect(Math.abs(data[0]! - i * 8)).toBeLessThan(12);
      }
    },
  );

  it('lies side by side as a PNG, thinned evenly to sixteen with the first and the last', async () => {
    const { data, info } = await sharp(await strip(frames))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 16 * 8, height: 6, channels: 4 });
    const reds = Array.from({ length: 16 }, (_, i) => data[(5 * 128 + i * 8 + 3) * 4]);
    expect(reds).toEqual(Array.from({ length: 16 }, (_, i) => i * 16));
  });

  it('may be a single picture', async () => {
    expect((await sharp(await animate([frame(9)])).metadata()).width).toBe(8);
    expect((await sharp(await strip([frame(9)])).metadata()).width).toBe(8);
  });

  it('needs frames, of one size', async () => {
    await expect(animate([])).rejects.toThrow(/without frames/);
    await expect(strip([frame(1), frame(2, 9)])).rejects.toThrow(RangeError);
  });
});
