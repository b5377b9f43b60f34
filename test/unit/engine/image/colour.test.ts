/** Colours as littleCMS has them (test/fixtures/colour/make.py), whatever the format, the depth and the name of the profile. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadMask, loadPicture } from '../../../../extension/engine/image/load';
import { pngChunk, pngFile, pngProfile, tiffFile } from '../../../support/imageFiles';
import { root } from '../../../support/mini';

interface Fixture {
  colours: number[];
  levels: number[];
  /** 16 × 16 pixels of the first colour. */
  avif: string;
  profiles: { name: string; icc: string; srgb: number[] }[];
}
const fixture = JSON.parse(
  readFileSync(path.join(root, 'test', 'fixtures', 'colour', 'colours.json'), 'utf8'),
) as Fixture;
const count = fixture.levels.length;
const profiles = fixture.profiles.map(({ name, icc, srgb }) => {
  const bytes = Buffer.from(icc, 'base64');
  const channels: 1 | 3 = bytes.toString('latin1', 16, 20) === 'GRAY' ? 1 : 3;
  return { name, bytes, srgb, channels, stored: channels === 3 ? fixture.colours : fixture.levels };
});
const named = (wanted: string) => profiles.find(({ name }) => name === wanted)!;

const shown = async (file: Uint8Array, width = count): Promise<Uint8Array> =>
  (await loadPicture(file, { width, height: 1 })).rgb;
/** Each of these colours within one level of the expected one: rounding. */
function close(rgb: Uint8Array, expected: ArrayLike<number>, levels = 1): void {
  expect(rgb).toHaveLength(expected.length);
  rgb.forEach((value, i) => {
    if (Math.abs(value - expected[i]!) > levels) {
      const pixel = Math.floor(i / 3) * 3;
      expect([...rgb.subarray(pixel, pixel + 3)], `colour ${pixel / 3}`).toEqual([
        expected[pixel],
        expected[pixel + 1],
        expected[pixel + 2],
      ]);
    }
  });
}
const deep = (stored: readonly number[]): Uint16Array => Uint16Array.from(stored, (value) => value * 257);
const floats = (stored: readonly number[]): Float32Array => Float32Array.from(stored, (value) => value / 255);
const inRgb = (stored: readonly number[], channels: number): number[] =>
  channels === 3 ? [...stored] : stored.flatMap((value) => [value, value, value]);

