/** Damaged images: each is a picture or one sentence, whatever a byte says, and never a crash, a hang or gigabytes. Seeded. */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadPicture } from '../../../../extension/engine/image/load';
import { pngChunk, pngFile, pngProfile, tiffFile } from '../../../support/imageFiles';

const SEED = Number(process.env.WEFT_TEST_SEED ?? 15);
const ROUNDS = Number(process.env.WEFT_TEST_ROUNDS ?? 30);
const side = 24;
const pixels = new Uint8Array(side * side * 3).map((_, i) => (i * i * 7 + i) & 255);
const raw = { raw: { width: side, height: side, channels: 3 as const } };
const image = () =>
  sharp(pixels, raw)
    .withIccProfile('p3')
    .withExifMerge({ IFD0: { Orientation: '6' } });
const frames = () =>
  sharp(Buffer.concat([pixels, pixels]), { raw: { ...raw.raw, height: side * 2, pageHeight: side } });

const files: Record<string, () => Promise<Uint8Array>> = {
  'a PNG': () => image().png().toBuffer(),
  'a PNG of 16 bits': () => image().toColourspace('rgb16').png({ progressive: true }).toBuffer(),
  'a PNG with every chunk': async () => {
    const { icc } = await sharp(await image().png().toBuffer()).metadata();
    const words = Buffer.alloc(32, 0x11);
    const texts = ['tEXt', 'zTXt', 'iTXt', 'eXIf', 'sRGB', 'cICP'].map((type) =>
      pngChunk(type, Buffer.from('key\0\0\0')),
    );
    return pngFile(
      pixels,
      side,
      3,
      pngProfile(icc!),
      pngChunk('gAMA', words.subarray(0, 4)),
      pngChunk('cHRM', words),
      ...texts,
    );
  },
  'a palette PNG': () => sharp(pixels, raw).png({ palette: true }).toBuffer(),
  'a JPEG': () => image().jpeg().toBuffer(),
  'a progressive JPEG': () => image().jpeg({ progressive: true }).toBuffer(),
  'a JPEG of inks': () => sharp(pixels, raw).toColourspace('cmyk').jpeg().toBuffer(),
  'a WebP': () => image().webp().toBuffer(),
  'a lossless WebP': () => image().webp({ lossless: true }).toBuffer(),
  'an animated WebP': () => frames().webp().toBuffer(),
  'an animated GIF': () => frames().gif().toBuffer(),
  'a TIFF': () => image().tiff({ compression: 'deflate' }).toBuffer(),
  'a TIFF of tiles': () => image().tiff({ compression: 'lzw', tile: true, tileWidth: 16, tileHeight: 16 }).toBuffer(),
  'a BigTIFF': async () =>
    tiffFile(
      Uint16Array.from(pixels, (value) => value * 257),
      side,
      3,
      {},
      true,
    ),
  'a TIFF of floats': async () =>
    tiffFile(
      Float32Array.from(pixels, (value) => value / 255),
      side,
      3,
    ),
  'an AVIF': () => image().avif({ effort: 0 }).toBuffer(),
};

/** mulberry32 */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Numbers that lengths, sizes and offsets dislike. */
const EDGES = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

function number(bytes: Buffer, at: number, length: number, value: number, big: boolean): void {
  if (at + length > bytes.length) return;
  if (big) bytes.writeUIntBE(value, at, length);
  else bytes.writeUIntLE(value, at, length);
}

function mutated(whole: Uint8Array, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(whole);
  for (let hits = 1 + random(3); hits > 0; hits--) {
    // Headers matter more than pixels.
    const at = random(random(2) ? bytes.length : Math.min(bytes.length, 200));
    const edge = EDGES[random(EDGES.length)]!;
    switch (random(6)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        number(bytes, at, 4, edge, random(2) === 0);
        break;
      case 3:
        number(bytes, at, 2, edge & 0xffff, random(2) === 0);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + random(40)))]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(bytes.length)), bytes.subarray(at)]);
    }
  }
  return bytes;
}

describe('a damaged image', () => {
  it.each(Object.entries(files))('%s becomes a picture or one sentence', async (kind, make) => {
    const whole = await make();
    expect((await loadPicture(whole, { width: 8, height: 8 })).rgb).toHaveLength(8 * 8 * 3);
    const random = generator(SEED + kind.length);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < ROUNDS; round++) {
      const damaged = mutated(whole, random);
      const result = await loadPicture(damaged, { width: 8, height: 8 }, 'look.png').catch((error: unknown) => error);
      const told = `round ${round} of seed ${SEED}`;
      if (result instanceof Error) {
        expect(result, told).toMatchObject({ name: 'WeftError', kind: 'graph' });
        expect(result.message, told).toMatch(/^look\.png [^\n]*\.$/);
      } else expect(result, told).toMatchObject({ width: 8, height: 8 });
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(1e9);
  });
});
