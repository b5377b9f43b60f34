import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadMask, loadPicture } from '../../../../extension/engine/image/load';

/** Pixels of a `width` × `height` picture as a function of x and y. */
function pixels(width: number, height: number, colour: (x: number, y: number) => number[]): Uint8Array {
  const first = colour(0, 0).length;
  const out = new Uint8Array(width * height * first);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out.set(colour(x, y), (y * width + x) * first);
  return out;
}
const raw = (width: number, height: number, channels: 1 | 2 | 3 | 4) => ({ raw: { width, height, channels } });
const pixel = (rgb: Uint8Array, width: number, x: number, y: number) => [
  ...rgb.subarray((y * width + x) * 3).slice(0, 3),
];

const square = (side: number) => ({ width: side, height: side });

const noisy = pixels(16, 16, (x, y) => [(x * 37 + y * 11) % 256, (x * y * 5) % 256, (255 - x * 9 + y) & 255]);

describe('a picture', () => {
  it('of the wanted size keeps its bytes', async () => {
    const picture = await loadPicture(
      await sharp(noisy, raw(16, 16, 3))
        .png()
        .toBuffer(),
      square(16),
    );
    expect(picture.rgb).toEqual(noisy);
    expect(picture).toMatchObject({ width: 16, height: 16, originalWidth: 16, originalHeight: 16 });
  });

  it('keeps its bytes also with an sRGB profile embedded', async () => {
    const bytes = await sharp(noisy, raw(16, 16, 3))
      .withIccProfile('srgb')
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).icc).toBeDefined();
    expect((await loadPicture(bytes, square(16))).rgb).toEqual(noisy);
  });

  it('with another profile is brought to sRGB', async () => {
    const bytes = await sharp(noisy, raw(16, 16, 3))
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const { rgb } = await loadPicture(bytes, square(16));
    const mean = rgb.reduce((sum, value, i) => sum + Math.abs(value - noisy[i]!), 0) / rgb.length;
    expect(mean).toBeLessThan(2); // withIccProfile converted on the way out; ignoring the profile gives 9.4
  });

  it('is cropped to its centre square before it is scaled', async () => {
    const wide = pixels(48, 16, (x, y) => (x < 16 ? [255, 0, 0] : x < 32 ? [0, y * 10, 0] : [0, 0, 255]));
    const picture = await loadPicture(
      await sharp(wide, raw(48, 16, 3))
        .png()
        .toBuffer(),
      square(16),
    );
    expect(picture.rgb).toEqual(pixels(16, 16, (_, y) => [0, y * 10, 0]));
    expect([picture.originalWidth, picture.originalHeight]).toEqual([48, 16]);
    const tall = await loadPicture(
      await sharp(wide, raw(48, 16, 3))
        .rotate(90)
        .png()
        .toBuffer(),
      square(16),
    );
    expect(pixel(tall.rgb, 16, 0, 0)[1]).toBe(150);
  });

  it('of another shape is cropped to that shape in its centre, then scaled', async () => {
    // 48 × 16, asked for at 8 × 16 pixels: the middle third of the width, at full height.
    const wide = await sharp(
      pixels(48, 16, (x, y) => [x < 20 ? 255 : 0, y * 10, x >= 28 ? 255 : 0]),
      raw(48, 16, 3),
    )
      .png()
      .toBuffer();
    const tall = await loadPicture(wide, { width: 8, height: 16 });
    expect(tall).toMatchObject({ width: 8, height: 16, originalWidth: 48, originalHeight: 16 });
    expect(tall.rgb).toEqual(pixels(8, 16, (_, y) => [0, y * 10, 0]));
    const flat = await loadPicture(wide, { width: 48, height: 8 });
    expect(flat.rgb).toHaveLength(48 * 8 * 3);
    // Rows 4 to 11 of 16.
    expect([pixel(flat.rgb, 48, 24, 0)[1], pixel(flat.rgb, 48, 24, 7)[1]]).toEqual([40, 110]);
  });

  it('of one pixel fills the square', async () => {
    const one = await sharp(Uint8Array.of(10, 20, 30), raw(1, 1, 3))
      .png()
      .toBuffer();
    expect((await loadPicture(one, square(8))).rgb).toEqual(pixels(8, 8, () => [10, 20, 30]));
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('stands upright with EXIF orientation %i', async (orientation) => {
    // Upright: red at the top left, green at the top right, blue at the bottom left, white at the bottom right.
    const upright = pixels(16, 16, (x, y) =>
      y < 8 ? (x < 8 ? [255, 0, 0] : [0, 255, 0]) : x < 8 ? [0, 0, 255] : [255, 255, 255],
    );
    const inverse: Record<number, (image: Sharp) => Sharp> = {
      1: (image) => image,
      2: (image) => image.flop(),
      3: (image) => image.rotate(180),
      4: (image) => image.flip(),
      5: (image) => image.flip().rotate(90), // sharp mirrors before it rotates
      6: (image) => image.rotate(270),
      7: (image) => image.flop().rotate(90),
      8: (image) => image.rotate(90),
    };
    const stored = await inverse[orientation]!(sharp(upright, raw(16, 16, 3)))
      .raw()
      .toBuffer();
    const bytes = await sharp(stored, raw(16, 16, 3))
      .withMetadata({ orientation })
      .png()
      .toBuffer();
    expect((await loadPicture(bytes, square(16))).rgb).toEqual(upright);
  });

  it('reports its upright size when a camera lay on its side', async () => {
    const bytes = await sharp(new Uint8Array(40 * 20 * 3), raw(40, 20, 3))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect(await loadPicture(bytes, square(8))).toMatchObject({ originalWidth: 20, originalHeight: 40 });
  });

  it('lies on white where it is transparent', async () => {
    const bytes = await sharp(
      pixels(8, 8, (x) => (x < 4 ? [200, 0, 0, 0] : [200, 0, 0, 51])),
      raw(8, 8, 4),
    )
      .png()
      .toBuffer();
    const { rgb } = await loadPicture(bytes, square(8));
    expect(pixel(rgb, 8, 0, 0)).toEqual([255, 255, 255]);
    expect(pixel(rgb, 8, 6, 3).map((value, i) => Math.abs(value - [244, 204, 204][i]!) <= 1)).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('may be greyscale, greyscale with alpha, 16-bit, 16-bit greyscale, palette, CMYK, progressive', async () => {
    const ramp = pixels(8, 8, (x, y) => [x * 30 + y]);
    const grey = pixels(8, 8, (x, y) => [x * 30 + y, x * 30 + y, x * 30 + y]);
    const close = (rgb: Uint8Array, tolerance: number) =>
      expect(Math.max(...rgb.map((value, i) => Math.abs(value - grey[i]!)))).toBeLessThanOrEqual(tolerance);
    const rgbSource = () => sharp(grey, raw(8, 8, 3));
    close(
      (
        await loadPicture(
          await sharp(ramp, raw(8, 8, 1))
            .toColourspace('b-w')
            .png()
            .toBuffer(),
          square(8),
        )
      ).rgb,
      0,
    );
    const withAlpha = pixels(8, 8, (x, y) => [x * 30 + y, 255]);
    close(
      (
        await loadPicture(
          await sharp(withAlpha, raw(8, 8, 2))
            .png()
            .toBuffer(),
          square(8),
        )
      ).rgb,
      0,
    );
    const deep = await rgbSource().toColourspace('rgb16').png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe('ushort');
    close((await loadPicture(deep, square(8))).rgb, 1);
    const deepGrey = await sharp(ramp, raw(8, 8, 1))
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect((await sharp(deepGrey).metadata()).space).toBe('grey16');
    close((await loadPicture(deepGrey, square(8))).rgb, 1);
    const palette = await rgbSource().png({ palette: true, dither: 0 }).toBuffer();
    expect(palette[25]).toBe(3); // the header's colour type: palette
    close((await loadPicture(palette, square(8))).rgb, 3);
    const cmyk = await rgbSource().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    close((await loadPicture(cmyk, square(8))).rgb, 45); // printing ink has no true black; inverted inks would be off by 200
    close((await loadPicture(await rgbSource().png({ progressive: true }).toBuffer(), square(8))).rgb, 0);
    close((await loadPicture(await rgbSource().tiff({ compression: 'lzw' }).toBuffer(), square(8))).rgb, 0);
    close((await loadPicture(await rgbSource().webp({ lossless: true }).toBuffer(), square(8))).rgb, 0);
    close(
      (await loadPicture(await rgbSource().avif({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer(), square(8)))
        .rgb,
      3,
    );
  });

  it.each(['gif', 'webp'] as const)('is the first frame of an animated %s', async (format) => {
    const frames = Buffer.concat([pixels(8, 8, () => [255, 0, 0]), pixels(8, 8, () => [0, 0, 255])]);
    const animation = sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } });
    const bytes = await (
      format === 'gif' ? animation.gif({ delay: [90, 90] }) : animation.webp({ lossless: true })
    ).toBuffer();
    expect((await sharp(bytes, { animated: true }).metadata()).pages).toBe(2);
    const picture = await loadPicture(bytes, square(8));
    expect(picture.rgb).toEqual(pixels(8, 8, () => [255, 0, 0]));
    expect(picture.originalHeight).toBe(8);
  });
});

describe('a file that is no usable picture', () => {
  const refused = (source: Uint8Array, sentence: RegExp, name?: string) =>
    expect(loadPicture(source, square(8), name)).rejects.toMatchObject({
      name: 'WeftError',
      kind: 'graph',
      message: expect.stringMatching(sentence) as string,
    });

  it('is refused from its header when it claims 20,000 × 20,000 pixels', async () => {
    const small = await sharp(noisy, raw(16, 16, 3))
      .png()
      .toBuffer();
    small.writeUInt32BE(20_000, 16);
    small.writeUInt32BE(20_000, 20);
    small.writeUInt32BE(crc32(small.subarray(12, 29)), 29);
    const before = process.memoryUsage().rss;
    await refused(small, /^huge\.png says it has 20000 × 20000 pixels; Weft reads up to 100 megapixels/, 'huge.png');
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  it('is refused from its header when it is an AVIF of 70 megapixels: it would be decoded whole', async () => {
    const small = await sharp(noisy, raw(16, 16, 3))
      .avif()
      .toBuffer();
    const at = small.indexOf('ispe') + 8;
    small.writeUInt32BE(10_000, at);
    small.writeUInt32BE(7_000, at + 4);
    await refused(small, /^huge\.avif says it has 10000 × 7000 pixels; Weft reads up to 64 megapixels/, 'huge.avif');
  });

  it.each(['png', 'jpeg', 'webp', 'gif', 'tiff'] as const)(
    'is called damaged when a %s stops halfway',
    async (format) => {
      const large = pixels(64, 64, (x, y) => [(x * x * 7 + y * 13) & 255, (x * y) & 255, (x * 31 + y * y) & 255]);
      const bytes = await sharp(large, raw(64, 64, 3))
        .toFormat(format)
        .toBuffer();
      await refused(bytes.subarray(0, bytes.length / 2), /^half\.\w+ is damaged or cut short/, `half.${format}`);
    },
  );

  it('is called damaged when only the signature is right', async () => {
    await refused(Buffer.from('\x89PNG\r\n\x1a\n????????????????', 'latin1'), /is damaged/);
    await refused(Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0]), /is damaged/);
  });

  it('never crashes on flipped bytes', async () => {
    const bytes = await sharp(noisy, raw(16, 16, 3))
      .png()
      .toBuffer();
    for (let i = 8; i < bytes.length; i += 3) {
      const broken = Uint8Array.from(bytes);
      broken[i]! ^= 0xff;
      const result = await loadPicture(broken, square(8)).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toMatchObject({ name: 'WeftError', kind: 'graph' });
    }
  });

  it('is called by the name given when it comes as bytes', async () => {
    await expect(loadPicture(new Uint8Array(3), square(8), 'images/zebra.png')).rejects.toThrow(
      /^images\/zebra\.png holds nothing but zeros/,
    );
  });
});

describe('a mask', () => {
  const grey = (width: number, height: number, at: (x: number, y: number) => number) =>
    sharp(
      pixels(width, height, (x, y) => [at(x, y)]),
      raw(width, height, 1),
    )
      .png()
      .toBuffer();

  it('is 1 where the mean of a latent cell exceeds the threshold', async () => {
    // Four cells of 2 × 2: none, two of four (0.5), one of four (0.25), all.
    const bytes = await grey(4, 4, (x, y) =>
      x < 2 ? (y < 2 ? 0 : x === 0 && y === 2 ? 255 : 0) : y < 2 ? (x === 2 ? 255 : 0) : 255,
    );
    expect([...(await loadMask(bytes, 2, 2))]).toEqual([0, 1, 0, 1]);
    expect([...(await loadMask(bytes, 2, 2, 0.2))]).toEqual([0, 1, 1, 1]);
    expect([...(await loadMask(bytes, 2, 2, 0.5))]).toEqual([0, 0, 0, 1]);
  });

  it('is cropped like a picture, and a finer grid repeats its pixels', async () => {
    const bytes = await grey(8, 4, (x) => (x >= 2 && x < 4 ? 255 : 0));
    expect([...(await loadMask(bytes, 2, 2))]).toEqual([1, 0, 1, 0]);
    // A grid of another shape takes another part of the picture: the whole of this one.
    expect([...(await loadMask(bytes, 1, 4, 0.4))]).toEqual([0, 1, 0, 0]);
    expect([...(await loadMask(await grey(1, 1, () => 255), 2, 2))]).toEqual([1, 1, 1, 1]);
  });

  it('counts what is transparent as outside', async () => {
    const bytes = await sharp(
      pixels(4, 4, (x) => [255, 255, 255, x < 2 ? 0 : 255]),
      raw(4, 4, 4),
    )
      .png()
      .toBuffer();
    expect([...(await loadMask(bytes, 2, 2))]).toEqual([0, 1, 0, 1]);
  });

  it('is refused like a picture', async () => {
    await expect(loadMask(Buffer.from('<html>'), 2, 2, 0.4, 'no-mask.png')).rejects.toThrow(
      /^no-mask\.png is a web page/,
    );
  });
});