describe('a colour profile', () => {
  it.each(profiles)(
    '$name counts in PNG and TIFF of 8, 16 and 32 bits',
    async ({ name, bytes, srgb, channels, stored }) => {
      const icc = { 34675: new Uint8Array(bytes) };
      close(await shown(pngFile(Uint8Array.from(stored), count, channels, pngProfile(bytes))), srgb);
      close(await shown(pngFile(deep(stored), count, channels, pngProfile(bytes))), srgb);
      close(await shown(tiffFile(Uint8Array.from(stored), count, channels, icc)), srgb);
      close(await shown(tiffFile(deep(stored), count, channels, icc)), srgb);
      const float = tiffFile(floats(stored), count, channels, icc);
      if (name.startsWith('tables')) await expect(shown(float)).rejects.toThrow(/colour profile of tables/);
      else close(await shown(float), srgb);
    },
  );

  it('of sRGB changes no pixel, whatever it is called', async () => {
    for (const name of ['sRGB, called otherwise', 'sRGB by parameters']) {
      const { bytes, stored } = named(name);
      expect(await shown(pngFile(Uint8Array.from(stored), count, 3, pngProfile(bytes)))).toEqual(
        Uint8Array.from(stored),
      );
      expect(await shown(pngFile(deep(stored), count, 3, pngProfile(bytes)))).toEqual(Uint8Array.from(stored));
    }
  });

  it('counts for a mask, in 16 bits too', async () => {
    // 60 of 255 in linear light is bright enough; as sRGB it would not be.
    const { bytes } = named('linear, called sRGB');
    const half = [60, 60, 60, 20, 20, 20];
    for (const samples of [Uint8Array.from(half), deep(half)]) {
      expect([...(await loadMask(pngFile(samples, 2, 3, pngProfile(bytes)), 1, 2))]).toEqual([1, 0]);
      expect([...(await loadMask(pngFile(samples, 2, 3), 1, 2))]).toEqual([0, 0]);
    }
  });

  it('counts below transparency of 16 bits', async () => {
    const { bytes } = named('linear, called sRGB');
    const file = pngFile(Uint16Array.of(60 * 257, 60 * 257, 60 * 257, 32768), 1, 4, pngProfile(bytes));
    // 60 is 133 in sRGB; half of it, half of white.
    close(await shown(file, 1), [194, 194, 194]);
  });

  it('of another kind of image, or a broken one, is passed over', async () => {
    const stored = Uint8Array.from(fixture.colours);
    const levels = Uint8Array.from(fixture.levels);
    const adobe = named('Adobe RGB').bytes;
    const cut = adobe.subarray(0, 300);
    expect(await shown(pngFile(stored, count, 3, pngProfile(named('linear grey').bytes)))).toEqual(stored);
    expect(await shown(pngFile(levels, count, 1, pngProfile(adobe)))).toEqual(
      Uint8Array.from(inRgb(fixture.levels, 1)),
    );
    expect(await shown(pngFile(stored, count, 3, pngProfile(Buffer.from('no profile'))))).toEqual(stored);
    expect(await shown(pngFile(stored, count, 3, pngChunk('iCCP', Buffer.from('x\0\0no zlib'))))).toEqual(stored);
    expect(await shown(pngFile(deep(fixture.colours), count, 3, pngProfile(cut)))).toEqual(stored);
  });

  it('of inks counts in 8 and 16 bits', async () => {
    const { icc } = await sharp(Uint8Array.of(0, 0, 0), { raw: { width: 1, height: 1, channels: 3 } })
      .withIccProfile('cmyk')
      .jpeg()
      .toBuffer()
      .then((bytes) => sharp(bytes).metadata());
    const inks = [0, 237, 255, 35, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255];
    const fields = { 262: 5, 34675: new Uint8Array(icc!) };
    const eight = await shown(tiffFile(Uint8Array.from(inks), 4, 4, fields), 4);
    // By littleCMS for the first colour.
    close(eight.subarray(0, 3), [204, 35, 0]);
    close(await shown(tiffFile(deep(inks), 4, 4, fields), 4), eight);
  });
});

describe('colours without a profile', () => {
  const stored = Uint8Array.from(fixture.colours);
  const words = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 4);
    values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4));
    return bytes;
  };
  const gAMA = (value: number): Buffer => pngChunk('gAMA', words(value));
  const cHRM = {
    p3: pngChunk('cHRM', words(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
    srgb: pngChunk('cHRM', words(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    nothing: pngChunk('cHRM', words(31270, 32900, 0, 0, 0, 0, 0, 0)),
  };
  const cICP = (...points: number[]): Buffer => pngChunk('cICP', Uint8Array.from(points));

  it('are what gAMA, cHRM and cICP of a PNG say, in 8 and 16 bits', async () => {
    const cases: [Buffer[], string][] = [
      [[gAMA(100_000)], 'linear, called sRGB'],
      [[gAMA(100_000), cHRM.srgb], 'linear, called sRGB'],
      [[cHRM.p3, gAMA(45_455)], 'Display P3'],
      [[cHRM.p3], 'Display P3'],
      [[cICP(12, 13, 0, 1)], 'Display P3'],
      [[cICP(1, 8, 0, 1), gAMA(45_455)], 'linear, called sRGB'],
    ];
    for (const [chunks, name] of cases) {
      close(await shown(pngFile(stored, count, 3, ...chunks)), named(name).srgb);
      close(await shown(pngFile(deep(fixture.colours), count, 3, ...chunks)), named(name).srgb);
    }
    const grey = pngFile(Uint8Array.from(fixture.levels), count, 1, gAMA(100_000));
    close(await shown(grey), named('linear grey').srgb);
  });

  it('are sRGB where a PNG says so, says nothing, or says nonsense', async () => {
    for (const chunks of [
      [],
      [gAMA(45_455)],
      [gAMA(45_455), cHRM.srgb],
      [pngChunk('sRGB', Uint8Array.of(0)), gAMA(100_000)],
      [cICP(1, 13, 0, 1), gAMA(100_000)],
      [cICP(2, 2, 0, 1)],
      [gAMA(0)],
      [cHRM.nothing],
      [pngChunk('gAMA', Uint8Array.of(1))],
    ]) {
      expect(await shown(pngFile(stored, count, 3, ...chunks))).toEqual(stored);
    }
  });

  it('of HDR are refused', async () => {
    const file = pngFile(stored, count, 3, cICP(9, 16, 0, 1));
    await expect(loadPicture(file, { width: 8, height: 8 }, 'sunset.png')).rejects.toThrow(
      'sunset.png is an HDR image (PQ or HLG), which Weft does not read. Export it as SDR.',
    );
  });

  it('of an AVIF are those of its code points', async () => {
    const srgb = Buffer.from(fixture.avif, 'base64');
    const at = srgb.indexOf('colrnclx') + 8;
    expect(at).toBeGreaterThan(8);
    const coded = (primaries: number, transfer: number): Buffer => {
      const bytes = Buffer.from(srgb);
      bytes.writeUInt16BE(primaries, at);
      bytes.writeUInt16BE(transfer, at + 2);
      return bytes;
    };
    close((await shown(coded(1, 13), 1)).subarray(0, 3), [200, 40, 30], 2);
    close((await shown(coded(12, 13), 1)).subarray(0, 3), named('Display P3').srgb.slice(0, 3), 2);
    await expect(shown(coded(9, 18), 1)).rejects.toThrow(/HDR/);
  });
});

describe('numbers of other kinds', () => {
  const card = fixture.colours;
  const refused = (file: Uint8Array, sentence: string | RegExp) =>
    expect(loadPicture(file, { width: 4, height: 4 }, 'scan.tif')).rejects.toThrow(sentence);

  it('are scaled by their format: floats from 0 to 1, with transparency too', async () => {
    close(await shown(tiffFile(floats(card), count, 3)), card, 0);
    close(await shown(tiffFile(floats(fixture.levels), count, 1)), inRgb(fixture.levels, 1), 0);
    const half = card.flatMap((value, i) => (i % 3 === 2 ? [value, 128] : [value]));
    const over = card.map((value) => (value * 128 + 255 * 127) / 255);
    close(await shown(tiffFile(floats(half), count, 4, { 338: 2 })), over);
  });

  it('of 16 bits without a profile keep their colours, grey, transparent or white at 0', async () => {
    close(await shown(tiffFile(deep(card), count, 3)), card, 0);
    close(await shown(tiffFile(deep(fixture.levels), count, 1)), inRgb(fixture.levels, 1), 0);
    close(await shown(tiffFile(deep(card), count, 3, {}, true)), card, 0);
    const inverted = deep(fixture.levels).map((value) => 65535 - value);
    close(await shown(tiffFile(inverted, count, 1, { 262: 0 })), inRgb(fixture.levels, 1), 0);
    const half = deep(card.flatMap((value, i) => (i % 3 === 2 ? [value, 128] : [value])));
    close(
      await shown(pngFile(half, count, 4)),
      card.map((value) => (value * 128 + 255 * 127) / 255),
      1,
    );
  });

  it('are refused where their scale would be a guess', async () => {
    await refused(
      tiffFile(Float32Array.from(card), count, 3),
      /^scan\.tif has float samples of \d+; .* from 0 to 1\. Save it/,
    );
    await refused(
      tiffFile(Float32Array.of(0, NaN, 1), 1, 3),
      /^scan\.tif has samples that are not numbers \(NaN\)\. Save it/,
    );
    await refused(tiffFile(Float32Array.of(-3, 0, 1), 1, 3), /float samples of -3/);
    for (const [samples, kind] of [
      [Uint32Array.from(card), '32-bit integers'],
      [Int32Array.from(card), 'signed 32-bit integers'],
      [Int16Array.from(card), 'signed 16-bit integers'],
      [Int8Array.from(card, (value) => value / 2), 'signed 8-bit integers'],
    ] as const) {
      await refused(
        tiffFile(samples, count, 3),
        `scan.tif has samples of a kind that Weft does not read (${kind}). Save it with unsigned 8-bit or 16-bit samples.`,
      );
    }
    await refused(tiffFile(floats(card), count, 1, { 262: 0 }), /^scan\.tif has float samples with white at 0/);
    await refused(tiffFile(Float64Array.from(floats(card)), count, 3), /^scan\.tif has samples of more than 32 bits/);
    await refused(tiffFile(Uint8Array.from(card), count, 3, { 262: 8 }), /^scan\.tif holds CIELAB colours/);
    await refused(tiffFile(new Uint8Array(30), 1, 6, { 338: new Uint8Array(3) }), /^scan\.tif has 6 channels/);
  });
});
